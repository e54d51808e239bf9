"""How one operator process runs, and what it puts into gateways whose spec leaves the choice to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DEFAULT_GATEWAY_IMAGE: Final = "llmgateway/gateway:v1alpha1"
DEFAULT_STORE_IMAGE: Final = "valkey/valkey:8"


@dataclass(frozen=True)
class Defaults:
    """The operator's choice of images. Given by whoever installs it, never derived from the operator's version:
    an operator upgrade alone must not change a pod template."""

    gateway_image: str = DEFAULT_GATEWAY_IMAGE
    store_image: str = DEFAULT_STORE_IMAGE


@dataclass(frozen=True)
class ProcessSettings:
    """Times in seconds."""

    namespaces: tuple[str, ...] = ()
    """Empty: all namespaces."""
    lease_namespace: str = "default"
    lease_name: str = "llmgateway-operator"
    identity: str = "llmgateway-operator"
    """Who holds the lease: unique per process."""
    lease_duration: float = 15.0
    renew_deadline: float = 10.0
    retry_period: float = 2.0
    health_port: int = 8081
    """0: a free one, printed in the log."""
    health_host: str = "0.0.0.0"  # noqa: S104  # probes come from outside the pod
    resync: float = 450.0
    """Between two full looks at everything, plus or minus a third."""
    workers: int = 8
    defaults: Defaults = Defaults()

    @property
    def scopes(self) -> tuple[str | None, ...]:
        """What to watch: each namespace, or None for all."""
        return self.namespaces or (None,)
