"""Conversations of both upstream dialects, told as a list of turns, and judges of what a policy left of them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from llmgateway.policies.conversation import Dialect

Turn = tuple[str, int, int]
"""What happens ("user", "assistant", "tools"), how many calls, how long each text is."""
DIALECTS: list[Dialect] = ["chat", "messages"]


def document(dialect: Dialect, turns: list[Turn], *, system: str = "Be brief.", **fields: Any) -> dict[str, Any]:
    """A request of these turns; every text is told apart by its number."""
    made: list[Any] = []
    for number, (kind, calls, length) in enumerate(turns):
        made += _told(dialect, kind, calls, length, number)
    if dialect == "chat":
        lead = [{"role": "system", "content": system}] if system else []
        return {"model": "m", "messages": lead + made, **fields}
    return {"model": "m", "max_tokens": 100, "system": system, "messages": made, **fields}


def _told(dialect: Dialect, kind: str, calls: int, length: int, number: int) -> list[Any]:
    text = f"{kind}{number} ".ljust(length, "x")
    if kind != "tools":
        content: Any = text
        if dialect == "messages" and kind == "assistant":
            thinking = {"type": "thinking", "thinking": "hm", "signature": f"s{number}"}
            content = [thinking, {"type": "text", "text": text}]
        return [{"role": kind, "content": content}]
    ids = [f"call_{number}_{each}" for each in range(calls)]
    if dialect == "chat":
        function = {"name": "read", "arguments": f'{{"path":"{number}"}}'}
        made = [{"id": each, "type": "function", "function": function} for each in ids]
        results = [{"role": "tool", "tool_call_id": each, "content": text} for each in ids]
        return [{"role": "assistant", "content": None, "tool_calls": made}, *results]
    uses: list[Any] = [{"type": "tool_use", "id": each, "name": "read", "input": {"path": number}} for each in ids]
    thinking = {"type": "thinking", "thinking": "hm", "signature": f"s{number}"}
    results = [{"type": "tool_result", "tool_use_id": each, "content": text} for each in ids]
    return [{"role": "assistant", "content": [thinking, *uses]}, {"role": "user", "content": results}]


def turns(longest: int = 3000) -> st.SearchStrategy[list[Turn]]:
    """Any order of turns, the first one the user's."""
    one = st.tuples(
        st.sampled_from(["user", "assistant", "tools", "tools"]), st.integers(1, 3), st.integers(20, longest)
    )
    return st.lists(one, max_size=30).map(lambda more: [("user", 1, 40), *more])


def unpaired(made: dict[str, Any]) -> list[str]:
    """Ids of calls without a result right after them, and of results without a call before them."""
    called: list[str] = []
    answered: list[str] = []
    for message in made["messages"]:
        blocks = message["content"] if isinstance(message.get("content"), list) else []
        called += [call["id"] for call in message.get("tool_calls", [])]
        called += [block["id"] for block in blocks if block.get("type") == "tool_use"]
        found = [block["tool_use_id"] for block in blocks if block.get("type") == "tool_result"]
        found += [message["tool_call_id"]] if "tool_call_id" in message else []
        answered += found
        for each in found:
            if each not in called:
                return [each]
    return sorted(set(called) ^ set(answered))


def texts(made: dict[str, Any]) -> str:
    """Everything that stands in the messages, as one text."""
    return repr(made["messages"])


def thinking_blocks(made: dict[str, Any]) -> int:
    """How many blocks of thinking the messages hold."""
    return texts(made).count("'type': 'thinking'")


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-9, 2**70), st.floats(allow_nan=False), st.text(max_size=6))
_WORDS = """role content type text tool_use tool_result tool tool_calls id tool_use_id tool_call_id function name
    arguments input user assistant system developer thinking signature image document source base64 data function_call
    metadata session_id user_id enabled adaptive disabled required auto is_error"""
_FIELDS = """messages system tools tool_choice max_tokens max_completion_tokens thinking model reasoning_effort metadata
    chat_template_kwargs functions input instructions conversation_id"""
WORDS = st.sampled_from(_WORDS.split())
GARBAGE = st.recursive(
    st.one_of(SCALARS, WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(WORDS, inner, max_size=5)),
    max_leaves=20,
)
FIELDS = st.sampled_from(_FIELDS.split())
_MESSAGES = st.lists(
    st.builds(
        lambda role, content, more: {**more, "role": role, "content": content},
        st.sampled_from(["user", "assistant", "system", "tool", "function", "developer", "x"]),
        st.one_of(st.text(max_size=50), st.lists(st.dictionaries(WORDS, GARBAGE, max_size=4), max_size=3), GARBAGE),
        st.dictionaries(WORDS, GARBAGE, max_size=3),
    ),
    max_size=8,
)
DOCUMENTS = st.builds(
    lambda messages, more: {**more, "messages": messages},
    st.one_of(_MESSAGES, GARBAGE),
    st.dictionaries(FIELDS, GARBAGE, max_size=6),
)
"""Requests that only look like requests."""
