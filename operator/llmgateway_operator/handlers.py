"""kopf, for watching LLMGateways and LLMCredentials. Handlers put keys into the queue and nothing else.

kopf swallows errors of event handlers and never retries them, so no logic may live here. No handler kind that adds a
finalizer or an annotation is used.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

import kopf

from llmgateway_operator.cluster.kinds import CREDENTIAL, GATEWAY, Kind
from llmgateway_operator.keys import Key
from llmgateway_operator.settings import ProcessSettings

Notice = Callable[[Key], None]


def registry(notice: Notice, started: Callable[[], None]) -> kopf.OperatorRegistry:
    """The handlers; `notice` gets the key of every object that came, changed or went."""
    handlers = kopf.OperatorRegistry()
    kopf.on.login(registry=handlers)(_login)
    kopf.on.startup(registry=handlers)(_starter(started))
    for kind in (GATEWAY, CREDENTIAL):
        kopf.on.event(kind.group, kind.version, kind.plural, registry=handlers, id=f"notice-{kind.plural}")(
            _handler(kind, notice)
        )
    return handlers


def _handler(kind: Kind, notice: Notice) -> Callable[..., Any]:
    async def noticed(namespace: str | None, name: str | None, **_: Any) -> None:
        notice(Key(kind.kind, namespace or "", name or ""))

    return noticed


def _starter(started: Callable[[], None]) -> Callable[..., Any]:
    async def start(**_: Any) -> None:
        started()

    return start


async def _login(**known: Any) -> kopf.ConnectionInfo | None:
    """By the same rule as the operator's own client."""
    if os.environ.get("KUBECONFIG"):
        return kopf.login_with_kubeconfig(**known)
    return kopf.login_with_service_account(**known)


def kopf_settings(settings: ProcessSettings) -> kopf.OperatorSettings:
    """No Events, no peering, no scan for CRDs and namespaces, watches that notice a dead connection."""
    configured = kopf.OperatorSettings()
    configured.posting.enabled = False
    configured.posting.loggers = False
    configured.peering.standalone = True
    configured.scanning.disabled = True
    configured.watching.server_timeout = 270
    configured.watching.inactivity_timeout = 90
    configured.watching.connect_timeout = 10
    configured.watching.chunk_size = 200
    configured.networking.request_timeout = 30
    configured.networking.connect_timeout = 10
    configured.queueing.idle_timeout = 0.5  # a worker per object: with a thousand of them, soon gone is best
    configured.process.ultimate_exiting_timeout = 20
    return configured


async def watch(settings: ProcessSettings, notice: Notice, started: Callable[[], None], stop: asyncio.Event) -> None:
    """Runs kopf until `stop` is set. `started` is called when kopf has taken over the signals of the process.

    In the end kopf cancels every task that began after it, whoever made it: stop everything else first.
    """
    scope: dict[str, Any] = {"namespaces": settings.namespaces} if settings.namespaces else {"clusterwide": True}
    await kopf.operator(
        registry=registry(notice, started), settings=kopf_settings(settings), standalone=True, stop_flag=stop, **scope
    )
