"""All policies on one request document, in order: supplement, trimming, pruning, forced tools, room for the answer.

Notes are the items of a response header (a list as RFC 9651 has it): `pruned;messages=12;tokens=3400`. The word before
the first `;` names the policy, for metrics.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from llmgateway.policies import agent_loop
from llmgateway.policies.context_pruning import Pruned, prune, prunes
from llmgateway.policies.conversation import Conversation, Dialect, Document, read
from llmgateway.policies.output_room import ROOM_FIELDS, make_room
from llmgateway.policies.session_facts import RequestFacts, SessionFacts
from llmgateway.policies.system_supplement import supplemented
from llmgateway.policies.token_estimate import DEFAULT_RATIO, Ratio, learned, tokens_in
from llmgateway.policies.tool_turns import loop_of
from llmgateway.policies.trimming import Trimmed, trim
from llmgateway.policies.window import Window
from llmgateway_api.policy import Policy

DRY_RUN = ";dry-run"
SMALL_FIELDS = ("model", "reasoning_effort", "chat_template_kwargs", *ROOM_FIELDS)
"""What `untouched` must know of a request beside its length."""
_NEAR = 0.5


class Applied(Struct, frozen=True, kw_only=True):
    """The request to send: the very document that was given where nothing acted."""

    document: Document
    notes: tuple[str, ...]
    facts: RequestFacts
    decision: agent_loop.Decision = agent_loop.LEAVE
    """For `agent_loop.retry_due` when the answer is there."""


def apply(
    document: Document,
    dialect: Dialect,
    facts: SessionFacts,
    settings: Policy,
    dry_run: bool = False,
    *,
    window: Window,
    backend: str,
) -> Applied:
    """`backend`: the backend's type. With `dry_run` the document stays as it is and the notes say what would have
    happened."""
    run = _Run(document, read(document, dialect), settings, facts.ratio, window.tokens)
    untouched = run.facts()
    if isinstance(document.get("messages"), list):
        run.supplement()
        run.trim()
        run.prune()
        run.force(facts.forced)
    run.make_room(backend, window)
    if dry_run:
        return Applied(document=document, notes=tuple(note + DRY_RUN for note in run.notes), facts=untouched)
    return Applied(document=run.document, notes=tuple(run.notes), facts=run.facts(), decision=run.decision)


class _Run:
    """One request on its way through the policies."""

    def __init__(
        self, document: Document, conversation: Conversation, settings: Policy, ratio: Ratio, window: int
    ) -> None:
        self.document = document
        self.notes: list[str] = []
        self.decision = agent_loop.LEAVE
        self._given = self._conversation = conversation
        self._size = conversation.size
        self._settings = settings
        self._ratio = ratio
        self._window = window
        self._pruned: Pruned | None = None
        self._forced = 0

    @property
    def _tokens(self) -> int:
        return self._pruned.tokens_left if self._pruned else tokens_in(self._size, self._ratio.planned)

    def supplement(self) -> None:
        made = supplemented(self.document, self._conversation.dialect, self._settings.agent_loop.supplement)
        if made is not self.document:
            self._take(made, "supplement")

    def trim(self) -> None:
        trimmed = trim(self.document, self._conversation, self._settings.trimming)
        if trimmed is not None:
            self._take(trimmed.document, _note_of_trimmed(trimmed))

    def prune(self) -> None:
        context = self._settings.context
        self._pruned = prune(self.document, self._conversation, context, self._window, self._ratio.planned)
        if self._pruned is not None:
            self.document = self._pruned.document
            self.notes.append(_note_of_pruned(self._pruned))

    def force(self, forced_before: int) -> None:
        """The loop is read from the conversation as the client sent it: what was pruned still counts."""
        settings, dialect = self._settings.agent_loop, self._given.dialect
        if not settings.force_tools:
            return
        loop = loop_of(self._given, settings.window)
        forced = max(forced_before if loop.turns else 0, loop.turns)
        utilisation = self._tokens / self._window
        self.decision = agent_loop.decide(
            self.document, dialect, loop, settings, forced=forced, utilisation=utilisation
        )
        if self.decision.act == "force":
            self._forced = forced + 1
            self.document = agent_loop.forced(self.document, dialect)
            self.notes.append("tool-choice;set=required")
        elif self.decision.act == "release":
            self.notes.append(f"tool-choice;released={self.decision.reason}")

    def make_room(self, backend: str, window: Window) -> None:
        dialect, output = self._conversation.dialect, self._settings.output
        room = make_room(self.document, dialect, backend, input_tokens=self._tokens, window=window, output=output)
        if room is not None:
            self.document = room.document
            self.notes.append(f"max-tokens;from={room.before};to={room.after}")

    def facts(self) -> RequestFacts:
        pruned, dialect = self._pruned, self._given.dialect
        return RequestFacts(
            window=self._window,
            size=read(self.document, dialect).size if pruned else self._size,
            tokens=self._tokens,
            tokens_asked=tokens_in(self._given.size, self._ratio.planned),
            ratio=self._ratio,
            pruned_messages=pruned.messages if pruned else 0,
            pruned_tokens=pruned.tokens if pruned else 0,
            forced=self._forced,
            model=_model(self.document),
        )

    def _take(self, document: Document, note: str) -> None:
        self.document = document
        self.notes.append(note)
        self._conversation = read(document, self._conversation.dialect)
        self._size = self._conversation.size


def untouched(
    body_bytes: int,
    settings: Policy,
    facts: SessionFacts,
    window: Window,
    *,
    dialect: Dialect,
    backend: str,
    fields: Document,
    model: str,
) -> RequestFacts | None:
    """What is noted of a request of this many bytes that no policy can change, so that its messages need not even be
    read; None where one may. Nothing is learned from a size that nobody measured.

    `fields`: the decoded SMALL_FIELDS of the request for the upstream. A text has as many bytes as it has size, at
    least; for images, which weigh more, the session's own last count stands in.
    """
    loop, trimming = settings.agent_loop, settings.trimming
    if loop.force_tools or loop.supplement.strip():
        return None
    if trimming.enabled and body_bytes > min(trimming.assistant_characters, trimming.system_characters):
        return None
    ratio = facts.ratio
    tokens = tokens_in(body_bytes, ratio.planned)
    most = max(tokens, round(facts.tokens / _NEAR))
    if prunes(dialect, settings.context) and most > settings.context.prune_at * window.tokens:
        return None
    if make_room(fields, dialect, backend, input_tokens=most, window=window, output=settings.output) is not None:
        return None
    return RequestFacts(window=window.tokens, size=0, tokens=tokens, tokens_asked=tokens, ratio=ratio, model=model)


def should_count(body_bytes: int, facts: SessionFacts, settings: Policy, window: Window) -> bool:
    """Whether asking the upstream's tokenizer is worth its time: nothing was measured yet, and pruning may be near."""
    near = _NEAR * settings.context.prune_at * window.tokens
    return facts.ratio.measured is None and body_bytes / DEFAULT_RATIO > near


