"""What the client gets of an answer: the API's own events, its counts, its reasons, its failures."""

from __future__ import annotations

import asyncio
import json
import time

import psutil
import pytest

from contract.claude_agent.agent import Agent, running_agent, text_of
from contract.claude_agent.anthropic_endpoint import CUT, HANG, Answer, Asked, breaks, calls, fails, says, thinks
from llmgateway.dialects.anthropic_messages.decode import MessagesStreamDecoder
from llmgateway.events import TurnFinished
from llmgateway.upstreams.port import ConnectFailed, UpstreamBroke
from support.event_grammar_messages import judge, read_events

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.behaviour("C2")
async def test_tokens_arrive_while_the_model_still_writes(agent: Agent) -> None:
    agent.endpoint.brain = lambda asked: breaks("first words", HANG)
    answer = await agent.send("hello")
    body = b""
    while b"first words" not in body:
        body += await answer.read_some()
    answer.close()
    assert b"message_stop" not in body


@pytest.mark.behaviour("C2", "T10")
async def test_the_stream_is_the_apis_own_with_its_usage(agent: Agent) -> None:
    agent.endpoint.brain = lambda asked: says("Guten ", "Tag", usage=(1234, 56))
    answer = await agent.send("hello")
    stream = await answer.read_all()
    answer.close()
    assert judge(stream) == "finished"
    events = read_events(stream)
    assert text_of(events) == "Guten Tag"
    counts = events[-2]["usage"]
    assert (counts["input_tokens"], counts["output_tokens"], counts["cache_read_input_tokens"]) == (1234, 56, 3)
    decoded = MessagesStreamDecoder().feed(stream)
    assert isinstance(decoded[-1], TurnFinished) and decoded[-1].reason == "stop"


async def test_a_whole_answer_is_one_json_message(agent: Agent) -> None:
    agent.endpoint.brain = lambda asked: says("Guten ", "Tag", usage=(1234, 56))
    status, message = await agent.whole("hello")
    assert status == 200
    assert message["content"] == [{"type": "text", "text": "Guten Tag"}]
    assert (message["stop_reason"], message["usage"]["output_tokens"], message["role"]) == ("end_turn", 56, "assistant")


@pytest.mark.parametrize(
    "reason", ["max_tokens", "stop_sequence", "refusal", "pause_turn", "model_context_window_exceeded"]
)
async def test_every_reason_ends_the_answer_after_one_api_request(agent: Agent, reason: str) -> None:
    agent.endpoint.brain = lambda asked: says("cut he", stop=reason)
    events = await agent.events("hello")
    assert events[-2]["delta"]["stop_reason"] == reason
    assert len(agent.endpoint.asked) == 1


async def test_an_empty_answer_is_an_answer(agent: Agent) -> None:
    agent.endpoint.brain = lambda asked: says()
    events = await agent.events("hello")
    assert events[-2]["delta"]["stop_reason"] == "end_turn"
    assert len(agent.endpoint.asked) == 1


async def test_thinking_passes_with_its_signature(agent: Agent) -> None:
    agent.endpoint.brain = lambda asked: thinks("let me see", "done")
    status, message = await agent.whole("hello", thinking={"type": "adaptive", "display": "summarized"})
    assert status == 200
    thought = {"type": "thinking", "thinking": "let me see", "signature": "SIG"}
    assert message["content"] == [thought, {"type": "text", "text": "done"}]
    assert agent.last["thinking"] == {"type": "adaptive", "display": "summarized"}


@pytest.mark.behaviour("T5")
@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "invalid_request_error"), (401, "authentication_error"), (402, "billing_error"), (403, "permission_error"),
     (404, "not_found_error"), (413, "request_too_large"), (429, "rate_limit_error"), (500, "api_error"),
     (529, "overloaded_error")],
)  # fmt: skip
async def test_the_apis_errors_keep_their_status_and_are_never_text(agent: Agent, status: int, kind: str) -> None:
    agent.endpoint.brain = lambda asked: fails(status, kind, "the reason given")
    answer = await agent.send("hello")
    body = json.loads(await answer.read_all())
    answer.close()
    assert (answer.status, body["error"]["type"]) == (status, kind)
    assert "API Error" not in body["error"]["message"] and "127.0.0.1" not in body["error"]["message"]
    if status not in (404, 413):  # the program words these two itself
        assert body["error"]["message"] == "the reason given"


