"""LLMCredentials on a real API server: the operator's reconciler, its Jobs as processes with their own identity."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from llmgateway_operator.apply import Applier
from llmgateway_operator.cluster.index import ChildIndex
from llmgateway_operator.cluster.kubernetes_api import connect
from llmgateway_operator.credential.gauges import CredentialGauges
from llmgateway_operator.credential.reconcile import CredentialReconciler
from llmgateway_operator.events import Announcer
from llmgateway_operator.keys import Key
from llmgateway_operator.references import ReferenceIndex
from llmgateway_operator.settings import Defaults
from support.kubectl import Kubectl, KubectlError, wait_until
from support.operator_process import install_crds
from support.refresh_jobs import RefreshJobs
from support.shared_control_plane import SharedControlPlane
from support.token_families import MARK, TokenFamilies
from support.token_server import TokenServer

GRACE = 120


@dataclass
class Stage:
    """One namespace with the operator's reconciler, a token server, and somebody who plays the kubelet."""

    control_plane: SharedControlPlane
    kubectl: Kubectl
    jobs: RefreshJobs
    server: TokenServer

    def reconcile(self, name: str = "login") -> None:
        asyncio.run(self._reconcile(name))

    async def _reconcile(self, name: str) -> None:
        cluster = await connect()
        try:
            await CredentialReconciler(
                cluster,
                Applier(cluster, ChildIndex()),
                ReferenceIndex(),
                Announcer(cluster, "test"),
                CredentialGauges(),
                Defaults(),
                lambda: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            )(Key("LLMCredential", self.kubectl.namespace, name))
        finally:
            await cluster.close()

    def apply(self, name: str = "login", annotations: dict[str, str] | None = None, **spec: Any) -> None:
        """A login with the format Keys, refreshed, unless `spec` says otherwise."""
        given: dict[str, Any] = {
            "type": "RefreshToken",
            "sourceRef": {"name": f"{name}-source", "keys": {"refreshToken": "refresh", "accessToken": "access"}},
            "oauth": {"tokenURL": self.server.url},
            "refresh": {"enabled": True},
            **spec,
        }
        self.kubectl.apply(
            {
                "apiVersion": "llmgateway.dev/v1alpha1",
                "kind": "LLMCredential",
                "metadata": {"name": name, "annotations": annotations or {}},
                "spec": {key: value for key, value in given.items() if value is not None},
            }
        )

    def log_in(self, name: str = "login") -> None:
        """A human puts a new login into the source Secret."""
        refresh, access = self.server.families.log_in()
        self.secret(f"{name}-source", {"refresh": refresh, "access": access})

    def secret(self, name: str, values: dict[str, str]) -> None:
        self.kubectl.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values})

    def open_jobs(self, name: str = "login") -> list[str]:
        found = self.kubectl.items("jobs", selector=f"app.kubernetes.io/instance={name}")
        return [job["metadata"]["name"] for job in found if not _ended(job)]

    def run_wanted(self, name: str = "login", during: Callable[[Any], None] | None = None) -> int | None:
        """Reconciles and runs the Job that came of it, if any, to its end; its exit status."""
        self.reconcile(name)
        jobs = self.open_jobs(name)
        if not jobs:
            return None
        assert len(jobs) == 1
        pod = self.jobs.pod_of(jobs[0])
        process = self.jobs.start(pod)
        if during:
            during(process)
        code = self.jobs.finish(pod, process)
        wait_until(lambda: _ended(self.kubectl.get("job", jobs[0])), 30, "the end of the Job")
        self.reconcile(name)
        return code

    def ask(self, name: str = "login") -> None:
        """One rotation, now."""
        self.kubectl.run(
            *("annotate", "llmcredential", name, "-n", self.kubectl.namespace, "--overwrite"),
            f"llmgateway.dev/refresh-at={time.time_ns()}",
        )

    def status(self, name: str = "login") -> dict[str, Any]:
        found: dict[str, Any] = self.kubectl.get("llmcredential", name).get("status", {})
        return found

    def condition(self, type_: str = "Ready", name: str = "login") -> dict[str, Any]:
        conditions = self.status(name).get("conditions", ())
        return next((each for each in conditions if each["type"] == type_), {})

    def tokens(self, name: str = "login-token") -> dict[str, str]:
        data = self.kubectl.get("secret", name).get("data", {})
        return {key: base64.b64decode(value).decode() for key, value in data.items()}


def _ended(job: dict[str, Any]) -> bool:
    return any(each["type"] in ("Complete", "Failed") for each in job.get("status", {}).get("conditions", ()))


@pytest.fixture
def families() -> TokenFamilies:
    return TokenFamilies()