def counted(document: Document, dialect: Dialect, facts: SessionFacts, tokens: int) -> SessionFacts:
    """The session with the ratio that a tokenizer's count of this very document shows."""
    return facts.with_ratio(learned(facts.ratio, read(document, dialect).size, tokens))


def changed_fields(before: Document, after: Document) -> dict[str, Any]:
    """The top-level fields that policies changed, for bodies that pass byte for byte but for those."""
    return {name: value for name, value in after.items() if before.get(name) is not value}


def header_value(notes: tuple[str, ...]) -> bytes:
    """The value of `x-llmgateway-policies`."""
    return ", ".join(notes).encode("ascii", "replace")


def policy_of(note: str) -> str:
    """The name of the policy that a note is of."""
    return note.partition(";")[0]


def _note_of_trimmed(trimmed: Trimmed) -> str:
    counts = {name: getattr(trimmed, name) for name in ("system", "assistant", "messages", "over")}
    return "trimmed" + _parameters(counts)


def _note_of_pruned(pruned: Pruned) -> str:
    counts: Mapping[str, int] = {"messages": pruned.messages, "results": pruned.results, "tokens": pruned.tokens}
    return "pruned" + _parameters(counts) + (";over" if pruned.over else "")


def _parameters(counts: Mapping[str, int]) -> str:
    return "".join(f";{name}={count}" for name, count in counts.items() if count)


def _model(document: Document) -> str:
    model = document.get("model")
    return model if isinstance(model, str) else ""
