"""OpenAI's Responses dialect, the client's side only: canonical events -> streams, response objects, errors.

No upstream is spoken to in this dialect, so nothing here decodes. Nothing here reads a clock, stores a response, or
presents a tool call as done that may lack a part.
"""

from __future__ import annotations

from llmgateway.dialects.openai_responses.encode_stream import ResponsesStreamEncoder
from llmgateway.dialects.openai_responses.encode_whole import encode_whole
from llmgateway.dialects.openai_responses.errors import encode_failure
from llmgateway.dialects.openai_responses.response_object import response_object
from llmgateway.dialects.reply import Reply, StreamEncoder
from llmgateway.failures import Failure
from llmgateway.fold import Answer

__all__ = ["DIALECT", "ResponsesStreamEncoder", "encode_failure", "encode_whole", "response_object"]


class ResponsesDialect:
    """The client's side of `dialects.reply.Dialect`."""

    name = "openai_responses"

    def stream_encoder(self, reply: Reply) -> StreamEncoder:
        return ResponsesStreamEncoder(reply)

    def encode_whole(self, answer: Answer, reply: Reply) -> bytes:
        return encode_whole(answer, reply)

    def encode_failure(self, failure: Failure, request_id: str) -> tuple[int, bytes]:
        return encode_failure(failure, request_id)


DIALECT = ResponsesDialect()
