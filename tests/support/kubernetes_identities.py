"""Kubeconfigs for whom you like: administrators, users in groups, service accounts with their RBAC rules.

All it needs is the PKI folder, so that processes which did not start the control plane can use it.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Sequence
from pathlib import Path

from support.kubectl import Kubectl
from support.kubernetes_pki import KeyPair, issue, write_kubeconfig


class Identities:
    """Kubeconfigs for `server` (an https URL), written to `folder`, signed by the authority in `pki`."""

    def __init__(self, pki: Path, folder: Path, server: str) -> None:
        self.server = server
        self._pki = pki
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def administrator(self) -> Path:
        """Bound to cluster-admin by the API server; also leaves `admin.crt` and `admin.key` in the PKI."""
        pair = issue(KeyPair.read(self._pki, "ca"), "admin", ["system:masters"])
        pair.write(self._pki, "admin")
        return self._write("admin", pair=pair)

    def administrator_tls(self) -> ssl.SSLContext:
        """The same as an HTTPS client; `administrator` comes first."""
        context = ssl.create_default_context(cafile=str(self._pki / "ca.crt"))
        context.load_cert_chain(self._pki / "admin.crt", self._pki / "admin.key")
        return context

    def user(self, name: str, groups: Sequence[str] = ()) -> Path:
        """A user with a client certificate; what it may do is up to RBAC."""
        pair = issue(KeyPair.read(self._pki, "ca"), name, groups)
        return self._write(f"user-{_file_name(name, *groups)}", pair=pair)

    def service_account(self, namespace: str, name: str, duration: str = "12h") -> Path:
        """An existing service account, by a token of the TokenRequest API, as a pod has it."""
        administrator = Kubectl(self._folder / "admin.kubeconfig")
        token = administrator.run("create", "token", name, "-n", namespace, f"--duration={duration}")
        return self._write(f"serviceaccount-{_file_name(namespace, name)}", token=token.strip())

    def _write(self, name: str, *, pair: KeyPair | None = None, token: str | None = None) -> Path:
        authority = (self._pki / "ca.crt").read_bytes()
        path = self._folder / f"{name}.kubeconfig"
        return write_kubeconfig(path, self.server, authority, pair=pair, token=token)


def _file_name(*parts: str) -> str:
    """User names hold colons, and so may groups: readable up to there, unique by a hash."""
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]
    return "-".join(parts).replace(":", "-").replace("/", "-")[:60] + "-" + digest
