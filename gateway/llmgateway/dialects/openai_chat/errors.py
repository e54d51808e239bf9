"""Failures in and out of Chat Completions' words."""

from __future__ import annotations

from collections.abc import Mapping

from llmgateway.dialects import openai_envelope, upstream_failure
from llmgateway.failures import Failure


def decode_failure(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """An upstream's error answer, in any shape that servers of this dialect use."""
    return upstream_failure.read_answer(status, headers, body)


def encode_failure(failure: Failure, request_id: str) -> tuple[int, bytes]:
    """HTTP status and envelope; OpenAI's envelope holds no request id, it travels as `x-request-id`."""
    del request_id
    return openai_envelope.encode_openai_failure(failure)
