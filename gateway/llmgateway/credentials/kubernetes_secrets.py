"""The port of the refresh program on the Kubernetes API, with nothing but the standard library.

Rights needed: get on the source Secret, get and update on target and recovery Secret and on the Lease. Nothing is
listed, watched, created or deleted. The clock is the API server's (the Date header of its answers): runs on nodes with
different clocks agree on it. Errors name verb and object; the server's sentences are dropped, they may quote values.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import http.client
import os
import ssl
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final

from llmgateway.credentials import timestamps
from llmgateway.credentials.refresh_record import ANNOTATION
from llmgateway.credentials.secret_port import (
    Busy,
    Conflict,
    Denied,
    Missing,
    StoredSecret,
    StoreError,
    Unreachable,
)
from llmgateway.wire import json_codec

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
CALL_TIMEOUT: Final = 10.0  # seconds
LEASE_SECONDS: Final = 150  # longer than any run lives: see refresh_program.LIFE
CLOCK_SLACK: Final = 2.0  # seconds; HTTP dates are cut to whole seconds
LEASE_WAIT: Final = 30.0  # seconds
LEASE_POLL: Final = 1.0  # seconds

_ERRORS: Final[dict[int, type[StoreError]]] = {401: Denied, 403: Denied, 404: Missing, 409: Conflict}


class ApiServer:
    """One connection with the pod's own identity; the token is read for each call, since the kubelet renews it."""

    def __init__(self, address: str, account: Path) -> None:
        self._host, _, port = address.rpartition(":")
        self._port = int(port)
        self._account = account
        self._connection: http.client.HTTPSConnection | None = None
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """The API server's clock, as of its last answer."""
        return time.monotonic() + self._offset

    def call(self, method: str, path: str, what: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One request, one answer. `what` names the object for errors. Raises StoreError."""
        try:
            status, answer = self._exchange(method, path, None if body is None else json_codec.encode(body))
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            raise Unreachable(f"{method} {what}: {type(error).__name__}") from None
        if status >= 300:
            raise _ERRORS.get(status, Unreachable if status >= 500 or status == 429 else StoreError)(
                f"{method} {what}: HTTP {status}"
            )
        return answer

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _exchange(self, method: str, path: str, body: bytes | None) -> tuple[int, dict[str, Any]]:
        connection = self._connected()
        token = (self._account / "token").read_text().strip()
        headers = {"authorization": f"Bearer {token}", "accept": "application/json", "user-agent": "llmgateway-refresh"}
        if body is not None:
            headers["content-type"] = "application/json"
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        content = response.read()
        self._look_at_the_clock(response.headers.get("date", ""))
        document = json_codec.decode(content) if response.status < 300 else {}
        return response.status, document if isinstance(document, dict) else {}

    def _connected(self) -> http.client.HTTPSConnection:
        if self._connection is None:
            trust = ssl.create_default_context(cafile=str(self._account / "ca.crt"))
            self._connection = http.client.HTTPSConnection(self._host, self._port, timeout=CALL_TIMEOUT, context=trust)
        return self._connection

    def _look_at_the_clock(self, date: str) -> None:
        with contextlib.suppress(ValueError, TypeError):
            self._offset = parsedate_to_datetime(date).timestamp() - time.monotonic()


class KubernetesSecrets:
    """`run` is `<Job>/<Pod uid>`; `ended` names a Job that is known to have ended: its lock is taken over at once."""

    def __init__(
        self,
        server: ApiServer,
        namespace: str,
        lease: str,
        run: str,
        ended: str = "",
        *,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._server = server
        self._secrets = f"/api/v1/namespaces/{namespace}/secrets/"
        self._lease = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{lease}"
        self._run = run
        self._ended = ended
        self._pause = pause
        self._held = False

    def now(self) -> float:
        return self._server.now()

    def read(self, name: str) -> StoredSecret:
        document = self._server.call("GET", self._secrets + name, f"Secret {name}")
        annotations = document["metadata"].get("annotations") or {}
        try:
            data = {key: base64.b64decode(value) for key, value in (document.get("data") or {}).items()}
        except binascii.Error:
            raise Unreachable(f"GET Secret {name}: no base64") from None
        version = document["metadata"]["resourceVersion"]
        return StoredSecret(name, data, annotations.get(ANNOTATION, ""), version, document)

    def write(self, secret: StoredSecret) -> StoredSecret:
        metadata = {**secret.origin["metadata"], "resourceVersion": secret.version}
        metadata["annotations"] = {**(metadata.get("annotations") or {}), ANNOTATION: secret.record}
        metadata.pop("managedFields", None)
        data = {key: base64.b64encode(value).decode() for key, value in secret.data.items()}
        document = {**secret.origin, "metadata": metadata, "data": data}
        written = self._server.call("PUT", self._secrets + secret.name, f"Secret {secret.name}", document)
        return StoredSecret(secret.name, secret.data, secret.record, written["metadata"]["resourceVersion"], written)

    def acquire(self) -> None:
        deadline = time.monotonic() + LEASE_WAIT
        while not self._acquired():
            if time.monotonic() > deadline:
                raise Busy("another run holds the Lease, or the API server does not answer")
            self._pause(LEASE_POLL)
        self._held = True

    def release(self) -> None:
        if not self._held:
            return
        self._held = False
        lease = self._server.call("GET", self._lease, "Lease")
        if lease["spec"].get("holderIdentity") == self._run:
            spec = {**lease["spec"], "holderIdentity": "", "renewTime": _micro_time(self.now())}
            self._server.call("PUT", self._lease, "Lease", {**lease, "spec": spec})

    def _acquired(self) -> bool:
        try:
            return self._try_to_acquire()
        except (Conflict, Unreachable):
            return False

    def _try_to_acquire(self) -> bool:
        lease = self._server.call("GET", self._lease, "Lease")
        spec = lease.get("spec") or {}
        if not self._is_free(spec):
            return False
        now = _micro_time(self.now())
        mine = {
            **spec,
            "holderIdentity": self._run,
            "leaseDurationSeconds": LEASE_SECONDS,
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": spec.get("leaseTransitions", 0) + 1,
        }
        self._server.call("PUT", self._lease, "Lease", {**lease, "spec": mine})
        return True

    def _is_free(self, spec: dict[str, Any]) -> bool:
        holder: str = spec.get("holderIdentity") or ""
        if holder in ("", self._run) or (self._ended and holder.startswith(f"{self._ended}/")):
            return True
        renewed = timestamps.from_text(spec.get("renewTime") or "") or 0.0
        duration: int = spec.get("leaseDurationSeconds") or LEASE_SECONDS
        return self.now() > renewed + duration + CLOCK_SLACK


def in_cluster(account: Path = SERVICE_ACCOUNT) -> ApiServer:
    """The API server as every pod finds it. Raises KeyError outside a cluster."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    return ApiServer(f"{host}:{port}", account)


def _micro_time(seconds: float) -> str:
    return timestamps.to_text(seconds)[:-1] + f".{int(seconds % 1 * 1e6):06d}Z"
