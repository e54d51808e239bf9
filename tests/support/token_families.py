"""The authority's side of single-use refresh tokens: rotation, reuse detection, revocation of a family, grace.

As RFC 9700 (section 4.14.2) describes them. It counts what must never happen: a token that was exchanged before and
is shown again outside the grace.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

MARK = "s3cr3t"
"""Part of every token: whatever holds it was leaked."""


@dataclass
class _Token:
    family: int
    spent_at: float | None = None


@dataclass
class TokenFamilies:
    """`grace`: seconds for which an exchanged token is taken again. `rotates` False: tokens stay valid for ever."""

    grace: float = 0.0
    rotates: bool = True
    life: float = 8 * 3600.0
    double_spends: int = 0
    exchanges: int = 0
    presentations: int = 0
    _tokens: dict[str, _Token] = field(default_factory=dict)
    _access: dict[str, int] = field(default_factory=dict)
    _revoked: set[int] = field(default_factory=set)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def log_in(self) -> tuple[str, str]:
        """A human's login: refresh token and access token of a new family."""
        family = next(self._numbers)
        return self._issue(family), self._issue_access(family)

    def exchange(self, token: str, now: float) -> dict[str, object] | None:
        """The body of a 200, or None for `invalid_grant`."""
        self.presentations += 1
        known = self._tokens.get(token)
        if known is None:
            return None
        if self._too_late(known, now):
            self.double_spends += 1
            self._revoked.add(known.family)
        if known.family in self._revoked:
            return None
        self.exchanges += 1
        answer: dict[str, object] = {
            "access_token": self._issue_access(known.family),
            "token_type": "Bearer",
            "expires_in": self.life,
        }
        if self.rotates:
            known.spent_at = now if known.spent_at is None else known.spent_at
            answer["refresh_token"] = self._issue(known.family)
        return answer

    def grant_client(self) -> dict[str, object]:
        """The body of a 200 for a grant without a refresh token."""
        self.exchanges += 1
        return {"access_token": self._issue_access(0), "token_type": "Bearer", "expires_in": self.life}

    def takes(self, token: str, now: float) -> bool:
        """Whether the refresh token would be exchanged now."""
        known = self._tokens.get(token)
        return known is not None and known.family not in self._revoked and not self._too_late(known, now)

    def accepts(self, access: str) -> bool:
        """Whether a resource server would take the access token (its end of life aside)."""
        family = self._access.get(access)
        return family is not None and family not in self._revoked

    def revoke(self, token: str) -> None:
        """The human logs out everywhere."""
        self._revoked.add(self._tokens[token].family)

    def _too_late(self, known: _Token, now: float) -> bool:
        return known.spent_at is not None and now > known.spent_at + self.grace

    def _issue(self, family: int) -> str:
        token = f"rt-{MARK}-{next(self._numbers):08d}"
        self._tokens[token] = _Token(family)
        return token

    def _issue_access(self, family: int) -> str:
        access = f"at-{MARK}-{next(self._numbers):08d}"
        self._access[access] = family
        return access
