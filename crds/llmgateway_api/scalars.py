"""Texts with a meaning: durations, quantities, names, addresses.

Each scalar states its grammar once, as a regular expression that Python and the API server (RE2) read alike, and the
sentence that a user sees when a text does not match it.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import (
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

T = TypeVar("T")

DURATION: Final = r"^([0-9]{1,6}(\.[0-9]{1,6})?(ms|s|m|h))+$"
QUANTITY: Final = r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][0-9]+)?$"
DNS_LABEL: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
DNS_NAME: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
HOSTNAME: Final = r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
DATA_KEY: Final = r"^[-._a-zA-Z0-9]+$"
ORIGIN: Final = r"^(\*|https?://[^/?#@\s]+)$"
DIGEST: Final = r"^sha256:[0-9a-f]{64}$"
IMAGE_TAG: Final = r"^[A-Za-z0-9_][-.A-Za-z0-9_]*$"
URL_PATH: Final = r"^/[^?#\s]*$"
FILE_PATH: Final = r"^/.*[^/]$"
TIMESTAMP: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[-+][0-9]{2}:[0-9]{2})$"
COUNT_OR_SHARE: Final = r"^([0-9]+|[0-9]+%)$"

SENTENCES: Final = {
    DURATION: "must be a duration such as 250ms, 10s, 5m or 168h",
    QUANTITY: "must be a quantity such as 512Mi, 2Gi or a number of bytes",
    DNS_LABEL: "must be lower-case letters, digits and '-', beginning and ending with a letter or digit",
    DNS_NAME: "must be lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit",
    HOSTNAME: "must be a host name such as llm.example or *.llm.example, without scheme and port",
    DATA_KEY: "must be letters, digits, '-', '_' and '.', as the keys of a Secret are",
    ORIGIN: "must be * or an origin such as https://app.example, without a path",
    DIGEST: "must be sha256: and 64 hexadecimal digits",
    IMAGE_TAG: "must be an image tag: letters, digits, '_', '-' and '.'",
    URL_PATH: "must begin with / and hold no query",
    FILE_PATH: "must be the absolute path of a file",
    TIMESTAMP: "must be a time such as 2026-01-01T00:00:00Z",
    COUNT_OR_SHARE: "must be a number of pods or a share such as 50%",
}
"""What a user reads when a text does not match a grammar."""

_UNIT_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_UNIT_FACTORS: Final = {
    **{unit: Decimal(1000) ** power for power, unit in enumerate(("", "k", "M", "G", "T", "P", "E"))},
    **{unit: Decimal(1024) ** power for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)},
    "m": Decimal("0.001"),
}


class Duration(float):
    """A length of time in seconds that remembers how it was written (`Duration("5m") == 300.0`).

    Grammar: Go's time.ParseDuration without sign and without units under a millisecond. Raises ValueError.
    """

    text: str

    def __new__(cls, text: str) -> Duration:
        if not isinstance(text, str) or not re.fullmatch(DURATION, text):
            raise ValueError(SENTENCES[DURATION])
        parts = re.findall(r"([0-9.]+)(ms|s|m|h)", text)
        duration = super().__new__(cls, sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts))
        duration.text = text
        return duration

    def __str__(self) -> str:
        return self.text

    def __getnewargs__(self) -> tuple[str]:  # type: ignore[override]  # float's own copies lose the text
        return (self.text,)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _from_text(cls, "duration_text", SENTENCES[DURATION])

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "format": "duration", "pattern": DURATION, "maxLength": 32}


class Quantity:
    """An amount in Kubernetes' notation: `Quantity("512Mi").bytes == 536870912`. Raises ValueError."""

    __slots__ = ("text", "value")

    def __init__(self, text: str | int) -> None:
        self.text = str(text)
        if isinstance(text, bool) or not re.fullmatch(QUANTITY, self.text):
            raise ValueError(SENTENCES[QUANTITY])
        number, unit = re.match(r"([0-9.]+)(.*)", self.text).groups()  # type: ignore[union-attr]  # matched above
        exponent = re.fullmatch(r"[eE][0-9]+", unit)
        self.value = Decimal(self.text) if exponent else Decimal(number) * _UNIT_FACTORS[unit]

    @property
    def bytes(self) -> int:
        """The amount in whole bytes (or pieces), rounded up."""
        return int(self.value.to_integral_value(rounding="ROUND_CEILING"))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantity) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Quantity({self.text!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _from_text(cls, "quantity_text", SENTENCES[QUANTITY])

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"x-kubernetes-int-or-string": True, "pattern": QUANTITY, "maxLength": 32}


def _from_text(of: type[Any], error: str, sentence: str) -> CoreSchema:
    def parse(value: Any) -> Any:
        try:
            return value if isinstance(value, of) else of(value)
        except (TypeError, ValueError):
            raise PydanticCustomError(error, sentence) from None

    return core_schema.no_info_plain_validator_function(parse, serialization=core_schema.to_string_ser_schema())


def _parse_maxmemory(value: Any) -> Any:
    if value == "auto" or isinstance(value, Quantity):
        return value
    try:
        return Quantity(value)
    except (TypeError, ValueError):
        raise PydanticCustomError("maxmemory_text", "must be auto or a quantity such as 400Mi") from None


Maxmemory = Annotated[
    Quantity | Literal["auto"],
    PlainValidator(_parse_maxmemory),
    WithJsonSchema(
        {
            "x-kubernetes-int-or-string": True,
            "pattern": QUANTITY.replace("^", "^(auto|", 1)[:-1] + ")$",
            "maxLength": 32,
        }
    ),
]


def _parse_pods(value: Any) -> int | str:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str) and re.fullmatch(COUNT_OR_SHARE, value):
        return int(value) if value.isdecimal() else value
    raise PydanticCustomError("pods", SENTENCES[COUNT_OR_SHARE])


PodCount = Annotated[
    int | str,
    PlainValidator(_parse_pods),
    WithJsonSchema({"x-kubernetes-int-or-string": True, "pattern": COUNT_OR_SHARE, "maxLength": 8}),
]

DnsLabel = Annotated[str, StringConstraints(pattern=DNS_LABEL, min_length=1, max_length=63)]
DnsName = Annotated[str, StringConstraints(pattern=DNS_NAME, min_length=1, max_length=253)]
Hostname = Annotated[str, StringConstraints(pattern=HOSTNAME, min_length=1, max_length=253)]
DataKey = Annotated[str, StringConstraints(pattern=DATA_KEY, min_length=1, max_length=253)]
Origin = Annotated[str, StringConstraints(pattern=ORIGIN, min_length=1, max_length=512)]
Digest = Annotated[str, StringConstraints(pattern=DIGEST, max_length=71)]
ImageTag = Annotated[str, StringConstraints(pattern=IMAGE_TAG, min_length=1, max_length=128)]
UrlPath = Annotated[str, StringConstraints(pattern=URL_PATH, max_length=1024)]
FilePath = Annotated[str, StringConstraints(pattern=FILE_PATH, max_length=1024)]
Url = Annotated[str, StringConstraints(min_length=1, max_length=2048)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Text = Annotated[str, StringConstraints(max_length=32768)]
Timestamp = Annotated[
    str,
    StringConstraints(pattern=TIMESTAMP, max_length=40),
    WithJsonSchema({"type": "string", "format": "date-time", "maxLength": 40}),
]
Port = Annotated[int, Field(ge=1, le=65535)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, le=2147483647)]
Positive = Annotated[int, Field(ge=1, le=2147483647)]
FreeForm = dict[str, Any]
