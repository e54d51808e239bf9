"""What an operator asked of the API server, by the API server's own audit log."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

ACCOUNT = "operator-under-measurement"
"""A service account in the namespace default."""
WRITES = ("create", "update", "patch", "delete", "deletecollection")
POLICY = f"""apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
- level: Metadata
  users: ["system:serviceaccount:default:{ACCOUNT}"]
- level: None
"""


class Call(NamedTuple):
    """One request; `resource` is a plural, with its subresource."""

    verb: str
    resource: str


class CallLog:
    """Reads on from where it was each time. `read`: bytes of the log that are not asked for."""

    def __init__(self, folder: Path, read: int = 0) -> None:
        self._folder = folder
        self._policy, self._log = folder / "audit-policy.yaml", folder / "audit.log"
        self._policy.write_text(POLICY)
        self._log.touch()
        self._read = read

    @property
    def apiserver_flags(self) -> list[str]:
        return [f"--audit-policy-file={self._policy}", f"--audit-log-path={self._log}", "--audit-log-mode=batch"]

    def from_here(self) -> CallLog:
        """Another reader, for what comes from now on."""
        return CallLog(self._folder, self._log.stat().st_size)

    def calls(self) -> Counter[Call]:
        """Since the last time; watches are not counted, they end when they end."""
        with self._log.open() as log:
            log.seek(self._read)
            lines = log.readlines()
            whole = [line for line in lines if line.endswith("\n")]
            self._read += sum(len(line.encode()) for line in whole)
        return Counter(call for line in whole if (call := _call(json.loads(line))).verb != "watch")


def _call(record: dict[str, Any]) -> Call:
    about = record.get("objectRef", {})
    parts = (about.get("resource", record["requestURI"].partition("?")[0]), about.get("subresource"))
    return Call(record["verb"], "/".join(part for part in parts if part))


def writes(calls: Counter[Call], *, leases: bool = False) -> int:
    """Leases are renewed for as long as somebody leads."""
    return sum(count for call, count in calls.items() if call.verb in WRITES and (leases or call.resource != "leases"))
