"""`kubectl llmgateway status [NAME]`."""

from __future__ import annotations

import datetime

from kubectl_llmgateway.kubectl import CREDENTIAL, GATEWAY, Kubectl
from kubectl_llmgateway.status_tree import credential_names, gateway_tree
from kubectl_llmgateway.tree import Style, rendered


def status_text(kubectl: Kubectl, name: str | None, style: Style, now: datetime.datetime) -> str:
    """Of one gateway, or of all in the namespace. Raises KubectlFailed."""
    gateways = [kubectl.get(GATEWAY, name)] if name else kubectl.all_of(GATEWAY)
    if not gateways:
        return "No LLMGateway in this namespace.\n"
    wanted = sorted({each for gateway in gateways for each in credential_names(gateway)})
    credentials = kubectl.find(CREDENTIAL, wanted)
    return "\n".join(rendered(gateway_tree(each, credentials, now), style) for each in gateways)
