"""Stored Secrets as the protocol sees them."""

from __future__ import annotations

from typing import Final, TypedDict

from llmgateway.credentials import refresh_record
from llmgateway.credentials.patient_store import PatientStore
from llmgateway.credentials.refresh_record import Reason
from llmgateway.credentials.refresh_settings import Settings
from llmgateway.credentials.refresh_steps import Copy
from llmgateway.credentials.secret_port import Missing, StoredSecret
from llmgateway.credentials.token_formats import Tokens, UnreadableLogin, read_kept, read_source

PATIENCE: Final = 10.0  # seconds


class SourceView(TypedDict, total=False):
    """The fields of a View that the bootstrap Secret fills."""

    source: Tokens
    source_hash: str
    source_fault: tuple[Reason, str]


def copy_of(secret: StoredSecret) -> Copy:
    """Target or recovery Secret. Raises UnreadableRecord."""
    return Copy(refresh_record.decode(secret.record), read_kept(secret.data))


def read_source_login(store: PatientStore, settings: Settings) -> SourceView:
    """The login in the bootstrap Secret, or why there is none. Raises StoreError but for Missing."""
    name = settings.source
    if not name:
        return {}
    try:
        source = store.read(name, PATIENCE)
        login = read_source(settings.shape, source.data)
    except Missing:
        return {"source_fault": ("SourceMissing", f"there is no Secret {name}")}
    except UnreadableLogin as error:
        return {"source_fault": ("SourceUnreadable", f"Secret {name} {error}")}
    if not login.refresh:
        return {"source_fault": ("SourceUnreadable", f"Secret {name} holds no refresh token")}
    return {"source": login, "source_hash": refresh_record.hash_of_data(source.data)}
