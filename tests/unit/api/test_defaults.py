"""Defaults are resolved in code: a gateway that says almost nothing is complete in Python."""

from __future__ import annotations

import re
from typing import Any

import pydantic
import pytest

from llmgateway_api import Backend, Duration, LLMCredential, LLMGateway, Policy
from llmgateway_api.api_model import ApiModel
from llmgateway_api.rules import RULES
from llmgateway_api.structural_schema import types_of

DOCUMENT: dict[str, Any] = {
    "apiVersion": "llmgateway.dev/v1alpha1",
    "kind": "LLMGateway",
    "metadata": {"name": "demo"},
    "spec": {
        "backends": [{"name": "local", "type": "VLLM", "endpoint": {"url": "http://vllm:8000/v1/"}}],
        "models": [{"name": "coder", "backendRefs": [{"name": "local"}]}],
    },
}

POLICY_DEFAULTS = {
    "dryRun": False,
        "translation": {"strict": False},
    "trimming": {"enabled": False, "systemCharacters": 6000, "headShare": 0.7, "assistantCharacters": 1500,
                 "totalCharacters": 12000},
    "context": {"prune": "Auto", "pruneAt": 0.75, "pruneTo": 0.65, "keepLast": 8, "window": 131072,
                "toolResults": {"longer": 2000, "head": 1000, "tail": 500}},
    "output": {"thinkingFloor": 16384, "margin": 0.15, "minimum": 1024},
    "agentLoop": {"forceTools": False, "window": 6, "repeatLimit": 8, "forcedLimit": 15, "noProgressLimit": 4,
                  "releaseAt": 0.9, "guardrailRetry": True, "supplement": ""},
    "reasoningOnly": {"mode": "Never", "maxCharacters": 240},
    "emptyAnswers": {"attempts": 3},
    "stream": {"keepAlive": "15s", "pacing": {"words": 0, "minDelay": "25ms", "maxDelay": "60ms"}},
    "sessions": {"ttl": "2h", "suspendWithin": "120s", "levels": {"elevated": 0.75, "high": 0.85, "critical": 0.95}},
    "conversations": {"ttl": "168h"},
    "requests": {"maxBodyBytes": 33554432},
    "circuitBreaker": {"failures": 5, "openFor": "30s"},
    "discovery": {"interval": "60s"},
}  # fmt: skip


@pytest.fixture
def gateway() -> LLMGateway:
    return LLMGateway.parse(DOCUMENT)


def test_the_policies_have_the_numbers_of_the_behaviour_list(gateway: LLMGateway) -> None:
    assert gateway.spec.policy.as_document(resolved=True) == POLICY_DEFAULTS


def test_a_backend_has_the_numbers_of_the_behaviour_list(gateway: LLMGateway) -> None:
    document = gateway.spec.backends[0].as_document(resolved=True)
    assert document["timeouts"] == {"connect": "10s", "read": "600s", "write": "30s", "pool": "10s"}
    assert document["limits"] == {"maxConnections": 1000, "keepAlive": "120s"}
    assert document["retry"] == {"attempts": 3, "delay": "5s"}
    assert document["authPassthrough"] is False


def test_everything_around_the_pods_has_a_default(gateway: LLMGateway) -> None:
    spec = gateway.spec.as_document(resolved=True)
    assert spec["unknownModels"] == "Default"
    assert spec["models"][0]["defaults"] == {"thinking": "Disabled"}
    assert spec["models"][0]["backendRefs"] == [{"name": "local", "weight": 1, "priority": 0}]
    assert spec["scaling"] == {"replicas": 1}
    assert spec["availability"] == {"drain": "600s"}
    assert spec["credentialsDelivery"] == {"mode": "HotReload", "onChange": "Reload"}
    assert spec["network"] == {"policy": {"enabled": False, "ingressFrom": [], "egressCIDRs": []}}
    assert spec["image"] == {"pullPolicy": "IfNotPresent", "pullSecrets": []}
    assert spec["suspend"] is False
    assert gateway.spec.auth.open


def test_a_managed_store_has_defaults_of_its_own() -> None:
    spec = DOCUMENT["spec"] | {"store": {"managed": {}}}
    store = LLMGateway.parse(DOCUMENT | {"spec": spec}).spec.store.managed
    assert store is not None
    assert store.as_document(resolved=True) == {
        "maxmemory": "auto",
        "maxmemoryPolicy": "allkeys-lru",
        "persistence": {"mode": "None", "size": "1Gi", "storageClassName": ""},
        "resources": {"requests": {}, "limits": {"memory": "512Mi"}},
        "image": {"pullPolicy": "IfNotPresent", "pullSecrets": []},
    }


