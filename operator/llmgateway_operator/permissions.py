"""What the operator may do, as RBAC rules: derived from the table of kinds, rendered by the Helm chart, used by tests.

One set of rules for a Role per watched namespace or for one ClusterRole; the lease has a Role of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from llmgateway_operator.cluster.kinds import CHILDREN, CREDENTIAL, EVENT, GATEWAY, LEASE, POD, SECRET, Kind

Rule = dict[str, Any]


def rules() -> list[Rule]:
    """In every watched namespace; what is watched need not be readable one by one, what is kept need not be deleted."""
    watched: list[Rule] = [_rule([GATEWAY], ("get", "list", "watch")), _status([GATEWAY, CREDENTIAL])]
    told = [_rule([POD], ("list",)), _rule([EVENT], ("create",))]
    return [*watched, *_by_group_and_verbs(CHILDREN), *_granted_on(), *told]


def _granted_on() -> list[Rule]:
    """What a refresh Job gets and the operator itself never does: nobody may grant what they don't hold (Kubernetes,
    "Using RBAC authorization", privilege escalation prevention)."""
    return [_rule([SECRET], ("update",)), _rule([LEASE], ("update",))]


def _verbs(child: Kind) -> tuple[str, ...]:
    """Server-side apply of a new object needs `create` beside `patch`."""
    read, change, delete = ("get",) * child.read, ("patch",) * child.applied, ("delete",) * child.prunable
    return (*read, "list", "watch", "create", *change, *delete)


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


def _by_group_and_verbs(kinds: Iterable[Kind]) -> list[Rule]:
    """A rule with several groups and resources would allow every pair of them."""
    alike: dict[tuple[str, tuple[str, ...]], list[Kind]] = {}
    for each in kinds:
        alike.setdefault((each.group, _verbs(each)), []).append(each)
    return [_rule(every, verbs) for (_, verbs), every in sorted(alike.items())]
