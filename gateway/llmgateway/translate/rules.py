"""Tables of rules: what becomes of each field, read by the translators and printed as the fidelity page.

A table is walked in its own order, so that tools are named before the messages that use them; fields that no rule
knows are losses, never errors. `null` counts as absent: SDKs send it for what the caller left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, Literal, TypeVar

from msgspec import Struct

from llmgateway.translate.translated import Loss

Handling = Literal["carried", "approximated", "dropped", "consumed"]
"""carried: same meaning upstream. approximated: close, the reason says what differs. dropped: a Loss.
consumed: the gateway itself acts on it."""

T_contra = TypeVar("T_contra", bound="Losses", contravariant=True)

UNKNOWN_FIELD = "not a known field of this dialect"


class Rule(Struct, Generic[T_contra], frozen=True):
    """What becomes of one field, or of one kind of content."""

    field: str
    handling: Handling
    into: str = ""
    """Where its value goes, in the upstream's dialect."""
    reason: str = ""
    """How, and what differs; the text of the Loss when it is dropped."""
    apply: Callable[[T_contra, Any], None] | None = None
    harmless: tuple[Any, ...] = ()
    """Values that say what happens anyway: dropping them is no loss."""


class Losses:
    """The losses of one request, in order of discovery."""

    def __init__(self) -> None:
        self.losses: list[Loss] = []
        self._kinds: set[str] = set()

    def lose(self, path: str, reason: str) -> None:
        """Record one loss."""
        self.losses.append(Loss(path, reason))

    def lose_kind(self, kind: str, path: str, reason: str) -> None:
        """Record what a long history repeats (`cache_control`, thinking blocks) once, at its first place."""
        if kind not in self._kinds:
            self._kinds.add(kind)
            self.losses.append(Loss(path, reason))


class Table(Generic[T_contra]):
    """Rules by field name."""

    def __init__(self, *rules: Rule[T_contra]) -> None:
        self.rules = rules
        self.by_field = {rule.field: rule for rule in rules}
        self._ranks = {rule.field: rank for rank, rule in enumerate(rules)}

    def apply(self, to: T_contra, source: Mapping[str, Any], prefix: str = "") -> None:
        """Every field of `source` through its rule; `prefix` is the path of `source` itself, with its dot."""
        ranks = sorted([self._ranks[name] for name in source if name in self._ranks])
        for rank in ranks:  # a request has few of the fields that a table knows
            rule = self.rules[rank]
            value = source[rule.field]
            if value is None:
                continue
            if rule.apply is not None:
                rule.apply(to, value)
            elif rule.handling == "dropped" and value not in rule.harmless:
                to.lose(prefix + rule.field, rule.reason)
        if len(ranks) == len(source):
            return
        for name, value in source.items():
            if name not in self.by_field and value is not None:
                to.lose(f"{prefix}{name}", UNKNOWN_FIELD)
