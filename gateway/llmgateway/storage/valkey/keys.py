"""Names of keys; the table stands in the package's docstring."""

from __future__ import annotations

from urllib.parse import quote, unquote

PREFIX = "llmgateway:"
PROCESSES = f"{PREFIX}processes"


def tagged(kind: str, *names: str) -> str:
    """`llmgateway:{kind:name:...}`: all keys that begin so live in one slot of a cluster."""
    return f"{PREFIX}{{{kind}:{member(*names)}}}"


def member(*names: str) -> str:
    """Names of any characters as one text: percent-encoded, with colons between."""
    return ":".join([quote(name, safe="") for name in names])


def names_of(text: str) -> list[str]:
    """The reverse of `member`."""
    return [unquote(name) for name in text.split(":")]


def milliseconds(seconds: float) -> int:
    """For PEXPIRE, which deletes at once when told 0."""
    return max(1, int(seconds * 1000))
