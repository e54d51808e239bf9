"""What can go wrong at the API server, as one tree. Messages name the object and never hold its content.

    ClusterError            any failed call; `retry_after` in seconds where the server asked for a pause
    +- Unreachable          no answer: refused, reset, timed out, or 5xx; try again
    +- Throttled            429: try again after `retry_after`
    +- Conflict             409: somebody was faster; read again
    +- Gone                 410: the resource version is too old; list again
    +- Forbidden            401, 403: the operator's role lacks something
    +- Rejected             400, 404 of a kind, 405, 422...: the same call will fail again until something changes

The server's sentences are capped, and those about Secrets are dropped: validation errors quote values.
"""

from __future__ import annotations

import json
from typing import Final

LONGEST_MESSAGE: Final = 600  # characters; a condition stays readable
UNREADABLE: Final = "failed to create typed patch object"
"""An unknown field in a server-side apply: the API server answers 500, and would do so for ever."""


class ClusterError(Exception):
    """A call that failed; `str()` is safe to show to users."""

    def __init__(self, message: str, *, status: int = 0, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class Unreachable(ClusterError):
    """No answer, or the server is not able to give one."""


class Throttled(ClusterError):
    """The server asks for a pause."""


class Conflict(ClusterError):
    """Somebody else was faster."""


class Gone(ClusterError):
    """The resource version is too old for a watch."""


class Forbidden(ClusterError):
    """The operator may not do this."""


class Rejected(ClusterError):
    """The server read the request and refused it."""


_BY_STATUS: Final[dict[int, type[ClusterError]]] = {
    401: Forbidden,
    403: Forbidden,
    409: Conflict,
    410: Gone,
    429: Throttled,
}


def error_of(
    what: str, status: int, body: str, retry_after: str | None = None, *, secret: bool = False
) -> ClusterError:
    """The error of an HTTP answer. `what` names verb and object; `secret` drops the server's sentence."""
    unreadable = UNREADABLE in body
    kind = Unreachable if status >= 500 and not unreadable else _BY_STATUS.get(status, Rejected)
    sentence = "" if secret else _sentence(body)
    message = f"{what}: {sentence or _reason(body) or f'HTTP {status}'}"
    pause = float(retry_after) if retry_after and retry_after.isdigit() else None
    return kind(message[:LONGEST_MESSAGE], status=status, retry_after=pause)


def _sentence(body: str) -> str:
    message = _status(body).get("message")
    return message if isinstance(message, str) else ""


def _reason(body: str) -> str:
    reason = _status(body).get("reason")
    return reason if isinstance(reason, str) else ""


def _status(body: str) -> dict[str, object]:
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
