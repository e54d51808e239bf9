"""What is known of model families, as data. A name that no row knows gets the conservative row: what every current
model of its kind accepts.

Sources: Anthropic's documentation of extended thinking, effort and structured outputs (models overview); the chat
templates of the open models; OpenAI's reasoning guide. Discovery may know better: these are the defaults.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

from msgspec import Struct

EFFORTS = ("minimal", "low", "medium", "high", "xhigh", "max")
"""Every effort of any dialect, weakest first."""

_TO_HIGH = ("low", "medium", "high")
_TO_MAX = ("low", "medium", "high", "xhigh", "max")


class ClaudeFamily(Struct, frozen=True, kw_only=True):
    """What one generation of Claude models accepts; anything else is a 400 there."""

    thinking: frozenset[str]
    """Accepted values of `thinking.type`."""
    thinking_default: Literal["off", "on", "always"]
    efforts: tuple[str, ...] = _TO_MAX
    """Accepted values of `output_config.effort`; empty where the field is refused."""
    sampling: Literal["none", "one", "both"] = "none"
    """temperature and top_p: neither, one of them at a time, or both."""
    shows_thinking: bool = False
    """Thinking text comes without asking for `display: summarized`."""
    system_in_conversation: bool = False
    """role:system messages after the first user turn."""
    prefill: bool = False
    """A last assistant message is continued."""
    structured_output: bool = True
    """`output_config.format`."""
    max_tokens: int = 128_000
    """The longest answer."""


def _thinking(*types: str) -> frozenset[str]:
    return frozenset(types)


_ALWAYS = ClaudeFamily(thinking=_thinking("adaptive"), thinking_default="always", system_in_conversation=True)
_ON = ClaudeFamily(thinking=_thinking("adaptive", "disabled"), thinking_default="on", system_in_conversation=True)
_SONNET_5_5 = ClaudeFamily(
    thinking=_thinking("adaptive", "between_tools"), thinking_default="on", system_in_conversation=True
)
_SONNET_5 = ClaudeFamily(thinking=_thinking("adaptive", "disabled"), thinking_default="on")
_OPUS_4_7 = ClaudeFamily(thinking=_thinking("adaptive", "disabled"), thinking_default="off")
_OPUS_4_8 = ClaudeFamily(
    thinking=_thinking("adaptive", "disabled"), thinking_default="off", system_in_conversation=True
)


def _before_4_7(*types: str, efforts: tuple[str, ...] = (), max_tokens: int, **others: object) -> ClaudeFamily:
    settings: dict[str, object] = {"sampling": "one", "shows_thinking": True, "prefill": True, **others}
    return ClaudeFamily(
        thinking=_thinking(*types),
        thinking_default="off",
        efforts=efforts,
        max_tokens=max_tokens,
        **settings,  # type: ignore[arg-type]  # checked by msgspec's constructor at import
    )


_OPUS_4_6 = _before_4_7(
    "adaptive", "enabled", "disabled", efforts=(*_TO_HIGH, "max"), max_tokens=128_000, prefill=False
)
_SONNET_4_6 = _before_4_7("adaptive", "enabled", "disabled", efforts=_TO_HIGH, max_tokens=64_000, prefill=False)
_OPUS_4_5 = _before_4_7("enabled", "disabled", efforts=_TO_HIGH, max_tokens=64_000)
_4_5 = _before_4_7("enabled", "disabled", max_tokens=64_000)
_4_1 = _before_4_7("enabled", "disabled", max_tokens=32_000)
_4 = _before_4_7("enabled", "disabled", max_tokens=32_000, sampling="both", structured_output=False)
_3_7 = _before_4_7("enabled", "disabled", max_tokens=64_000, sampling="both", structured_output=False)
_3_5 = _before_4_7(max_tokens=8_192, sampling="both", structured_output=False)
_3 = _before_4_7(max_tokens=4_096, sampling="both", structured_output=False)

UNKNOWN_CLAUDE = ClaudeFamily(thinking=_thinking("adaptive"), thinking_default="always", efforts=_TO_HIGH)
"""A name that no row knows is most likely newer than this table."""

CLAUDE_FAMILIES: dict[tuple[str, int, int], ClaudeFamily] = {
    ("fable", 5, 0): _ALWAYS,
    ("fable", 5, 1): _ALWAYS,
    ("mythos", 5, 0): _ALWAYS,
    ("mythos", 5, 1): _ALWAYS,
    ("opus", 5, 5): _ALWAYS,
    ("opus", 5, 0): _ON,
    ("haiku", 5, 5): _ON,
    ("sonnet", 5, 5): _SONNET_5_5,
    ("sonnet", 5, 0): _SONNET_5,
    ("opus", 4, 8): _OPUS_4_8,
    ("opus", 4, 7): _OPUS_4_7,
    ("opus", 4, 6): _OPUS_4_6,
    ("sonnet", 4, 6): _SONNET_4_6,
    ("opus", 4, 5): _OPUS_4_5,
    ("sonnet", 4, 5): _4_5,
    ("haiku", 4, 5): _4_5,
    ("opus", 4, 1): _4_1,
    ("opus", 4, 0): _4,
    ("sonnet", 4, 0): _4,
    ("sonnet", 3, 7): _3_7,
    ("sonnet", 3, 5): _3_5,
    ("haiku", 3, 5): _3_5,
    ("opus", 3, 0): _3,
    ("sonnet", 3, 0): _3,
    ("haiku", 3, 0): _3,
}

_LINE_FIRST = re.compile(r"claude-([a-z]+)-(\d{1,2})(?!\d)(?:[-.](\d{1,2})(?!\d))?")
_VERSION_FIRST = re.compile(r"claude-(\d)(?:[-.](\d)(?!\d))?-([a-z]+)")


@lru_cache(maxsize=1024)
def claude_family(model: str) -> ClaudeFamily:
    """The row of a Claude model by its name, also of clouds (`anthropic.claude-...-v1:0`, `claude-...@20250929`)."""
    name = model.lower()
    if found := _LINE_FIRST.search(name):
        key = (found[1], int(found[2]), int(found[3] or 0))
    elif found := _VERSION_FIRST.search(name):
        key = (found[3], int(found[1]), int(found[2] or 0))
    else:
        return UNKNOWN_CLAUDE
    return CLAUDE_FAMILIES.get(key, UNKNOWN_CLAUDE)


class OpenFamily(Struct, frozen=True, kw_only=True):
    """An open model family that can reason."""

    names: re.Pattern[str]
    switch: str | None
    """The chat template's argument that turns reasoning on and off; None where it can't be turned off."""


def _open(names: str, switch: str | None) -> OpenFamily:
    return OpenFamily(names=re.compile(names, re.IGNORECASE), switch=switch)


OPEN_FAMILIES = (
    _open(r"qwen-?3|qwq-?3|qwen-?4", "enable_thinking"),
    _open(r"glm-?(4\.[5-9]|5|6)", "enable_thinking"),
    _open(r"smollm3", "enable_thinking"),
    _open(r"hunyuan-(a13b|[0-9.]+b)", "enable_thinking"),
    _open(r"nemotron-?3|nemotron-nano", "enable_thinking"),
    _open(r"minicpm-?4\.[1-9]", "enable_thinking"),
    _open(r"granite-?(3\.[2-9]|4)", "thinking"),
    _open(r"deepseek-?v3\.[1-9]|deepseek-?v4", "thinking"),
    _open(r"kimi-k2\.[5-9]", "thinking"),
    _open(r"gpt-oss", None),
    _open(r"deepseek-r\d|magistral|qwq", None),
)
"""Rows whose template has no such argument don't belong here: an unknown argument is passed to every template."""


