"""A Messages request as a plan for one session: what it is set to, told, and asked.

The program knows `model` as a setting; the other fields travel in its environment variable CLAUDE_CODE_EXTRA_BODY,
whose JSON object is merged into the top level of its API request. Both are set on a running process by the control
request `apply_flag_settings`, so an untouched process can serve any request.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from llmgateway.profiles import claude_family, nearest_effort
from llmgateway.upstreams.claude_agent.conversation import TOOL_PREFIX, Turn, digests, refuse, turns_of
from llmgateway.wire import json_codec

OWN_FIELDS = frozenset({"model", "messages", "system", "stream", "cache_control"})
"""Everything else is the API's to judge: an open list, as Anthropic's own gateways treat it."""
LONGEST_TOOL_NAME = 128 - len(TOOL_PREFIX)
BILLING_LINE = "x-anthropic-billing-header:"
DEEP_EFFORT = "xhigh"


class Plan(Struct):
    """One turn of one session."""

    model: str
    system: str
    turns: list[Turn]
    """All that was said; the last one is the question."""
    body: dict[str, Any]
    """The request's fields for CLAUDE_CODE_EXTRA_BODY."""
    stream: bool
    one_shot: bool
    """Thinking, effort, profile deep: the session is neither a kept one nor kept afterwards."""
    digests: list[bytes]
    """After each turn, that of the conversation so far."""

    @property
    def before(self) -> bytes | None:
        """Digest of the conversation that this question continues; None where no kept session may serve it."""
        return None if self.one_shot or len(self.digests) < 2 else self.digests[-2]

    def after(self, text: str) -> bytes | None:
        """Digest of the conversation when the answer is `text`; None where the session may not be kept."""
        answer = Turn("assistant", [{"type": "text", "text": text}])
        return None if self.one_shot or not text else digests(self.digests[-1], [answer])[0]

    def settings(self, credential: Mapping[str, str], betas: str) -> dict[str, Any]:
        """The `apply_flag_settings` object; every variable is named each time, so that nothing is left from before."""
        variables = {**credential, "ANTHROPIC_BETAS": betas}
        variables["CLAUDE_CODE_MAX_OUTPUT_TOKENS"] = str(self.body.get("max_tokens", ""))
        variables["CLAUDE_CODE_EXTRA_BODY"] = json_codec.encode(self.body).decode()
        return {"model": self.model, "env": variables}


def plan_of(document: Any, owner: bytes, *, deep: bool) -> Plan:
    """`owner` stands for the credential: conversations of two credentials never meet. Raises TurnRefused."""
    if not isinstance(document, dict):
        raise refuse("body", "must be a JSON object")
    model, tokens = document.get("model"), document.get("max_tokens")
    if not isinstance(model, str) or not model:
        raise refuse("model", "is needed")
    if type(tokens) is not int or tokens < 0:
        raise refuse("max_tokens", "a whole number is needed")
    system, turns = _system(document.get("system")), turns_of(document.get("messages"))
    body = {name: value for name, value in document.items() if name not in OWN_FIELDS}
    _rename_tools(body)
    one_shot = _thinks(body) or deep
    _set_thinking(body, model, deep=deep)
    seed = hashlib.blake2b(b"\0".join((owner, model.encode(), system.encode())), digest_size=32).digest()
    return Plan(model, system, turns, body, document.get("stream") is True, one_shot, digests(seed, turns))


def _system(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if not isinstance(value, list) or not all(isinstance(block, dict) for block in value):
        raise refuse("system", "must be a string or a list of text blocks")
    texts = [str(block.get("text", "")) for block in value]
    return "\n\n".join(text for text in texts if not text.startswith(BILLING_LINE))


def _rename_tools(body: dict[str, Any]) -> None:
    tools = body.get("tools")
    if tools is None:
        return
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise refuse("tools", "must be a list of tools")
    body["tools"] = [_renamed(tool, f"tools[{index}]") for index, tool in enumerate(tools)]
    choice = body.get("tool_choice")
    declared = {tool.get("name") for tool in tools if _is_clients(tool)}
    if isinstance(choice, dict) and choice.get("name") in declared:
        body["tool_choice"] = {**choice, "name": f"{TOOL_PREFIX}{choice['name']}"}


def _is_clients(tool: Mapping[str, Any]) -> bool:
    """Typed tools (`web_search_20250305`) have a name that the API fixes."""
    return tool.get("type") in (None, "custom")


def _renamed(tool: dict[str, Any], path: str) -> dict[str, Any]:
    told = {name: value for name, value in tool.items() if name != "cache_control"}
    if not _is_clients(tool):
        return told
    name = tool.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_TOOL_NAME:
        raise refuse(f"{path}.name", f"the agent takes tool names of 1 to {LONGEST_TOOL_NAME} characters, not {name!r}")
    return {**told, "name": f"{TOOL_PREFIX}{name}"}


def _thinks(body: Mapping[str, Any]) -> bool:
    thinking, config = body.get("thinking"), body.get("output_config")
    on = isinstance(thinking, dict) and thinking.get("type") in ("adaptive", "enabled")
    return on or (isinstance(config, dict) and config.get("effort") is not None)


def _set_thinking(body: dict[str, Any], model: str, *, deep: bool) -> None:
    """Says what the API would assume: the program has defaults of its own (thinking on, effort by model)."""
    family = claude_family(model)
    if "thinking" not in body:
        off = "disabled" in family.thinking and family.thinking_default == "off" and not deep
        kind = "disabled" if off else "adaptive"
        if kind in family.thinking:
            body["thinking"] = {"type": kind}
    config = body.get("output_config")
    if family.efforts and (config is None or (isinstance(config, dict) and config.get("effort") is None)):
        effort = nearest_effort(DEEP_EFFORT, family.efforts) if deep else "high"
        body["output_config"] = {**(config or {}), "effort": effort}
