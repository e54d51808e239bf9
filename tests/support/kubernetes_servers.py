"""The command lines of a control plane's servers, shared by all who start one.

`pki` is a folder filled by `kubernetes_pki.write_control_plane_pki`.
"""

from __future__ import annotations

from pathlib import Path

SERVICE_NETWORK = "10.96.0.0/16"
SERVICE_ACCOUNT_ISSUER = "https://kubernetes.default.svc.cluster.local"


def etcd(data: Path, client_port: int, peer_port: int) -> list[str]:
    """One member on the loopback, plain HTTP. Not syncing to disk makes it several times faster: its data
    need not outlive the machine."""
    client, peer = f"http://127.0.0.1:{client_port}", f"http://127.0.0.1:{peer_port}"
    return [
        "etcd",
        "--name=default",
        f"--data-dir={data}",
        "--unsafe-no-fsync",
        "--log-level=warn",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
    ]


def kube_apiserver(pki: Path, address: str, port: int, etcd_port: int) -> list[str]:
    """RBAC is on, for administrators, service accounts and nodes alike."""
    return [
        "kube-apiserver",
        f"--bind-address={address}",
        f"--advertise-address={address}",
        f"--secure-port={port}",
        f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        f"--service-cluster-ip-range={SERVICE_NETWORK}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        f"--client-ca-file={pki}/ca.crt",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--service-account-issuer={SERVICE_ACCOUNT_ISSUER}",
        f"--service-account-key-file={pki}/sa.pub",
        f"--service-account-signing-key-file={pki}/sa.key",
        f"--kubelet-client-certificate={pki}/kubelet-client.crt",
        f"--kubelet-client-key={pki}/kubelet-client.key",
        f"--kubelet-certificate-authority={pki}/ca.crt",
        "--kubelet-preferred-address-types=InternalIP",
        f"--requestheader-client-ca-file={pki}/front-proxy-ca.crt",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
        f"--proxy-client-cert-file={pki}/front-proxy-client.crt",
        f"--proxy-client-key-file={pki}/front-proxy-client.key",
        "--enable-aggregator-routing=true",
    ]


def kube_controller_manager(pki: Path, kubeconfig: Path) -> list[str]:
    """All built-in controllers, each with its own service account. Nobody scrapes it: it opens no port."""
    return [
        "kube-controller-manager",
        f"--kubeconfig={kubeconfig}",
        "--secure-port=0",
        "--leader-elect=false",
        "--use-service-account-credentials=true",
        "--allocate-node-cidrs=false",
        "--kube-api-qps=200",  # the usual 20 take seconds to start all controllers
        "--kube-api-burst=400",
        f"--service-cluster-ip-range={SERVICE_NETWORK}",
        f"--root-ca-file={pki}/ca.crt",
        f"--service-account-private-key-file={pki}/sa.key",
        f"--cluster-signing-cert-file={pki}/ca.crt",
        f"--cluster-signing-key-file={pki}/ca.key",
    ]


def kube_scheduler(kubeconfig: Path) -> list[str]:
    return ["kube-scheduler", f"--kubeconfig={kubeconfig}", "--secure-port=0", "--leader-elect=false"]
