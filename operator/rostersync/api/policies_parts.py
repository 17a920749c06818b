"""The parts of admission policies: settings, names, and the manifests around their CEL."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rostersync.api.v1alpha1 import GROUP, VERSION

Manifest = dict[str, Any]
API_VERSION = "admissionregistration.k8s.io/v1"
RUN_LABEL = f"{GROUP}/run"
TRIGGER_LABEL = f"{GROUP}/trigger"
REQUESTED_AT = f"{GROUP}/requestedAt"
REQUESTED_BY = f"{GROUP}/requested-by"
LAST_CHANGED_BY = f"{GROUP}/last-changed-by"

USER = "request.userInfo.username"
# The API server's own controllers: the controller manager with and without an identity per controller.
CONTROLLER_MANAGER = "system:kube-controller-manager"
GARBAGE_COLLECTOR = "system:serviceaccount:kube-system:generic-garbage-collector"
NAMESPACE_CONTROLLER = "system:serviceaccount:kube-system:namespace-controller"
JOB_CONTROLLER = "system:serviceaccount:kube-system:job-controller"


def cel_list(values: Iterable[str]) -> str:
    """Strings as a CEL list. JSON and CEL spell lists alike."""
    return json.dumps(list(values))


@dataclass(frozen=True)
class Settings:
    """What differs between installs. Each is a CEL list, which the chart replaces by a template."""

    operators: str = cel_list(["system:serviceaccount:rostersync-system:rostersync-operator"])
    """The user names of all rostersync operators in the cluster."""
    approvers: str = cel_list([])
    """Service accounts that may decide approvals."""
    images: str = cel_list(["rostersync:"])
    """Prefixes of the images that Jobs may run."""
    accounts: str = cel_list(["rostersync-jobs"])
    """Service accounts that Jobs may run as."""
    claims: str = cel_list(["rostersync-"])
    """Prefixes of the names of claims that Jobs may mount."""


def rule(
    operations: Sequence[str], resources: Sequence[str], group: str = GROUP, version: str = VERSION
) -> dict[str, Any]:
    """What a policy applies to. It always names the version, without which the API server does not check types."""
    return {
        "apiGroups": [group],
        "apiVersions": [version],
        "operations": list(operations),
        "resources": list(resources),
        "scope": "Namespaced",
    }


def named(**expressions: str) -> list[dict[str, str]]:
    """Variables by name. Each may use those before it."""
    return [{"name": name, "expression": expression} for name, expression in expressions.items()]


def when(name: str, expression: str) -> list[dict[str, str]]:
    """The condition under which a policy applies. It cannot use variables."""
    return [{"name": name, "expression": expression}]


def must(expression: str, message: str, *, computed: bool = False) -> dict[str, str]:
    """What must hold, and the message if it does not. `computed`: the message is CEL for the sentence."""
    # Forbidden: otherwise kubectl would say that the object is invalid, and not that the caller may not do this
    return {"expression": expression, "messageExpression" if computed else "message": message, "reason": "Forbidden"}


# A mutation sees the object before the schema is checked. It leaves anything but an object alone, so that the schema can say
# what is wrong.
SPEC_IS_AN_OBJECT = when("spec-is-an-object", "has(object.spec) && type(object.spec) == map")


def patch(expression: str) -> dict[str, Any]:
    """A mutation by JSON patches. The expression is CEL for the list of patches.

    ApplyConfiguration would check the whole object against its schema, and refuse a wrong type anywhere with its own
    message.
    """
    return {"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}


def put(path: str, value: str) -> str:
    """CEL for a JSON patch that sets the value at a path, whatever was there."""
    return f"JSONPatch{{op: 'add', path: '{path}', value: {value}}}"


def validating(
    name: str,
    rules: Sequence[dict[str, Any]],
    validations: Sequence[dict[str, str]],
    conditions: Sequence[dict[str, str]] = (),
    variables: Sequence[dict[str, str]] = (),
    audit: Sequence[dict[str, str]] = (),
    params: dict[str, Any] | None = None,
) -> list[Manifest]:
    """A ValidatingAdmissionPolicy that denies, and its binding. It also denies when it fails with an error.

    With `params` (apiVersion, kind, selector), it must hold for each such object of the namespace, which it sees as
    `params`.
    """
    spec: dict[str, Any] = {"failurePolicy": "Fail", "matchConstraints": {"resourceRules": list(rules)}}
    for key, value in (("matchConditions", conditions), ("variables", variables)):
        if value:
            spec[key] = list(value)
    spec["validations"] = list(validations)
    if audit:
        spec["auditAnnotations"] = list(audit)
    binding: dict[str, Any] = {"validationActions": ["Deny", "Audit"]}
    if params:
        spec["paramKind"] = {"apiVersion": params["apiVersion"], "kind": params["kind"]}
        binding["paramRef"] = {"selector": params["selector"], "parameterNotFoundAction": "Allow"}
    return _with_binding("ValidatingAdmissionPolicy", name, spec, binding)


def mutating(
    name: str,
    rules: Sequence[dict[str, Any]],
    mutations: Sequence[dict[str, Any]],
    conditions: Sequence[dict[str, str]] = (),
    variables: Sequence[dict[str, str]] = (),
) -> list[Manifest]:
    """A MutatingAdmissionPolicy and its binding."""
    spec: dict[str, Any] = {
        "failurePolicy": "Fail",
        "reinvocationPolicy": "IfNeeded",
        "matchConstraints": {"resourceRules": list(rules)},
    }
    for key, value in (("matchConditions", conditions), ("variables", variables)):
        if value:
            spec[key] = list(value)
    spec["mutations"] = list(mutations)
    return _with_binding("MutatingAdmissionPolicy", name, spec, {})


def _with_binding(kind: str, name: str, spec: dict[str, Any], binding: dict[str, Any]) -> list[Manifest]:
    return [
        {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec},
        {
            "apiVersion": API_VERSION,
            "kind": f"{kind}Binding",
            "metadata": {"name": name},
            "spec": {"policyName": name} | binding,
        },
    ]
