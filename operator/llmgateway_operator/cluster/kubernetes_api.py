"""The port over the transport of `kubernetes.aio`: plain dictionaries, own errors.

Its configuration, authorization and connections are used, its dynamic client is not: kinds are a table here, so there
is nothing to discover, and it took a quarter of the time of a call.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.client.exceptions import ApiException

from llmgateway_operator.cluster.errors import ClusterError, Gone, Rejected, Unreachable, error_of
from llmgateway_operator.cluster.kinds import SECRET, Kind, kind_of
from llmgateway_operator.cluster.port import FIELD_MANAGER, Change, Document, Listing, Manifest
from llmgateway_operator.cluster.slim_metadata import slim

PAGE: Final = 250  # objects of one list call
SOME: Final = 20  # whole objects, where a few tell enough
LISTS_AT_ONCE: Final = 3  # of those that may be long: a page in memory is forty times what is kept of it
TIMEOUT: Final = 30.0  # seconds of one call; watches have their own
LONGEST_EVENT: Final = 4 * 2**20  # bytes; an object has at most 1.5 MiB
METADATA_ONLY: Final = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1"
APPLY: Final = "application/apply-patch+yaml"
JSON: Final = "application/json"
MANAGER: Final = {"fieldManager": FIELD_MANAGER}
AUTHORIZATION: Final = ["BearerToken"]  # the library's name for it; it renews the token that a pod has


async def connect() -> KubernetesApi:
    """By KUBECONFIG where it is set, else with the pod's service account.

    Raises kubernetes.config.ConfigException when there is neither."""
    configuration = Configuration()
    if path := os.environ.get("KUBECONFIG"):
        await config.load_kube_config(config_file=path, client_configuration=configuration)  # type: ignore[no-untyped-call]  # the library is not typed
    else:
        config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]  # the library is not typed
    configuration.client_session_kwargs = {"trust_env": False}  # as kopf: no proxy between cluster and operator
    return KubernetesApi(ApiClient(configuration))


class KubernetesApi:
    """One connection pool to one API server; see `port.Cluster` for the contract."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self._lists = asyncio.Semaphore(LISTS_AT_ONCE)

    async def close(self) -> None:
        await self._client.close()  # type: ignore[no-untyped-call]  # the library is not typed

    async def get(self, kind: Kind, namespace: str, name: str) -> Document | None:
        return await self._found("GET", _path(kind, namespace, name), _named("get", kind, namespace, name), kind)

    async def apply(self, manifest: Manifest, *, manager: str = FIELD_MANAGER) -> Document:
        return await self._patch(manifest, "", manager)

    async def apply_status(self, manifest: Manifest) -> Document:
        return await self._patch(manifest, "/status", FIELD_MANAGER)

    async def _patch(self, manifest: Manifest, subresource: str, manager: str) -> Document:
        kind, metadata = kind_of(manifest), manifest["metadata"]
        path = _path(kind, metadata["namespace"], metadata["name"]) + subresource
        what = _named("apply", kind, metadata["namespace"], metadata["name"])
        query = {"fieldManager": manager, "force": "true"}
        return await self._document("PATCH", path, what, kind, query=query, body=manifest, content_type=APPLY)

    async def create(self, manifest: Manifest) -> Document:
        kind, metadata = kind_of(manifest), manifest["metadata"]
        what = _named("create", kind, metadata["namespace"], metadata["name"])
        return await self._document(
            "POST", _path(kind, metadata["namespace"]), what, kind, query=MANAGER, body=manifest
        )

    async def replace(self, manifest: Manifest) -> Document:
        kind, metadata = kind_of(manifest), manifest["metadata"]
        path = _path(kind, metadata["namespace"], metadata["name"])
        what = _named("replace", kind, metadata["namespace"], metadata["name"])
        return await self._document("PUT", path, what, kind, query=MANAGER, body=manifest)

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        path = _path(kind, namespace, name)
        body = {"preconditions": {"uid": uid}, "propagationPolicy": "Background"}
        try:
            await self._document("DELETE", path, _named("delete", kind, namespace, name), kind, body=body)
        except ClusterError as refused:
            if refused.status not in (404, 409):  # gone already; another object took the name
                raise

    async def some(self, kind: Kind, namespace: str, selector: str) -> list[Document]:
        query = {"labelSelector": selector, "limit": str(SOME)}
        page = await self._document("GET", _path(kind, namespace), f"list {kind.plural}", kind, query=query)
        return list(page["items"] or ())

    async def list_metadata(self, kind: Kind, namespace: str | None, selector: str, name: str = "") -> Listing:
        query = {"labelSelector": selector} if selector else {}
        if name:
            return await self._list(kind, namespace, {**query, "fieldSelector": f"metadata.name={name}"})
        async with self._lists:
            return await self._list(kind, namespace, query)

    async def _list(self, kind: Kind, namespace: str | None, query: Mapping[str, str]) -> Listing:
        items: list[Document] = []
        page_query, path, what = {**query, "limit": str(PAGE)}, _path(kind, namespace), f"list {kind.plural}"
        while True:
            page = await self._document("GET", path, what, kind, query=page_query, accept=METADATA_ONLY.format("List"))
            items += [slim(each["metadata"]) for each in page["items"] or ()]
            token = page["metadata"].get("continue")
            if not token:
                return Listing(items, page["metadata"]["resourceVersion"])
            page_query["continue"] = token

    async def watch_metadata(
        self, kind: Kind, namespace: str | None, selector: str, resource_version: str, seconds: float
    ) -> AsyncIterator[Change]:
        what = f"watch {kind.plural}"
        query = {"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": resource_version}
        query |= {"timeoutSeconds": str(int(seconds)), **({"labelSelector": selector} if selector else {})}
        patience = aiohttp.ClientTimeout(total=seconds + TIMEOUT, sock_read=seconds, sock_connect=TIMEOUT)
        accept = METADATA_ONLY.format("")
        response = await self._send(
            "GET", _path(kind, namespace), what, kind, query=query, accept=accept, timeout=patience
        )
        try:
            async for line in _lines(response):
                yield _change(what, json.loads(line))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as broken:
            raise Unreachable(f"{what}: {type(broken).__name__}") from None
        finally:
            response.close()

    async def served_kinds(self, api_version: str) -> frozenset[str] | None:
        answer = await self._found("GET", f"/apis/{api_version}", f"discover {api_version}", None)
        return None if answer is None else frozenset(each["kind"] for each in answer["resources"])

    async def schema(self, api_version: str) -> Document | None:
        return await self._found("GET", f"/openapi/v3/apis/{api_version}", f"read the schema of {api_version}", None)

    async def _found(self, method: str, path: str, what: str, kind: Kind | None) -> Document | None:
        try:
            return await self._document(method, path, what, kind)
        except Rejected as refused:
            if refused.status == 404:
                return None
            raise

    async def _document(self, method: str, path: str, what: str, kind: Kind | None, **options: Any) -> Document:
        response = await self._send(method, path, what, kind, **options)
        try:
            document: Document = await response.json()
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as broken:
            raise Unreachable(f"{what}: {type(broken).__name__}") from None
        return document

    async def _send(
        self,
        method: str,
        path: str,
        what: str,
        kind: Kind | None,
        *,
        query: Mapping[str, str] | None = None,
        body: Manifest | None = None,
        content_type: str = JSON,
        accept: str = JSON,
        timeout: float | aiohttp.ClientTimeout = TIMEOUT,  # noqa: ASYNC109 - the transport's own
    ) -> aiohttp.ClientResponse:
        headers = {"Accept": accept, "Content-Type": content_type, "User-Agent": self._client.user_agent}
        try:
            await self._client.update_params_for_auth(headers, [], AUTHORIZATION, path, method, body)
            url = f"{self._client.configuration.host}{path}" + (f"?{urlencode(query)}" if query else "")
            sent = await self._client.rest_client.request(  # type: ignore[no-untyped-call]  # the library is not typed
                method, url, headers=headers, body=body, _request_timeout=timeout
            )
            response: aiohttp.ClientResponse = sent.response
            if 200 <= response.status < 300:
                return response
            said, pause = await response.text(errors="replace"), response.headers.get("Retry-After")
        except ApiException as refused:  # the transport's own retries of "too many requests" have ended
            pause = (refused.headers or {}).get("Retry-After")
            raise error_of(what, refused.status or 500, "", pause, secret=kind is SECRET) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as broken:
            raise Unreachable(f"{what}: {type(broken).__name__}") from None
        raise error_of(what, response.status, said, pause, secret=kind is SECRET)


def _path(kind: Kind, namespace: str | None, name: str = "") -> str:
    """Of a kind in a namespace (None: in all), or of one object."""
    place = f"/namespaces/{namespace}" if namespace else ""
    return f"/{kind.prefix}/{kind.api_version}{place}/{kind.plural}" + (f"/{name}" if name else "")


def _named(verb: str, kind: Kind, namespace: str, name: str) -> str:
    return f"{verb} {kind.kind} {namespace}/{name}"


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    buffer = bytearray()
    async for piece in response.content.iter_any():
        buffer += piece
        *lines, rest = buffer.split(b"\n")
        buffer = bytearray(rest)
        for line in lines:
            if line:
                yield bytes(line)
        if len(buffer) > LONGEST_EVENT:
            raise ValueError("a watch event without an end")


def _change(what: str, event: Document) -> Change:
    if event["type"] == "ERROR":
        code = int(event["object"].get("code", 500))
        if code == 410:
            raise Gone(f"{what}: the resource version is too old", status=410)
        raise error_of(what, code, json.dumps(event["object"]))
    return Change(event["type"], event["object"].get("metadata", {}))
