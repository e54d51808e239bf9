"""Requests of one dialect to an upstream of the same: every byte that need not change stays."""

from __future__ import annotations

from typing import Any

import pytest

from llmgateway.translate.native import Native, native_chat, native_messages
from llmgateway.translate.translated import Target
from llmgateway.wire import json_codec
from llmgateway.wire.reasoning_token import wrap

OPENAI = Target(type="OpenAI", model="gpt-4.1")
QWEN = Target(type="VLLM", model="qwen3")
LLAMA = Target(type="VLLM", model="llama")
CLAUDE = Target(type="Anthropic", model="claude-opus-5")
HI = b'[ {"role":"user", "content":"hi"} ]'


def sent(native: Native) -> Any:
    return json_codec.decode(json_codec.join_fields(native.fields))


def chat(body: bytes, target: Target) -> Native:
    return native_chat(json_codec.split_fields(body), target)


@pytest.mark.behaviour("R1")
def test_a_chat_request_that_needs_nothing_is_the_same_object() -> None:
    body = b'{"model":"gpt-4.1","messages":' + HI + b',"n":2,"logit_bias":{"1": 1.50},"odd":[1,  2]}'
    fields = json_codec.split_fields(body)
    native = native_chat(fields, OPENAI)
    assert native.fields is fields
    assert native.losses == []
    assert not native.usage_added
    assert json_codec.join_fields(native.fields) == body


@pytest.mark.behaviour("R1", "R8")
def test_only_the_model_is_replaced() -> None:
    body = b'{"model":"alias","messages":' + HI + b',"max_tokens":5,"temperature":1.0,"odd":{"a" :1}}'
    assert json_codec.join_fields(chat(body, OPENAI).fields) == body.replace(b"alias", b"gpt-4.1")


@pytest.mark.behaviour("T10")
@pytest.mark.parametrize(
    ("options", "added", "expected"),
    [
        (b"", True, {"include_usage": True}),
        (b',"stream_options":null', True, {"include_usage": True}),
        (b',"stream_options":{"include_usage":false,"x":1}', True, {"include_usage": True, "x": 1}),
        (b',"stream_options":{"include_usage":true}', False, {"include_usage": True}),
    ],
)
def test_a_stream_asks_for_usage_and_says_whether_the_client_did(options: bytes, added: bool, expected: Any) -> None:
    native = chat(b'{"model":"llama","messages":' + HI + b',"stream":true' + options + b"}", LLAMA)
    assert native.usage_added is added
    assert sent(native)["stream_options"] == expected


@pytest.mark.behaviour("W1")
@pytest.mark.parametrize(
    ("more", "switch"),
    [
        (b"", False),
        (b',"thinking":true', True),
        (b',"thinking":false', False),
        (b',"reasoning_effort":"low"', True),
        (b',"reasoning_effort":"none"', False),
        (b',"effort":"high"', True),
        (b',"reasoning":{"effort":"low"}', True),
    ],
)
def test_a_model_with_a_switch_thinks_when_asked_to(more: bytes, switch: bool) -> None:
    found = sent(chat(b'{"model":"qwen3","messages":' + HI + more + b"}", QWEN))
    assert found["chat_template_kwargs"] == {"enable_thinking": switch}
    assert "thinking" not in found
    assert "effort" not in found


@pytest.mark.behaviour("W1")
def test_the_clients_own_template_arguments_win() -> None:
    body = b'{"model":"qwen3","messages":' + HI + b',"chat_template_kwargs":{"enable_thinking":true,"a":1}}'
    assert json_codec.join_fields(chat(body, QWEN).fields) == body
    mixed = chat(b'{"model":"qwen3","messages":' + HI + b',"chat_template_kwargs":{"a":1}}', QWEN)
    assert sent(mixed)["chat_template_kwargs"] == {"a": 1, "enable_thinking": False}


@pytest.mark.behaviour("W1")
def test_the_backend_decides_where_the_request_says_nothing() -> None:
    target = Target(type="VLLM", model="qwen3", thinking=True)
    assert sent(chat(b'{"model":"qwen3","messages":' + HI + b"}", target))["chat_template_kwargs"] == {
        "enable_thinking": True
    }


@pytest.mark.behaviour("R7")
def test_the_gateways_own_fields_never_leave() -> None:
    body = (
        b'{"model":"gpt-5.5","messages":' + HI + b',"thinking":true,"effort":"low","profile":"p","conversation_id":"c"}'
    )
    found = chat(body, Target(type="OpenAI", model="gpt-5.5"))
    assert sent(found) == {
        "model": "gpt-5.5",
        "messages": [{"role": "user", "content": "hi"}],
        "reasoning_effort": "low",
    }
    assert found.losses == []


FOLDABLE = b"""{"model":"llama","messages":[{"role":"developer","content":"A"},{"role":"system","content":[
{"type":"text","text":"B"}]},{"role":"user","content":"hi"},{"role":"system","content":"C"},{"role":"assistant","content":"yo"},
{"role":"system","content":"D"},{"role":"user","content":[{"type":"text","text":"go"}]},
{"role":"system","content":"E"}]}"""


