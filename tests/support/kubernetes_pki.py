"""Certificates and kubeconfigs of a Kubernetes control plane, made in memory (EC P-256; valid for ten years).

What each component needs: "PKI certificates and requirements", Kubernetes documentation.
"""

from __future__ import annotations

import base64
import datetime
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# Fixed dates: no clock, and no certificate that is "not yet valid" on a machine whose clock is behind.
NOT_BEFORE = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
NOT_AFTER = datetime.datetime(2045, 1, 1, tzinfo=datetime.UTC)


@dataclass(frozen=True)
class KeyPair:
    """One certificate and its private key, both PEM."""

    certificate: bytes
    key: bytes

    def write(self, folder: Path, name: str) -> None:
        """Writes `name.crt` and `name.key` (mode 0600)."""
        (folder / f"{name}.crt").write_bytes(self.certificate)
        _write_private(folder / f"{name}.key", self.key)

    @classmethod
    def read(cls, folder: Path, name: str) -> KeyPair:
        return cls((folder / f"{name}.crt").read_bytes(), (folder / f"{name}.key").read_bytes())


def new_authority(common_name: str) -> KeyPair:
    """A self-signed certificate authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(common_name, ())
    usage = {**_NO_KEY_USAGE, "digital_signature": True, "key_cert_sign": True, "crl_sign": True}
    unsigned = _builder(subject, subject, key.public_key(), key.public_key())
    unsigned = unsigned.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    unsigned = unsigned.add_extension(x509.KeyUsage(**usage), critical=True)
    return KeyPair(_pem(unsigned.sign(key, hashes.SHA256())), _private_pem(key))


def issue(authority: KeyPair, user: str, groups: Iterable[str] = (), host_names: Iterable[str] = ()) -> KeyPair:
    """A certificate for clients and servers. Kubernetes reads CN as the user and each O as a group;
    `host_names` (names and IP addresses) are what it may serve."""
    issuer = x509.load_pem_x509_certificate(authority.certificate)
    signing_key = serialization.load_pem_private_key(authority.key, password=None)
    assert isinstance(signing_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    unsigned = _builder(_name(user, groups), issuer.subject, key.public_key(), signing_key.public_key())
    unsigned = unsigned.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    unsigned = unsigned.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    if names := [_alternative_name(each) for each in host_names]:
        unsigned = unsigned.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return KeyPair(_pem(unsigned.sign(signing_key, hashes.SHA256())), _private_pem(key))


def write_control_plane_pki(folder: Path, server_names: Iterable[str]) -> None:
    """Everything the servers read: `ca`, `apiserver` (for `server_names`), `kubelet-client` (API server to
    kubelet), `front-proxy-ca`, `front-proxy-client` (aggregation), `sa.key`, `sa.pub` (service accounts)."""
    folder.mkdir(parents=True, exist_ok=True)
    authority, front_proxy = new_authority("kubernetes-ca"), new_authority("front-proxy-ca")
    authority.write(folder, "ca")
    front_proxy.write(folder, "front-proxy-ca")
    in_cluster = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost", "127.0.0.1"]
    in_cluster.append("kubernetes.default.svc.cluster.local")
    issue(authority, "kube-apiserver", host_names=[*in_cluster, *server_names]).write(folder, "apiserver")
    issue(authority, "kube-apiserver-kubelet-client", ["system:masters"]).write(folder, "kubelet-client")
    issue(front_proxy, "front-proxy-client").write(folder, "front-proxy-client")
    _write_service_account_keys(folder)


def write_kubeconfig(
    path: Path, server: str, authority: bytes, *, pair: KeyPair | None = None, token: str | None = None
) -> Path:
    """A kubeconfig (mode 0600) whose user proves itself by a client certificate or by a bearer token."""
    user: dict[str, str] = {"token": token} if token is not None else {}
    if pair is not None:
        user["client-certificate-data"] = base64.b64encode(pair.certificate).decode()
        user["client-key-data"] = base64.b64encode(pair.key).decode()
    cluster = {"server": server, "certificate-authority-data": base64.b64encode(authority).decode()}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "test", "user": user}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    }
    _write_private(path, yaml.safe_dump(document).encode())
    return path


_NO_KEY_USAGE = dict.fromkeys(
    (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    ),
    False,
)


def _write_service_account_keys(folder: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    _write_private(folder / "sa.key", _private_pem(key))
    (folder / "sa.pub").write_bytes(public)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    issuer_public: ec.EllipticCurvePublicKey,
) -> x509.CertificateBuilder:
    """With both key identifiers (RFC 5280, 4.2.1.1): Python 3.13 and newer refuse certificates without them."""
    unsigned = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public)
    unsigned = unsigned.serial_number(x509.random_serial_number())
    unsigned = unsigned.not_valid_before(NOT_BEFORE).not_valid_after(NOT_AFTER)
    own, authority = x509.SubjectKeyIdentifier, x509.AuthorityKeyIdentifier
    unsigned = unsigned.add_extension(own.from_public_key(public), critical=False)
    return unsigned.add_extension(authority.from_issuer_public_key(issuer_public), critical=False)


def _name(user: str, groups: Iterable[str]) -> x509.Name:
    organizations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*organizations, x509.NameAttribute(NameOID.COMMON_NAME, user)])


def _alternative_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private_pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write_private(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
