"""Refreshes the credentials of a gateway that stands alone (C6): before it serves, then whenever one is due.

In a cluster the operator's CronJob is the one writer, and nothing here runs.
"""

from __future__ import annotations

import asyncio
import logging

from llmgateway.credentials.secret_store import SecretStore
from llmgateway.credentials.stand_alone import StandAloneCredentials, secret_reader, state_folder
from llmgateway.server.configuration_file import Configuration

logger = logging.getLogger(__name__)


class CredentialRenewal:
    """The one writer of this configuration's credentials."""

    def __init__(self, secrets: SecretStore) -> None:
        self._secrets = secrets
        self._adopted: object = None
        self._writer: StandAloneCredentials | None = None
        self._changed = asyncio.Event()

    def adopt(self, configuration: Configuration) -> None:
        """Takes over the credentials of a configuration."""
        credentials = list(configuration.credentials.values())
        if credentials != self._adopted:
            self._adopted = credentials
            reader = secret_reader(self._secrets.all_of)
            self._writer = StandAloneCredentials(credentials, state_folder(), reader) if credentials else None
            self._changed.set()

    async def look(self) -> None:
        """Renews what is due; backends read the new tokens from their next request on."""
        self._changed.clear()
        if self._writer is None:
            return
        try:
            self._secrets.replace_generated(await asyncio.to_thread(self._writer.look))
        except OSError as error:
            logger.warning("credentials can't be kept: %s", error)
        for name, report in self._writer.reports.items():
            logger.info("credential %s: %s", name, report.reason)

    async def run(self) -> None:
        """Looks again whenever something is due or the configuration changed."""
        while True:
            due = self._writer.seconds_until_due() if self._writer else None
            try:
                async with asyncio.timeout(due):
                    await self._changed.wait()
            except TimeoutError:
                pass
            await self.look()
