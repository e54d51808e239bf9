"""What outlives a configuration: the store, this process's name, turns in the background."""

from __future__ import annotations

import os
import socket

from llmgateway.server.responses_turn import BackgroundTurns
from llmgateway.storage.port import Store


class Services:
    """One per gateway process."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.background = BackgroundTurns()
        self.process = f"{socket.gethostname()}-{os.getpid()}-{os.urandom(3).hex()}"
        """Unique per start: a restarted container has the same host name and often the same process id."""
