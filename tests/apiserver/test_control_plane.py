"""The harness itself: what the other tests of this folder rely on."""

from __future__ import annotations

from typing import Any

import pytest

from support.kubectl import Kubectl, KubectlError, wait_until
from support.kubernetes_control_plane import ControlPlane
from support.shared_control_plane import SharedControlPlane


def _config_map(name: str, **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}}


def test_a_new_namespace_gets_its_default_service_account(kubectl: Kubectl) -> None:
    account = wait_until(lambda: kubectl.find("serviceaccount", "default"), 30, "the default service account")
    assert account["metadata"]["namespace"] == kubectl.namespace


def test_a_deployment_gets_its_replica_set_and_pending_pods(kubectl: Kubectl) -> None:
    kubectl.run("create", "deployment", "web", "--image=nowhere/web:1", "-n", kubectl.namespace)
    pods = wait_until(lambda: kubectl.items("pods", selector="app=web"), 30, "the pod of the deployment")
    assert pods[0]["status"]["phase"] == "Pending"


def test_what_an_object_owns_is_collected_after_it(kubectl: Kubectl) -> None:
    kubectl.apply(_config_map("owner"))
    owner = kubectl.get("configmap", "owner")["metadata"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["uid"]}
    kubectl.apply(_config_map("owned", ownerReferences=[reference]))
    kubectl.delete("configmap", "owner")
    wait_until(lambda: kubectl.find("configmap", "owned") is None, 30, "garbage collection")


def test_a_service_account_may_do_what_its_role_says_and_no_more(
    control_plane: SharedControlPlane, kubectl: Kubectl
) -> None:
    namespace = kubectl.namespace
    kubectl.run("create", "serviceaccount", "reader", "-n", namespace)
    kubectl.run("create", "role", "read", "--verb=get", "--resource=configmaps", "-n", namespace)
    binding = ("--role=read", f"--serviceaccount={namespace}:reader", "-n", namespace)
    kubectl.run("create", "rolebinding", "reader-reads", *binding)
    kubectl.apply(_config_map("open"))
    reader = Kubectl(control_plane.identities.service_account(namespace, "reader"), namespace)
    assert reader.get("configmap", "open")["metadata"]["name"] == "open"
    with pytest.raises(KubectlError, match="cannot delete resource"):
        reader.delete("configmap", "open")
    with pytest.raises(KubectlError, match="cannot get resource"):
        reader.get("configmap", "kube-root-ca.crt", "default")


def test_a_user_is_known_by_name_and_groups(control_plane: SharedControlPlane) -> None:
    somebody = Kubectl(control_plane.identities.user("jane", ["developers"]))
    assert "developers" in somebody.run("auth", "whoami")
    with pytest.raises(KubectlError, match='User "jane" cannot list'):
        somebody.items("pods")


def test_a_restarted_api_server_has_kept_its_data(own_control_plane: ControlPlane) -> None:
    kubectl = Kubectl(own_control_plane.kubeconfig)
    kubectl.apply(_config_map("kept"))
    own_control_plane.stop_apiserver()
    with pytest.raises(KubectlError, match="refused"):
        kubectl.get("configmap", "kept")
    own_control_plane.start_apiserver()
    assert kubectl.get("configmap", "kept")["metadata"]["name"] == "kept"


def test_a_paused_api_server_answers_again_when_resumed(own_control_plane: ControlPlane) -> None:
    kubectl = Kubectl(own_control_plane.kubeconfig)
    own_control_plane.pause_apiserver()
    with pytest.raises(KubectlError, match=r"(?i)timeout"):
        kubectl.run("get", "namespaces", "--request-timeout=1s")
    own_control_plane.resume_apiserver()
    assert wait_until(lambda: kubectl.find("namespace", "default"), 30, "an answer after the pause")
