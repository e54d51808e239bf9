"""The agent backend behind the upstream seam: Messages requests in, Messages answers out.

A request whose session dies before the API began to answer is asked again on another one. Models and token counts are
no conversation: with an API key they are asked of the API over HTTP, with a login nobody can tell them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from llmgateway.failures import Failure, TurnRefused
from llmgateway.upstreams.claude_agent.answer import BodyAnswer, StreamAnswer, failure_answer
from llmgateway.upstreams.claude_agent.capacity import affordable, memory_limit
from llmgateway.upstreams.claude_agent.credential import Credential, betas_of, credential_of
from llmgateway.upstreams.claude_agent.failures import NO_LOGIN
from llmgateway.upstreams.claude_agent.launch import Launch
from llmgateway.upstreams.claude_agent.login_folder import configured_folder
from llmgateway.upstreams.claude_agent.pool import PoolLimits, SessionPool
from llmgateway.upstreams.claude_agent.request import Plan, plan_of
from llmgateway.upstreams.claude_agent.session import ProtocolRefused, Session, SessionEnded
from llmgateway.upstreams.claude_agent.turn import SessionTurn
from llmgateway.upstreams.claude_agent.whole_message import whole_message
from llmgateway.upstreams.port import ConnectFailed, Transport, UpstreamAnswer, UpstreamBroke, UpstreamRequest
from llmgateway.wire import json_codec

MESSAGES: Final = "/v1/messages"
PROFILE_HEADER: Final = "x-llmgateway-profile"
"""`deep`: thinking on, and the highest effort below the model's maximum; the session is used once."""
TRIES: Final = 5
"""Sessions for one request, before the API has begun to answer."""
LOOK_EVERY: Final = 1.0
"""Seconds between two looks at a login's file."""
VENDOR_URL: Final = "https://api.anthropic.com"


class AgentSettings(Struct, frozen=True):
    """What the spec says; times in seconds."""

    base_url: str = VENDOR_URL
    size: int = 4
    idle: float = 300.0
    max_turns: int = 200
    read_timeout: float = 600.0
    pool_timeout: float = 10.0
    uses_login: bool = False
    """No credential in the spec, or a login's file: the program reads it, and requests carry nothing."""
    shared_credential: bool = True
    """False where each client brings its own (authPassthrough)."""


