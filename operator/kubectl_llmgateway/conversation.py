"""A chat over HTTP: one request per turn, the answer piece by piece."""

from __future__ import annotations

import http.client
import json
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kubectl_llmgateway.kubectl import PluginError

READ_TIMEOUT = 600.0  # seconds of silence: models may think for long, the gateway sends keep-alives


class ChatFailed(PluginError):
    """The gateway cannot be reached, or answered with an error."""


@dataclass
class Conversation:
    """Turns with one model behind `url` (the gateway's root). The key goes into a header and nowhere else."""

    url: str
    model: str
    api_key: str = field(default="", repr=False)
    messages: list[dict[str, str]] = field(default_factory=list)

    def ask(self, text: str) -> Iterator[str]:
        """The answer's pieces as they come. Raises ChatFailed; then the turn did not happen."""
        asked = [*self.messages, {"role": "user", "content": text}]
        pieces: list[str] = []
        for piece in self._pieces(asked):
            pieces.append(piece)
            yield piece
        self.messages = [*asked, {"role": "assistant", "content": "".join(pieces)}]

    def _pieces(self, messages: list[dict[str, str]]) -> Iterator[str]:
        connection, root = self._connection()
        body = json.dumps({"model": self.model, "messages": messages, "stream": True})
        try:
            connection.request("POST", f"{root}/v1/chat/completions", body, self._headers())
            response = connection.getresponse()
            if response.status != http.client.OK:
                raise ChatFailed(f"HTTP {response.status}: {_error_in(response.read(65536))}")
            yield from _deltas(response)
        except (OSError, http.client.HTTPException) as error:
            raise ChatFailed(f"{self.url}: {error or type(error).__name__}") from None
        finally:
            connection.close()

    def _connection(self) -> tuple[http.client.HTTPConnection, str]:
        parts = urllib.parse.urlsplit(self.url)
        kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
        if parts.scheme not in kinds or not parts.hostname:
            raise ChatFailed(f"{self.url} is no http or https address")
        root = parts.path.rstrip("/").removesuffix("/v1")
        return kinds[parts.scheme](parts.hostname, parts.port, timeout=READ_TIMEOUT), root

    def _headers(self) -> dict[str, str]:
        key = {"authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        return {"content-type": "application/json", "accept": "text/event-stream", **key}


def _deltas(response: http.client.HTTPResponse) -> Iterator[str]:
    """Texts of a chat completion stream. https://platform.openai.com/docs/api-reference/chat-streaming"""
    for line in response:
        field_name, _, value = line.strip().partition(b":")
        if field_name != b"data" or value.strip() == b"[DONE]":
            continue
        event: Mapping[str, Any] = json.loads(value)
        if "error" in event:
            raise ChatFailed(_error_in(value))
        for choice in event.get("choices", ()):
            if text := (choice.get("delta") or {}).get("content"):
                yield text


def _error_in(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return body[:500].decode(errors="replace").strip() or "no explanation"
