"""The one HTTP call, against a real server: what was not sent, what was answered, what nobody knows."""

from __future__ import annotations

import socket
import time
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from llmgateway.credentials.oauth_exchange import (
    Granted,
    RefreshTokenGrant,
    Refused,
    Secret,
    TokenEndpoint,
    Unclear,
    build_request,
)
from llmgateway.credentials.token_endpoint import HttpTokenEndpoint, NotSent
from support.token_families import TokenFamilies
from support.token_server import TokenServer


def exchange(server: TokenServer, token: str, patience: float = 10.0, **endpoint: object) -> object:
    given = TokenEndpoint(url=server.url, **endpoint)  # type: ignore[arg-type]  # a test's shorthand
    http = HttpTokenEndpoint(server.url, answer_timeout=patience)
    http.connect()
    return http.exchange(build_request(given, RefreshTokenGrant(Secret(token))))


@pytest.mark.parametrize("body_format", ["Form", "JSON"])
@pytest.mark.parametrize("auth_style", ["Body", "Basic"])
def test_any_style_of_client_authentication_reaches_the_server(body_format: str, auth_style: str) -> None:
    with TokenServer(TokenFamilies(), client=("me", "s:e c")) as server:
        token, _ = server.families.log_in()
        style = {
            "client_id": "me",
            "client_secret": Secret("s:e c"),
            "body_format": body_format,
            "auth_style": auth_style,
        }
        assert isinstance(exchange(server, token, **style), Granted)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("hang before", Unclear), ("hang after", Unclear), ("500 before", Unclear), ("500 after", Unclear),
        ("cut", Unclear), ("html", Unclear), ("429", Refused),
    ],
)  # fmt: skip
def test_every_fault_of_a_server_is_classified(fault: str, kind: type) -> None:
    with TokenServer(TokenFamilies(), hang=0.5) as server:
        token, _ = server.families.log_in()
        server.script.append(fault)
        assert isinstance(exchange(server, token, 0.3 if "hang" in fault else 10.0), kind)


def test_nobody_listening_means_that_nothing_was_sent() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        endpoint = HttpTokenEndpoint(f"http://127.0.0.1:{closed.getsockname()[1]}/token")
        with pytest.raises(NotSent, match="ConnectionRefusedError"):
            endpoint.connect()


def test_a_server_without_trust_gets_nothing(tmp_path: object) -> None:
    with TokenServer(TokenFamilies()) as server:
        endpoint = HttpTokenEndpoint(server.url.replace("http:", "https:"))
        with pytest.raises(NotSent, match="SSL"):
            endpoint.connect()
        assert not server.seen


def test_a_connection_that_the_server_closed_while_it_was_idle_is_made_anew() -> None:
    with TokenServer(TokenFamilies()) as server, socket.create_server(("127.0.0.1", 0)) as listening:
        endpoint = HttpTokenEndpoint(f"http://127.0.0.1:{listening.getsockname()[1]}/token")
        endpoint.connect()
        listening.accept()[0].close()
        time.sleep(0.05)
        endpoint._connection.port = int(server.url.split(":")[2].split("/")[0])
        token, _ = server.families.log_in()
        request = build_request(TokenEndpoint(url=server.url), RefreshTokenGrant(Secret(token)))
        assert isinstance(endpoint.exchange(request), Granted)
        assert server.families.presentations == 1


@pytest.mark.behaviour("R12")
def test_a_redirect_is_not_followed_so_the_token_stays_with_its_host() -> None:
    with TokenServer(TokenFamilies()) as elsewhere:
        redirect = HTTPServer(("127.0.0.1", 0), partial(_Redirect, elsewhere.url))
        Thread(target=redirect.handle_request, daemon=True).start()
        url = f"http://127.0.0.1:{redirect.server_address[1]}/token"
        endpoint = HttpTokenEndpoint(url)
        endpoint.connect()
        answer = endpoint.exchange(build_request(TokenEndpoint(url=url), RefreshTokenGrant(Secret("rt"))))
        redirect.server_close()
        assert isinstance(answer, Refused)
        assert not elsewhere.seen


class _Redirect(BaseHTTPRequestHandler):
    def __init__(self, to: str, *given: object) -> None:
        self._to = to
        super().__init__(*given)  # type: ignore[arg-type]  # what the server gives

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(307)
        self.send_header("location", self._to)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Silent."""
