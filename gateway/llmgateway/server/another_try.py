"""Whole answers that are no answers yet: continued when empty (H4), tried again when a loop ended too early (W10)."""

from __future__ import annotations

from functools import partial

from llmgateway.fold import Answer
from llmgateway.policies import agent_loop, empty_answers
from llmgateway.server.turn_plan import Prepared, changed_request
from llmgateway.server.turn_record import TurnRecord
from llmgateway_api.policy import Policy

CUT_CALL = ("stop", "tool_calls", "tool_use", "end_turn", "function_call")
"""What upstreams say at the end of a call whose arguments they cut (H3)."""


class AnotherTry:
    """Decides for one turn; nothing was sent to the client yet."""

    def __init__(self, settings: Policy, record: TurnRecord) -> None:
        self._settings = settings
        self._record = record
        self._continued = 0
        self._retried = False

    def after(self, prepared: Prepared, answer: Answer) -> Prepared | None:
        """The request to send next, or None when this answer is the client's."""
        verdict = empty_answers.judge(answer, self._settings.empty_answers, continued=self._continued)
        if verdict == "continue" and prepared.backend.dialect == "chat":  # W0: nothing is added to a signed history
            self._continued += 1
            self._note("continued")
            return changed_request(prepared, partial(empty_answers.continued, dialect=prepared.backend.dialect))
        if agent_loop.retry_due(answer, prepared.acted.decision, self._settings.agent_loop, retried=self._retried):
            self._retried = True
            self._note("guardrail-retry")
            return changed_request(prepared, partial(agent_loop.forced, dialect=prepared.backend.dialect))
        if verdict == "thought_only":
            self._note("thinking-used-up-the-budget")
        if _is_cut(answer):
            self._note("tool-arguments-cut")
        return None

    def _note(self, note: str) -> None:
        self._record.happened.append(note)


def _is_cut(answer: Answer) -> bool:
    """Tool arguments were cut although the upstream called the turn finished."""
    finish = answer.finish
    return bool(finish and finish.reason == "length" and finish.native_reason in CUT_CALL and answer.tool_calls)
