"""The operator's RBAC rules, from the operator's own table."""

from __future__ import annotations

from typing import Final

import yaml

from llmgateway_operator.permissions import lease_rules, rules

HEADER: Final = "# Generated from llmgateway_operator.permissions by `make generate`; edits are lost.\n"
LEASE_NAME: Final = "LEASE_NAME"
"""Stands for the lease's name, which the template knows."""


def rules_text() -> str:
    """What the operator may do in every watched namespace."""
    return HEADER + yaml.safe_dump(rules(), sort_keys=False, default_flow_style=None, width=200)


def lease_rules_text() -> str:
    """What it may do in its own namespace."""
    return HEADER + yaml.safe_dump(lease_rules(LEASE_NAME), sort_keys=False, default_flow_style=None, width=200)
