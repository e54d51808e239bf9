"""Tool calls out of fragments that servers number in every way.

What is known of servers: the id is repeated on every fragment, or made up anew for each; the index is missing, or the
same for all calls; the name comes later than the id; arguments come as an object, or never; an id never comes.
"""

from __future__ import annotations

import hashlib
from typing import Any

from llmgateway.dialects import tool_arguments
from llmgateway.dialects.openai_chat.chunks import FunctionPart, ToolPart
from llmgateway.events import Event, ToolArgumentsDelta, ToolCallFinished, ToolCallStarted
from llmgateway.wire import json_codec


class Call:
    """One call: `index` is its place among the started ones, -1 until its name is known."""

    __slots__ = ("custom", "fragments", "id", "index", "name")

    def __init__(self) -> None:
        self.index = -1
        self.id = ""
        self.name = ""
        self.custom = False
        self.fragments: list[str] = []


class ToolFragments:
    """Fragments in, tool events out. `seed` makes ids where the server sends none."""

    def __init__(self) -> None:
        self.seed = ""
        self._calls: list[Call] = []
        self._by_index: dict[int, Call] = {}
        self._started = 0

    @property
    def any_started(self) -> bool:
        """True once the client was told of a call."""
        return self._started > 0

    def feed(self, part: ToolPart, events: list[Event]) -> None:
        """One element of `tool_calls`."""
        function = part.function or _as_function(part) or FunctionPart()
        name = function.name if isinstance(function.name, str) else ""
        call_id = part.id if isinstance(part.id, str) else ""
        call = self._find(part.index, call_id, name)
        call.id = call.id or call_id
        call.name = call.name or name
        call.custom = call.custom or part.custom is not None
        fragment = _fragment(call, function.arguments)
        if fragment:
            call.fragments.append(fragment)
        if call.index >= 0:
            if fragment:
                events.append(ToolArgumentsDelta(call.index, fragment))
        elif call.name:
            self._start(call, events)

    def finish(self, events: list[Event], *, cut: bool) -> bool:
        """The turn is over: every whole call is finished. True when some arguments are no complete JSON.

        `cut`: the server said that it ran out of tokens, so a last call without arguments may have lost them.
        """
        truncated = False
        for call in self._calls:
            if call.custom and call.index >= 0:
                call.fragments.append('"}')
                events.append(ToolArgumentsDelta(call.index, '"}'))
            arguments = "".join(call.fragments)
            whole = tool_arguments.are_whole(arguments) if arguments.strip() else not (cut and call is self._calls[-1])
            truncated = truncated or not whole
            if whole and call.index >= 0:
                events.append(ToolCallFinished(call.index))
        return truncated

    @property
    def nameless(self) -> bool:
        """True when a call never got a name, so that nobody can answer it."""
        return any(call.index < 0 and (call.id or call.fragments) for call in self._calls)

    def _find(self, index: Any, call_id: str, name: str) -> Call:
        if isinstance(index, int):
            known = self._by_index.get(index)
        elif call_id:
            known = next((call for call in self._calls if call.id in (call_id, "")), None)
        else:
            known = self._calls[-1] if self._calls else None
        if known is None or _begins_another(known, call_id, name):
            known = Call()
            self._calls.append(known)
        if isinstance(index, int):
            self._by_index[index] = known
        return known

    def _start(self, call: Call, events: list[Event]) -> None:
        call.index = self._started
        self._started += 1
        events.append(ToolCallStarted(call.index, call.id or self._made_id(call), call.name))
        if call.fragments:
            events.append(ToolArgumentsDelta(call.index, "".join(call.fragments)))

    def _made_id(self, call: Call) -> str:
        source = f"{self.seed}/{call.index}/{call.name}".encode()
        return f"call_{hashlib.sha256(source).hexdigest()[:24]}"


def _begins_another(call: Call, call_id: str, name: str) -> bool:
    """Does a fragment that is numbered like this call belong to a new one? Only one that has a name can."""
    if not name:
        return False
    if call_id and call.id:
        return call_id != call.id
    if not call.name:
        return False
    return name != call.name or tool_arguments.object_ends(call.fragments)


def _as_function(part: ToolPart) -> FunctionPart | None:
    return None if part.custom is None else FunctionPart(part.custom.name, part.custom.input)


def _fragment(call: Call, arguments: Any) -> str:
    """JSON text; a freeform input becomes the inside of `{"input": "..."}`."""
    if isinstance(arguments, str):
        if not call.custom:
            return arguments
        opening = "" if call.fragments else '{"input":"'
        return opening + json_codec.encode(arguments)[1:-1].decode()
    return json_codec.encode(arguments).decode() if isinstance(arguments, dict | list) else ""