@pytest.mark.behaviour("W2")
def test_late_system_messages_are_folded_for_servers_with_templates() -> None:
    assert sent(chat(FOLDABLE, LLAMA))["messages"] == [
        {"role": "system", "content": "A\n\nB"},
        {"role": "user", "content": "hi\n\n<system-reminder>\nC\n</system-reminder>"},
        {"role": "assistant", "content": "yo"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "<system-reminder>\nD\n</system-reminder>"},
                {"type": "text", "text": "go"},
                {"type": "text", "text": "<system-reminder>\nE\n</system-reminder>"},
            ],
        },
    ]


@pytest.mark.behaviour("W2")
def test_only_the_first_system_message_stays_with_first_and_the_others_are_named() -> None:
    native = chat(FOLDABLE, Target(type="VLLM", model="llama", system_messages="First"))
    assert [message["role"] for message in sent(native)["messages"]] == ["system", "user", "assistant", "user"]
    assert sent(native)["messages"][0] == {"role": "system", "content": "A"}
    assert [loss.path for loss in native.losses] == ["messages[1]", "messages[3]", "messages[5]", "messages[7]"]


@pytest.mark.behaviour("W2")
@pytest.mark.parametrize("target", [OPENAI, Target(type="VLLM", model="llama", system_messages="Keep")])
def test_system_messages_stay_where_the_upstream_takes_them(target: Target) -> None:
    body = FOLDABLE.replace(b'"llama"', json_codec.encode(target.model))
    assert sent(chat(body, target)) == json_codec.decode(body)


@pytest.mark.behaviour("W2")
def test_a_growing_conversation_keeps_its_folded_prefix() -> None:
    turns = json_codec.decode(FOLDABLE)["messages"]
    whole = json_codec.encode(sent(chat(FOLDABLE, LLAMA))["messages"])
    for length in (4, 5):
        part = json_codec.encode({"model": "llama", "messages": turns[:length]})
        assert whole.startswith(json_codec.encode(sent(chat(part, LLAMA))["messages"])[:-1])


def test_a_system_message_between_calls_and_their_results_moves_behind_them() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "system", "content": "S"},
        {"role": "tool", "tool_call_id": "a", "content": "ok"},
        {"role": "assistant", "content": "done"},
    ]
    found = sent(chat(json_codec.encode({"model": "llama", "messages": messages}), LLAMA))["messages"]
    assert [message["role"] for message in found] == ["user", "assistant", "tool", "user", "assistant"]


@pytest.mark.behaviour("W0", "R10")
def test_a_messages_request_passes_byte_for_byte() -> None:
    body = (
        b'{"model":"claude-opus-5","max_tokens":9,"system":[ {"type":"text","text":"a"}],"messages":'
        b'[{"role":"user","content":"hi"},{"role":"system","content":"late"},{"role":"assistant","content":'
        b'[{"type":"thinking","thinking":"t", "signature":"EqQB"}]}],"unheard_of":{"a":  1},'
        b'"thinking":{"type":"adaptive"}}'
    )
    fields = json_codec.split_fields(body)
    native = native_messages(fields, CLAUDE)
    assert native.fields is fields
    assert native.losses == []


@pytest.mark.behaviour("W0")
def test_thinking_that_the_gateway_signed_never_reaches_anthropic() -> None:
    token = wrap("thought", None).encode()
    own = b'{"type":"thinking","thinking":"thought","signature":"' + token + b'"}'
    text = b'{"type":"text",  "text":"gw1. is a word"}'
    body = (
        b'{"model":"claude-opus-5","messages":[{"role":"user","content":"\\"gw1.x"},{"role":"assistant","content":['
        + own + b"," + text + b']},{"role":"user","content":"b"},{"role":"assistant","content":[' + own
        + b']},{"role":"user","content":"c"}]}'
    )  # fmt: skip
    found = json_codec.join_fields(native_messages(json_codec.split_fields(body), CLAUDE).fields)
    assert token not in found
    assert text in found
    assert [message["content"] for message in json_codec.decode(found)["messages"]] == [
        '"gw1.x', [json_codec.decode(text)], "b", "c",
    ]  # fmt: skip


@pytest.mark.behaviour("R7")
@pytest.mark.parametrize(
    ("model", "more", "expected"),
    [
        ("claude-opus-5", b',"thinking":true', {"thinking": {"type": "adaptive", "display": "summarized"}}),
        ("claude-opus-5", b',"thinking":false', {"thinking": {"type": "disabled"}}),
        ("claude-sonnet-4-5", b',"thinking":true', {"thinking": {"type": "enabled", "budget_tokens": 3000}}),
        ("claude-opus-4-8", b',"effort":"low"', {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}),
    ],
)
def test_the_gateways_own_fields_are_anthropics_own_on_the_native_path(model: str, more: bytes, expected: Any) -> None:
    body = b'{"model":"' + model.encode() + b'","max_tokens":4000,"messages":' + HI + more + b',"profile":"p"}'
    found = sent(native_messages(json_codec.split_fields(body), Target(type="Anthropic", model=model)))
    del found["model"], found["messages"], found["max_tokens"]
    assert found == expected
