"""`chat` against the real gateway with its built-in upstream."""

from __future__ import annotations

import base64
import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubectl_llmgateway import chat as chat_module
from kubectl_llmgateway.chat import client_key, first_model
from kubectl_llmgateway.command_line import main
from kubectl_llmgateway.conversation import ChatFailed, Conversation
from kubectl_llmgateway.kubectl import Kubectl
from kubectl_llmgateway.port_forward import NoWayIn, forwarded
from support.free_port import free_port
from support.running_gateway import gateway_process

GATEWAY = """\
apiVersion: llmgateway.dev/v1alpha1
kind: LLMGateway
metadata: {name: demo}
spec:
  backends: [{name: echo, type: Scripted}]
  auth: {apiKeys: {secretRef: {name: client-keys}}}
---
apiVersion: v1
kind: Secret
metadata: {name: client-keys}
stringData: {alice: alices-key}
"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    file = tmp_path_factory.mktemp("gateway") / "gateway.yaml"
    file.write_text(GATEWAY)
    with gateway_process(["-f", str(file)]) as running:
        yield running.url


def test_an_answer_comes_in_pieces_and_the_conversation_goes_on(url: str) -> None:
    conversation = Conversation(url, "any", "alices-key")
    pieces = list(conversation.ask("hello there"))
    assert len(pieces) > 1
    assert "".join(pieces) == "You said: hello there"
    assert "".join(conversation.ask("and again")) == "You said: and again"
    assert [each["role"] for each in conversation.messages] == ["user", "assistant"] * 2


def test_a_wrong_key_is_answered_with_the_gateways_sentence(url: str) -> None:
    conversation = Conversation(url, "any", "wrong-key")
    with pytest.raises(ChatFailed, match="HTTP 401: ") as failure:
        list(conversation.ask("hello"))
    assert "wrong-key" not in str(failure.value) + repr(conversation)
    assert conversation.messages == []


@pytest.mark.parametrize("address", ["ftp://gateway", "gateway:8080", "http://"])
def test_what_is_no_web_address_is_refused(address: str) -> None:
    with pytest.raises(ChatFailed, match="no http or https address"):
        list(Conversation(address, "any").ask("hello"))


def test_a_gateway_that_is_away_is_named() -> None:
    address = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(ChatFailed, match=address):
        list(Conversation(address, "any").ask("hello"))


def test_the_command_streams_to_standard_output(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LLMGATEWAY_API_KEY", "alices-key")
    assert main(["chat", "demo", "hello", "there", f"--url={url}/v1", "--model=any"]) == 0
    assert capsys.readouterr().out == "You said: hello there\n"
    monkeypatch.setattr(sys, "stdin", io.StringIO("one\n\ntwo\n"))
    assert main(["chat", "demo", f"--url={url}", "--model=any"]) == 0
    assert capsys.readouterr().out == "You said: one\nYou said: two\n"


def test_the_command_reports_a_refusal_with_exit_status_one(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("LLMGATEWAY_API_KEY", raising=False)
    assert main(["chat", "demo", "hello", f"--url={url}", "--model=any"]) == 1
    assert capsys.readouterr().err.startswith("HTTP 401: ")


def kubectl_that(tmp_path: Path, script: str) -> Kubectl:
    """A program in kubectl's place: forwarding needs pods, which only tests/cluster has."""
    program = tmp_path / "kubectl"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return Kubectl(("--namespace=team",), str(program))


def test_the_forwarded_port_is_used_and_kubectl_ended_afterwards(tmp_path: Path) -> None:
    script = f'echo "$@" > {tmp_path}/arguments; echo "Forwarding from 127.0.0.1:40123 -> 8080"; exec sleep 60'
    with forwarded(kubectl_that(tmp_path, script), "demo") as url:
        assert url == "http://127.0.0.1:40123"
    asked = (tmp_path / "arguments").read_text().split()
    assert asked == ["--namespace=team", "port-forward", "--address=127.0.0.1", "service/demo-gateway", ":8080"]


def test_a_forward_that_fails_says_why(tmp_path: Path) -> None:
    kubectl = kubectl_that(tmp_path, 'echo "error: no pods are ready" >&2; exit 1')
    with pytest.raises(NoWayIn, match="no pods are ready"), forwarded(kubectl, "demo"):
        pass


def test_the_model_is_the_one_that_the_gateway_would_choose() -> None:
    assert first_model({"spec": {"models": [{"name": "a"}, {"name": "b"}]}}) == "a"
    assert first_model({"spec": {"models": [{"name": "a"}, {"name": "b"}], "defaultModel": "b"}}) == "b"
    assert first_model({"spec": {}}) == "default"


def test_a_clients_key_comes_from_the_gateways_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = {"data": {"alice": base64.b64encode(b"alices-key\n").decode()}}
    monkeypatch.setattr(chat_module.Kubectl, "get", lambda *_: secret)
    gateway = {"spec": {"auth": {"apiKeys": {"secretRef": {"name": "client-keys"}}}}}
    assert client_key(Kubectl(), gateway, "alice") == "alices-key"
    with pytest.raises(ChatFailed, match="has no key bob"):
        client_key(Kubectl(), gateway, "bob")
    with pytest.raises(ChatFailed, match=r"no spec\.auth\.apiKeys"):
        client_key(Kubectl(), {"spec": {}}, "alice")
