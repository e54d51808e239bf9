"""Anthropic's tools that the client runs but the vendor describes (bash, text editor, memory), as functions.

Sources: Anthropic's pages of the bash, text editor and memory tools. All other typed tools run on the vendor's servers.
"""

from __future__ import annotations

from typing import Any


def _schema(required: list[str], **properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required}


def _text(description: str) -> dict[str, Any]:
    return {"type": "string", "description": description}


def _one_of(*names: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(names)}


_INSERT_LINE = {"type": "integer", "description": "The line after which to insert; 0 for the beginning."}
_VIEW_RANGE = {"type": "array", "items": {"type": "integer"}, "description": "[first line, last line]"}

TYPED_TOOLS: dict[str, tuple[str, dict[str, Any]]] = {
    "bash_": (
        "Run a command in a persistent bash session.",
        _schema(
            [],
            command=_text("The command to run."),
            restart={"type": "boolean", "description": "Restart the session instead."},
        ),
    ),
    "text_editor_": (
        "View, create and edit text files.",
        _schema(
            ["command", "path"],
            command=_one_of("view", "create", "str_replace", "insert"),
            path=_text("Path of the file or directory."),
            file_text=_text("create: the whole content."),
            old_str=_text("str_replace: the text to replace, exactly and once in the file."),
            new_str=_text("str_replace: the new text; insert: the text to insert."),
            insert_text=_text("insert: the text to insert."),
            insert_line=_INSERT_LINE,
            view_range=_VIEW_RANGE,
        ),
    ),
    "memory_": (
        "Keep notes in files under /memories over many conversations.",
        _schema(
            ["command"],
            command=_one_of("view", "create", "str_replace", "insert", "delete", "rename"),
            path=_text("Path under /memories."),
            file_text=_text("create: the whole content."),
            old_str=_text("str_replace: the text to replace."),
            new_str=_text("str_replace: the new text."),
            insert_line=_INSERT_LINE,
            insert_text=_text("insert: the text to insert."),
            old_path=_text("rename: the old path."),
            new_path=_text("rename: the new path."),
            view_range=_VIEW_RANGE,
        ),
    ),
}
"""By the beginning of the type, which ends in a date: (description, schema)."""


def typed_tool(kind: str) -> tuple[str, dict[str, Any]] | None:
    """Description and schema of a typed tool that the client runs, or None."""
    return next((known for prefix, known in TYPED_TOOLS.items() if kind.startswith(prefix)), None)
