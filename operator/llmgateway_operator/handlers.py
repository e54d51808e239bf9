"""kopf, for watching LLMGateways and LLMCredentials. Handlers put keys into the queue and nothing else.

kopf swallows errors of event handlers and never retries them, so no logic may live here. No handler kind that adds a
finalizer or an annotation is used.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any

import kopf

from llmgateway_operator.cluster.kinds import CREDENTIAL, GATEWAY, Kind
from llmgateway_operator.keys import Key
from llmgateway_operator.settings import ProcessSettings

log = logging.getLogger(__name__)

Notice = Callable[[Key, bool], None]
"""A key, and whether it was only found, in a list of all there are."""


def registry(notice: Notice) -> kopf.OperatorRegistry:
    """The handlers; `notice` gets the key of every object that came, changed or went."""
    handlers = kopf.OperatorRegistry()
    kopf.on.login(registry=handlers)(_login)
    for kind in (GATEWAY, CREDENTIAL):
        kopf.on.event(kind.group, kind.version, kind.plural, registry=handlers, id=f"notice-{kind.plural}")(
            _handler(kind, notice)
        )
    return handlers


def _handler(kind: Kind, notice: Notice) -> Callable[..., Any]:
    seen: dict[Key, tuple[Any, ...]] = {}

    async def noticed(event: Mapping[str, Any], meta: Mapping[str, Any], **_: Any) -> None:
        key = Key(kind.kind, meta.get("namespace") or "", meta["name"])
        if event.get("type") == "DELETED":
            seen.pop(key, None)
        elif kind is GATEWAY:
            if seen.get(key) == (now := _without_status(meta)):
                return
            seen[key] = now
        notice(key, event.get("type") is None)

    return noticed


def _without_status(metadata: Mapping[str, Any]) -> tuple[Any, ...]:
    """What changes unless only the status did. A gateway's is written by the operator itself, who need not look again;
    a credential's concerns the gateways that use it."""
    words = (sorted((metadata.get(part) or {}).items()) for part in ("labels", "annotations"))
    return (metadata.get("uid"), metadata.get("generation"), metadata.get("deletionTimestamp"), *map(tuple, words))


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
    configured.process.ultimate_exiting_timeout = None  # it would end its own thread by a signal
    return configured


async def watch(settings: ProcessSettings, notice: Notice) -> None:
    """Runs kopf in a thread with an event loop of its own; returns only when kopf has failed.

    In one loop with others, kopf takes over the process's signals and, in the end, cancels every task that began after
    it, whoever made it: writes would be cut off halfway. `notice` is called in the loop of the caller.
    """
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def work() -> None:
        try:
            asyncio.run(_operator(settings, lambda key, found: _pass_on(loop, notice, key, found)))
        except Exception:
            log.exception("kopf failed")
        with contextlib.suppress(RuntimeError):  # the caller's loop is closed: nobody is interested any more
            loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=work, name="kopf", daemon=True).start()
    await ended.wait()


def _pass_on(loop: asyncio.AbstractEventLoop, notice: Notice, key: Key, found: bool) -> None:
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(notice, key, found)


async def _operator(settings: ProcessSettings, notice: Notice) -> None:
    scope: dict[str, Any] = {"namespaces": settings.namespaces} if settings.namespaces else {"clusterwide": True}
    scope["identity"] = settings.identity  # kopf's own guess fails for a uid without a name, as pods run with
    await kopf.operator(registry=registry(notice), settings=kopf_settings(settings), standalone=True, **scope)
