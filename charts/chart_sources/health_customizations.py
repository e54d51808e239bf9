"""Argo CD's health check of both kinds as a patch of its ConfigMap, from the one Lua script."""

from __future__ import annotations

from textwrap import indent
from typing import Final

KINDS: Final = ("LLMGateway", "LLMCredential")
_HEAD: Final = """\
# Generated from health.lua by `make generate`; edits are lost.
#   kubectl -n argocd patch configmap argocd-cm --type merge --patch-file health-of-resources.yaml
data:
"""


def health_customizations(script: str) -> str:
    """YAML: one entry per kind, as argocd-cm wants them."""
    return _HEAD + "".join(
        f"  resource.customizations.health.llmgateway.dev_{kind}: |\n{indent(script, '    ')}" for kind in KINDS
    )
