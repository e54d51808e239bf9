"""What one client may use: models, requests and tokens, counted in the store so that all replicas share one budget."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from llmgateway.failures import Failure, TurnRefused
from llmgateway.server.turn_record import TurnRecord
from llmgateway.storage.errors import StoreError
from llmgateway.storage.port import Limits
from llmgateway.storage.records import Balance, Budget, Charge
from llmgateway_api.access import Client

MINUTE, DAY = 60, 86400
BYTES_PER_TOKEN = 4
"""For the charge before a request; the difference to the real count is settled after it."""
MAX_HINT = 60
"""Seconds. Claude Code stops at once for a longer `retry-after` (R13), so longer waits give no hint."""


class ClientLimits:
    """The limits of all clients of one configuration."""

    def __init__(self, clients: Sequence[Client]) -> None:
        self._clients: Mapping[str, Client] = {client.name: client for client in clients}

    def may_use(self, client: str, model: str) -> bool:
        """Whether the client may ask for this model (by its configured name)."""
        limits = self._clients.get(client)
        return limits is None or not limits.models or model in limits.models

    def check_model(self, client: str, model: str) -> None:
        """Raises TurnRefused (permission)."""
        if not self.may_use(client, model):
            message = f"Client {client} may not use model {model!r}: GET /v1/models lists what it may use."
            raise TurnRefused(Failure(kind="permission", message=message, param="model", should_retry=False))

    def concern(self, client: str) -> bool:
        """Whether anything of this client's is counted."""
        return client in self._clients

    async def charge(self, record: TurnRecord, body_bytes: int, store: Limits) -> Ticket | None:
        """Charges one request and its estimated tokens. Raises TurnRefused (rate_limited); None where no limit is set,
        or nobody can count just now."""
        limits = self._clients.get(record.client)
        estimate = body_bytes // BYTES_PER_TOKEN + 1
        budgets = [] if limits is None else _budgets(limits, estimate)
        if not budgets:
            return None
        try:
            charge = await store.charge(record.client, budgets)
        except StoreError:
            return None
        record.passed_on = _headers(charge.balances)
        if not charge.allowed:
            raise TurnRefused(_refusal(charge))
        return Ticket(store, record.client, charge, estimate)


class Ticket:
    """A charge that waits for the real count of tokens."""

    def __init__(self, store: Limits, client: str, charge: Charge, estimate: int) -> None:
        self._store = store
        self._client = client
        self._balances = [balance for balance in charge.balances if balance.name.startswith("tokens")]
        self._estimate = estimate

    async def settle(self, tokens: int) -> None:
        """Replaces the estimate by the tokens that were used."""
        for balance in self._balances:
            try:
                await self._store.settle(self._client, balance.name, balance.window_number, tokens - self._estimate)
            except StoreError:
                return  # what can't be counted is not held against the client


def _budgets(limits: Client, estimate: int) -> list[Budget]:
    wanted = [
        ("requests", limits.requests_per_minute, MINUTE, 1),
        ("tokens", limits.tokens_per_minute, MINUTE, estimate),
        ("tokens-per-day", limits.tokens_per_day, DAY, estimate),
    ]
    return [Budget(name, limit, window, amount) for name, limit, window, amount in wanted if limit is not None]


def _refusal(charge: Charge) -> Failure:
    spent = next(balance for balance in charge.balances if not balance.fits)
    wait = math.ceil(charge.retry_after)
    message = f"The client's limit of {spent.limit} {spent.name.replace('-', ' ')} is used up: try again in {wait} s."
    hint = wait if wait <= MAX_HINT else None
    return Failure(kind="rate_limited", message=message, code="rate_limit_exceeded", retry_after=hint,
                   should_retry=hint is not None)  # fmt: skip


def _headers(balances: Sequence[Balance]) -> list[tuple[bytes, bytes]]:
    """OpenAI's names, which both SDKs' users know; the reset as a duration in seconds."""
    headers: list[tuple[bytes, bytes]] = []
    for balance in balances:
        if balance.name in ("requests", "tokens"):
            name = balance.name.encode()
            headers.append((b"x-ratelimit-limit-" + name, b"%d" % balance.limit))
            headers.append((b"x-ratelimit-remaining-" + name, b"%d" % balance.remaining))
            headers.append((b"x-ratelimit-reset-" + name, b"%ds" % math.ceil(balance.reset_after)))
    return headers
