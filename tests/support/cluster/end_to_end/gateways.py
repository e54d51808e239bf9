"""LLMGateways of the tests: their documents, and one of them as it runs."""

from __future__ import annotations

import base64
import json
from typing import Any

from support.cluster.end_to_end.client_pods import execute
from support.kubectl import Kubectl, wait_until

Document = dict[str, Any]

DRAIN = "120s"
KEYS = {"alice": "key-of-alice", "bob": "key-of-bob"}
"""Of the clients of `demo`, in the Secret client-keys."""
UPSTREAM_KEYS = {"first": "key-of-demo"}
"""Of the clients of `upstream`, in the Secret upstream-keys; `demo` has its own in upstream-key."""
SCRIPTED = {"name": "scripted", "type": "Scripted"}
UPSTREAM = {
    "name": "models",
    "type": "OpenAI",
    "endpoint": {"serviceRef": {"name": "upstream-gateway", "port": 8080, "path": "/v1"}},
    "credentialRef": {"kind": "Secret", "name": "upstream-key", "key": "key"},
}
"""The gateway `upstream` of the same namespace as the backend of another one."""


SHARED_PROCESSES = {"spec": {"shareProcessNamespace": True}}
"""A pod template in which the gateway is not process 1, which nothing in a pod may kill."""
KILL = """for each in /proc/[0-9]*; do
  if tr "\\0" " " < $each/cmdline | grep -q "llmgatewa[y] serve"; then kill -9 ${each#/proc/}; fi
done 2>/dev/null"""


def secret(name: str, **values: str) -> Document:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values}


def auth(secret_name: str) -> Document:
    """Clients are known by the keys in that Secret."""
    return {"apiKeys": {"secretRef": {"name": secret_name}}}


def gateway(name: str, *backends: Document, **spec: Any) -> Document:
    """An LLMGateway; its pods may take two minutes to drain."""
    wanted = {"backends": list(backends or [SCRIPTED]), "availability": {"drain": DRAIN}, **spec}
    return {
        "apiVersion": "llmgateway.dev/v1alpha1",
        "kind": "LLMGateway",
        "metadata": {"name": name},
        "spec": wanted,
    }


class RunningGateway:
    """One that was applied in the namespace of `kubectl`."""

    def __init__(self, kubectl: Kubectl, name: str) -> None:
        self.kubectl = kubectl
        self.name = name
        self.deployment = f"{name}-gateway"
        self.store = f"{name}-valkey"

    @property
    def url(self) -> str:
        """For pods of any namespace."""
        return f"http://{self.deployment}.{self.kubectl.namespace}:8080"

    @property
    def address(self) -> str:
        """The same without its name: what a busy DNS server loses is not the gateway's loss."""
        return f"http://{self.kubectl.get('service', self.deployment)['spec']['clusterIP']}:8080"

    def wait_until_ready(self, timeout: float = 120) -> None:
        """Until what was asked for last is there. Raises TimeoutError with the conditions (seconds)."""
        try:
            wait_until(self._is_settled, timeout, f"LLMGateway {self.name} ready")
        except TimeoutError as missed:
            conditions = self._document().get("status", {}).get("conditions", [])
            said = "; ".join(f"{each['type']}={each['status']} {each['message']}" for each in conditions)
            raise TimeoutError(f"{missed}: {said}") from None

    def merge(self, **spec: Any) -> None:
        """Changes fields of the spec as `kubectl patch --type merge` does."""
        self._patch({"spec": spec})

    def annotate(self, **annotations: str) -> None:
        """Names of annotations without `llmgateway.dev/` and with underscores."""
        named = {f"llmgateway.dev/{name.replace('_', '-')}": value for name, value in annotations.items()}
        self._patch({"metadata": {"annotations": named}})

    def condition(self, kind: str) -> Document | None:
        conditions = self._document().get("status", {}).get("conditions", [])
        return next((each for each in conditions if each["type"] == kind), None)

    def pods(self, component: str = "gateway") -> list[Document]:
        """Its pods that are not leaving."""
        selector = f"app.kubernetes.io/instance={self.name},app.kubernetes.io/component={component}"
        found = self.kubectl.items("pods", selector=selector)
        return [each for each in found if "deletionTimestamp" not in each["metadata"]]

    def pod_names(self, component: str = "gateway") -> list[str]:
        return sorted(each["metadata"]["name"] for each in self.pods(component))

    def wait_until_gone(self, *pods: str, timeout: float = 200) -> None:
        for pod in pods:
            wait_until(lambda pod=pod: self.kubectl.find("pod", pod) is None, timeout, f"the end of pod {pod}")

    def kill(self, pod: str) -> None:
        """SIGKILL for the gateway's process; its pod was made with SHARED_PROCESSES, and the kubelet restarts it."""
        execute(self.kubectl, pod, "sh", "-c", KILL)

    def restarts(self, component: str = "gateway") -> int:
        statuses = [status for pod in self.pods(component) for status in pod["status"]["containerStatuses"]]
        return sum(each["restartCount"] for each in statuses)

    def valkey(self, *command: str) -> str:
        """What a command answers on the managed store."""
        return execute(self.kubectl, f"deployment/{self.store}", "valkey-cli", *self._login(), *command)

    def _login(self) -> list[str]:
        password = base64.b64decode(self.kubectl.get("secret", self.store)["data"]["password"]).decode()
        return ["--no-auth-warning", "-a", password]

    def _is_settled(self) -> bool:
        document = self._document()
        status = document.get("status", {})
        conditions = {each["type"]: each["status"] for each in status.get("conditions", [])}
        is_current = status.get("observedGeneration") == document["metadata"]["generation"]
        is_well = conditions.get("Ready") == "True" and "Reconciling" not in conditions
        return is_current and is_well and self._has_all_pods()

    def _has_all_pods(self) -> bool:
        """A status may be older than the end of a pod."""
        for component, deployment in (("gateway", self.deployment), ("store", self.store)):
            wanted = (self.kubectl.find("deployment", deployment) or {"spec": {"replicas": 0}})["spec"]["replicas"]
            if [_is_ready(pod) for pod in self.pods(component)] != [True] * wanted:
                return False
        return True

    def _document(self) -> Document:
        return self.kubectl.get("llmgateway", self.name)

    def _patch(self, patch: Document) -> None:
        where = ("patch", "llmgateway", self.name, "-n", self.kubectl.namespace)
        self.kubectl.run(*where, "--type=merge", "-p", json.dumps(patch))


def _is_ready(pod: Document) -> bool:
    conditions = pod["status"].get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
