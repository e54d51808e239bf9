"""What Prometheus reads of LLMCredentials: from the operator's own /metrics, as text."""

from __future__ import annotations

from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from llmgateway_operator.credential.gauges import CredentialGauges
from llmgateway_operator.health import HealthServer, Vitals
from llmgateway_operator.keys import Key

ONE, TWO = Key("LLMCredential", "team-a", "login"), Key("LLMCredential", "team-b", "login")
EXPIRY, READY = "llmgateway_operator_credential_expiry_timestamp_seconds", "llmgateway_operator_credential_ready"


def status(ready: str, ends: str | None = None) -> dict[str, Any]:
    return {"conditions": [{"type": "Ready", "status": ready}], "expiresAt": ends}


async def scraped(gauges: CredentialGauges) -> dict[tuple[str, str], float]:
    server = HealthServer(Vitals(metrics={"up": lambda: 1.0}, gauges={EXPIRY: gauges.expiry, READY: gauges.ready}))
    port = await server.open("127.0.0.1", 0)
    try:
        async with httpx.AsyncClient() as client:
            text = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
    finally:
        await server.close()
    families = list(text_string_to_metric_families(text))
    assert [family.type for family in families] == ["gauge"] * 3
    return {
        (sample.name, sample.labels["namespace"]): sample.value
        for family in families
        for sample in family.samples
        if sample.labels
    }


async def test_the_end_of_each_token_and_whether_it_is_ready() -> None:
    gauges = CredentialGauges()
    gauges.note(ONE, status("True", "2026-01-01T00:00:01Z"))
    gauges.note(TWO, status("False"))
    assert await scraped(gauges) == {
        (EXPIRY, "team-a"): 1767225601.0,
        (READY, "team-a"): 1.0,
        (READY, "team-b"): 0.0,
    }


async def test_what_is_gone_is_not_told_any_more() -> None:
    gauges = CredentialGauges()
    gauges.note(ONE, status("True", "2026-01-01T00:00:00Z"))
    gauges.note(ONE, status("True"))
    assert await scraped(gauges) == {(READY, "team-a"): 1.0}
    gauges.forget(ONE)
    gauges.forget(TWO)
    assert await scraped(gauges) == {}
