"""`kubectl llmgateway rotate CREDENTIAL`: asks for one rotation and waits for its outcome.

The request is an annotation, so that Git keeps the spec. What has happened is read off the status by comparing it with
what it was: the clocks of this machine and of the cluster need not agree.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from kubectl_llmgateway.kubectl import CREDENTIAL, Kubectl, PluginError
from kubectl_llmgateway.moments import as_text, moment

Document = Mapping[str, Any]
REFRESH_AT: Final = "llmgateway.dev/refresh-at"
POLL: Final = 1.0  # seconds: a rotation takes several, and each look is a process


class RotationFailed(PluginError):
    """The refresh program or the token server said no, or nothing happened in time."""


@dataclass(frozen=True)
class Outcome:
    """What a look at the credential says."""

    state: Literal["waiting", "rotated", "failed"]
    message: str


def request_time(credential: Document, now: datetime.datetime) -> str:
    """Now, but later than every request and refresh so far: only a raised time asks for anything."""
    status, spec = credential.get("status") or {}, credential["spec"]
    annotations = credential["metadata"].get("annotations") or {}
    known = (annotations.get(REFRESH_AT), spec.get("refresh", {}).get("requestedAt"), status.get("lastRefreshTime"))
    times = [when + datetime.timedelta(seconds=1) for when in map(moment, known) if when]
    return as_text(max([now, *times]))


def refusal(credential: Document) -> str:
    """Why no rotation can be asked for; empty: it can."""
    spec = credential["spec"]
    if spec["type"] == "Static":
        return f"is Static: change its source, Secret {spec.get('sourceRef', {}).get('name', '')}"
    return "is suspended: set spec.suspend to false" if spec.get("suspend") else ""


def outcome(before: Document, after: Document) -> Outcome:
    """Compares two looks at the same credential."""
    old, new = before.get("status") or {}, after.get("status") or {}
    if new.get("lastRefreshTime") != old.get("lastRefreshTime") and new.get("lastRefreshTime"):
        until = f", valid until {new['expiresAt']}" if new.get("expiresAt") else ""
        return Outcome("rotated", f"revision {new.get('revision', '?')}{until}")
    conditions = {each["type"]: each for each in new.get("conditions", ())}
    stalled, ready = conditions.get("Stalled", {}), conditions.get("Ready", {})
    if (new.get("consecutiveFailures") or 0) > (old.get("consecutiveFailures") or 0):
        return Outcome("failed", _words(stalled or ready))
    was_stalled = any(each["type"] == "Stalled" and each == stalled for each in old.get("conditions", ()))
    if stalled.get("status") == "True" and not was_stalled:
        return Outcome("failed", _words(stalled))
    busy = conditions.get("Reconciling", {})
    return Outcome("waiting", _words(busy or ready) or "the operator has not answered yet")


def _words(condition: Document) -> str:
    return ": ".join(part for part in (condition.get("reason", ""), condition.get("message", "")) if part)


def rotate(kubectl: Kubectl, name: str, timeout: float, progress: Callable[[str], None]) -> str:
    """The sentence of success. `progress` gets a line whenever there is something to say.

    Raises RotationFailed and KubectlFailed."""
    before = kubectl.get(CREDENTIAL, name)
    if reason := refusal(before):
        raise RotationFailed(f"LLMCredential {name} {reason}")
    kubectl.annotate(CREDENTIAL, name, REFRESH_AT, request_time(before, datetime.datetime.now(datetime.UTC)))
    started = time.monotonic()
    while True:
        seen = outcome(before, kubectl.get(CREDENTIAL, name))
        waited = time.monotonic() - started
        if seen.state == "rotated":
            return f"LLMCredential {name} rotated after {waited:.0f} s: {seen.message}"
        if seen.state == "failed":
            raise RotationFailed(f"LLMCredential {name} was not rotated: {seen.message}")
        if waited > timeout:
            raise RotationFailed(f"LLMCredential {name} was not rotated within {timeout:.0f} s: {seen.message}")
        progress(f"waiting for {waited:.0f} s: {seen.message}")
        time.sleep(POLL)
