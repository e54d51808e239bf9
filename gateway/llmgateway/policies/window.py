"""How many tokens a model's window holds, and who says so."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class Window(Struct, frozen=True):
    """`source` default: nobody knows, a guess."""

    tokens: int
    source: Literal["spec", "detected", "default"]


def window_of(spec: int | None, detected: int | None, default: int) -> Window:
    """The backend's `limits.contextWindow`, else what the backend itself says, else `policy.context.window`."""
    if spec is not None and spec > 0:
        return Window(spec, "spec")
    if detected is not None and detected > 0:
        return Window(detected, "detected")
    return Window(max(default, 1), "default")
