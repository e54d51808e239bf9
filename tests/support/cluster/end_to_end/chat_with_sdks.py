"""Both official SDKs against one gateway, whole and streamed, with a tool call; raises what they raise.

A program for a pod too: `python3 chat_with_sdks.py URL KEY` prints what was answered as JSON.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import anthropic
import openai

MODEL = "scripted"
ASKED: Any = [{"role": "user", "content": "hello there"}]
CALL: Any = [{"role": "user", "content": "call the tool get_weather"}]
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
EXPECTED = {
    "chat": "You said: hello there",
    "chat streamed": "You said: hello there",
    "chat tool": {"city": "example"},
    "responses": "You said: hello there",
    "messages": "You said: hello there",
    "messages streamed": "You said: hello there",
    "messages tool": {"city": "example"},
}


def chat(url: str, key: str) -> dict[str, Any]:
    """What was answered, by the name of the question: EXPECTED where all is well."""
    with openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as client:
        answers = _chat_with_openai(client)
    with anthropic.Anthropic(base_url=url, api_key=key, max_retries=0) as client:
        return answers | _chat_with_anthropic(client)


def _chat_with_openai(client: openai.OpenAI) -> dict[str, Any]:
    whole = client.chat.completions.create(model=MODEL, messages=ASKED)
    with client.chat.completions.create(model=MODEL, messages=ASKED, stream=True) as stream:
        streamed = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    tools: Any = [{"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}}]
    called = client.chat.completions.create(model=MODEL, messages=CALL, tools=tools).choices[0].message.tool_calls
    assert called
    response = client.responses.create(model=MODEL, input="hello there")
    return {
        "chat": whole.choices[0].message.content,
        "chat streamed": streamed,
        "chat tool": json.loads(called[0].function.arguments),
        "responses": response.output_text,
    }


def _chat_with_anthropic(client: anthropic.Anthropic) -> dict[str, Any]:
    whole = client.messages.create(model=MODEL, max_tokens=100, messages=ASKED)
    with client.messages.stream(model=MODEL, max_tokens=100, messages=ASKED) as stream:
        streamed = "".join(stream.text_stream)
    tools: Any = [{"name": "get_weather", "input_schema": WEATHER}]
    called = client.messages.create(model=MODEL, max_tokens=100, messages=CALL, tools=tools)
    return {
        "messages": whole.content[0].text,
        "messages streamed": streamed,
        "messages tool": called.content[-1].input,
    }


if __name__ == "__main__":
    print(json.dumps(chat(*sys.argv[1:])))
