"""Which translator serves which pair of client dialect and upstream dialect.

Where both are the same there is none: `translate.native` patches single fields there.
"""

from __future__ import annotations

from llmgateway.translate.chat_to_messages import chat_to_messages
from llmgateway.translate.messages_to_chat import messages_to_chat
from llmgateway.translate.translated import Translator

TRANSLATORS: dict[tuple[str, str], Translator] = {
    ("messages", "chat"): messages_to_chat,
    ("chat", "messages"): chat_to_messages,
}
"""(client's dialect, upstream's dialect) -> the translator."""
