"""`kubectl_complete-llmgateway`: kubectl calls it with the words after `kubectl llmgateway`, the last one unfinished.

It prints one candidate a line and last a directive of Cobra's: 4 = no file names, 0 = whatever the shell does.
https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/kubectl/pkg/cmd/plugin/plugin_completion.go
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from kubectl_llmgateway.kubectl import CREDENTIAL, GATEWAY, Kubectl, KubectlFailed

COMMANDS: Final = {
    "status": "Show a gateway with conditions, backends and credentials",
    "rotate": "Rotate a credential now, and wait for it",
    "chat": "Talk to a gateway",
    "check": "Validate a file as the API server would",
}
FLAGS: Final = {
    "status": ("--namespace", "--context", "--kubeconfig"),
    "rotate": ("--namespace", "--context", "--kubeconfig", "--timeout"),
    "chat": ("--namespace", "--context", "--kubeconfig", "--url", "--model", "--client"),
    "check": ("--filename",),
}
_KINDS: Final = {"status": GATEWAY, "rotate": CREDENTIAL, "chat": GATEWAY}
_CLUSTER: Final = ("-n", "--namespace", "--context", "--kubeconfig")


class Completion(NamedTuple):
    """What the shell may offer."""

    candidates: list[str]
    files: bool = False


def completion(words: Sequence[str], names: Callable[[str, tuple[str, ...]], list[str]]) -> Completion:
    """`names` gives the names of a kind, with the cluster flags that were typed so far."""
    *typed, current = words or [""]
    command = next((word for word in typed if word in COMMANDS), "")
    if not command:
        return Completion([f"{name}\t{what}" for name, what in COMMANDS.items() if name.startswith(current)])
    if typed[-1] in ("-f", "--filename", "--kubeconfig"):
        return Completion([], files=True)
    if current.startswith("-"):
        return Completion([flag for flag in FLAGS[command] if flag.startswith(current)])
    if typed[-1] != command or command not in _KINDS:
        return Completion([])
    return Completion([name for name in names(_KINDS[command], _cluster_flags(typed)) if name.startswith(current)])


def _cluster_flags(typed: Sequence[str]) -> tuple[str, ...]:
    pairs = itertools.pairwise(typed)
    given = [part for flag, value in pairs if flag in _CLUSTER for part in (flag, value)]
    return (*given, *(word for word in typed if word.startswith(tuple(f"{flag}=" for flag in _CLUSTER))))


def _names(kind: str, flags: tuple[str, ...]) -> list[str]:
    try:
        return Kubectl((*flags, "--request-timeout=3s")).names(kind)
    except KubectlFailed:
        return []  # a shell that completes has no place for errors


def main() -> int:
    """Never fails: a completion without candidates is the worst that happens."""
    found = completion(sys.argv[1:], _names)
    sys.stdout.writelines(f"{each}\n" for each in found.candidates)
    sys.stdout.write(":0\n" if found.files else ":4\n")
    return 0
