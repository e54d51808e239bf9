"""What outlives a configuration: the store, this process's name, turns in the background, watches on clients."""

from __future__ import annotations

from llmgateway.server.client_watch import ClientWatches
from llmgateway.server.responses_turn import BackgroundTurns
from llmgateway.server.store_holder import StoreHolder
from llmgateway.storage.port import Store


class Services:
    """One per gateway process. `process`: its name, kept over restarts of the container, unique among replicas."""

    def __init__(self, stores: StoreHolder, process: str) -> None:
        self._stores = stores
        self.process = process
        self.background = BackgroundTurns()
        self.watches = ClientWatches()

    @property
    def store(self) -> Store:
        """The store that new requests use."""
        return self._stores.current