@pytest.fixture
def stage(
    control_plane: SharedControlPlane,
    kubectl: Kubectl,
    tmp_path: Path,
    families: TokenFamilies,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Stage]:
    install_crds(control_plane.kubeconfig)
    monkeypatch.setenv("KUBECONFIG", str(control_plane.kubeconfig))  # for the operator's own client
    restricted = "pod-security.kubernetes.io/enforce=restricted"
    kubectl.run("label", "namespace", kubectl.namespace, restricted)
    with TokenServer(families) as server:
        yield Stage(control_plane, kubectl, RefreshJobs(control_plane, kubectl, tmp_path), server)


@pytest.mark.behaviour("O3", "O4")
def test_a_login_is_taken_rotated_on_demand_and_reported(stage: Stage) -> None:
    stage.log_in()
    stage.apply()
    assert stage.run_wanted() == 0
    first = stage.tokens()
    status = stage.status()
    assert stage.condition()["reason"] == "Fresh"
    assert stage.condition()["status"] == "True"
    assert status["revision"] == 1
    assert status["expiresAt"] == first["expiresAt"]
    assert status["nextRefreshTime"] > status["lastRefreshTime"]
    assert stage.run_wanted() is None
    stage.ask()
    assert stage.run_wanted() == 0
    assert stage.status()["revision"] == 2
    assert stage.tokens()["accessToken"] != first["accessToken"]
    assert stage.server.families.accepts(stage.tokens()["accessToken"])
    cron_job = stage.kubectl.get("cronjob", "login-refresh")["spec"]
    assert cron_job["concurrencyPolicy"] == "Forbid"
    assert cron_job["jobTemplate"]["spec"]["backoffLimit"] == 0


@pytest.mark.behaviour("O4")
def test_a_changed_bootstrap_secret_starts_a_new_family_and_an_old_one_is_never_taken_again(stage: Stage) -> None:
    stage.log_in()
    old = stage.kubectl.get("secret", "login-source")
    stage.apply()
    stage.run_wanted()
    stage.log_in()
    assert stage.run_wanted() == 0
    assert stage.status()["revision"] == 2
    stage.kubectl.apply(
        {key: old[key] for key in ("apiVersion", "kind", "data")} | {"metadata": {"name": "login-source"}}
    )
    assert stage.run_wanted() is None
    assert stage.condition()["reason"] == "Fresh"
    assert stage.server.families.double_spends == 0


@pytest.mark.behaviour("O3")
def test_the_jobs_identity_reaches_its_own_objects_and_nothing_else(stage: Stage) -> None:
    stage.log_in()
    stage.apply()
    stage.run_wanted()
    namespace = stage.kubectl.namespace
    job = Kubectl(stage.control_plane.identities.service_account(namespace, "login-refresh"), namespace)
    stage.secret("other", {"key": "value"})
    for name in ("login-token", "login-recovery", "login-source"):
        assert job.get("secret", name)
    refusals = (
        ("get", "secret", "other"),
        ("get", "secrets"),
        ("get", "configmaps"),
        ("delete", "secret", "login-token"),
        ("annotate", "secret", "login-source", "a=b"),
        ("patch", "secret", "login-token", "-p", "{}"),
        ("create", "configmap", "new"),
    )
    for words in refusals:
        with pytest.raises(KubectlError, match=r"cannot|orbidden"):
            job.run(*words, "-n", namespace)


@pytest.mark.behaviour("O3")
def test_a_second_credential_with_the_same_source_is_refused_even_after_the_first_is_gone(stage: Stage) -> None:
    stage.log_in()
    stage.apply()
    stage.run_wanted()
    time.sleep(1.1)  # creation times have whole seconds
    source = {"name": "login-source", "keys": {"refreshToken": "refresh"}}
    stage.apply("second", sourceRef=source)
    assert stage.run_wanted("second") is None
    assert stage.condition(name="second")["reason"] == "SourceAlreadyClaimed"
    assert stage.condition("Stalled", "second")["status"] == "True"
    stage.kubectl.delete("llmcredential", "login")
    stage.reconcile("second")
    assert stage.condition(name="second")["reason"] == "SourceAlreadyClaimed"
    wait_until(lambda: stage.kubectl.find("cronjob", "login-refresh") is None, 120, "garbage collection")
    assert stage.tokens()["refreshToken"], "the tokens outlive the LLMCredential"
    stage.apply()
    assert stage.run_wanted() is None
    assert stage.condition()["reason"] == "Fresh"


@pytest.mark.behaviour("O4")
def test_a_static_key_has_the_same_story(stage: Stage) -> None:
    stage.secret("key", {"api-key": f"sk-{MARK}-1"})
    source = {"name": "key", "keys": {"accessToken": "api-key"}}
    stage.apply("static", type="Static", sourceRef=source, oauth=None, refresh=None)
    stage.reconcile("static")
    assert stage.tokens("static-token")["accessToken"] == f"sk-{MARK}-1"
    assert stage.condition(name="static")["reason"] == "Static"
    stage.secret("key", {"api-key": f"sk-{MARK}-2"})
    stage.reconcile("static")
    assert stage.tokens("static-token")["accessToken"] == f"sk-{MARK}-2"
    assert stage.status("static")["revision"] == 2
    assert stage.kubectl.find("cronjob", "static-refresh") is None
    assert stage.kubectl.find("serviceaccount", "static-refresh") is None


