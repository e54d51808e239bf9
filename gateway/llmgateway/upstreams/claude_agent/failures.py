"""What the program says when the API refused or could not be reached -> Failure, without the program's own phrases.

Wordings of the pinned command line; the contract tests hold them against the real program.
"""

from __future__ import annotations

import re
from typing import Any

from llmgateway.failures import Failure, FailureKind, kind_of_status
from llmgateway.upstreams.claude_agent.lines import Line
from llmgateway.upstreams.port import ConnectFailed
from llmgateway.wire import json_codec

_PREFIX = re.compile(
    r"^(?:Failed to authenticate\. )?(?:API Error: )?(?:Request rejected \(\d{3}\)(?: · |\s*)|\d{3} )?", re.DOTALL
)
_ADVICE = re.compile(r"\.? This is a server-side issue, usually temporary.*$", re.DOTALL)
_SIZES = re.compile(r"~?(\d+) tokens \(limit (\d+)\)")
_NO_LOGIN = re.compile(r"not logged in|/login|session expired", re.IGNORECASE)
_NO_CONNECTION = re.compile(r"ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EPROTO|CERT|Unable to connect")
_KIND_OF_TYPE: dict[str, FailureKind] = {"overloaded_error": "overloaded", "billing_error": "billing"}
TOO_LONG = ("prompt_too_long", "blocking_limit")


def said(line: Line) -> str:
    """The words of a failed turn."""
    if isinstance(line.result, str):
        return line.result
    if isinstance(line.errors, list) and line.errors:
        return "; ".join(str(error) for error in line.errors)
    message = json_codec.decode(bytes(line.message))
    content = message.get("content") if isinstance(message, dict) else None
    blocks = content if isinstance(content, list) else []
    return " ".join(str(block.get("text", "")) for block in blocks if isinstance(block, dict))


def failure_of(line: Line) -> Failure:
    """A failed turn's last word -> Failure. Raises ConnectFailed where the API was never reached."""
    words, status = said(line), line.api_error_status
    message = _ADVICE.sub("", _PREFIX.sub("", words)).strip() or "The agent gave no reason."
    if line.terminal_reason in TOO_LONG or message.startswith("Prompt is too long"):
        return _overflow(message)
    if not isinstance(status, int) and _NO_LOGIN.search(words):
        return Failure(kind="authentication", message=NO_LOGIN, should_retry=False)
    if not isinstance(status, int) and _NO_CONNECTION.search(words):
        raise ConnectFailed(message)
    return Failure(kind=_kind(status, line.api_error_type), message=message, from_upstream=True)


NO_LOGIN = "The agent has no valid login: its credentials file is missing, or its login has expired."


def _kind(status: Any, named: Any) -> FailureKind:
    if isinstance(named, str) and named in _KIND_OF_TYPE:
        return _KIND_OF_TYPE[named]
    return kind_of_status(status) if isinstance(status, int) else "bad_gateway"


def _overflow(message: str) -> Failure:
    """The program hides the API's numbers where the conversation has a history."""
    sizes = _SIZES.search(message)
    tokens, window = (int(sizes[1]), int(sizes[2])) if sizes else (None, None)
    words = "the conversation is longer than the model's context window. Shorten or compact it."
    return Failure(kind="context_overflow", message=words, input_tokens=tokens, window=window, from_upstream=True)
