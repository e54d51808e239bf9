"""The kinds that only credentials have."""

from __future__ import annotations

from typing import Final

from llmgateway_operator.cluster.kinds import Kind

ROLE: Final = Kind("Role", "rbac.authorization.k8s.io/v1", "roles", rank=35)
ROLE_BINDING: Final = Kind("RoleBinding", "rbac.authorization.k8s.io/v1", "rolebindings", rank=36)
LEASE: Final = Kind("Lease", "coordination.k8s.io/v1", "leases", rank=37, read=True, prunable=False)
CRON_JOB: Final = Kind("CronJob", "batch/v1", "cronjobs", rank=65)
JOB: Final = Kind("Job", "batch/v1", "jobs", rank=66, read=True, prunable=False)

CREDENTIAL_KINDS: Final = (ROLE, ROLE_BINDING, LEASE, CRON_JOB, JOB)
"""To be part of the table of kinds: watched, applied, permitted."""