def test_nothing_is_refreshed_by_default(stage: Stage) -> None:
    stage.log_in()
    stage.apply(refresh=None)
    assert stage.run_wanted() is None
    assert stage.condition()["reason"] == "RefreshDisabled"
    assert stage.kubectl.find("cronjob", "login-refresh") is None
    assert "refreshToken" not in stage.tokens()
    assert stage.server.families.presentations == 0


@pytest.mark.behaviour("O3")
@pytest.mark.parametrize("families", [TokenFamilies()])
def test_without_grace_a_killed_run_is_reported_and_its_token_never_sent_again(stage: Stage) -> None:
    stage.log_in()
    stage.apply()
    stage.run_wanted()
    stage.ask()
    stage.server.script.append("hang after")
    assert stage.run_wanted(during=_kill_when(lambda: len(stage.server.seen) == 2)) != 0
    assert stage.condition()["reason"] == "RefreshAmbiguous" or stage.open_jobs()
    _let_follow(stage)
    assert stage.condition()["reason"] == "ReauthRequired"
    assert stage.condition("Stalled")["status"] == "True"
    assert stage.server.families.double_spends == 0
    assert stage.server.families.presentations == 2
    stage.log_in()
    assert stage.run_wanted() == 0
    assert stage.condition()["reason"] == "Fresh"


@pytest.mark.behaviour("O3")
@pytest.mark.parametrize("families", [TokenFamilies(grace=GRACE)])
def test_with_grace_fifty_jobs_killed_and_disturbed_lose_no_login(stage: Stage) -> None:
    names = [f"login{number}" for number in range(4)]
    for name in names:
        stage.log_in(name)
        stage.apply(name, {"llmgateway.dev/refresh-reuse-grace": f"{GRACE}s"})
    stage.server.hang = 0.3
    with ThreadPoolExecutor(len(names)) as pool:
        runs = sum(pool.map(lambda name: _disturbed(stage, name, 9), names))
    killed = sum(not said for said in stage.jobs.output)
    families = stage.server.families
    print(f"{runs} Jobs, {killed} killed, {families.presentations} requests, {families.exchanges} exchanges")
    assert runs >= 50
    assert killed >= 5
    assert families.double_spends == 0
    for name in names:
        assert stage.condition(name=name)["reason"] == "Fresh"
        assert families.takes(stage.tokens(f"{name}-token")["refreshToken"], time.time())
    _assert_no_leak(stage)


def _disturbed(stage: Stage, name: str, rounds: int) -> int:
    """Rotations on demand, each with some fault; then an undisturbed one. How many Jobs ran."""
    chance = random.Random(name)
    before = len(stage.jobs.commands)
    for _ in range(rounds):
        if chance.random() < 0.5:
            stage.server.script.append(chance.choice(("hang before", "hang after", "500 after", "429", "cut", "slow")))
        delay = chance.uniform(0.15, 0.6)
        stage.run_wanted(name, _kill_after(delay) if chance.random() < 0.4 else None)
        _let_follow(stage, name)
        stage.ask(name)
    stage.server.script.clear()
    stage.run_wanted(name)
    _let_follow(stage, name)
    return sum(f"--name={name} " in command for command in stage.jobs.commands[before:])


def _let_follow(stage: Stage, name: str = "login") -> None:
    """The operator's follow-up runs, until it wants none."""
    for _ in range(8):
        if stage.run_wanted(name) is None:
            return


def _kill_after(seconds: float) -> Callable[[Any], None]:
    def kill(process: Any) -> None:
        time.sleep(seconds)
        process.kill()

    return kill


def _kill_when(ready: Callable[[], bool]) -> Callable[[Any], None]:
    def kill(process: Any) -> None:
        wait_until(lambda: ready() or process.poll() is not None, 20, "the moment to kill")
        process.kill()

    return kill


def _assert_no_leak(stage: Stage) -> None:
    """Marked tokens in no output, command, Event, status, Job, pod or annotation."""
    kinds = ("llmcredentials", "jobs", "cronjobs", "pods", "events", "leases", "roles", "configmaps")
    texts = [stage.kubectl.run("get", kind, "-n", stage.kubectl.namespace, "-o", "json") for kind in kinds]
    for secret in stage.kubectl.items("secrets"):
        texts.append(json.dumps(secret["metadata"]))
    texts += [*stage.jobs.output, *stage.jobs.commands]
    assert "LLMCredential" in texts[0]
    for text in texts:
        assert MARK not in text
        assert base64.b64encode(MARK.encode()).decode()[:7] not in text
