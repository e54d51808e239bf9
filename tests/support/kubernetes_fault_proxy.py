"""Stands between a client and the API server: records every request and, when asked, answers wrongly or not at all.

The client's bearer token is passed on; it speaks plain HTTP to the proxy, the proxy TLS to the server.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import yaml
from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector, web


class Request(NamedTuple):
    """A request in the words of RBAC; `resource` is `group/plural[/subresource]`, empty for what has no resource."""

    verb: str
    resource: str
    namespace: str
    name: str


@dataclass
class Fault:
    """What to answer instead. `status` None: cut the connection. `after`: let the server do it first. `then`: what
    happens before the answer."""

    wants: Callable[[Request], bool]
    status: int | None
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    after: bool = False
    then: Callable[[], None] = field(default=lambda: None)


class FaultProxy:
    """Runs in a thread of its own between `with` and its end."""

    def __init__(self, server: str, authority: Path) -> None:
        self._server, self._tls = server, ssl.create_default_context(cafile=str(authority))
        self.port = 0
        self.requests: list[Request] = []
        self._faults: list[Fault] = []
        self._watches: set[asyncio.Task[Any]] = set()
        self._gone: set[str] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        self._call(self._open())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def fail(
        self,
        wants: Callable[[Request], bool],
        status: int | None,
        times: int = 1,
        *,
        after: bool = False,
        then: Callable[[], None] = lambda: None,
        **headers: str,
    ) -> Fault:
        """From now on, `times` requests of that sort fail."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        fault = Fault(wants, status, times, fields, after, then)
        self._faults.append(fault)
        return fault

    def cut_watches(self) -> None:
        """Every open watch breaks off."""
        self._loop.call_soon_threadsafe(lambda: [each.cancel() for each in list(self._watches)])

    def expire_watches(self) -> None:
        """Every open watch breaks off, and the next one of each resource is told 410: its version is too old."""
        self._gone = {each.resource for each in self.requests if each.verb == "watch"}
        self.cut_watches()

    def kubeconfig(self, original: Path, path: Path) -> Path:
        """The kubeconfig of a service account, pointed at the proxy."""
        document = yaml.safe_load(original.read_text())
        for cluster in document["clusters"]:
            cluster["cluster"] = {"server": f"http://127.0.0.1:{self.port}"}
        path.write_text(yaml.safe_dump(document))
        return path

    def _call(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _open(self) -> None:
        connector = TCPConnector(ssl=self._tls, limit=0)
        self._session = ClientSession(connector=connector, auto_decompress=False, timeout=ClientTimeout(total=None))
        app = web.Application(client_max_size=8 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    async def _close(self) -> None:
        for each in list(self._watches):
            each.cancel()
        await self._runner.cleanup()
        await self._session.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        seen = request_of(request.method, request.path, dict(request.query))
        self.requests.append(seen)
        fault = next((each for each in self._faults if each.times > 0 and each.wants(seen)), None)
        if fault is not None:
            fault.times -= 1
            if fault.after:
                await self._do(request)
            fault.then()
            return self._answer(request, fault)
        if seen.verb == "watch" and seen.resource in self._gone:
            self._gone.discard(seen.resource)
            return web.json_response({"type": "ERROR", "object": _status(410)})
        return await self._forward(request, seen)

    def _answer(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        if fault.status is None:
            assert request.transport is not None
            request.transport.abort()
        return web.json_response(_status(fault.status or 500), status=fault.status or 500, headers=fault.headers)

    async def _do(self, request: web.Request) -> None:
        async with await self._ask(request) as answer:
            await answer.read()

    async def _forward(self, request: web.Request, seen: Request) -> web.StreamResponse:
        try:
            async with await self._ask(request) as answer:
                return await self._relay(request, seen, answer)
        except ClientError:
            raise web.HTTPBadGateway from None

    async def _ask(self, request: web.Request) -> Any:
        kept = {key: value for key, value in request.headers.items() if key.lower() not in ("host", "accept-encoding")}
        body = await request.read()
        return self._session.request(
            request.method, f"{self._server}{request.path_qs}", headers=kept, data=body or None
        )

    async def _relay(self, request: web.Request, seen: Request, answer: Any) -> web.StreamResponse:
        reply = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.headers["Content-Type"]})
        task = asyncio.current_task()
        assert task is not None
        if seen.verb == "watch":
            self._watches.add(task)
        try:
            await reply.prepare(request)
            async for piece in answer.content.iter_any():
                await reply.write(piece)
        except asyncio.CancelledError:
            if request.transport is not None:
                request.transport.abort()
            raise
        finally:
            self._watches.discard(task)
        return reply


def request_of(method: str, path: str, query: dict[str, str]) -> Request:
    """A request in the words of RBAC."""
    version, rest = r"/(?:api/v1|apis/([^/]+)/[^/]+)", r"(?:/namespaces/([^/]+))?/([^/]+)(?:/([^/]+))?(?:/([^/]+))?"
    found = re.fullmatch(version + rest, path)
    if not found:
        return Request(method.lower(), "", "", path)
    group, namespace, plural, name, subresource = (each or "" for each in found.groups())
    one = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}[method]
    verb = "watch" if query.get("watch") == "true" else "list" if method == "GET" and not name else one
    return Request(verb, "/".join(each for each in (group, plural, subresource) if each), namespace, name)


def _status(code: int) -> dict[str, Any]:
    reasons = {409: "Conflict", 410: "Expired", 429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable"}
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": "injected"}
    return json.loads(json.dumps({**status, "reason": reasons.get(code, "Unknown")}))
