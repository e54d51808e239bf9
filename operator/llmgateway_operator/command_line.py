"""`llmgateway-operator`: flags, then one process."""

from __future__ import annotations

import argparse
import logging
import os
import socket
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

import uvloop

from llmgateway_operator.process import run
from llmgateway_operator.settings import DEFAULT_GATEWAY_IMAGE, DEFAULT_STORE_IMAGE, Defaults, ProcessSettings

_IN_POD = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def parser() -> argparse.ArgumentParser:
    """All flags, with their defaults in the help text."""
    standard = ProcessSettings()
    flags = argparse.ArgumentParser(
        prog="llmgateway-operator",
        description="Reconciles LLMGateway and LLMCredential objects. Connects by KUBECONFIG, else as a pod.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = flags.add_argument
    add("--namespace", action="append", default=[], metavar="NS", help="watch this namespace only; may be repeated")
    add("--lease-namespace", default=None, metavar="NS", help="where the lease is; the pod's own namespace")
    add("--lease-name", default=standard.lease_name, help="name of the lease")
    add("--lease-duration", type=float, default=standard.lease_duration, metavar="S", help="seconds")
    add("--renew-deadline", type=float, default=standard.renew_deadline, metavar="S", help="seconds")
    add("--retry-period", type=float, default=standard.retry_period, metavar="S", help="seconds")
    add("--health-host", default=standard.health_host, help="address of /healthz, /readyz and /metrics")
    add("--health-port", type=int, default=standard.health_port, help="their port; 0: a free one")
    add("--gateway-image", default=DEFAULT_GATEWAY_IMAGE, help="where a spec names none")
    add("--valkey-image", default=DEFAULT_STORE_IMAGE, help="where a spec names none")
    add("--resync", type=float, default=standard.resync, metavar="S", help="seconds between two full looks")
    add("--workers", type=int, default=standard.workers, help="objects reconciled at a time")
    add("--log-level", default="info", choices=("debug", "info", "warning", "error"), help="of the log on stderr")
    return flags


def settings_of(arguments: argparse.Namespace) -> ProcessSettings:
    """Raises SystemExit where the times contradict each other."""
    if not arguments.retry_period < arguments.renew_deadline < arguments.lease_duration:
        raise SystemExit("llmgateway-operator: --retry-period < --renew-deadline < --lease-duration must hold")
    namespaces = tuple(dict.fromkeys(arguments.namespace))
    return ProcessSettings(
        namespaces=namespaces,
        lease_namespace=arguments.lease_namespace or _own_namespace(namespaces),
        lease_name=arguments.lease_name,
        identity=f"{socket.gethostname()}_{uuid.uuid4()}",
        lease_duration=arguments.lease_duration,
        renew_deadline=arguments.renew_deadline,
        retry_period=arguments.retry_period,
        health_host=arguments.health_host,
        health_port=arguments.health_port,
        resync=arguments.resync,
        workers=arguments.workers,
        defaults=Defaults(arguments.gateway_image, arguments.valkey_image),
    )


def _own_namespace(namespaces: Sequence[str]) -> str:
    if named := os.environ.get("POD_NAMESPACE"):
        return named
    if _IN_POD.exists():
        return _IN_POD.read_text().strip()
    return namespaces[0] if namespaces else "default"


def main(arguments: Sequence[str] | None = None) -> None:
    """Raises SystemExit with the process's exit code."""
    chosen = parser().parse_args(arguments)
    logging.basicConfig(
        level=chosen.log_level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    if chosen.log_level != "debug":
        logging.getLogger("kopf").setLevel(logging.WARNING)
        logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)  # signals are not kopf's business here
    raise SystemExit(uvloop.run(run(settings_of(chosen))))
