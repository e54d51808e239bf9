"""What is known of one request: for response headers while it runs, for the log line and metrics when it ended."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

from llmgateway.failures import Failure
from llmgateway.policies.session_facts import RequestFacts
from llmgateway.server.call import ClientDialect
from llmgateway.telemetry.stages import Stages
from llmgateway.translate.translated import Loss
from llmgateway.turn import Outcome

CLIENT_LEFT = 499
"""nginx's status for a client that closed the connection; it is logged, nobody receives it."""

_REQUEST_ID = re.compile(rb"\A[\x21-\x7e]{1,128}\Z")


class TurnRecord:
    """One request's facts; filled in as it goes."""

    __slots__ = (
        "backend", "client", "conversation", "cors", "dialect", "failure", "first_byte_after", "happened", "losses",
        "model", "outcome", "passed_on", "policies", "request_facts", "request_id", "session", "stages", "status",
        "store_away", "streamed", "suspended",
    )  # fmt: skip

    def __init__(
        self, dialect: ClientDialect, headers: Mapping[bytes, bytes], cors: Sequence[tuple[bytes, bytes]] = ()
    ) -> None:
        self.dialect: ClientDialect = dialect
        self.request_id = request_id_of(headers)
        self.cors = cors
        self.session = ""
        self.stages = Stages()
        self.outcome = Outcome()
        self.client = self.model = self.backend = ""
        self.conversation: str | None = None
        self.store_away = False
        self.suspended = ""
        self.policies: Sequence[str] = ()
        self.request_facts: RequestFacts | None = None
        """What the policies saw, once an upstream was reached."""
        self.happened: list[str] = []
        """What the gateway did on the way to this answer, for `x-llmgateway-policies`."""
        self.status = 0
        self.streamed = False
        self.first_byte_after: float | None = None
        self.failure: Failure | None = None
        self.losses: Sequence[Loss] = ()
        self.passed_on: Sequence[tuple[bytes, bytes]] = ()

    def failed(self, failure: Failure, status: int) -> None:
        """The request ended with this failure."""
        self.failure = failure
        self.status = status


def request_id_of(headers: Mapping[bytes, bytes]) -> str:
    """The client's own `x-request-id` where it is a sane one, else a new one; ids are opaque."""
    given = headers.get(b"x-request-id")
    if given and _REQUEST_ID.match(given):
        return given.decode("ascii")
    return f"req_{os.urandom(12).hex()}"
