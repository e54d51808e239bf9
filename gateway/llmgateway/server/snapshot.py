"""What a request begins on: one immutable view of the configuration. A change makes a new one; running requests end
on theirs."""

from __future__ import annotations

from collections.abc import Mapping

from llmgateway.server.client_access import ClientAccess
from llmgateway.server.client_limits import ClientLimits
from llmgateway.server.configuration_file import Configuration
from llmgateway.server.exchange import Observe
from llmgateway.server.model_routes import ModelRoutes, Route, Served
from llmgateway.upstreams.backend import Backend
from llmgateway.upstreams.discovery import ServedModels


class Snapshot:
    """Settings, backends and clients at one moment. `served` is shared by all snapshots: discovery fills it."""

    def __init__(
        self,
        configuration: Configuration,
        backends: Mapping[str, Backend],
        access: ClientAccess,
        served: Mapping[str, ServedModels],
        observe_attempt: Observe,
    ) -> None:
        spec = configuration.gateway.spec
        self.configuration = configuration
        self.backends = backends
        self.access = access
        self.served = served
        self.observe_attempt = observe_attempt
        self.keep_alive = float(spec.policy.stream.keep_alive)
        self.max_body_bytes = spec.policy.requests.max_body_bytes
        self.allowed_origins = [origin.encode() for origin in spec.cors.allow_origins]
        self.limits = ClientLimits(spec.auth.clients)
        self.policy = spec.policy
        self.strict = spec.policy.translation.strict
        self.routes = ModelRoutes(
            spec.models,
            backends,
            default=spec.default_model,
            reject_unknown=spec.unknown_models == "Reject",
            system_messages=spec.policy.system_messages,
        )

    def configured(self) -> list[str]:
        """The names of the spec: models and plain aliases."""
        return self.routes.configured()

    def route(self, asked: str) -> Route:
        """Where a request for this model name may go. Raises TurnRefused."""
        return self.routes.route(asked, self.served_names)

    def served_names(self) -> Served:
        """What the backends say they serve, by name."""
        return {name: [model.id for model in listing.models] for name, listing in self.served.items()}
