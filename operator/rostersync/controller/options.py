"""The operator's options."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

MANAGER = "rostersync-operator"  # the field manager of every write
RUN_LABEL = "rostersync.dev/run"  # UID of the run, or of a check's connection
STAGE_LABEL = "rostersync.dev/job"  # the name of an attempt
NUMBER_LABEL = "rostersync.dev/number"
PLAN_LABEL = "rostersync.dev/of-plan"  # the plan that an apply belongs to
DISTRICT_LABEL = "rostersync.dev/district"
CONNECTION_LABEL = "rostersync.dev/connection"
STORE_LABEL = "rostersync.dev/store"  # of Jobs that need not take turns on their district's store
SHARED = "shared"  # its value
CHECK_LABEL = "rostersync.dev/check"  # hash of what asked for a Test Connection
TRIGGER_LABEL = "rostersync.dev/trigger"
REQUESTED_AT = "rostersync.dev/requestedAt"
REQUESTED_BY = "rostersync.dev/requested-by"
CHANGED_BY = "rostersync.dev/last-changed-by"
CHECK_REQUESTED_AT = "rostersync.dev/checkRequestedAt"
SPEC_ANNOTATION = "rostersync.dev/connection"  # of a pod: the connection, packed

_RESOURCES: dict[str, Any] = {"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"memory": "1Gi"}}


@dataclass(frozen=True)
class Options:
    """Everything that the command line, and so the chart, can set."""

    image: str
    image_pull_policy: str = "IfNotPresent"
    namespaces: tuple[str, ...] = ()  # empty: all
    service_account: str = "rostersync-jobs"
    resources: Mapping[str, Any] = field(default_factory=lambda: _RESOURCES)
    runs: int = 20  # unfinished Jobs in all
    runs_per_namespace: int = 5
    lease_namespace: str = "rostersync-system"
    lease_name: str = "rostersync-operator"
    identity: str = "rostersync-operator"
    host: str = "0.0.0.0"  # noqa: S104  (probes come from the node)
    port: int = 8080
    job_deadline: timedelta = timedelta(hours=6)
    start_deadline: timedelta = timedelta(minutes=15)
    finished_ttl: timedelta = timedelta(minutes=10)
    allow_loopback: bool = False  # Jobs may contact loopback addresses, for trials
    approvers: tuple[str, ...] = ()  # service accounts that may decide, as in the policy
