"""The port over `kubernetes.aio.dynamic`: no discovery, plain dictionaries, own errors."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import aiohttp
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.dynamic import DynamicClient, Resource

from llmgateway_operator.cluster.errors import ClusterError, Gone, Rejected, Unreachable, error_of
from llmgateway_operator.cluster.kinds import SECRET, Kind, kind_of
from llmgateway_operator.cluster.port import FIELD_MANAGER, Change, Document, Listing, Manifest

PAGE: Final = 500  # objects of one list call
TIMEOUT: Final = 30.0  # seconds of one call; watches have their own
LONGEST_EVENT: Final = 4 * 2**20  # bytes; an object has at most 1.5 MiB
METADATA_ONLY: Final = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1"
APPLY: Final = "application/apply-patch+yaml"


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
        # never awaited: kinds are a table here, discovery is not needed
        self._dynamic = DynamicClient(client)  # type: ignore[no-untyped-call]  # the library is not typed

    async def close(self) -> None:
        await self._client.close()  # type: ignore[no-untyped-call]  # the library is not typed

    async def get(self, kind: Kind, namespace: str, name: str) -> Document | None:
        path = self._resource(kind).path(name=name, namespace=namespace)
        return await self._found("get", path, _named("get", kind, namespace, name), kind)

    async def apply(self, manifest: Manifest, *, manager: str = FIELD_MANAGER) -> Document:
        return await self._patch(manifest, "", manager)

    async def apply_status(self, manifest: Manifest) -> Document:
        return await self._patch(manifest, "/status", FIELD_MANAGER)

    async def _patch(self, manifest: Manifest, subresource: str, manager: str) -> Document:
        kind, metadata = kind_of(manifest), manifest["metadata"]
        path = self._resource(kind).path(name=metadata["name"], namespace=metadata["namespace"]) + subresource
        what = _named("apply", kind, metadata["namespace"], metadata["name"])
        options = {"content_type": APPLY, "field_manager": manager, "force_conflicts": True}
        return await self._document("patch", path, what, kind, body=dict(manifest), **options)

    async def create(self, manifest: Manifest) -> Document:
        kind, metadata = kind_of(manifest), manifest["metadata"]
        path = self._resource(kind).path(namespace=metadata["namespace"])
        what = _named("create", kind, metadata["namespace"], metadata["name"])
        return await self._document("post", path, what, kind, body=dict(manifest), field_manager=FIELD_MANAGER)

    async def replace(self, manifest: Manifest) -> Document:
        kind, metadata = kind_of(manifest), manifest["metadata"]
        path = self._resource(kind).path(name=metadata["name"], namespace=metadata["namespace"])
        what = _named("replace", kind, metadata["namespace"], metadata["name"])
        return await self._document("put", path, what, kind, body=dict(manifest), field_manager=FIELD_MANAGER)

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        path = self._resource(kind).path(name=name, namespace=namespace)
        body = {"preconditions": {"uid": uid}, "propagationPolicy": "Background"}
        try:
            await self._document("delete", path, _named("delete", kind, namespace, name), kind, body=body)
        except ClusterError as refused:
            if refused.status not in (404, 409):  # gone already; another object took the name
                raise

    async def list_metadata(self, kind: Kind, namespace: str | None, selector: str, name: str = "") -> Listing:
        named = f"metadata.name={name}" if name else None
        path = self._resource(kind).path(namespace=namespace)
        items: list[Document] = []
        token: str | None = None
        while token != "":
            options = {"label_selector": selector or None, "field_selector": named, "limit": PAGE, "_continue": token}
            page = await self._document(
                "get", path, f"list {kind.plural}", kind, header_params=_accept("List"), **options
            )
            items += [each["metadata"] for each in page["items"] or ()]
            token = page["metadata"].get("continue") or ""
        return Listing(items, page["metadata"]["resourceVersion"])

    async def watch_metadata(
        self, kind: Kind, namespace: str | None, selector: str, resource_version: str, seconds: float
    ) -> AsyncIterator[Change]:
        what = f"watch {kind.plural}"
        options = {
            "label_selector": selector or None,
            "resource_version": resource_version,
            "timeout_seconds": int(seconds),
            "watch": "true",
            "query_params": [("allowWatchBookmarks", "true")],
            "_request_timeout": aiohttp.ClientTimeout(total=seconds + TIMEOUT, sock_read=seconds, sock_connect=TIMEOUT),
        }
        path = self._resource(kind).path(namespace=namespace)
        response = await self._send("get", path, what, kind, header_params=_accept(""), **options)
        try:
            async for line in _lines(response):
                yield _change(what, json.loads(line))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as broken:
            raise Unreachable(f"{what}: {type(broken).__name__}") from None
        finally:
            response.close()

    async def served_kinds(self, api_version: str) -> frozenset[str] | None:
        answer = await self._found("get", f"/apis/{api_version}", f"discover {api_version}", None)
        return None if answer is None else frozenset(each["kind"] for each in answer["resources"])

    async def schema(self, api_version: str) -> Document | None:
        return await self._found("get", f"/openapi/v3/apis/{api_version}", f"read the schema of {api_version}", None)

    def _resource(self, kind: Kind) -> Any:
        words = {"prefix": kind.prefix, "group": kind.group, "api_version": kind.version, "kind": kind.kind}
        return Resource(**words, name=kind.plural, namespaced=True)  # type: ignore[no-untyped-call]  # the library is not typed

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

    async def _send(self, method: str, path: str, what: str, kind: Kind | None, **options: Any) -> Any:
        options.setdefault("_request_timeout", TIMEOUT)
        try:
            return await self._dynamic.request(method, path, serialize=False, **options)
        except ApiException as refused:
            headers: Mapping[str, str] = refused.headers or {}
            body = refused.body.decode(errors="replace") if isinstance(refused.body, bytes) else str(refused.body)
            pause = headers.get("Retry-After")
            raise error_of(what, refused.status or 500, body, pause, secret=kind is SECRET) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as broken:
            raise Unreachable(f"{what}: {type(broken).__name__}") from None


def _named(verb: str, kind: Kind, namespace: str, name: str) -> str:
    return f"{verb} {kind.kind} {namespace}/{name}"


def _accept(suffix: str) -> dict[str, str]:
    return {"Accept": METADATA_ONLY.format(suffix)}


async def _lines(response: Any) -> AsyncIterator[bytes]:
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
