"""Login folders, credentials, failures and whole messages."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from msgspec import Raw

from llmgateway.upstreams.claude_agent.credential import betas_of, credential_of
from llmgateway.upstreams.claude_agent.failures import failure_of
from llmgateway.upstreams.claude_agent.launch import remove_orphans
from llmgateway.upstreams.claude_agent.lines import Line, read_line
from llmgateway.upstreams.claude_agent.login_folder import LoginFolder
from llmgateway.upstreams.claude_agent.program import environment
from llmgateway.upstreams.claude_agent.whole_message import whole_message
from llmgateway.upstreams.port import ConnectFailed


@pytest.mark.behaviour("C5")
def test_a_writable_login_folder_is_used_as_it_is_and_gets_its_debug_folder(tmp_path: Path) -> None:
    login = LoginFolder(tmp_path, tmp_path / "copy")
    assert login.state == "missing"
    assert not login.look()
    (tmp_path / ".credentials.json").write_text("{}")
    assert (login.look(), login.look()) == (True, False)
    assert (login.state, login.folder) == ("present", tmp_path)
    assert (tmp_path / "debug").is_dir()


@pytest.mark.behaviour("C5")
def test_a_read_only_login_is_copied_and_never_put_over_renewed_tokens(tmp_path: Path) -> None:
    source, copy = tmp_path / "source", tmp_path / "copy"
    source.mkdir()
    (source / ".credentials.json").write_text("old")
    login = LoginFolder(source, copy)
    writable = os.access
    try:
        os.access = lambda path, mode: path != source and writable(path, mode)  # type: ignore[assignment]  # root may write anywhere
        assert login.look()
        assert (copy / ".credentials.json").read_text() == "old"
        assert (copy / ".credentials.json").stat().st_mode & 0o777 == 0o600
        (copy / ".credentials.json").write_text("renewed by the program")
        login.look()
        assert (copy / ".credentials.json").read_text() == "renewed by the program"
        (source / ".credentials.json").write_text("a new login")
        login.look()
        assert (copy / ".credentials.json").read_text() == "a new login"
    finally:
        os.access = writable


def test_a_missing_folder_is_no_crash(tmp_path: Path) -> None:
    login = LoginFolder(Path("/proc/nowhere"), tmp_path / "copy")
    login.look()
    assert login.state == "missing"


@pytest.mark.behaviour("C5")
def test_a_secrets_login_is_copied_unless_an_init_container_did_so(tmp_path: Path) -> None:
    home, copy, secret = tmp_path / "home", tmp_path / "copy", [b"old"]
    home.mkdir()
    login = LoginFolder(home, copy, lambda: secret[0])
    assert login.look() and login.state == "present"
    assert (copy / ".credentials.json").read_text() == "old"
    secret[0] = b"rotated"
    assert login.look()
    assert (copy / ".credentials.json").read_text() == "rotated"
    (home / ".credentials.json").write_text("put there by the init container")
    login.look()
    assert login.folder == home and (home / "debug").is_dir()


@pytest.mark.behaviour("C5")
def test_a_key_goes_before_a_token_and_a_login_comes_last() -> None:
    key = credential_of({"x-api-key": "k", "authorization": "Bearer t"})
    assert (key.variables["ANTHROPIC_API_KEY"], key.variables["ANTHROPIC_AUTH_TOKEN"]) == ("k", "")
    token = credential_of({"authorization": "Bearer t"})
    assert (token.variables["ANTHROPIC_AUTH_TOKEN"], token.variables["CLAUDE_CODE_SIMPLE"]) == ("t", "1")
    login_token = credential_of({"authorization": "Bearer sk-ant-oat01-t"})
    assert login_token.variables["CLAUDE_CODE_OAUTH_TOKEN"] == "sk-ant-oat01-t"
    assert login_token.variables["CLAUDE_CODE_SIMPLE"] == ""
    assert credential_of({}).login
    assert len({each.owner for each in (key, token, login_token, credential_of({}))}) == 4
    assert "sk-ant" not in repr(login_token)


def test_betas_of_the_program_are_not_asked_for_twice() -> None:
    assert betas_of({"anthropic-beta": "a-1, effort-2025-11-24,a-1,,b-2"}) == "a-1,b-2"


def test_the_environment_is_made_not_inherited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "of the gateway")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    made = environment(tmp_path, tmp_path, base_url=None, read_timeout=600.0)
    assert "ANTHROPIC_API_KEY" not in made and made["HTTPS_PROXY"] == "http://proxy"
    assert made["HOME"] == str(tmp_path) and made["API_TIMEOUT_MS"] == "600000"


@pytest.mark.parametrize(
    ("words", "status", "kind", "message"),
    [
        ("API Error: 400 bad thing", 400, "invalid_request", "bad thing"),
        ("Failed to authenticate. API Error: 401 no key", 401, "authentication", "no key"),
        ("API Error: Request rejected (429) · slow down", 429, "rate_limited", "slow down"),
        ("API Error: 500 oh. This is a server-side issue, usually temporary — try again. Check (h:1).", 500, "internal",
         "oh"),
        ("API Error: Connection to the API was lost (ECONNRESET)", None, "bad_gateway",
         "Connection to the API was lost (ECONNRESET)"),
    ],
)  # fmt: skip
def test_the_programs_phrases_are_taken_off(words: str, status: int | None, kind: str, message: str) -> None:
    failure = failure_of(Line(type="result", is_error=True, result=words, api_error_status=status))
    assert (failure.kind, failure.message) == (kind, message)


def test_a_failure_says_what_it_is() -> None:
    words = "Prompt is too long · the request is ~250000 tokens (limit 200000) but"
    overflow = failure_of(Line(type="result", result=words, terminal_reason="prompt_too_long"))
    assert (overflow.kind, overflow.input_tokens, overflow.window) == ("context_overflow", 250000, 200000)
    message = Raw(json.dumps({"content": [{"type": "text", "text": "Not logged in · Please run /login"}]}).encode())
    assert failure_of(Line(type="assistant", message=message)).kind == "authentication"
    with pytest.raises(ConnectFailed):
        failure_of(Line(type="result", result="API Error: Connection refused (ECONNREFUSED)"))


def test_folders_of_gateways_that_died_are_removed(tmp_path: Path) -> None:
    for owner in ("999999999", str(os.getpid()), "1", "x"):
        (tmp_path / f"llmgateway-agent-{owner}-abc").mkdir()
    remove_orphans(tmp_path)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["llmgateway-agent-1-abc", "llmgateway-agent-x-abc"]


def test_what_is_no_message_is_passed_over() -> None:
    assert read_line(b"[debug] hello") is None
    assert read_line(b'{"type":"x","result":{"a":1},"event":"y"}') is not None


def test_a_stream_becomes_the_message_it_tells_of() -> None:
    usage = {"input_tokens": 3, "output_tokens": 1}
    events = [
        {"type": "message_start", "message": {"id": "m", "content": [], "usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": {"x": 1}}},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "t", "input": {}}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"a":'}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": "1}"}},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    ]  # fmt: skip
    stream = b"".join(b"event: x\ndata: " + json.dumps(event).encode() + b"\n\n" for event in events)
    assert json.loads(whole_message(stream)) == {
        "id": "m",
        "stop_reason": "tool_use",
        "content": [
            {"type": "text", "text": "a", "citations": [{"x": 1}]},
            {"type": "tool_use", "id": "t", "input": {"a": 1}},
        ],
        "usage": {"input_tokens": 3, "output_tokens": 9},
    }
