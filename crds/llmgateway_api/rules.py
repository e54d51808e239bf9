"""Cross-field rules: one table, two judges.

A rule is written once, with the sentence that users read, as a CEL expression for the API server and as a Python
function for `llmgateway check`, the gateway and the operator. The generated CRDs carry the table; every API type
checks its own rows when it is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from llmgateway_api.rule import Rule
from llmgateway_api.rules_of_backends import BACKEND_RULES
from llmgateway_api.rules_of_credentials import CREDENTIAL_RULES
from llmgateway_api.rules_of_gateways import GATEWAY_RULES
from llmgateway_api.rules_of_policies import POLICY_RULES


@dataclass(frozen=True)
class Violation:
    """A rule that an object breaks: the place relative to that object, and the rule's sentence."""

    path: str
    message: str


def _by_type(rules: Iterable[Rule]) -> Mapping[str, tuple[Rule, ...]]:
    table: dict[str, tuple[Rule, ...]] = {}
    for each in rules:
        table[each.of] = (*table.get(each.of, ()), each)
    return MappingProxyType(table)


RULES: Mapping[str, tuple[Rule, ...]] = _by_type((*GATEWAY_RULES, *BACKEND_RULES, *POLICY_RULES, *CREDENTIAL_RULES))
"""All rules by the name of the type that they are about."""


def violations(value: object) -> list[Violation]:
    """All rules of the value's own type that it breaks (not those of its fields)."""
    return [
        Violation(place, each.message) for each in RULES.get(type(value).__name__, ()) for place in each.places(value)
    ]
