"""A real token endpoint over HTTP: OAuth's refresh grants before `TokenFamilies`, with faults in the order of a script.

    with TokenServer(TokenFamilies(grace=30)) as server:
        server.script.append("hang after")     # exchange the token, never answer
        ... POST server.url ...

Faults: "hang before" and "hang after" (no answer, before or after the exchange), "500 before", "500 after", "429",
"cut" (half an answer after the exchange), "slow" (half a second), "html" (a proxy's page with 200, nothing exchanged).
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import parse_qs, unquote_plus

from support.token_families import TokenFamilies

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@dataclass
class Seen:
    """One request as the server read it."""

    path: str
    headers: dict[str, str]
    fields: dict[str, str]
    client: tuple[str, str] = ("", "")


@dataclass
class TokenServer:
    """`client`: id and secret that every request must show; empty: public. `skew`: seconds that its clock is ahead."""

    families: TokenFamilies
    client: tuple[str, str] = ("", "")
    skew: float = 0.0
    hang: float = 3.0
    script: deque[str] = field(default_factory=deque)
    seen: list[Seen] = field(default_factory=list)
    before_exchange: Callable[[], None] | None = None
    after_exchange: Callable[[], None] | None = None

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/oauth/token"

    def __enter__(self) -> TokenServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def now(self) -> float:
        return time.time() + self.skew

    def fault(self) -> str:
        with self._lock:
            return self.script.popleft() if self.script else ""

    def answer(self, request: Seen) -> tuple[int, dict[str, object]]:
        """Status and body, after the exchange."""
        with self._lock:
            self.seen.append(request)
            if self.client != ("", "") and request.client != self.client:
                return 401, {"error": "invalid_client"}
            grant = request.fields.get("grant_type")
            if grant == "refresh_token":
                body = self.families.exchange(request.fields.get("refresh_token", ""), self.now())
                return (200, body) if body else (400, {"error": "invalid_grant", "error_description": _echo(request)})
            if grant in ("client_credentials", TOKEN_EXCHANGE, JWT_BEARER):
                return 200, self.families.grant_client()
            return 400, {"error": "unsupported_grant_type"}


def _echo(request: Seen) -> str:
    """Servers do this: an error that repeats the token must not reach any log."""
    return f"token {request.fields.get('refresh_token')} is not valid"


def _handler(server: TokenServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = self._request()
            fault = server.fault()
            if server.before_exchange:
                server.before_exchange()
            if fault == "hang before":
                time.sleep(server.hang)
                return self._drop()
            if fault in ("500 before", "429", "html"):
                status = {"500 before": 500, "429": 429, "html": 200}[fault]
                return self._send(status, b"<html>not now</html>", "text/html")
            status, body = server.answer(request)
            if server.after_exchange:
                server.after_exchange()
            if fault == "slow":
                time.sleep(0.5)
            if fault == "hang after":
                time.sleep(server.hang)
                return self._drop()
            if fault == "500 after":
                return self._send(500, b"oops", "text/plain")
            return self._send(status, json.dumps(body).encode(), "application/json", cut=fault == "cut")

        def _request(self) -> Seen:
            text = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
            if "json" in self.headers.get("content-type", ""):
                fields = json.loads(text)
            else:
                fields = {name: values[0] for name, values in parse_qs(text, strict_parsing=True).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            client = (fields.get("client_id", ""), fields.get("client_secret", ""))
            if headers.get("authorization", "").startswith("Basic "):
                pair = base64.b64decode(headers["authorization"][6:]).decode()
                name, _, secret = pair.partition(":")
                client = (unquote_plus(name), unquote_plus(secret))
            return Seen(self.path, headers, fields, client)

        def _send(self, status: int, body: bytes, kind: str, *, cut: bool = False) -> None:
            try:
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: len(body) // 2] if cut else body)
            except OSError:
                pass  # the client was killed
            self.close_connection = True

        def _drop(self) -> None:
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Silent."""

    return Handler
