"""`llmgateway refresh-credential`: one run for one credential in a cluster. Starts in a fraction of a second.

Exit status: 0 the tokens are fresh, 1 they are not (one line says why), 2 the arguments make no sense.
"""

from __future__ import annotations

import signal
import sys
import time
import uuid
from collections.abc import Sequence

from llmgateway.credentials import refresh_arguments
from llmgateway.credentials.kubernetes_secrets import KubernetesSecrets, in_cluster
from llmgateway.credentials.refresh_program import LIFE, RefreshRun
from llmgateway.credentials.refresh_settings import Report
from llmgateway.credentials.token_endpoint import HttpTokenEndpoint, NotSent


class _Stop:
    """SIGTERM ends a run only before it spends anything: afterwards the tokens must be kept first."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self) -> bool:
        return self.asked

    def ask(self, *_: object) -> None:
        self.asked = True


def main(arguments: Sequence[str]) -> int:
    """Runs once; returns the exit status."""
    options = refresh_arguments.parse(arguments)
    stop = _Stop()
    signal.signal(signal.SIGTERM, stop.ask)
    _end_in(LIFE)
    run = options.run or f"{options.name}/{uuid.uuid4()}"
    who = f"LLMCredential {options.namespace}/{options.name}"
    try:
        settings = refresh_arguments.settings_of(options, run)
        authorities = options.authorities_file
        endpoint = HttpTokenEndpoint(options.token_url, None if authorities is None else str(authorities))
        server = in_cluster(options.service_account)
    except (OSError, KeyError, ValueError, NotSent) as error:
        return _tell(who, f"can't begin: {error if isinstance(error, NotSent) else type(error).__name__}", 1)
    store = KubernetesSecrets(server, options.namespace, options.lease, run, options.ended_job)
    report = RefreshRun(settings, store, endpoint, time.sleep, stop).run()
    server.close()
    return _tell(who, _sentence(report), 0 if report.well else 1)


def _end_in(seconds: float) -> None:
    """SIGALRM's default action ends the process. A process that was frozen for longer ends before its next
    instruction: it can't send a token that another run has taken over since."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _sentence(report: Report) -> str:
    if report.well:
        return f"Fresh; revision {report.revision}, ends at {report.expires_at or 'an unknown time'}"
    return f"{report.reason}: {report.message}"


def _tell(who: str, what: str, status: int) -> int:
    (sys.stderr if status else sys.stdout).write(f"{who}: {what}\n")
    return status
