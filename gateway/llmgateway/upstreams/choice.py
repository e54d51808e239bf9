"""Which backend serves a request: priorities, weights, session affinity. Pure; randomness is an argument.

Affinity is weighted rendezvous hashing (Thaler and Ravishankar 1998; weights as in Wang and Ravishankar 2009): one
session stays on one backend, so that its prompt cache stays warm, and a change of the set moves only its share.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from itertools import groupby

from msgspec import Struct


class Candidate(Struct, frozen=True):
    """One backendRef of a model; `model` "" means the name that the client asked for."""

    backend: str
    model: str = ""
    weight: int = 1
    priority: int = 0


def in_order(candidates: Sequence[Candidate], session: str | None, draw: Callable[[], float]) -> list[Candidate]:
    """All usable candidates, the one to try first in front. `draw` gives numbers in [0, 1)."""
    if len(candidates) == 1:
        return list(candidates)
    usable = sorted((c for c in candidates if c.weight > 0), key=lambda c: c.priority)
    ordered: list[Candidate] = []
    for _, group in groupby(usable, key=lambda c: c.priority):
        ordered += sorted(group, key=lambda c: -_score(c, session, draw))
    return ordered


def _score(candidate: Candidate, session: str | None, draw: Callable[[], float]) -> float:
    position = draw() if session is None else _hash(f"{session}\0{candidate.backend}\0{candidate.model}")
    return -candidate.weight / math.log(max(position, 1e-300)) if position < 1 else math.inf


def _hash(text: str) -> float:
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return (int.from_bytes(digest) + 1) / (2**64 + 2)
