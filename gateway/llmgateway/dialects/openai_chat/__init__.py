"""OpenAI's Chat Completions, as OpenAI and the servers that imitate it speak it. `DIALECT` is all that others need.

No other dialect's words, no I/O, no clock. A server's oddities are read here and never shown to a client.
"""

from __future__ import annotations

from collections.abc import Mapping

from llmgateway.dialects.openai_chat import decode, encode, encode_whole, errors
from llmgateway.dialects.reply import Dialect, Reply, StreamDecoder, StreamEncoder
from llmgateway.events import Event
from llmgateway.failures import Failure
from llmgateway.fold import Answer


class _Chat:
    name = "chat"

    def stream_decoder(self) -> StreamDecoder:
        return decode.ChatStreamDecoder()

    def decode_whole(self, body: bytes) -> list[Event]:
        return decode.decode_whole(body)

    def decode_failure(self, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
        return errors.decode_failure(status, headers, body)

    def stream_encoder(self, reply: Reply) -> StreamEncoder:
        return encode.ChatStreamEncoder(reply)

    def encode_whole(self, answer: Answer, reply: Reply) -> bytes:
        return encode_whole.encode_whole(answer, reply)

    def encode_failure(self, failure: Failure, request_id: str) -> tuple[int, bytes]:
        return errors.encode_failure(failure, request_id)


DIALECT: Dialect = _Chat()
