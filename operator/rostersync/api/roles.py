"""RBAC rules: what the operator needs, and what people get. There is no verb on Secrets, and no wildcard."""

from typing import Any

from rostersync.api.kinds import APPROVAL, RUN, connections, plurals
from rostersync.api.policies import mutating, validating
from rostersync.api.v1alpha1 import GROUP

Rule = dict[str, list[str]]

_READ = ("get", "list", "watch")


def _rule(group: str, resources: tuple[str, ...], verbs: tuple[str, ...], names: tuple[str, ...] = ()) -> Rule:
    rule = {"apiGroups": [group], "resources": list(resources)}
    return rule | ({"resourceNames": list(names)} if names else {}) | {"verbs": list(verbs)}


def operator_rules() -> list[Rule]:
    """What the operator may do in a namespace that it watches."""
    return [
        _rule(GROUP, plurals(), _READ),
        _rule(GROUP, (RUN.plural, APPROVAL.plural), ("create",)),
        _rule(GROUP, (RUN.plural,), ("delete",)),  # history
        _rule(GROUP, tuple(f"{kind}/status" for kind in plurals()), ("get", "patch")),
        # for owners of its Jobs and approvals, where OwnerReferencesPermissionEnforcement is on
        _rule(GROUP, tuple(f"{kind}/finalizers" for kind in (*_connections(), RUN.plural)), ("update",)),
        _rule("batch", ("jobs",), (*_READ, "create", "patch", "delete")),
        _rule("", ("pods",), _READ),
        _rule("", ("persistentvolumeclaims",), (*_READ, "create")),
        # a missing Secret only shows in an event of the pod
        _rule("", ("events",), (*_READ, "create", "patch")),
    ]


def policy_rules() -> list[Rule]:
    """What the operator may read in the cluster: whether the admission policies are there."""
    group = "admissionregistration.k8s.io"
    return [
        _rule(group, (f"{kind}policies", f"{kind}policybindings"), ("get",), names)
        for kind, names in (("validatingadmission", validating()), ("mutatingadmission", mutating()))
    ]


def people() -> list[dict[str, Any]]:
    """ClusterRoles for people: additions to Kubernetes' view, edit and admin, and one for approvers."""
    changed = ("create", "update", "patch", "delete", "deletecollection")
    return [
        _aggregated("view", ("view", "edit", "admin"), [_rule(GROUP, plurals(), _READ)]),
        _aggregated("edit", ("edit", "admin"), [_rule(GROUP, (*_connections(), RUN.plural), changed)]),
        # an undecided approval may be deleted; deciding one needs the verb approve
        _aggregated("admin", ("admin",), [_rule(GROUP, (APPROVAL.plural,), changed[1:])]),
        cluster_role(
            "rostersync-approver",
            [
                _rule(GROUP, plurals(), _READ),
                _rule(GROUP, (APPROVAL.plural,), ("update", "patch")),
                _rule(GROUP, _connections(), ("approve",)),
            ],
        ),
    ]


def _connections() -> tuple[str, ...]:
    return tuple(kind.plural for kind in connections())


def _aggregated(name: str, into: tuple[str, ...], rules: list[Rule]) -> dict[str, Any]:
    labels = {f"rbac.authorization.k8s.io/aggregate-to-{role}": "true" for role in into}
    return cluster_role(f"rostersync-{name}", rules, labels)


def cluster_role(name: str, rules: list[Rule], labels: dict[str, str] | None = None) -> dict[str, Any]:
    """A ClusterRole."""
    metadata: dict[str, Any] = {"name": name} | ({"labels": labels} if labels else {})
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": metadata, "rules": rules}
