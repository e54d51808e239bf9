"""The one importer of a JSON library (msgspec: C, strict RFC 8259, raw slices of unparsed values).

`Fields` is a request body cut at its top level only: each value stays the bytes that the client sent, so one field
can be patched and everything else passes untouched.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
Fields = dict[str, msgspec.Raw]

_any_decoder = msgspec.json.Decoder()
_fields_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encoder = msgspec.json.Encoder()

encode = _encoder.encode
"""Any JSON-able value -> compact UTF-8 bytes. Raises TypeError."""


class InvalidJSON(ValueError):
    """Not JSON, or JSON of another shape; the message says where (a byte offset or a `$.path`), without the text."""


def decode(data: bytes | str) -> Any:
    """The whole document as Python values. Raises InvalidJSON."""
    try:
        return _any_decoder.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise InvalidJSON(str(error)) from None


def split_fields(data: bytes) -> Fields:
    """The top level of an object; values stay raw. Raises InvalidJSON, also when the document is no object."""
    try:
        return _fields_decoder.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise InvalidJSON(str(error)) from None


def join_fields(fields: Mapping[str, msgspec.Raw]) -> bytes:
    """The object again, each value byte for byte as it came (only white space between the fields is normalised)."""
    return encode(fields)


def typed_decoder(shape: type[T]) -> msgspec.json.Decoder[T]:
    """A decoder for one msgspec shape: unknown fields are skipped without being built. It raises msgspec errors."""
    return msgspec.json.Decoder(shape, strict=False)
