"""Backends of the current configuration: made when their spec changes, kept when it does not, retired when gone."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping

from llmgateway.credentials.secret_store import SecretStore
from llmgateway.credentials.token_formats import CLAUDE_FILE
from llmgateway.server.configuration_file import Configuration
from llmgateway.upstreams.backend import Backend, CredentialSource, RetrySettings
from llmgateway.upstreams.circuit import Circuit
from llmgateway.upstreams.http_transport import HTTPTransport, PoolSettings
from llmgateway.upstreams.port import Transport
from llmgateway.upstreams.scripted import ScriptedTransport
from llmgateway_api.backends import Backend as BackendSpec
from llmgateway_api.backends import SessionPool
from llmgateway_api.credential import LLMCredential
from llmgateway_api.policy import CircuitBreaker
from llmgateway_api.references import CredentialReference

ReadLogin = Callable[[], bytes]
MakeTransport = Callable[[BackendSpec, str | None, ReadLogin | None], Transport]
"""Spec, PEM bundle of the backend's certificate authorities, and a login's file -> its transport."""

ACCESS_TOKEN_KEY = "accessToken"  # noqa: S105 - the name of a key, not a secret
RETIRE_POLL = 0.5


def make_transport(spec: BackendSpec, authorities: str | None, login: ReadLogin | None = None) -> Transport:
    """The transport that a backend's type asks for."""
    if spec.base_url is None:
        return ScriptedTransport()
    settings = PoolSettings(
        connect=spec.timeouts.connect,
        read=spec.timeouts.read,
        write=spec.timeouts.write,
        pool=spec.timeouts.pool,
        max_connections=spec.limits.max_connections,
        keep_alive=spec.limits.keep_alive,
    )
    tls = ssl.create_default_context(cadata=authorities) if authorities else None
    http = HTTPTransport(spec.base_url, settings, tls)
    return http if spec.pool is None else _agent_transport(spec, spec.base_url, spec.pool, http, authorities, login)


def _agent_transport(
    spec: BackendSpec,
    base_url: str,
    pool: SessionPool,
    http: Transport,
    authorities: str | None,
    login: ReadLogin | None,
) -> Transport:
    """Sessions of the Claude Agent SDK's own program; `http` serves what needs no session."""
    from llmgateway.upstreams.claude_agent import AgentSettings, ClaudeAgentTransport  # noqa: PLC0415 - few need it

    settings = AgentSettings(
        base_url=base_url,
        size=pool.size,
        idle=float(pool.idle),
        max_turns=pool.max_turns,
        read_timeout=float(spec.timeouts.read),
        pool_timeout=float(spec.timeouts.pool),
        uses_login=login is not None or not (spec.credential_ref or spec.oauth or spec.auth_passthrough),
        shared_credential=not spec.auth_passthrough,
    )
    return ClaudeAgentTransport(settings, http, authorities, given_login=login)


class BackendPool:
    """The living backends by name."""

    def __init__(self, secrets: SecretStore, transport: MakeTransport = make_transport) -> None:
        self._secrets = secrets
        self._make_transport = transport
        self._living: dict[str, tuple[object, Backend]] = {}
        self._retiring: set[asyncio.Task[None]] = set()

    def backends_of(self, configuration: Configuration) -> dict[str, Backend]:
        """The configuration's backends; unchanged ones keep their pool and circuit. Raises ssl.SSLError."""
        spec = configuration.gateway.spec
        made = {each.name: self._backend(each, configuration, spec.policy.circuit_breaker) for each in spec.backends}
        for name, (_, backend) in self._living.items():
            if name not in made or made[name][1] is not backend:
                self._retire(backend)
        self._living = made
        return {name: backend for name, (_, backend) in made.items()}

    async def close(self) -> None:
        """Closes every pool, running answers included."""
        retiring = list(self._retiring)
        for task in retiring:
            task.cancel()
        await asyncio.gather(*retiring, return_exceptions=True)
        for _, backend in self._living.values():
            await backend.transport.close()

    def _backend(
        self, spec: BackendSpec, configuration: Configuration, breaker: CircuitBreaker
    ) -> tuple[object, Backend]:
        authorities = self._secrets.value(spec.tls.ca_secret_ref.name, spec.tls.ca_secret_ref.key) if spec.tls else None
        reference = spec.credential(configuration.gateway.metadata.name)
        identity = (spec, authorities, breaker, _credential_of(reference, configuration.credentials))
        known = self._living.get(spec.name)
        if known is not None and known[0] == identity:
            return known
        login = self._login(spec, reference, configuration.credentials)
        backend = Backend(
            spec.name,
            spec.type,
            self._make_transport(spec, authorities, login),
            circuit=Circuit(breaker.failures, breaker.open_for),
            credential=self._credential(reference, configuration.credentials) if login is None else None,
            passthrough=spec.auth_passthrough,
            retry=RetrySettings(spec.retry.attempts, spec.retry.delay),
            context_window=spec.limits.context_window,
        )
        return identity, backend

    def _credential(
        self, reference: CredentialReference | None, credentials: Mapping[str, LLMCredential]
    ) -> CredentialSource | None:
        if reference is None:
            return None
        credential = _credential_of(reference, credentials)
        secret = _secret_of(reference, credential)
        key = reference.key or ACCESS_TOKEN_KEY
        bearer = credential is not None and credential.spec.type != "Static"
        return CredentialSource(
            f"key {key} of Secret {secret}", lambda: self._secrets.value(secret, key), self._secrets.reload, bearer
        )

    def _login(
        self, spec: BackendSpec, reference: CredentialReference | None, credentials: Mapping[str, LLMCredential]
    ) -> ReadLogin | None:
        if spec.type != "ClaudeAgent" or reference is None or reference.key != CLAUDE_FILE:
            return None  # with that key it is the login's file of an agent, not a value to show
        secret = _secret_of(reference, _credential_of(reference, credentials))

        def read() -> bytes:
            return (self._secrets.value(secret, CLAUDE_FILE) or "").encode()

        return read

    def _retire(self, backend: Backend) -> None:
        task = asyncio.create_task(_close_when_idle(backend))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)


def _credential_of(
    reference: CredentialReference | None, credentials: Mapping[str, LLMCredential]
) -> LLMCredential | None:
    if reference is None or reference.kind != "LLMCredential":
        return None
    return credentials.get(reference.name) or LLMCredential.model_validate(
        {"metadata": {"name": reference.name}, "spec": {"type": "RefreshToken"}}
    )


def _secret_of(reference: CredentialReference, credential: LLMCredential | None) -> str:
    return credential.target_secret_name if credential else reference.name


async def _close_when_idle(backend: Backend) -> None:
    """Running streams end on the pool they began with."""
    try:
        while backend.in_flight:
            await asyncio.sleep(RETIRE_POLL)
    finally:
        await backend.transport.close()
