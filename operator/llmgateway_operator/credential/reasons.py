"""Every reason that a condition of an LLMCredential can have: what it means, and what to do (docs/credentials.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Reason:
    """`stalled`: it will not get better before somebody changes something."""

    name: str
    meaning: str
    remedy: str = ""
    good: bool = False
    stalled: bool = False


_LOGIN: Final = "Log in again and put the new login into the source Secret: the operator starts a run at once."

REASONS: Final = (
    Reason("Fresh", "The tokens are current.", good=True),
    Reason("Static", "The key of the source Secret is in use.", good=True),
    Reason("RefreshDisabled", "The access token is used as it is until it ends; nothing is refreshed.",
           "Set refresh.enabled to true, or replace the token in the source Secret in time.", good=True),
    Reason("Suspended", "Nothing is refreshed while suspend is true.", "Set suspend to false.", good=True),
    Reason("TokenEnded", "The access token has ended and was not renewed.",
           "Look at the CronJob's last Jobs; without refreshing, put a new token into the source Secret."),
    Reason("Pending", "The first run has not ended yet.", "Wait; `kubectl get jobs` shows it."),
    Reason("NoToken", "Refreshing is disabled and the source holds no access token.",
           "Set refresh.enabled to true, or put an access token into the source Secret.", stalled=True),
    Reason("RefreshFailed", "The last run failed without spending anything; the next scheduled run tries again.",
           "Read the message: tokenURL, client, network, certificate authority."),
    Reason("RefreshAmbiguous", "A refresh token was sent and the answer did not arrive; a run within the server's "
           "grace finds out.", "Wait for the follow-up run."),
    Reason("ReauthRequired", "There is no refresh token that works: refused, or sent once with its answer lost.",
           _LOGIN, stalled=True),
    Reason("SourceRejected", "A new login in the source Secret was refused; the older one goes on.", _LOGIN),
    Reason("SourceMissing", "There is no source Secret and no login was taken yet.", "Create it.", stalled=True),
    Reason("SourceUnreadable", "The source Secret does not hold what the spec says.",
           "Correct the Secret, or sourceRef.", stalled=True),
    Reason("SourceAlreadyClaimed", "Another LLMCredential has this login: one login has one writer.",
           "Refer to that LLMCredential, or put a login of its own into another Secret.", stalled=True),
    Reason("TargetAlreadyClaimed", "The target Secret belongs to somebody else.",
           "Choose another target.secretName.", stalled=True),
    Reason("SecretMissing", "A client secret or certificate authority that the spec names does not exist.",
           "Create it.", stalled=True),
    Reason("InvalidSpec", "The spec breaks a rule.", "Correct the field that the message names.", stalled=True),
    Reason("ApplyRejected", "The API server refused an object that the spec leads to.",
           "Read the message: admission policies, quotas, the operator's permissions.", stalled=True),
)  # fmt: skip

BY_NAME: Final = {reason.name: reason for reason in REASONS}