@pytest.mark.behaviour("R13")
async def test_an_overflow_is_worded_so_that_clients_compact(agent: Agent) -> None:
    words = "prompt is too long: 250000 tokens > 200000 maximum"
    agent.endpoint.brain = lambda asked: fails(400, "invalid_request_error", words)
    status, body = await agent.whole("hello", "I see", "go on")
    assert (status, body["error"]["type"]) == (400, "invalid_request_error")
    assert body["error"]["message"].startswith("prompt is too long: ")
    assert len(agent.endpoint.asked) == 1  # the program does not shorten the conversation by itself


@pytest.mark.behaviour("T5")
async def test_an_error_in_the_middle_is_an_error_event_and_no_ending_is_made_up(agent: Agent) -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "too busy"}}
    agent.endpoint.brain = lambda asked: breaks("half an ans", error)
    events = await agent.events("hello")
    assert text_of(events) == "half an ans"
    assert events[-1] == {"type": "error", "error": {"type": "overloaded_error", "message": "too busy"}}
    assert "message_stop" not in [event["type"] for event in events]


@pytest.mark.behaviour("T5")
async def test_an_api_that_closes_early_is_an_error_and_is_not_asked_to_go_on(agent: Agent) -> None:
    agent.endpoint.brain = lambda asked: breaks("half an ans", 0.01)
    events = await agent.events("hello")
    assert text_of(events) == "half an ans"
    assert [event["type"] for event in events].count("message_start") == 1
    assert events[-1]["type"] == "error"


async def test_a_connection_that_breaks_in_the_middle_is_an_error(agent: Agent) -> None:
    agent.endpoint.brain = lambda asked: Answer([*breaks("half an ans", 0.2).pieces, CUT])
    answer = await agent.send("hello")
    body = await answer.read_all()
    answer.close()
    assert b"message_stop" not in body
    assert answer.status == 502 or b"event: error" in body


async def test_an_api_that_cannot_be_reached_is_a_failed_connect() -> None:
    async with running_agent(size=1, base_url="http://127.0.0.1:9") as agent:
        with pytest.raises(ConnectFailed):
            await agent.send("hello")


@pytest.mark.behaviour("T8")
async def test_closing_an_answer_ends_the_process_and_the_apis_connection_within_a_second(agent: Agent) -> None:
    agent.endpoint.brain = lambda asked: breaks("first words", HANG)
    before = set(agent.transport.processes)
    answer = await agent.send("hello")
    answer.close()
    async with asyncio.timeout(1.0):
        await agent.endpoint.asked[0].gone.wait()
    await until(lambda: before - {pid for pid in before if psutil.pid_exists(pid)} != set())


@pytest.mark.behaviour("T8")
async def test_a_client_that_leaves_before_the_first_token_ends_it_too(agent: Agent) -> None:
    agent.endpoint.brain = lambda asked: Answer([HANG])
    sending = asyncio.create_task(agent.send("hello", stream=False))
    while not agent.endpoint.asked:
        await asyncio.sleep(0.01)
    sending.cancel()
    async with asyncio.timeout(1.0):
        await agent.endpoint.asked[0].gone.wait()
    await asyncio.gather(sending, return_exceptions=True)


async def test_tool_calls_come_under_the_clients_names_and_nothing_runs(agent: Agent) -> None:
    def brain(asked: Asked) -> Answer:
        name = asked.body["tools"][0]["name"]
        return calls((name, {"command": "touch /tmp/x"}), (name, {"command": "id"}))

    agent.endpoint.brain = brain
    tool = {"name": "Bash", "description": "d" * 5000, "input_schema": {"type": "object"}, "strict": True}
    status, message = await agent.whole("run it", tools=[tool], tool_choice={"type": "tool", "name": "Bash"})
    assert status == 200
    assert [(block["name"], block["input"]["command"]) for block in message["content"]] == [
        ("Bash", "touch /tmp/x"),
        ("Bash", "id"),
    ]
    assert message["stop_reason"] == "tool_use"
    assert agent.last["tools"] == [{**tool, "name": "client_Bash"}]  # whole, in its own words
    assert agent.last["tool_choice"] == {"type": "tool", "name": "client_Bash"}
    await asyncio.sleep(0.3)
    assert len(agent.endpoint.asked) == 1  # the model was not told what the program made of the calls


async def test_a_process_killed_in_the_middle_of_an_answer_is_a_broken_upstream() -> None:
    async with running_agent(size=1) as agent:
        agent.endpoint.brain = lambda asked: breaks("first words", HANG)
        answer = await agent.send("hello")
        psutil.Process(agent.transport.processes[0]).kill()
        with pytest.raises(UpstreamBroke):
            await answer.read_all()
        answer.close()


async def until(true: object, within: float = 5.0) -> None:
    ends = time.monotonic() + within
    while not true():  # type: ignore[operator]
        assert time.monotonic() < ends
        await asyncio.sleep(0.02)
