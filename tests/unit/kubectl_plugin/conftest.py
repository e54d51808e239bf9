"""A kubectl that answers from files: what the plugin shows is judged without a cluster (with one: tests/apiserver)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

NOW = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)
Document = dict[str, Any]


def condition(type_: str, status: str, reason: str, message: str = "") -> Document:
    return {"type": type_, "status": status, "reason": reason, "message": message}


@pytest.fixture
def gateway() -> Document:
    """Serves, with one backend of three that lacks its Secret and a warning."""
    backends = [
        {"name": "local", "type": "VLLM", "endpoint": {"url": "http://vllm:8000/v1"}},
        {"name": "vendor", "type": "OpenAI", "credentialRef": {"kind": "LLMCredential", "name": "login"}},
        {"name": "own", "type": "Anthropic", "oauth": {"type": "RefreshToken"}},
    ]
    return {
        "metadata": {"name": "demo", "namespace": "team", "generation": 4},
        "spec": {"backends": backends},
        "status": {
            "observedGeneration": 4,
            "url": "http://demo-gateway.team.svc:8080",
            "replicas": 2,
            "readyReplicas": 2,
            "models": ["coder", "chat"],
            "store": {"type": "Managed", "ready": True, "maxmemory": "429496729"},
            "backends": [
                {"name": "local", "type": "VLLM", "url": "http://vllm:8000/v1", "ready": True},
                {"name": "vendor", "type": "OpenAI", "credential": "LLMCredential/login", "ready": False},
            ],
            "conditions": [
                condition("Accepted", "True", "Valid"),
                condition("ResolvedRefs", "False", "SecretNotFound", 'Secret "x" not found'),
                condition("Ready", "True", "Serving", "2 of 2 pods answer"),
                condition("ConfigurationWarning", "True", "StoreEvictionDisabled", "noeviction refuses writes"),
            ],
        },
    }


@pytest.fixture
def credential() -> Document:
    """Refreshed lately, valid for hours."""
    return {
        "metadata": {"name": "login", "namespace": "team", "generation": 1},
        "spec": {"type": "RefreshToken", "sourceRef": {"name": "bootstrap"}},
        "status": {
            "observedGeneration": 1,
            "expiresAt": "2026-01-02T15:12:00Z",
            "lastRefreshTime": "2026-01-02T11:12:00Z",
            "nextRefreshTime": "2026-01-02T14:00:00Z",
            "revision": 7,
            "consecutiveFailures": 0,
            "conditions": [condition("Ready", "True", "Fresh")],
        },
    }


@pytest.fixture
def stalled(credential: Document) -> Document:
    """As `credential`, but the login is dead."""
    dead = json.loads(json.dumps(credential))
    message = "log in again"
    dead["status"] |= {
        "expiresAt": "2026-01-02T11:00:00Z",
        "consecutiveFailures": 2,
        "conditions": [
            condition("Ready", "False", "ReauthRequired", message),
            condition("Stalled", "True", "ReauthRequired", message),
        ],
    }
    return dead
