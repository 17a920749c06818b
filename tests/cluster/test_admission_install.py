"""What is installed: policies that the API server finds nothing wrong with, and rights that are as small as they look."""

import json
import time
from typing import Any

import pytest

from rostersync.api.kinds import connections, plurals
from rostersync.api.policies import mutating, validating
from support.cluster.plane import ControlPlane
from support.everybody import OPERATOR


def items(plane: ControlPlane, kind: str) -> dict[str, dict[str, Any]]:
    found = json.loads(plane.kubectl("get", kind, "-o", "json", check=True).stdout)["items"]
    return {item["metadata"]["name"]: item for item in found}


def test_every_policy_and_binding_is_there(plane: ControlPlane) -> None:
    for kind, names in (("validatingadmission", validating()), ("mutatingadmission", mutating())):
        assert items(plane, f"{kind}policies").keys() >= set(names)
        assert items(plane, f"{kind}policybindings").keys() >= set(names)


def test_the_api_server_finds_no_fault_with_the_types_in_the_policies(plane: ControlPlane) -> None:
    """With an error in its CEL a policy is accepted all the same, and then refuses everything."""
    end = time.monotonic() + 60
    for name in validating():
        while "typeChecking" not in (status := items(plane, "validatingadmissionpolicies")[name].get("status", {})):
            assert time.monotonic() < end, f"{name} was not checked"
            time.sleep(0.2)
        assert status["typeChecking"] == {}, name


def test_a_fault_in_a_policy_would_be_found(plane: ControlPlane) -> None:
    """Or the test above proved nothing."""
    policy = items(plane, "validatingadmissionpolicies")["syncrun-create.rostersync.dev"]
    name = "faulty.test.rostersync.dev"
    spec = policy["spec"] | {"validations": [{"expression": "object.spec.nosuch == 'x'"}]}
    plane.apply({key: policy[key] for key in ("apiVersion", "kind")} | {"metadata": {"name": name}, "spec": spec})
    try:
        end = time.monotonic() + 60
        while "typeChecking" not in (status := items(plane, "validatingadmissionpolicies")[name].get("status", {})):
            assert time.monotonic() < end
            time.sleep(0.2)
        assert "nosuch" in json.dumps(status["typeChecking"])
    finally:
        plane.kubectl("delete", "validatingadmissionpolicy", name, check=True)


NAMES = [
    f"{kind}/{name}"
    for kind, names in (
        ("validatingadmissionpolicies.admissionregistration.k8s.io", validating()),
        ("validatingadmissionpolicybindings.admissionregistration.k8s.io", validating()),
        ("mutatingadmissionpolicies.admissionregistration.k8s.io", mutating()),
        ("mutatingadmissionpolicybindings.admissionregistration.k8s.io", mutating()),
    )
    for name in names
]


def may(plane: ControlPlane, namespace: str, verb: str, what: str, subresource: str = "") -> bool:
    resource, _, name = what.partition("/")
    plural, _, group = resource.partition(".")
    attributes = {"namespace": namespace, "verb": verb, "group": group, "resource": plural, "name": name}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": OPERATOR,
            "groups": ["system:serviceaccounts", "system:authenticated"],
            "resourceAttributes": attributes | {"subresource": subresource},
        },
    }
    with plane.client() as client:
        answer = client.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", json=review).raise_for_status()
    return bool(answer.json()["status"]["allowed"])


ALLOWED = {
    "get list watch": [*plurals()],
    "create": ["syncruns", "syncapprovals"],
    "delete": ["syncruns"],
}
CORE = {
    "jobs.batch": "get list watch create patch delete",
    "pods": "get list watch",
    "persistentvolumeclaims": "get list watch create",
    "events": "get list watch create patch",
}
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")


def test_the_operator_may_do_what_it_does_and_nothing_else(plane: ControlPlane, namespace: str) -> None:
    for resource, verbs in CORE.items():
        assert [v for v in VERBS if may(plane, namespace, v, resource)] == verbs.split()
    for kind in plurals():
        verbs = " ".join(v for v, kinds in ALLOWED.items() if kind in kinds).split()
        assert sorted(v for v in VERBS if may(plane, namespace, v, f"{kind}.rostersync.dev")) == sorted(verbs)
        assert [v for v in VERBS if may(plane, namespace, v, f"{kind}.rostersync.dev", "status")] == ["get", "patch"]
    for kind in (known.plural for known in connections()):
        assert not may(plane, namespace, "approve", f"{kind}.rostersync.dev/springfield")


@pytest.mark.parametrize(
    ("what", "subresource"),
    [
        ("secrets", ""),
        ("secrets/focus-credentials", ""),
        ("configmaps", ""),
        ("serviceaccounts", "token"),
        ("serviceaccounts", ""),
        ("pods", "exec"),
        ("pods", "log"),
        ("pods", "status"),
        ("roles.rbac.authorization.k8s.io", ""),
        ("jobs.batch", "status"),
        ("namespaces", ""),
        ("customresourcedefinitions.apiextensions.k8s.io", ""),
        ("validatingadmissionpolicies.admissionregistration.k8s.io", ""),
        ("leases.coordination.k8s.io", ""),
    ],
)
def test_the_operator_has_no_verb_on(plane: ControlPlane, namespace: str, what: str, subresource: str) -> None:
    assert [v for v in (*VERBS, "impersonate", "bind", "escalate") if may(plane, namespace, v, what, subresource)] == []


def test_the_operator_can_see_that_its_policies_are_there(plane: ControlPlane) -> None:
    assert [name for name in NAMES if not may(plane, "", "get", name)] == []


def test_the_operator_can_hold_its_lease(plane: ControlPlane) -> None:
    here = "rostersync-system"
    assert may(plane, here, "create", "leases.coordination.k8s.io")
    assert may(plane, here, "update", "leases.coordination.k8s.io/rostersync-operator")
    assert not may(plane, here, "update", "leases.coordination.k8s.io/other")


def test_kubernetes_own_roles_have_the_kinds(plane: ControlPlane, namespace: str) -> None:
    """view sees, edit changes connections and runs, nobody gets the verb approve by them."""
    for role in ("view", "edit", "admin"):
        user = f"role-{role}"
        plane.kubectl(
            "-n", namespace, "create", "rolebinding", user, f"--clusterrole={role}", f"--user={user}", check=True
        )

        def can(verb: str, what: str, *more: str, user: str = user) -> bool:
            return plane.kubectl("auth", "can-i", verb, what, "-n", namespace, *more, user=user).stdout.strip() == "yes"

        assert can("list", "syncapprovals.rostersync.dev")
        assert can("create", "syncruns.rostersync.dev") == (role != "view")
        for kind in connections():
            assert can("patch", f"{kind.plural}.rostersync.dev") == (role != "view")
            assert not can("approve", f"{kind.plural}.rostersync.dev/springfield")
        assert can("patch", "syncapprovals.rostersync.dev") == (role == "admin")
        assert not can("patch", "syncruns.rostersync.dev", "--subresource=status")
