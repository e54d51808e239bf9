"""Which backends serve a model name: names and aliases of the spec, then what the backends say they serve (R8)."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase

from msgspec import Struct

from llmgateway.failures import Failure, TurnRefused
from llmgateway.translate.translated import Target
from llmgateway.upstreams.backend import Backend
from llmgateway.upstreams.choice import Candidate, in_order
from llmgateway_api.models import ModelDefaults, ServedModel
from llmgateway_api.policy import SystemMessages

Served = Mapping[str, Sequence[str]]
"""Backend name -> the model names that it says it serves."""


class Route(Struct, frozen=True):
    """Where requests for one name may go; `ways` are one for one with `candidates`."""

    name: str
    """The configured (or discovered) model: bounded, so fit for metric labels."""
    candidates: Sequence[Candidate]
    ways: Sequence[tuple[Backend, Target]]

    def targets(self, session: str | None) -> Sequence[tuple[Backend, Target]]:
        """All candidates in the order in which to try them."""
        if len(self.ways) == 1:
            return self.ways
        ordered = in_order(self.candidates, session, random.random)
        return [self.ways[self.candidates.index(each)] for each in ordered]


class ModelRoutes:
    """The names that clients may ask for."""

    def __init__(
        self,
        models: Sequence[ServedModel],
        backends: Mapping[str, Backend],
        *,
        default: str | None,
        reject_unknown: bool,
        system_messages: SystemMessages | None,
    ) -> None:
        self._models = {model.name: model for model in models}
        self._aliases = {alias: model for model in models for alias in model.aliases if not _is_pattern(alias)}
        self._patterns = [(alias, model) for model in models for alias in model.aliases if _is_pattern(alias)]
        self._backends = backends
        self._default = default
        self._reject = reject_unknown
        self._system_messages = system_messages
        self._known = {name: self._configured(model, name) for name, model in {**self._aliases, **self._models}.items()}

    def configured(self) -> list[str]:
        """Model names and plain aliases of the spec, in its order."""
        return list(dict.fromkeys([name for model in self._models.values() for name in (model.name, *_plain(model))]))

    def route(self, asked: str, served_names: Callable[[], Served]) -> Route:
        """The route for a name. Raises TurnRefused (not_found) where the spec rejects unknown names."""
        known = self._known.get(asked)
        if known is not None:
            return known
        model = self._by_pattern(asked)
        if model is not None:
            return self._configured(model, asked)
        served = served_names()
        serving = [name for name, models in served.items() if asked in models]
        if serving:
            return self._plain(asked, serving, asked)
        if self._reject and asked:
            raise TurnRefused(_unknown(asked))
        return self._fallback(asked, served)

    def _by_pattern(self, asked: str) -> ServedModel | None:
        return next((model for pattern, model in self._patterns if fnmatchcase(asked, pattern)), None)

    def _fallback(self, asked: str, served: Served) -> Route:
        name = self._default or next(iter(self._models), None)
        if name in self._models:
            return self._configured(self._models[name], asked="")
        for backend in self._backends:
            names = served.get(backend)
            if names:
                return self._plain(names[0], [backend], names[0])
        return self._plain("default", list(self._backends)[:1], asked)

    def _configured(self, model: ServedModel, asked: str) -> Route:
        candidates = [
            Candidate(ref.name, ref.model or asked or model.name, ref.weight, ref.priority)
            for ref in model.backend_refs
        ]
        return self._route(model.name, candidates, model.defaults)

    def _plain(self, name: str, backends: Sequence[str], upstream: str) -> Route:
        return self._route(name, [Candidate(backend, upstream or name) for backend in backends], ModelDefaults())

    def _route(self, name: str, candidates: Sequence[Candidate], defaults: ModelDefaults) -> Route:
        return Route(
            name, candidates, [(self._backends[each.backend], self._target(each, defaults)) for each in candidates]
        )

    def _target(self, candidate: Candidate, defaults: ModelDefaults) -> Target:
        return Target(
            type=self._backends[candidate.backend].type,
            model=candidate.model,
            system_messages=self._system_messages,
            default_max_tokens=defaults.max_tokens,
            thinking=defaults.thinking == "Enabled",
        )


def _is_pattern(alias: str) -> bool:
    return any(character in alias for character in "*?[")


def _plain(model: ServedModel) -> list[str]:
    return [alias for alias in model.aliases if not _is_pattern(alias)]


def _unknown(asked: str) -> Failure:
    message = f"Model {asked[:200]!r} is not served here: GET /v1/models lists the names."
    return Failure(kind="not_found", message=message, code="model_not_found", param="model")