class ClaudeAgentTransport:
    """The pool starts with the first request, or at once where an event loop runs. `http` reaches the same API
    directly, for what is no conversation. `given_login`: the content of a login's file, as it is now."""

    def __init__(
        self,
        settings: AgentSettings,
        http: Transport,
        authorities: str | None = None,
        login: Path | None = None,
        given_login: Callable[[], bytes] | None = None,
    ) -> None:
        self._settings = settings
        self._http = http
        url = None if settings.base_url == VENDOR_URL else settings.base_url
        folder = (login or configured_folder()) if settings.uses_login else None
        self._launch = Launch(url, authorities, settings.read_timeout, folder, given_login)
        size = affordable(settings.size, memory_limit())
        self._limits = PoolLimits(size, settings.idle, settings.max_turns, settings.pool_timeout)
        self._pool: SessionPool | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._settling: dict[bytes, asyncio.Task[None]] = {}
        self._owner: bytes | None = None
        with suppress(RuntimeError):
            asyncio.get_running_loop()
            self._started_pool()

    async def send(self, request: UpstreamRequest) -> UpstreamAnswer:
        """Answers once the API's status is known. Raises UpstreamError."""
        credential = credential_of(request.headers)
        if request.path != MESSAGES:
            return await self._over_http(request, credential, post=True)
        try:
            self._check(credential)
            deep = request.headers.get(PROFILE_HEADER) == "deep"
            plan = plan_of(_document(request.body), credential.owner, deep=deep)
            return await self._answer(plan, plan.settings(credential.variables, betas_of(request.headers)))
        except TurnRefused as refused:
            return failure_answer(refused.failure)

    async def get(self, request: UpstreamRequest) -> UpstreamAnswer:
        """Model lists. Raises UpstreamError."""
        return await self._over_http(request, credential_of(request.headers), post=False)

    async def close(self) -> None:
        """Kills every session, also of running answers."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._pool is not None:
            await self._pool.close()
        self._launch.close()
        await self._http.close()

    def health(self) -> dict[str, Any]:
        """For `GET /health`. state: ok | not_installed | no_login | failing."""
        pool = self._pool.health() if self._pool is not None else {"size": self._limits.size}
        reason = self._pool.trouble if self._pool is not None else ""
        state = "failing" if reason else "ok"
        if not self._launch.installed:
            state, reason = "not_installed", "the extra claude-agent is not installed"
        elif self._settings.uses_login and (self._launch.login is None or self._launch.login.state == "missing"):
            state, reason = "no_login", NO_LOGIN
        return {"state": state, "reason": reason, "sizeWanted": self._settings.size, **pool}

    @property
    def processes(self) -> list[int]:
        """Process ids of the sessions."""
        return self._pool.processes if self._pool is not None else []

    def login_renewed(self) -> None:
        """To be called by whoever renews the login's file in the program's place: kept sessions are recycled."""
        if self._pool is not None:
            self._pool.drop_kept()

    async def _answer(self, plan: Plan, settings: dict[str, Any]) -> UpstreamAnswer:
        for left in range(TRIES - 1, -1, -1):
            session = await self._session_for(plan.before)
            turn = SessionTurn(session, plan, self._settings.read_timeout)
            try:
                await turn.ask(settings)
                answer = StreamAnswer(turn, await turn.events(), self._done)
                if plan.stream:
                    return answer
                return BodyAnswer(200, whole_message(await _complete(turn, answer)))
            except (SessionEnded, ProtocolRefused) as error:
                self._give_up(session, died=isinstance(error, SessionEnded))
                if not left:
                    raise UpstreamBroke(str(error)) from None
            except BaseException:
                self._give_up(session)
                raise
        raise AssertionError("the last try returns or raises")

    def _done(self, turn: SessionTurn) -> None:
        """The answer was read to its end, or nobody wants the rest."""
        digest = turn.keeps_as
        if digest is None:
            self._give_up(turn.session)
        else:
            self._settling[digest] = self._task(self._settle(turn, digest))

    async def _settle(self, turn: SessionTurn, digest: bytes) -> None:
        well = False
        try:
            well = await turn.settled()
        finally:
            self._settling.pop(digest, None)
            self._started_pool().release(turn.session, digest if well else None)

    async def _session_for(self, conversation: bytes | None) -> Session:
        """The one that holds the conversation may not have quite finished its last turn."""
        settling = self._settling.get(conversation) if conversation else None
        if settling is not None:
            await asyncio.wait({settling})
        return await self._started_pool().acquire(conversation)

    def _give_up(self, session: Session, *, died: bool = False) -> None:
        self._started_pool().release(session, died=died)

    def _check(self, credential: Credential) -> None:
        """Raises TurnRefused without a login, ConnectFailed without a program; notices another credential."""
        if not self._launch.installed:
            raise ConnectFailed("the extra claude-agent is not installed")
        login = self._launch.login
        if credential.login and (login is None or login.state == "missing"):
            raise TurnRefused(Failure(kind="internal", message=NO_LOGIN, should_retry=False))
        changed = self._owner not in (None, credential.owner) and self._settings.shared_credential
        self._owner = credential.owner
        if changed and self._pool is not None:
            self._pool.drop_kept()

    def _started_pool(self) -> SessionPool:
        if self._pool is None:
            self._pool = SessionPool(self._launch, self._limits)
            if self._launch.installed:
                self._pool.start()
            if self._launch.login is not None:
                self._task(self._watch_login())
        return self._pool

    def _task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _watch_login(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            if self._launch.login is not None and self._launch.login.look():
                self.login_renewed()

    async def _over_http(self, request: UpstreamRequest, credential: Credential, *, post: bool) -> UpstreamAnswer:
        if credential.api_key:
            return await (self._http.send(request) if post else self._http.get(request))
        message = "An agent backend tells this only with an API key."
        return failure_answer(Failure(kind="not_found", message=message))


def _document(body: bytes) -> Any:
    try:
        return json_codec.decode(body)
    except json_codec.InvalidJSON as error:
        failure = Failure(kind="invalid_request", message=f"the body is no JSON document: {error}")
        raise TurnRefused(failure) from None


async def _complete(turn: SessionTurn, answer: StreamAnswer) -> bytes:
    """The whole stream, failures as exceptions: nothing was sent to the client yet."""
    parts = [await answer.read_some()]
    while turn.stop_reason is None:
        parts.append(await turn.events())
    answer.close()
    return b"".join(parts)
