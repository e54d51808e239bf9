"""Who calls: by key, by token, or anybody where the spec asks for neither."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from llmgateway.server.client_keys import ClientKeys, given_key

if TYPE_CHECKING:
    from llmgateway.server.client_tokens import ClientTokens

DOTS_OF_A_TOKEN = 2


class ClientAccess:
    """The one place that names a client."""

    def __init__(self, keys: ClientKeys, tokens: ClientTokens | None) -> None:
        self._keys = keys
        self._tokens = tokens

    async def client_of(self, headers: Mapping[bytes, bytes]) -> str:
        """The client's name. Raises TurnRefused (authentication)."""
        if self._tokens is not None:
            given = given_key(headers)
            if given is not None and given.count(".") == DOTS_OF_A_TOKEN and not self._keys.knows(given):
                return await self._tokens.client_of(given)
        return self._keys.client_of(headers)
