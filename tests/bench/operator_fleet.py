"""A thousand LLMGateways on a real API server: made, watched, and poked at."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from support.operator_gateways import small_gateway

NAMESPACES = 10
AT_ONCE = 8
"""Requests in flight while the fleet is made."""
METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
GATEWAYS = "/apis/llmgateway.dev/v1alpha1"
DEPLOYMENTS = "/apis/apps/v1/deployments"
LABEL = "labelSelector=app.kubernetes.io%2Fmanaged-by%3Dllmgateway-operator"
CHILDREN = {
    "/api/v1": ("serviceaccounts", "secrets", "configmaps", "services", "persistentvolumeclaims"),
    "/apis/apps/v1": ("deployments",),
    "/apis/networking.k8s.io/v1": ("networkpolicies", "ingresses"),
    "/apis/policy/v1": ("poddisruptionbudgets",),
    "/apis/autoscaling/v2": ("horizontalpodautoscalers",),
}


def gateway(number: int) -> dict[str, Any]:
    """With everything that usual installations have: a store, an address, a scaler, policies."""
    backend = {
        "name": "upstream",
        "type": "OpenAI",
        "endpoint": {"url": "http://upstream.invalid/v1"},
        "credentialRef": {"kind": "Secret", "name": f"key-{number}", "key": "key"},
    }
    return small_gateway(
        f"gateway-{number}",
        backends=[backend],
        store={"managed": {"persistence": {"mode": "RDB"}}},
        credentialsDelivery={"onChange": "RollingRestart"},
        expose={"hostnames": [f"llm-{number}.example"], "ingress": {"className": "nginx"}},
        scaling={"autoscale": {"min": 2, "max": 4}},
        availability={"podDisruptionBudget": {"minAvailable": 1}},
        network={"policy": {"enabled": True}},
    )


class Fleet:
    """`size` gateways, each with a Secret of its own, spread over NAMESPACES namespaces."""

    def __init__(self, session: aiohttp.ClientSession, size: int) -> None:
        self._session = session
        self.size = size
        self._slots = asyncio.Semaphore(AT_ONCE)
        self.settled: dict[str, float] = {}
        """When (monotonic) the status of a gateway was there for its generation."""
        self._generations: dict[str, int] = {}
        self._marked = asyncio.Condition()

    async def prepare(self) -> None:
        """Namespaces, Secrets, and a kind that is served: there before the clock starts."""
        while (await self._session.get(f"{GATEWAYS}/llmgateways?limit=1")).status != 200:  # a new CRD takes a moment
            await asyncio.sleep(0.2)
        names = [{"metadata": {"name": f"team-{number}"}} for number in range(NAMESPACES)]
        await asyncio.gather(*(self._create("/api/v1/namespaces", each) for each in names))
        await asyncio.gather(*(self._create(_secrets(n), _secret(n, "first")) for n in range(self.size)))

    async def plain_applies(self, kind: str, version: str, body: dict[str, Any], count: int) -> float:
        """Seconds that this program needs for one server-side apply of so small an object, many at a time: what the
        API server of this machine costs whoever asks."""
        began = time.monotonic()
        await asyncio.gather(*(self._apply(kind, f"plain-{number}", version, body) for number in range(count)))
        return (time.monotonic() - began) / count

    async def _apply(self, kind: str, name: str, version: str, body: dict[str, Any]) -> None:
        path = f"/api/{version}/namespaces/default/{kind.lower()}s/{name}?fieldManager=plain"
        document = {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **body}
        apply = {"content-type": "application/apply-patch+yaml"}
        async with self._slots, self._session.patch(path, data=json.dumps(document), headers=apply) as answer:
            answer.raise_for_status()
            await answer.read()

    async def create(self) -> None:
        await asyncio.gather(
            *(self._create(f"{GATEWAYS}/namespaces/{_team(n)}/llmgateways", gateway(n)) for n in range(self.size))
        )

    async def follow_gateways(self) -> None:
        """Notes when each gateway's status is there; runs until it is cancelled."""
        async for event in self._watch(f"{GATEWAYS}/llmgateways", "application/json"):
            document = event["object"]
            if document.get("status", {}).get("observedGeneration") == document["metadata"]["generation"]:
                self.settled.setdefault(document["metadata"]["name"], time.monotonic())

    async def follow_deployments(self) -> None:
        """Notes which template generation each Deployment has; runs until it is cancelled."""
        async for event in self._watch(DEPLOYMENTS, METADATA.replace("List", ""), LABEL):
            metadata = event["object"]["metadata"]
            async with self._marked:
                self._generations[metadata["name"]] = metadata["generation"]
                self._marked.notify_all()

    async def until_settled(self, timeout: float) -> None:
        """Raises TimeoutError (seconds)."""
        async with asyncio.timeout(timeout):
            while len(self.settled) < self.size:
                await asyncio.sleep(0.1)

    async def children(self) -> int:
        """How many objects carry the operator's label."""
        paths = [f"{group}/{plural}?{LABEL}" for group, plurals in CHILDREN.items() for plural in plurals]
        return sum([await self._count(path) for path in paths])

    async def edit_secret(self, number: int, value: str, timeout: float) -> float:
        """Seconds from the API server's answer to the edit until the Deployment carries the mark. Raises
        TimeoutError."""
        deployment = f"gateway-{number}-gateway"
        before = self._generations[deployment]
        patch, kind = json.dumps(_secret(number, value)), {"content-type": "application/merge-patch+json"}
        async with self._session.patch(f"{_secrets(number)}/key-{number}", data=patch, headers=kind) as answer:
            answer.raise_for_status()
        edited = time.monotonic()
        async with asyncio.timeout(timeout), self._marked:
            await self._marked.wait_for(lambda: self._generations[deployment] > before)
        return time.monotonic() - edited

    async def _create(self, path: str, document: dict[str, Any]) -> None:
        async with self._slots, self._session.post(path, json=document) as answer:
            if answer.status >= 300:
                raise RuntimeError(f"POST {path}: {answer.status} {await answer.text()}")

    async def _count(self, path: str) -> int:
        async with self._session.get(path, headers={"accept": METADATA}) as answer:
            return len((await answer.json(content_type=None))["items"])

    async def _watch(self, path: str, accept: str, query: str = "") -> AsyncIterator[dict[str, Any]]:
        async with self._session.get(f"{path}?watch=true&{query}", headers={"accept": accept}) as answer:
            answer.raise_for_status()
            rest = b""
            async for piece in answer.content.iter_any():
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    yield json.loads(line)


@asynccontextmanager
async def fleet(server: str, tls: ssl.SSLContext, size: int) -> AsyncIterator[Fleet]:
    """`tls`: an administrator's."""
    connector = aiohttp.TCPConnector(ssl=tls, limit=0)
    patience = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(server, connector=connector, timeout=patience) as session:
        yield Fleet(session, size)


def _team(number: int) -> str:
    return f"team-{number % NAMESPACES}"


def _secrets(number: int) -> str:
    return f"/api/v1/namespaces/{_team(number)}/secrets"


def _secret(number: int, value: str) -> dict[str, Any]:
    return {"metadata": {"name": f"key-{number}"}, "data": {"key": base64.b64encode(value.encode()).decode()}}
