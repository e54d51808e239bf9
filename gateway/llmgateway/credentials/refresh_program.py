"""One run of the refresh program, step by step; what each step decides stands in `refresh_protocol` and
`refresh_verdicts`.

    lock -> read target, recovery and source live -> fresh? done
         -> connect to the token endpoint -> write the intent to recovery, then to target (compare-and-swap)
         -> ONE request -> all new tokens in one write to recovery, in one write to target -> unlock

A crash anywhere leaves either no intent (nothing was sent) or an intent (the next run knows). The recovery Secret is
never behind the target for long, so a target that can't be written or was deleted loses nothing: the newer one counts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from llmgateway.credentials.oauth_exchange import Answer, Grant, RefreshTokenGrant, Refused
from llmgateway.credentials.patient_store import PatientStore
from llmgateway.credentials.refresh_protocol import decide
from llmgateway.credentials.refresh_record import Record, UnreadableRecord, encode, fingerprint
from llmgateway.credentials.refresh_settings import Report, Settings
from llmgateway.credentials.refresh_steps import Adopt, Leave, Promote, Spend, Verdict, View, in_grace
from llmgateway.credentials.refresh_verdicts import judge
from llmgateway.credentials.secret_port import Busy, Conflict, SecretPort, StoredSecret, StoreError
from llmgateway.credentials.source_reading import copy_of, read_source_login
from llmgateway.credentials.token_endpoint import Endpoint, NotSent
from llmgateway.credentials.token_formats import Tokens, merged, read_kept

LIFE: Final = 115.0
"""Seconds after which a run has ended, come what may: the process gives itself this alarm. Shorter than the Lease."""
LATEST_SEND: Final = 45.0  # seconds after the beginning: later, too little time is left to keep what was granted
PREPARE: Final = 10.0  # seconds for a read, or for a write before an exchange
KEEP_TRYING: Final = 40.0  # seconds for the write after an exchange
MIRROR: Final = 2.0  # seconds for the copy in the recovery Secret
ROUNDS: Final = 6  # of reading and deciding, where others write in between
PAUSE: Final = 1.0  # seconds before another round, or before a token in its grace is sent once more


class Stopped(Exception):
    """The run ends before it spends anything; the message says why."""


class RefreshRun:
    """One run. `stopping` is asked once, before anything is spent; `pause` sleeps for seconds."""

    def __init__(
        self,
        settings: Settings,
        store: SecretPort,
        endpoint: Endpoint,
        pause: Callable[[float], None],
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._settings = settings
        self._rules = settings.rules
        self._lock = store
        self._now = store.now
        self._store = PatientStore(store, pause)
        self._endpoint = endpoint
        self._pause = pause
        self._stopping = stopping
        self._target: StoredSecret
        self._recovery: StoredSecret

    def run(self) -> Report:
        """Never raises on what a server, a Secret or another run does."""
        begun = self._now()
        try:
            self._lock.acquire()
        except Busy as busy:
            return Report(reason="Busy", message=str(busy))
        except StoreError as error:
            return Report(reason="StoreFailed", message=str(error))
        try:
            return self._rounds(begun)
        except Stopped as stopped:
            return Report(reason="Stopped", message=str(stopped))
        except (StoreError, UnreadableRecord) as error:
            return Report(reason="StoreFailed", message=str(error))
        finally:
            self._release()

    def _rounds(self, begun: float) -> Report:
        for _ in range(ROUNDS):
            view = self._read()
            decision = decide(view, self._rules, self._now())
            try:
                if isinstance(decision, Leave):
                    return self._leave(decision)
                if isinstance(decision, Spend):
                    ready = self._prepare(decision, begun)
                    return self._exchange(decision, view) if ready is None else self._conclude(ready, decision)
                if report := self._take_over(decision):
                    return report
            except Conflict:
                self._pause(PAUSE)
        raise Conflict("somebody else writes the target Secret all the time")

    def _leave(self, decision: Leave) -> Report:
        text = encode(decision.record)
        if text != self._target.record:
            self._target = self._store.write(self._target.changed(self._target.data, text), PREPARE)
        if self._recovery.record != self._target.record:
            self._mirror(self._target)
        return _report(decision.record)

    def _take_over(self, decision: Promote | Adopt) -> Report | None:
        """Writes tokens without an exchange; None after a Promote: it is decided again."""
        data = merged(self._target.data, decision.tokens)
        wanted = self._target.changed(data, encode(decision.record))
        self._target = self._store.write(wanted, PREPARE)
        if isinstance(decision, Promote):
            return None
        self._mirror(wanted)
        return _report(decision.record)

    def _prepare(self, spend: Spend, begun: float) -> Verdict | None:
        """All that can fail without harm; a Verdict where it did. Raises Stopped, Conflict and StoreError."""
        try:
            self._endpoint.connect()
        except NotSent as error:
            return self._not_sent(error, spend)
        if self._stopping():
            raise Stopped("asked to end before anything was sent")
        if self._now() > begun + LATEST_SEND:
            raise Stopped("the API server is too slow: nothing was sent")
        if spend.token is not None:
            self._announce(spend)
        return None

    def _not_sent(self, error: NotSent, spend: Spend) -> Verdict:
        unannounced = msgspec.structs.replace(spend, record=spend.base)
        view = View(target=copy_of(self._target), recovery=copy_of(self._recovery))
        return judge(Refused(str(error)), unannounced, view, self._rules, self._now(), self._now())

    def _announce(self, spend: Spend) -> None:
        """The intent: first where it proves that the last resort can be written, then where it counts."""
        record = encode(spend.record)
        self._recovery = self._store.write(self._recovery.changed(self._target.data, record), PREPARE)
        try:
            self._target = self._store.write(self._target.changed(self._target.data, record), PREPARE)
        except Conflict:
            raise
        except StoreError:
            self._withdraw(spend)
            raise

    def _withdraw(self, spend: Spend) -> None:
        """Nobody knows whether the intent was written, but it is certain that nothing was sent."""
        latest = self._store.read(self._settings.target, KEEP_TRYING)
        if latest.record == encode(spend.record):
            self._store.overwrite(latest.changed(latest.data, encode(spend.base)), latest.record, KEEP_TRYING)

    def _exchange(self, spend: Spend, view: View) -> Report:
        verdict = self._send(spend, view)
        if verdict.record.reason == "RefreshAmbiguous" and verdict.tokens is None:
            self._pause(PAUSE)
            if in_grace(verdict.record, self._rules, self._now()):
                again = msgspec.structs.replace(spend, record=verdict.record, resumed=True)
                verdict = self._send(again, view)
        return self._conclude(verdict, spend)

    def _send(self, spend: Spend, view: View) -> Verdict:
        sent = self._now()
        answer: Answer
        try:
            answer = self._endpoint.exchange(self._settings.build(self._grant(spend)))
        except NotSent as error:
            answer = Refused(str(error))
        return judge(answer, spend, view, self._rules, sent, self._now())

    def _grant(self, spend: Spend) -> Grant:
        if spend.token is not None:
            return RefreshTokenGrant(spend.token)
        return self._settings.repeatable_grant()

    def _conclude(self, verdict: Verdict, spend: Spend) -> Report:
        if verdict.tokens is not None:
            return self._keep(verdict.record, verdict.tokens)
        record = verdict.record
        if record.reason == "ReauthRequired" and self._somebody_else_won(spend):
            record = msgspec.structs.replace(record, reason="Fresh", message="", dead="", failures=0)
        text = encode(record)
        if text != self._target.record:
            self._store.overwrite(self._target.changed(self._target.data, text), self._target.record, KEEP_TRYING)
        return _report(record)

    def _somebody_else_won(self, spend: Spend) -> bool:
        """After a refusal: a login other than the one that was sent is somebody's success."""
        if spend.token is None or spend.origin == "source":
            return False
        latest = self._store.read(self._settings.target, PREPARE)
        token = fingerprint(read_kept(latest.data).refresh)
        if token in ("", fingerprint(spend.token.value)):
            return False
        self._target = latest
        return True

    def _keep(self, record: Record, tokens: Tokens) -> Report:
        """The writes that must not fail: the tokens exist nowhere else."""
        wanted = self._target.changed(merged(self._target.data, tokens), encode(record))
        mirrored = self._mirror(wanted)
        try:
            self._store.overwrite(wanted, self._target.record, KEEP_TRYING)
        except StoreError as error:
            where = "are in the recovery Secret only" if mirrored or self._mirror(wanted) else "could not be written"
            return Report(reason="StoreFailed", message=f"the new tokens {where}: {error}")
        if not mirrored:
            self._mirror(wanted)
        return _report(record)

    def _mirror(self, of: StoredSecret) -> bool:
        """The second copy of data and record; True when it is certain that it is there."""
        try:
            self._recovery = self._store.read(self._settings.recovery, MIRROR)
            wanted = self._recovery.changed(of.data, of.record)
            self._recovery = self._store.overwrite(wanted, self._recovery.record, MIRROR)
        except StoreError:
            return False
        return True

    def _read(self) -> View:
        settings = self._settings
        self._target = self._store.read(settings.target, PREPARE)
        self._recovery = self._store.read(settings.recovery, PREPARE)
        found = read_source_login(self._store, settings)
        return View(target=copy_of(self._target), recovery=copy_of(self._recovery), **found)

    def _release(self) -> None:
        try:
            self._lock.release()
        except StoreError:
            return  # it runs out by itself


def _report(record: Record) -> Report:
    return Report(reason=record.reason, message=record.message, expires_at=record.expires_at, revision=record.revision)
