"""The policies of one turn, applied to the document that goes upstream, whichever backend it goes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Raw, Struct

from llmgateway.policies.agent_loop import LEAVE, Decision
from llmgateway.policies.apply import SMALL_FIELDS, apply, changed_fields, counted, should_count, untouched
from llmgateway.policies.session_facts import RequestFacts, SessionFacts
from llmgateway.policies.window import Window, window_of
from llmgateway.translate.translated import Target
from llmgateway.upstreams.backend import Backend
from llmgateway.upstreams.discovery import ServedModel, ServedModels
from llmgateway.upstreams.token_count import TOKENIZERS, count_chat_tokens
from llmgateway.wire import json_codec
from llmgateway.wire.json_codec import Fields
from llmgateway_api.policy import Policy

COUNT_PATIENCE = 3.0
"""Seconds that a turn waits for its upstream's tokenizer before it is planned by estimate."""


class Acted(Struct):
    """What the policies did to one request."""

    facts: RequestFacts
    notes: tuple[str, ...] = ()
    decision: Decision = LEAVE


class TurnPolicies:
    """Settings, the session so far, and what is known of the backends' windows."""

    def __init__(self, settings: Policy, session: SessionFacts, served: Mapping[str, ServedModels]) -> None:
        self.settings = settings
        self._session = session
        self._served = served

    @property
    def reads_answers(self) -> bool:
        """Whether a policy must see the answer, which then can't pass unparsed."""
        return self.settings.reasoning_only.mode != "Never"

    def should_measure(self, size: int, backend: Backend, target: Target) -> bool:
        """Whether pruning may be near for a request body of this size, the session's ratio of bytes per token is not
        known yet, and the upstream has a tokenizer (W5)."""
        if backend.type not in TOKENIZERS:
            return False
        return should_count(size, self._session, self.settings, self._window(backend, target))

    async def measure(self, body: bytes, backend: Backend) -> bool:
        """Asks the upstream's tokenizer about this request body. True when the ratio is known now: the request is to be
        made anew."""
        document = json_codec.decode(body)
        tokens = await count_chat_tokens(backend, document, COUNT_PATIENCE)
        if tokens is None:
            return False
        self._session = counted(document, backend.dialect, self._session, tokens)
        return True

    def on_translated(self, document: dict[str, Any], backend: Backend, target: Target) -> tuple[bytes, Acted]:
        """For a request that was translated: the document is at hand, and read where a policy may act on it."""
        body = json_codec.encode(document)
        acted = self._untouched(len(body), document, backend, target)
        if acted is not None:
            return body, acted
        after, acted = self._applied(document, backend, target)
        return (body if after is document else json_codec.encode(after)), acted

    def on_fields(self, fields: Fields, size: int, backend: Backend, target: Target) -> tuple[Fields, Acted]:
        """For a request that passes: its messages are decoded only where a policy may act on them."""
        small = {name: json_codec.decode(bytes(fields[name])) for name in SMALL_FIELDS if name in fields}
        acted = self._untouched(size, small, backend, target)
        if acted is not None:
            return fields, acted
        before = {name: json_codec.decode(bytes(raw)) for name, raw in fields.items()}
        after, acted = self._applied(before, backend, target)
        changed = changed_fields(before, after)
        if not changed:
            return fields, acted
        return {**fields, **{name: Raw(json_codec.encode(value)) for name, value in changed.items()}}, acted

    def _untouched(self, size: int, fields: Mapping[str, Any], backend: Backend, target: Target) -> Acted | None:
        facts = untouched(
            size, self.settings, self._session, self._window(backend, target),
            dialect=backend.dialect, backend=backend.type, fields=fields, model=target.model,
        )  # fmt: skip
        return None if facts is None else Acted(facts)

    def _applied(
        self, document: Mapping[str, Any], backend: Backend, target: Target
    ) -> tuple[Mapping[str, Any], Acted]:
        applied = apply(
            document, backend.dialect, self._session, self.settings, self.settings.dry_run,
            window=self._window(backend, target), backend=backend.type,
        )  # fmt: skip
        return applied.document, Acted(applied.facts, applied.notes, applied.decision)

    def _window(self, backend: Backend, target: Target) -> Window:
        served = self._served.get(backend.name)
        detected = _detected(served.models, target.model) if served is not None else None
        return window_of(backend.context_window, detected, self.settings.context.window)


def _detected(models: Sequence[ServedModel], name: str) -> int | None:
    """The window that a backend tells; its only model goes by any name."""
    if len(models) == 1:
        return models[0].window
    return next((model.window for model in models if model.id == name), None)
