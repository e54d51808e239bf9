"""Requests whose client and upstream speak the same dialect: single fields patched, everything else byte for byte.

What changes: the model's name, `stream_options.include_usage`, the gateway's own extensions (taken out, and their
meaning put into the upstream's fields), the thinking switch of models that have one, system messages where the
upstream's templates refuse them, and thinking blocks that the gateway itself signed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import MsgspecError, Raw, Struct, field

from llmgateway.profiles import claude_family, open_family
from llmgateway.translate.claude_thinking import native_thinking
from llmgateway.translate.rules import Losses
from llmgateway.translate.system_messages import fold_messages, must_fold
from llmgateway.translate.thinking_wish import ThinkingWish, tell_chat, thinks
from llmgateway.translate.translated import Loss, Target
from llmgateway.wire import json_codec
from llmgateway.wire.json_codec import Fields
from llmgateway.wire.reasoning_token import PREFIX, is_own

EXTENSIONS = ("thinking", "effort", "profile", "conversation_id")
"""The gateway's own request fields; `thinking` as an object is Anthropic's."""
_OWN_TOKEN = b'"' + PREFIX.encode()


class _Role(Struct):
    role: str = ""


_roles = json_codec.typed_decoder(list[_Role])


class Native(Struct, kw_only=True):
    """A request of one dialect, ready for an upstream of the same."""

    fields: Fields
    """The same object where nothing had to change."""
    losses: list[Loss] = field(default_factory=list)
    usage_added: bool = False
    """The client asked for no usage chunk: it must not see the one that was asked for."""


def native_chat(fields: Fields, target: Target) -> Native:
    """Chat Completions -> Chat Completions."""
    losses = Losses()
    patch: dict[str, Any] = {}
    if _decoded(fields, "model") != target.model:
        patch["model"] = target.model
    usage_added = _ask_for_usage(fields, patch)
    _patch_thinking(fields, target, patch, losses)
    _fold(fields, target, patch, losses)
    return Native(fields=_patched(fields, patch, EXTENSIONS), losses=losses.losses, usage_added=usage_added)


def native_messages(fields: Fields, target: Target) -> Native:
    """Messages -> Messages. Signatures bind the exact prefix: only thinking that the gateway signed is taken out."""
    patch: dict[str, Any] = {}
    removed = ["effort", "profile", "conversation_id"]
    if _decoded(fields, "model") != target.model:
        patch["model"] = target.model
    if fields.keys() & {"effort", "thinking"}:
        thinking = _decoded(fields, "thinking")
        if not isinstance(thinking, Mapping) and "thinking" in fields:
            removed.append("thinking")
        patch |= native_thinking(
            claude_family(target.model),
            thinking,
            _decoded(fields, "effort"),
            _decoded(fields, "max_tokens"),
            _decoded(fields, "output_config"),
        )
    messages = bytes(fields["messages"]) if "messages" in fields else b""
    if _OWN_TOKEN in messages:
        patch["messages"] = _without_own_thinking(messages)
    return Native(fields=_patched(fields, patch, removed))


def _decoded(fields: Fields, name: str) -> Any:
    if name not in fields:
        return None
    try:
        return json_codec.decode(bytes(fields[name]))
    except json_codec.InvalidJSON:
        return None


def _patched(fields: Fields, patch: Mapping[str, Any], removed: tuple[str, ...] | list[str]) -> Fields:
    gone = [name for name in removed if name in fields and name not in patch]
    if not patch and not gone:
        return fields
    made = {name: value for name, value in fields.items() if name not in gone}
    for name, value in patch.items():
        made[name] = value if isinstance(value, Raw) else Raw(json_codec.encode(value))
    return made


def _ask_for_usage(fields: Fields, patch: dict[str, Any]) -> bool:
    if _decoded(fields, "stream") is not True:
        return False
    options = _decoded(fields, "stream_options")
    options = options if isinstance(options, dict) else {}
    if options.get("include_usage") is True:
        return False
    patch["stream_options"] = {**options, "include_usage": True}
    return True


def _patch_thinking(fields: Fields, target: Target, patch: dict[str, Any], losses: Losses) -> None:
    family = open_family(target.model)
    has_switch = family is not None and family.switch is not None and target.type in ("VLLM", "LlamaCpp", "Ollama")
    if not has_switch and not fields.keys() & {"thinking", "effort"}:
        return
    wish = ThinkingWish()
    wish.take_thinking(_decoded(fields, "thinking"))
    reasoning = _decoded(fields, "reasoning")
    if isinstance(reasoning, Mapping):
        wish.take_effort(reasoning.get("effort"), "reasoning.effort")
    wish.take_effort(_decoded(fields, "reasoning_effort"), "reasoning_effort")
    if "reasoning_effort" not in fields:
        wish.take_effort(_decoded(fields, "effort"), "effort")
    told: dict[str, Any] = {}
    tell_chat(wish, target, told, losses)
    own = _decoded(fields, "chat_template_kwargs")
    if family is not None and family.switch is not None and "chat_template_kwargs" in told:
        own = own if isinstance(own, dict) else {}
        if family.switch not in own:
            patch["chat_template_kwargs"] = {**own, family.switch: thinks(wish, target)}
    if "reasoning_effort" in told and "reasoning_effort" not in fields and "reasoning" not in fields:
        patch["reasoning_effort"] = told["reasoning_effort"]


def _fold(fields: Fields, target: Target, patch: dict[str, Any], losses: Losses) -> None:
    setting = target.system_messages or ("Keep" if target.type == "OpenAI" else "Fold")
    if setting == "Keep" or "messages" not in fields:
        return
    raw = bytes(fields["messages"])
    try:
        roles = [message.role for message in _roles.decode(raw)]
    except MsgspecError:
        return  # no list of messages: the upstream says what is wrong with it
    if not must_fold(roles, takes_developer=target.type == "OpenAI"):
        return
    messages, left_out = fold_messages(json_codec.decode(raw), first_only=setting == "First")
    patch["messages"] = messages
    for position in left_out:
        losses.lose(f"messages[{position}]", "only the first system message is kept here (systemMessages: First)")


def _without_own_thinking(messages: bytes) -> Any:
    try:
        kept = [_stripped(message) for message in _raw_list.decode(messages)]
    except (MsgspecError, json_codec.InvalidJSON):
        return Raw(messages)
    return [message for message in kept if message is not None]


_raw_list = json_codec.typed_decoder(list[Raw])


def _stripped(message: Raw) -> Raw | None:
    data = bytes(message)
    if data.find(_OWN_TOKEN) < 0:
        return Raw(data)
    parts = json_codec.split_fields(data)
    content = bytes(parts.get("content", b"null"))
    if not content.startswith(b"["):
        return Raw(data)
    blocks = [Raw(bytes(block)) for block in _raw_list.decode(content)]
    kept = [block for block in blocks if not _is_own_thinking(bytes(block))]
    if not kept:
        return None
    if len(kept) == len(blocks):
        return Raw(data)
    return Raw(json_codec.join_fields({**parts, "content": Raw(json_codec.encode(kept))}))


def _is_own_thinking(block: bytes) -> bool:
    if block.find(_OWN_TOKEN) < 0:
        return False
    found = json_codec.decode(block)
    return isinstance(found, dict) and found.get("type") == "thinking" and is_own(found.get("signature"))