@lru_cache(maxsize=1024)
def open_family(model: str) -> OpenFamily | None:
    """The row of an open model by its name, or None."""
    return next((family for family in OPEN_FAMILIES if family.names.search(model)), None)


class OpenAIFamily(Struct, frozen=True, kw_only=True):
    """What one generation of OpenAI's own models accepts."""

    names: re.Pattern[str]
    efforts: tuple[str, ...]
    """Accepted values of `reasoning_effort`; empty where the field is refused."""
    always_reasons: bool = False
    """Its reasoning can't be turned off; nor does it take temperature, top_p or stop."""


def _openai(names: str, efforts: tuple[str, ...], *, always_reasons: bool = False) -> OpenAIFamily:
    return OpenAIFamily(names=re.compile(names), efforts=efforts, always_reasons=always_reasons)


OPENAI_FAMILIES = (
    _openai(r"^(gpt-3|gpt-4|chatgpt-4)", ()),
    _openai(r"^gpt-5(-mini|-nano)?(-\d{4}.*)?$", ("minimal", *_TO_HIGH), always_reasons=True),
    _openai(r"^o[1-9]", _TO_HIGH, always_reasons=True),
)
UNKNOWN_OPENAI = _openai(r"", _TO_MAX)


@lru_cache(maxsize=1024)
def openai_family(model: str) -> OpenAIFamily:
    """The row of a model of OpenAI's own API by its name."""
    return next((family for family in OPENAI_FAMILIES if family.names.search(model)), UNKNOWN_OPENAI)


def nearest_effort(wanted: str, accepted: tuple[str, ...]) -> str:
    """The strongest accepted effort that is not above the wanted one, or the weakest accepted one."""
    if wanted in accepted or wanted not in EFFORTS:
        return wanted
    rank = EFFORTS.index(wanted)
    below = [effort for effort in accepted if EFFORTS.index(effort) <= rank]
    return below[-1] if below else accepted[0]
