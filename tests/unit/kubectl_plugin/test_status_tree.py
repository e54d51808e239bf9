"""What `status` shows, letter by letter."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_llmgateway.status_tree import credential_names, gateway_tree
from kubectl_llmgateway.tree import Style, rendered

from .conftest import NOW

Document = dict[str, Any]

GOLDEN = """\
✓ LLMGateway team/demo: ready
├─ url: http://demo-gateway.team.svc:8080
├─ pods: 2 of 2 ready
├─ models: coder, chat
├─ ✓ store: Managed, maxmemory 429496729
├─ conditions
│  ├─ ✓ Accepted              Valid
│  ├─ ✗ ResolvedRefs          SecretNotFound  Secret "x" not found
│  ├─ ✓ Ready                 Serving  2 of 2 pods answer
│  └─ ! ConfigurationWarning  StoreEvictionDisabled  noeviction refuses writes
├─ backends
│  ├─ ✓ local  VLLM  http://vllm:8000/v1
│  ├─ ✗ vendor  OpenAI  LLMCredential/login
│  └─ … own  Anthropic
└─ credentials
   ├─ ✓ login: RefreshToken, expires in 3h12m, refreshed 48m ago, next refresh in 2h, revision 7
   └─ ✗ demo-own: does not exist
"""
"""The tree of the fixtures at NOW."""


def tree(gateway: Document, style: Style, **credentials: Document) -> str:
    return rendered(gateway_tree(gateway, credentials, NOW), style)


def test_a_gateway_is_shown_with_conditions_backends_and_ages(gateway: Document, credential: Document) -> None:
    assert tree(gateway, Style(), login=credential) == GOLDEN


def test_colour_adds_colour_and_nothing_else(gateway: Document, credential: Document) -> None:
    coloured = tree(gateway, Style(colour=True), login=credential)
    assert "\x1b[32m✓ LLMGateway team/demo: ready\x1b[0m" in coloured
    assert "\x1b[31m✗ ResolvedRefs" in coloured
    for code in ("\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[0m"):
        coloured = coloured.replace(code, "")
    assert coloured == GOLDEN


def test_a_terminal_without_unicode_gets_ascii(gateway: Document) -> None:
    text = tree(gateway, Style(unicode=False))
    assert text.isascii()
    assert "|- conditions\n|  |- + Accepted" in text
    assert "`- credentials\n   |- x login: does not exist" in text


def test_a_dead_login_is_shown_with_its_reason(gateway: Document, stalled: Document) -> None:
    text = tree(gateway, Style(), login=stalled)
    assert "✗ login: RefreshToken, expired 1h ago, refreshed 48m ago" in text
    assert "2 failed in a row\n   │  ├─ ✗ Ready  ReauthRequired  log in again" in text


@pytest.mark.parametrize(
    ("status", "line"),
    [
        ({}, "… LLMGateway team/demo: not looked at yet"),
        ({"observedGeneration": 3}, "… LLMGateway team/demo: ready (the operator has not seen the last change yet)"),
        ({"conditions": []}, "… LLMGateway team/demo: not looked at yet"),
    ],
)
def test_what_the_operator_has_not_seen_yet_is_said(gateway: Document, status: Document, line: str) -> None:
    gateway["status"] = {**gateway["status"], **status} if status else {}
    assert tree(gateway, Style()).splitlines()[0] == line


def test_a_rollout_is_no_failure(gateway: Document) -> None:
    gateway["status"]["conditions"] = [
        {"type": "Ready", "status": "False", "reason": "PodsStarting", "message": "0 of 2"},
        {"type": "Reconciling", "status": "True", "reason": "RolloutInProgress", "message": ""},
    ]
    assert tree(gateway, Style()).startswith("… LLMGateway team/demo: PodsStarting\n")


def test_inline_credentials_are_known_by_their_derived_name(gateway: Document) -> None:
    assert credential_names(gateway) == ["login", "demo-own"]
