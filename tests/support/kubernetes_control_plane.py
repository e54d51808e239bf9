"""A real Kubernetes control plane without nodes: etcd, kube-apiserver, kube-controller-manager.

Pods stay Pending.

    with ControlPlane(folder) as control_plane:
        Kubectl(control_plane.kubeconfig).apply(...)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from support import kubernetes_servers
from support.free_port import free_port
from support.kubernetes_binaries import binary
from support.kubernetes_identities import Identities
from support.kubernetes_pki import write_control_plane_pki
from support.server_process import ServerProcess, answers

START_TIMEOUT = 90.0  # seconds; about four are usual, a busy machine with a cold disk needs more


class ControlPlane:
    """Starts on construction and is ready then: `folder` holds its PKI, kubeconfigs, logs and data.

    `apiserver_flags` and `controller_flags` come after the usual ones. Raises BuildFailed (a program cannot be built)
    or ServerStartError (with the tail of the log)."""

    def __init__(self, folder: Path, apiserver_flags: Sequence[str] = (), controller_flags: Sequence[str] = ()) -> None:
        self.folder = folder
        self._apiserver_flags, self._controller_flags = apiserver_flags, controller_flags
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self._ports = {"etcd": free_port(), "peer": free_port(), "apiserver": free_port()}
        write_control_plane_pki(folder / "pki", server_names=[])
        server = f"https://127.0.0.1:{self._ports['apiserver']}"
        self.identities = Identities(folder / "pki", folder / "kubeconfigs", server)
        self.kubeconfig = self.identities.administrator()
        self._administrator = self.identities.administrator_tls()
        self._running: dict[str, ServerProcess] = {}
        try:
            self._start_etcd()
            self.start_apiserver()
            self._start_controller_manager()
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> ControlPlane:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Kills all servers at once: nothing they hold is wanted any more. May be called twice."""
        for process in self._running.values():
            process.kill()
        self._running.clear()

    def start_apiserver(self) -> None:
        """On the port it had before, with the data it had before. Ready on return."""
        command = kubernetes_servers.kube_apiserver(
            self.folder / "pki", "127.0.0.1", self._ports["apiserver"], self._ports["etcd"]
        )
        command += self._apiserver_flags
        self._start(command).wait_until_ready(lambda: self._answers("/readyz"), START_TIMEOUT)

    def stop_apiserver(self) -> None:
        """From here on connections are refused; open watches break off."""
        self._running.pop("kube-apiserver").kill()

    def restart_apiserver(self) -> None:
        self.stop_apiserver()
        self.start_apiserver()

    def pause_apiserver(self) -> None:
        """From here on connections hang; `resume_apiserver` goes on where it stopped."""
        self._running["kube-apiserver"].pause()

    def resume_apiserver(self) -> None:
        self._running["kube-apiserver"].resume()

    def _start_etcd(self) -> None:
        data = self.folder / "etcd"
        command = kubernetes_servers.etcd(data, self._ports["etcd"], self._ports["peer"])
        url = f"http://127.0.0.1:{self._ports['etcd']}/health"
        self._start(command).wait_until_ready(lambda: answers(url), START_TIMEOUT)

    def _start_controller_manager(self) -> None:
        """Ready once the account that it makes in every namespace is there."""
        kubeconfig = self.identities.user("system:kube-controller-manager")
        command = kubernetes_servers.kube_controller_manager(self.folder / "pki", kubeconfig)
        process = self._start([*command, *self._controller_flags])
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        process.wait_until_ready(lambda: self._answers(account), START_TIMEOUT)

    def _start(self, command: list[str]) -> ServerProcess:
        name = command[0]
        process = ServerProcess([binary(name), *command[1:]], self.logs / f"{name}.log")
        self._running[name] = process
        return process

    def _answers(self, path: str) -> bool:
        return answers(self.identities.server + path, self._administrator)
