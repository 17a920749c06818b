"""Admission policies, made from the types: the API server itself checks who may decide, request and change.

Each policy comes with its binding, as manifests to install. `Settings` holds what differs between installs. The CEL of
the policies is in policies_approvals.py, policies_connections.py and policies_jobs.py.
"""

from rostersync.api import policies_approvals, policies_connections, policies_jobs
from rostersync.api.kinds import connections
from rostersync.api.policies_parts import Manifest, Settings, cel_list
from rostersync.api.v1alpha1 import GROUP

__all__ = ["Settings", "cel_list", "mutating", "mutating_policies", "validating", "validating_policies"]


def validating() -> tuple[str, ...]:
    """The names of all ValidatingAdmissionPolicies."""
    return (
        f"syncapproval-decision.{GROUP}",
        f"syncapproval-create.{GROUP}",
        f"syncapproval-keep.{GROUP}",
        f"syncrun-create.{GROUP}",
        *(f"{kind.singular}-{what}.{GROUP}" for kind in connections() for what in ("secrets", "safety", "status")),
        f"operator-jobs.{GROUP}",
        f"jobs-and-pods.{GROUP}",
        f"pods-of-jobs.{GROUP}",
    )


def mutating() -> tuple[str, ...]:
    """The names of all MutatingAdmissionPolicies."""
    return (
        f"syncapproval-stamp.{GROUP}",
        f"syncrun-stamp.{GROUP}",
        f"syncrun-keep-requester.{GROUP}",
        *(f"{kind.singular}-stamp.{GROUP}" for kind in connections()),
    )


def validating_policies(settings: Settings) -> list[Manifest]:
    """Every ValidatingAdmissionPolicy with its binding, in the order of `validating`."""
    return [
        *policies_approvals.validating_policies(settings),
        *policies_connections.validating_policies(settings),
        *policies_jobs.validating_policies(settings),
    ]


def mutating_policies(settings: Settings) -> list[Manifest]:
    """Every MutatingAdmissionPolicy with its binding, in the order of `mutating`.

    Kubernetes has the kind since 1.36.
    """
    return [
        *policies_approvals.mutating_policies(settings),
        *policies_connections.mutating_policies(),
    ]
