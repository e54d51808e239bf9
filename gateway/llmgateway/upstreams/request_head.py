"""Request line and fields -> the bytes that stand before a request's body (RFC 9112, sections 3 and 5)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from llmgateway.upstreams.port import UpstreamError

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
"""What no field may hold (RFC 9110, section 5.5): a line break would begin a field of somebody's own."""


def request_head(method: str, path: str, host: str, headers: Mapping[str, str], length: int | None) -> bytes:
    """The head of an HTTP/1.1 request to the target `path`; `length`: the body's in bytes, None without one.

    Raises UpstreamError where a field holds a control character; it is told by name, not by value."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *[f"{name}: {value}" for name, value in headers.items()]]
    if _CONTROL.search("".join(lines)):
        raise UpstreamError(f"{_culprit(headers)} holds a control character")
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode()


def _culprit(headers: Mapping[str, str]) -> str:
    names = [name for name, value in headers.items() if _CONTROL.search(name + value)]
    return f"header {names[0]!r}" if names else "the request's target"
