"""Output items and content parts of the Responses API as documents, for streams and whole answers alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from llmgateway.dialects.openai_responses.custom_input import InputUnwrapper
from llmgateway.dialects.reply import Reply
from llmgateway.dialects.tool_arguments import object_ends
from llmgateway.events import Citation, FinishReason, ToolIdentity
from llmgateway.wire import reasoning_token

ItemStatus = Literal["in_progress", "completed", "incomplete"]
Ending = FinishReason | Literal["failed"]

EARLY_ENDINGS: frozenset[Ending] = frozenset({"length", "context_window", "refusal", "failed"})
"""After one of these the last item, and every call without its last bytes, is incomplete."""

NO_ARGUMENTS = "{}"
"""A finished function call whose upstream sent no arguments."""


class View:
    """What the client is to see of an answer; reads the reply when asked, because parts of it are known late."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        included = reply.request.get("include")
        self.encrypted_reasoning = isinstance(included, list) and "reasoning.encrypted_content" in included
        """Reasoning items carry a token that brings the reasoning back in the next request."""

    @property
    def refusal_as_text(self) -> bool:
        """A refusal also stands as output_text: Codex prints no refusal parts."""
        return self._reply.refusal_as_text

    @property
    def reasoning_is_summary(self) -> bool:
        """Reasoning goes into `summary`, not `content`."""
        return self._reply.reasoning_is_summary


def item_id(prefix: Literal["msg", "rs", "fc", "ctc"], reply: Reply, output_index: int) -> str:
    """The same for every event of the item, and never used twice."""
    return f"{prefix}_{reply.id}{output_index:02d}"


def call_item_id(identity: ToolIdentity, reply: Reply, output_index: int) -> str:
    """The item id of a tool call (its `call_id` is the upstream's)."""
    return item_id("ctc" if identity.kind == "custom" else "fc", reply, output_index)


def text_part(text: str, annotations: Sequence[dict[str, Any]] = (), logprobs: Sequence[Any] = ()) -> dict[str, Any]:
    """An output_text part."""
    return {"type": "output_text", "text": text, "annotations": list(annotations), "logprobs": list(logprobs)}


def refusal_part(text: str) -> dict[str, Any]:
    """A refusal part."""
    return {"type": "refusal", "refusal": text}


def annotations_of(citations: Sequence[Citation], text: str) -> list[dict[str, Any]]:
    """Web pages as url_citations of the whole part; a source without an address can't be said here."""
    return [
        {"type": "url_citation", "start_index": 0, "end_index": len(text), "url": found.url, "title": found.title}
        for found in citations
        if found.url
    ]


def logprobs_of(piece: Any) -> list[Any]:
    """The entries of a chat `logprobs` object; `bytes` is required here and may be null there."""
    entries = piece.get("content") if isinstance(piece, Mapping) else None
    return [_with_bytes(entry) for entry in entries or () if isinstance(entry, Mapping)]


def message_item(identifier: str, parts: Sequence[dict[str, Any]], status: ItemStatus) -> dict[str, Any]:
    """A message of the assistant."""
    return {"id": identifier, "type": "message", "status": status, "role": "assistant", "content": list(parts)}


def is_visible(text: str, signature: str | None, view: View) -> bool:
    """Whether reasoning makes an item at all: without text it serves only to carry its signature back."""
    return bool(text) or (view.encrypted_reasoning and signature is not None)


def reasoning_part(text: str, view: View) -> dict[str, Any]:
    """A part of a reasoning item."""
    return {"type": "summary_text" if view.reasoning_is_summary else "reasoning_text", "text": text}


def reasoning_item(identifier: str, text: str, signature: str | None, view: View, status: ItemStatus) -> dict[str, Any]:
    """A reasoning item; its token is complete, and there, only when the item is no longer in progress."""
    texts = [reasoning_part(text, view)] if text else []
    item: dict[str, Any] = {"id": identifier, "type": "reasoning", "status": status, "summary": []}
    item["summary" if view.reasoning_is_summary else "content"] = texts
    if view.encrypted_reasoning:
        item["encrypted_content"] = None if status == "in_progress" else reasoning_token.wrap(text, signature)
    return item


def call_item(
    identifier: str, call_id: str, identity: ToolIdentity, content: str, status: ItemStatus
) -> dict[str, Any]:
    """A function_call with its `arguments`, or a custom_tool_call with its `input`, named as the client named it."""
    custom = identity.kind == "custom"
    item = {
        "id": identifier,
        "type": "custom_tool_call" if custom else "function_call",
        "status": status,
        "call_id": call_id,
        "name": identity.name,
        "input" if custom else "arguments": content,
    }
    return item | {"namespace": identity.namespace} if identity.namespace is not None else item


def call_content(arguments: str, identity: ToolIdentity, status: ItemStatus) -> str:
    """A call's `arguments` or `input`."""
    if identity.kind == "custom":
        unwrapper = InputUnwrapper()
        return unwrapper.feed(arguments) + (unwrapper.end() if status == "completed" else "")
    return arguments + NO_ARGUMENTS if status == "completed" and not arguments.strip() else arguments


def text_status(ending: Ending, *, is_last: bool) -> ItemStatus:
    """Of messages and reasoning: what another item follows was written to its end."""
    return "incomplete" if is_last and ending in EARLY_ENDINGS else "completed"


def reasoning_status(signature: str | None, ending: Ending, *, is_last: bool) -> ItemStatus:
    """Signed reasoning is complete however the turn ends."""
    return text_status(ending, is_last=is_last) if signature is None else "completed"


def call_status(arguments: str, identity: ToolIdentity, ending: Ending, *, is_last: bool) -> ItemStatus:
    """Whether the call may be run. When a turn ends early, only what arrived whole is complete; without any
    arguments that is every call but the last item, which was being written."""
    if ending not in EARLY_ENDINGS:
        return "completed"
    whole = is_whole(arguments, identity) if arguments.strip() else not is_last
    return "completed" if whole else "incomplete"


def is_whole(arguments: str, identity: ToolIdentity) -> bool:
    """Whether nothing more can belong to these arguments."""
    if identity.kind == "custom":
        unwrapper = InputUnwrapper()
        unwrapper.feed(arguments)
        unwrapper.end()
        return unwrapper.is_whole
    return object_ends([arguments])


def _with_bytes(entry: Mapping[str, Any]) -> dict[str, Any]:
    top = [_with_bytes(other) for other in entry.get("top_logprobs") or () if isinstance(other, Mapping)]
    full = {**entry, "bytes": entry.get("bytes") or []}
    return full | {"top_logprobs": top} if "top_logprobs" in entry else full