def test_a_credential_is_off_until_it_is_switched_on() -> None:
    spec = {"type": "Static", "sourceRef": {"name": "key", "keys": {"accessToken": "api-key"}}}
    credential = LLMCredential.parse({**DOCUMENT, "kind": "LLMCredential", "spec": spec})
    assert not credential.spec.refresh.enabled
    assert (credential.spec.refresh.schedule, str(credential.spec.refresh.before)) == ("0 */4 * * *", "30m")
    assert credential.target_secret_name == "demo-token"


def test_a_document_is_written_as_it_was_read(gateway: LLMGateway) -> None:
    assert gateway.as_document() == DOCUMENT


def test_system_messages_left_out_differ_from_an_explicit_fold() -> None:
    assert Policy.parse({}).system_messages is None
    assert Policy.parse({"systemMessages": "Fold"}).system_messages == "Fold"


@pytest.mark.parametrize(
    ("backend", "url"),
    [
        ({"type": "VLLM", "endpoint": {"url": "http://vllm:8000/v1/"}}, "http://vllm:8000/v1"),
        ({"type": "Ollama", "endpoint": {"serviceRef": {"name": "o", "port": 11434}}}, "http://o:11434/v1"),
        ({"type": "VLLM", "endpoint": {"serviceRef": {"name": "v", "port": 1, "path": "/"}}}, "http://v:1"),
        ({"type": "Anthropic", "endpoint": {"serviceRef": {"name": "a", "port": 443}},
          "tls": {"caSecretRef": {"name": "ca", "key": "ca.crt"}}}, "https://a:443"),
        ({"type": "OpenAI"}, "https://api.openai.com/v1"),
        ({"type": "Anthropic"}, "https://api.anthropic.com"),
        ({"type": "ClaudeAgent"}, "https://api.anthropic.com"),
        ({"type": "Scripted"}, None),
    ],
)  # fmt: skip
def test_a_backend_knows_its_base_url(backend: dict[str, Any], url: str | None) -> None:
    assert Backend.parse({"name": "b", **backend}).base_url == url


def test_only_agents_have_a_pool_of_sessions() -> None:
    pool = Backend.parse({"name": "agent", "type": "ClaudeAgent"}).pool
    assert pool is not None
    assert (pool.size, pool.idle, pool.max_turns) == (4, 300, 200)
    assert Backend.parse({"name": "openai", "type": "OpenAI"}).pool is None


def test_an_inline_credential_is_an_object_of_the_gateway_s_own() -> None:
    oauth = {"type": "TokenExchange", "oauth": {"tokenURL": "https://login.example/token"}}
    backend = {"name": "claude", "type": "Anthropic", "oauth": oauth}
    gateway = LLMGateway.parse(DOCUMENT | {"spec": {"backends": [backend]}})
    (credential,) = gateway.inline_credentials
    assert credential.metadata.name == "demo-claude"
    reference = gateway.spec.backends[0].credential("demo")
    assert reference is not None
    assert (reference.kind, reference.name) == ("LLMCredential", "demo-claude")


def test_types_are_immutable(gateway: LLMGateway) -> None:
    with pytest.raises(pydantic.ValidationError):
        gateway.spec.suspend = True  # type: ignore[misc]  # that is the point


def test_every_rule_is_about_a_type_that_exists() -> None:
    assert set(RULES) <= set(types_of(LLMGateway)) | set(types_of(LLMCredential))


def _defaults_in_rules() -> list[tuple[str, str, str]]:
    pattern = re.compile(r"\(has\(self\.(\w+)\) \? self\.\1 : ([^()]+(?:\([^)]*\))?)\)")
    rules = [rule for of_type in RULES.values() for rule in of_type if rule.cel]
    found = [(rule.of, field, text) for rule in rules for field, text in pattern.findall(rule.cel)]
    return [(of, field, text) for of, field, text in found if text not in ("0", "1")]


@pytest.mark.parametrize(("of", "field", "text"), sorted(set(_defaults_in_rules())))
def test_a_default_in_a_rule_is_the_default_of_the_type(of: str, field: str, text: str) -> None:
    model: type[ApiModel] = {**types_of(LLMGateway), **types_of(LLMCredential)}[of]
    (default,) = (each.default for each in model.model_fields.values() if each.alias == field)
    inner = re.fullmatch(r"duration\('(.*)'\)", text)
    assert default == (Duration(inner[1]) if inner else float(text))


def test_the_rules_hold_defaults_to_compare() -> None:
    assert len(set(_defaults_in_rules())) >= 10
