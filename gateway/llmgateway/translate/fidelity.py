"""Prints docs/fidelity.md from the translators' own tables: `python -m llmgateway.translate.fidelity [--check]`.

With `--check` nothing is written, and the exit code is 1 when the page on disk is another one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from llmgateway.translate import (
    chat_messages,
    chat_to_messages,
    chat_tools,
    messages_blocks,
    messages_to_chat,
    messages_tools,
    messages_user_blocks,
    responses_fields,
    responses_items,
    responses_to_chat,
    responses_to_messages,
    responses_tools,
)
from llmgateway.translate.rules import Rule

PAGE = Path(__file__).parents[3] / "docs" / "fidelity.md"

_HEAD = """# What a translated request keeps

Generated from the translators' tables (`python -m llmgateway.translate.fidelity`); don't edit.

Where client and upstream speak the same dialect, nothing is translated: the bytes pass, but for the model's name, the
gateway's own fields, `stream_options.include_usage`, the thinking switch, and system messages (`systemMessages`).

| word | meaning |
|---|---|
| carried | it arrives with the same meaning |
| approximated | something close arrives; the last column says what differs |
| dropped | it doesn't arrive: named in `x-llmgateway-dropped`, or a 400 with `policy.translation.strict` |
| consumed | the gateway itself acts on it |

A field that no row names is dropped and named, never an error. A row that says "refused" is a 400 with its path.
"""

SECTIONS: tuple[tuple[str, tuple[tuple[str, Iterable[Rule[Any]]], ...]], ...] = (
    (
        "Messages to a chat upstream",
        (
            ("Field", messages_to_chat.FIELDS.rules),
            ("Field of output_config", messages_to_chat.OUTPUT_CONFIG.rules),
            ("Field of metadata", messages_to_chat.METADATA.rules),
            ("Block of a user message", messages_user_blocks.USER_BLOCKS.rules),
            ("Other content", messages_blocks.OTHER_BLOCKS.rules),
            ("Field of a tool", messages_tools.TOOL_FIELDS.rules),
        ),
    ),
    (
        "Chat Completions to an Anthropic upstream",
        (
            ("Field", chat_to_messages.FIELDS.rules),
            ("Content part", chat_messages.PARTS.rules),
            ("Other content", chat_messages.OTHER_PARTS.rules),
            ("Field of a function", chat_tools.FUNCTION_FIELDS.rules),
        ),
    ),
    (
        "Responses to a chat upstream",
        (
            ("Field", responses_to_chat.FIELDS.rules),
            ("Field of text", responses_to_chat.TEXT.rules),
            ("Field of reasoning", responses_fields.REASONING.rules),
            ("Input item", responses_items.ITEMS.rules),
            ("Field of a tool", responses_tools.FUNCTION_FIELDS.rules),
        ),
    ),
    (
        "Responses to an Anthropic upstream",
        (
            ("Field", responses_to_messages.FIELDS.rules),
            ("Field of text", responses_to_messages.TEXT.rules),
            ("Field of reasoning", responses_fields.REASONING.rules),
            ("Input item", responses_items.ITEMS.rules),
            ("Field of a tool", responses_tools.FUNCTION_FIELDS.rules),
        ),
    ),
)
"""(pair, its tables: (heading of the first column, rules))."""


def page() -> str:
    """The whole page as Markdown."""
    lines = [_HEAD]
    for pair, tables in SECTIONS:
        lines.append(f"## {pair}\n")
        for heading, rules in tables:
            lines.append(f"| {heading} | becomes | in | how |\n|---|---|---|---|")
            lines.extend(_row(rule) for rule in rules)
            lines.append("")
    return "\n".join(lines)


def _row(rule: Rule[Any]) -> str:
    into = f"`{rule.into}`" if rule.into else ""
    return f"| `{rule.field}` | {rule.handling} | {into} | {_note(rule)} |".replace("|  |", "| |")


def _note(rule: Rule[Any]) -> str:
    harmless = ", ".join(f"`{value!r}`" for value in rule.harmless)
    note = f"{rule.reason} (no loss: {harmless})" if harmless else rule.reason
    return note.replace("|", "\\|")


def main(arguments: list[str]) -> int:
    """Write the page, or compare it."""
    text = page()
    if "--check" not in arguments:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write(f"{PAGE} is stale: run python -m llmgateway.translate.fidelity\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
