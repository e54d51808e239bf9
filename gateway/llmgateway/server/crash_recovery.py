"""What a crashed gateway process leaves behind, put right by the next one (H2): its sessions are suspended, so that no
stuck turn is resumed in a loop, and its open responses are closed as failed, so that nobody waits for them.

Every process beats; one that falls silent without having said goodbye has crashed. A process that comes back under the
same name (a restarted container) finds its own traces at once; otherwise any replica finds them after SILENCE.
"""

from __future__ import annotations

import asyncio
import logging
import time

from llmgateway.dialects.openai_responses.event_writer import numbered_event
from llmgateway.storage.errors import StoreError
from llmgateway.storage.port import Store
from llmgateway.storage.records import ResponseKey, SilentProcess, StoredEvent, Suspension

logger = logging.getLogger(__name__)

BEAT_EVERY = 5.0
SILENCE = 30.0
CRASHED = {"code": "server_error", "message": "The gateway process that worked on this response ended unexpectedly."}


class CrashRecovery:
    """Beats for one process, and clears up after others. `suspend_within`: seconds before the crash."""

    def __init__(self, process: str) -> None:
        self._process = process
        self.suspend_within = 120.0

    async def begin(self, store: Store) -> None:
        """The process starts: finds traces of a crashed one of the same name."""
        try:
            last_beat = await store.processes.begin(self._process, time.time())
            if last_beat is not None:
                await self._clear_up(store, SilentProcess(self._process, last_beat))
        except StoreError as error:
            logger.warning("the store can't say whether the last start ended well: %s", error)

    async def end(self, store: Store) -> None:
        """The process ends cleanly."""
        try:
            await store.processes.end(self._process)
        except StoreError as error:
            logger.warning("the store was not told of the end: %s", error)

    async def beat(self, store: Store) -> None:
        """Once every BEAT_EVERY seconds."""
        try:
            await store.processes.beat(self._process, time.time())
            for silent in await store.processes.claim_silent(time.time() - SILENCE):
                await self._clear_up(store, silent)
        except StoreError:
            return  # the store's own state says so; the next beat tries again

    async def _clear_up(self, store: Store, silent: SilentProcess) -> None:
        suspension = Suspension("crash", time.time())
        sessions = await store.sessions.active_since(silent.name, silent.last_beat - self.suspend_within)
        responses = await store.responses.open_of(silent.name)
        await asyncio.gather(
            *(store.sessions.suspend(session, suspension) for session in sessions),
            *(_close(store, response) for response in responses),
        )
        logger.warning(
            "process %s crashed: %d sessions suspended, %d responses closed", silent.name, len(sessions), len(responses)
        )


async def _close(store: Store, key: ResponseKey) -> None:
    found = await store.responses.read(key.owner, key.id)
    if found is not None:
        document = {**found.document, "status": "failed", "error": CRASHED}
        last = StoredEvent(*numbered_event(found.last_event + 1, "response.failed", {"response": document}))
        await store.responses.finish(key.owner, key.id, "failed", document, [last])
