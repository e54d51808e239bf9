"""The official SDKs as clients of the real process, over an upstream in another process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from support.gateway_files import gateway_document, model, secret_document, write_documents
from support.running_gateway import gateway_process

WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city"],
}


@pytest.fixture(scope="module")
def gateway_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A gateway with keys, in front of an OpenAI-compatible server in another process."""
    folder: Path = tmp_path_factory.mktemp("sdk")
    with gateway_process() as upstream:
        backend = {"name": "local", "type": "VLLM", "endpoint": {"url": f"{upstream.url}/v1"}}
        auth = {"apiKeys": {"secretRef": {"name": "clients"}}}
        document = gateway_document([backend], models=[model("coder", "local", aliases=["claude-*"])], auth=auth)
        file = write_documents(folder / "gateway.yaml", document, secret_document("clients", sdk="sdk-key"))
        with gateway_process(["-f", str(file)]) as running:
            yield running.url


@pytest.fixture
def chat(gateway_url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway_url}/v1", api_key="sdk-key", max_retries=0) as client:
        yield client


@pytest.fixture
def messages(gateway_url: str) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=gateway_url, api_key="sdk-key", max_retries=0) as client:
        yield client


@pytest.mark.behaviour("R1", "R2")
def test_openai_chats_whole(chat: openai.OpenAI) -> None:
    answer = chat.chat.completions.create(model="coder", messages=[{"role": "user", "content": "hello there"}])
    assert answer.choices[0].message.content == "You said: hello there"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None and answer.usage.total_tokens > 0


@pytest.mark.behaviour("R2")
def test_openai_chats_streamed_with_usage(chat: openai.OpenAI) -> None:
    with chat.chat.completions.create(
        model="gpt-4o",
        messages=[{"role": "user", "content": "hello there"}],
        stream=True,
        stream_options={"include_usage": True},
    ) as stream:
        chunks = list(stream)
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert said == "You said: hello there"
    assert chunks[-1].usage is not None and chunks[-1].choices == []


@pytest.mark.behaviour("R2")
@pytest.mark.parametrize("streamed", [False, True])
def test_openai_calls_a_tool_and_gets_the_result_back(chat: openai.OpenAI, streamed: bool) -> None:
    tools: Any = [{"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}}]
    asked: Any = [{"role": "user", "content": "call the tool get_weather"}]
    if streamed:
        with chat.chat.completions.stream(model="coder", messages=asked, tools=tools) as stream:
            message = stream.get_final_completion().choices[0].message
    else:
        message = chat.chat.completions.create(model="coder", messages=asked, tools=tools).choices[0].message
    assert message.tool_calls is not None
    call = message.tool_calls[0]
    assert call.type == "function" and call.function.name == "get_weather"
    assert json.loads(call.function.arguments) == {"city": "example"}
    result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    told = [*asked, {"role": "assistant", "tool_calls": [call.to_dict()]}, result]
    answer = chat.chat.completions.create(model="coder", messages=told, tools=tools)
    assert answer.choices[0].message.content == "The tool said: sunny"


@pytest.mark.behaviour("R3", "R6")
def test_anthropic_chats_whole(messages: anthropic.Anthropic) -> None:
    answer = messages.messages.create(
        model="claude-x", max_tokens=100, system="Be brief.", messages=[{"role": "user", "content": "hello there"}]
    )
    assert [block.to_dict() for block in answer.content] == [{"type": "text", "text": "You said: hello there"}]
    assert answer.stop_reason == "end_turn"
    assert answer.model == "claude-x"
    assert answer.usage.input_tokens > 0


@pytest.mark.behaviour("R3", "T3")
def test_anthropic_chats_streamed(messages: anthropic.Anthropic) -> None:
    with messages.messages.stream(
        model="coder", max_tokens=100, messages=[{"role": "user", "content": "hello there"}]
    ) as stream:
        assert "".join(stream.text_stream) == "You said: hello there"
        final = stream.get_final_message()
    assert final.stop_reason == "end_turn" and final.usage.output_tokens > 0


@pytest.mark.behaviour("T1", "T3")
@pytest.mark.parametrize("streamed", [False, True])
def test_anthropic_calls_a_tool_and_gets_the_result_back(messages: anthropic.Anthropic, streamed: bool) -> None:
    tools: Any = [{"name": "get_weather", "description": "weather", "input_schema": WEATHER}]
    asked: Any = [{"role": "user", "content": "call the tool get_weather"}]
    if streamed:
        with messages.messages.stream(model="coder", max_tokens=100, messages=asked, tools=tools) as stream:
            answer = stream.get_final_message()
    else:
        answer = messages.messages.create(model="coder", max_tokens=100, messages=asked, tools=tools)
    assert answer.stop_reason == "tool_use"
    call = answer.content[-1]
    assert call.type == "tool_use" and call.input == {"city": "example"}
    told = [
        *asked,
        {"role": "assistant", "content": [call.to_dict()]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}]},
    ]
    final = messages.messages.create(model="coder", max_tokens=100, messages=told, tools=tools)
    assert final.content[0].to_dict() == {"type": "text", "text": "The tool said: sunny"}


@pytest.mark.behaviour("R4", "T4")
def test_openai_responses_whole_and_streamed(chat: openai.OpenAI) -> None:
    whole = chat.responses.create(model="coder", input="hello there")
    assert whole.output_text == "You said: hello there"
    assert whole.status == "completed"
    with chat.responses.stream(model="coder", input="hello there") as stream:
        kinds = [event.type for event in stream]
        assert stream.get_final_response().output_text == "You said: hello there"
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed"


@pytest.mark.behaviour("R5")
def test_both_sdks_list_the_models(chat: openai.OpenAI, messages: anthropic.Anthropic) -> None:
    assert "coder" in [entry.id for entry in chat.models.list()]
    assert "coder" in [entry.id for entry in messages.models.list()]


@pytest.mark.behaviour("R13", "T5")
def test_both_sdks_raise_their_own_error_for_a_wrong_key(gateway_url: str) -> None:
    with openai.OpenAI(base_url=f"{gateway_url}/v1", api_key="wrong", max_retries=3) as chat:
        with pytest.raises(openai.AuthenticationError, match="not known here"):
            chat.chat.completions.create(model="coder", messages=[{"role": "user", "content": "hi"}])
    with anthropic.Anthropic(base_url=gateway_url, api_key="wrong", max_retries=3) as messages:
        with pytest.raises(anthropic.AuthenticationError, match="not known here"):
            messages.messages.create(model="coder", max_tokens=5, messages=[{"role": "user", "content": "hi"}])
