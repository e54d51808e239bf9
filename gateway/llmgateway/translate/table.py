"""Which translator serves which pair of client dialect and upstream dialect.

Where both are the same there is none: `translate.native` patches single fields there.
"""

from __future__ import annotations

from llmgateway.translate.chat_to_messages import chat_to_messages
from llmgateway.translate.messages_to_chat import messages_to_chat
from llmgateway.translate.responses_to_chat import responses_to_chat
from llmgateway.translate.responses_to_messages import responses_to_messages
from llmgateway.translate.shapes import refusing_deep_nesting
from llmgateway.translate.translated import Translator

TRANSLATORS: dict[tuple[str, str], Translator] = {
    ("messages", "chat"): refusing_deep_nesting(messages_to_chat, "messages"),
    ("chat", "messages"): refusing_deep_nesting(chat_to_messages, "messages"),
    ("responses", "chat"): refusing_deep_nesting(responses_to_chat, "input"),
    ("responses", "messages"): refusing_deep_nesting(responses_to_messages, "input"),
}
"""(client's dialect, upstream's dialect) -> the translator."""
