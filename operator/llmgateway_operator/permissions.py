"""What the operator may do, as RBAC rules: derived from the table of kinds, rendered by the Helm chart, used by tests.

One set of rules for a Role per watched namespace or for one ClusterRole; the lease has a Role of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from llmgateway_operator.cluster.kinds import CHILDREN, CLAIM, CREDENTIAL, EVENT, GATEWAY, LEASE, Kind

Rule = dict[str, Any]

READ: Final = ("get", "list", "watch")
OWN: Final = (*READ, "create", "patch", "delete")
"""Server-side apply of a new object needs `create` beside `patch`."""


def rules() -> list[Rule]:
    """In every watched namespace."""
    children = [each for each in CHILDREN if each not in (CLAIM, CREDENTIAL)]
    return [
        _rule([GATEWAY], READ),
        _rule([CREDENTIAL], OWN),
        _status([GATEWAY]),
        *_by_group(children, OWN),
        _rule([CLAIM], (*READ, "create", "patch")),  # a volume with data is never deleted by the operator
        _rule([EVENT], ("create",)),
    ]


def lease_rules(lease_name: str) -> list[Rule]:
    """In the lease's namespace. `create` cannot be bound to a name."""
    return [
        _rule([LEASE], ("create",)),
        {**_rule([LEASE], ("get", "update")), "resourceNames": [lease_name]},
    ]


def _rule(kinds: Iterable[Kind], verbs: Iterable[str]) -> Rule:
    every = list(kinds)
    return {
        "apiGroups": sorted({each.group for each in every}),
        "resources": sorted(each.plural for each in every),
        "verbs": list(verbs),
    }


def _status(kinds: Iterable[Kind]) -> Rule:
    every = list(kinds)
    return {
        "apiGroups": sorted({each.group for each in every}),
        "resources": sorted(f"{each.plural}/status" for each in every),
        "verbs": ["patch"],
    }


def _by_group(kinds: Iterable[Kind], verbs: Iterable[str]) -> list[Rule]:
    """One rule per group: a rule with several groups and resources allows every pair of them."""
    groups: dict[str, list[Kind]] = {}
    for each in kinds:
        groups.setdefault(each.group, []).append(each)
    return [_rule(every, verbs) for _, every in sorted(groups.items())]
