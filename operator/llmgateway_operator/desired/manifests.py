"""All manifests of one LLMGateway, in apply order."""

from __future__ import annotations

from collections.abc import Iterator

from llmgateway_api import LLMGateway
from llmgateway_operator.cluster.kinds import kind_of
from llmgateway_operator.desired.credentials import credential_manifests
from llmgateway_operator.desired.exposure import exposure_manifests
from llmgateway_operator.desired.gateway_config import gateway_config
from llmgateway_operator.desired.gateway_workload import deployment, service, service_account
from llmgateway_operator.desired.naming import Manifest, Owner
from llmgateway_operator.desired.network import network_manifests
from llmgateway_operator.desired.observability import observability_manifests
from llmgateway_operator.desired.scaling import scaling_manifests
from llmgateway_operator.desired.store_workload import store_manifests
from llmgateway_operator.observe.observed import Observed
from llmgateway_operator.settings import Defaults


def owner_of(observed: Observed) -> Owner:
    """The owner of all children."""
    return Owner(observed.namespace, observed.name, observed.uid)


def desired_manifests(gateway: LLMGateway, observed: Observed, defaults: Defaults) -> list[Manifest]:
    """What should exist; what the operator owns and is not listed here may go."""
    return sorted(_manifests(gateway, observed, owner_of(observed), defaults), key=lambda each: kind_of(each).rank)


def _manifests(gateway: LLMGateway, observed: Observed, owner: Owner, defaults: Defaults) -> Iterator[Manifest]:
    yield service_account(owner)
    yield gateway_config(gateway, observed, owner)
    yield service(owner)
    yield deployment(gateway, observed, owner, defaults)
    yield from credential_manifests(gateway, owner)
    yield from store_manifests(gateway, observed, owner, defaults)
    yield from scaling_manifests(gateway, owner)
    yield from network_manifests(gateway, owner)
    yield from exposure_manifests(gateway, observed, owner)
    yield from observability_manifests(gateway, observed, owner)
