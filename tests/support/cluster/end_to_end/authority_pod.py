"""Runs in a pod, beside token_families.py: a token endpoint with single-use refresh tokens, and models behind it.

POST /oauth/token exchanges. POST /v1/chat/completions says which access token it was asked with. GET /login is a
human's login, GET /counts what must never happen.
"""

from __future__ import annotations

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from token_families import TokenFamilies  # mounted beside this file

FAMILIES = TokenFamilies()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/login":
            refresh, access = FAMILIES.log_in()
            return self._send(200, {"refresh": refresh, "access": access})
        if self.path == "/counts":
            return self._send(200, {"exchanges": FAMILIES.exchanges, "double_spends": FAMILIES.double_spends})
        return self._send(404, {"error": {"message": "not here"}})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        if self.path == "/oauth/token":
            answer = FAMILIES.exchange(parse_qs(body)["refresh_token"][0], time.time())
            return self._send(200, answer) if answer else self._send(400, {"error": "invalid_grant"})
        access = self.headers["authorization"].removeprefix("Bearer ")
        if not FAMILIES.accepts(access):
            return self._send(401, {"error": {"message": "unknown token", "type": "authentication_error"}})
        return self._send(200, _completion(access))

    def _send(self, status: int, document: dict[str, object]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _completion(text: str) -> dict[str, object]:
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    named = {"id": "chatcmpl-authority", "object": "chat.completion", "created": 1, "model": "authority"}
    return {**named, "choices": [choice], "usage": usage}


if __name__ == "__main__":
    ThreadingHTTPServer(("", 8080), Handler).serve_forever()
