"""Whether the shipped policies count as enforced: each pair as it is shipped does, and none that was weakened."""

import asyncio
import copy

import pytest

from rostersync.api.policies import Settings, mutating, mutating_policies, validating, validating_policies
from rostersync.controller.cluster.client import ApiError
from rostersync.controller.connections.policy_check import Guards

SHIPPED = validating_policies(Settings()) + mutating_policies(Settings())
PLURAL = {
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
    "MutatingAdmissionPolicy": "mutatingadmissionpolicies",
    "MutatingAdmissionPolicyBinding": "mutatingadmissionpolicybindings",
}


class Served:
    """Serves policies as an API server does: by their path, with UID and generation."""

    def __init__(self, objects):
        self.by_path = {f"/{PLURAL[o['kind']]}/{o['metadata']['name']}": o for o in objects}

    async def get(self, path):
        found = next((o for end, o in self.by_path.items() if path.endswith(end)), None)
        if found is None:
            raise ApiError(404, "NotFound", "not there")
        return {**found, "metadata": found["metadata"] | {"uid": found["metadata"]["name"], "generation": 1}}


def guard(objects):
    return asyncio.run(Guards(Served(objects)).look())


def changed(kind, name, change):
    """The shipped policies with one of them changed, or left out where `change` returns None."""
    objects = copy.deepcopy(SHIPPED)
    at = next(i for i, o in enumerate(objects) if (o["kind"], o["metadata"]["name"]) == (kind, name))
    objects[at] = change(objects[at])
    return [o for o in objects if o is not None]


def narrowed(obj):
    labels = {"namespaceSelector": {"matchLabels": {"guarded": "yes"}}}
    return {**obj, "spec": obj["spec"] | {"matchResources": labels}}


def spec(**fields):
    return lambda obj: {**obj, "spec": obj["spec"] | fields}


WEAKER = {
    "the policy is gone": ("", lambda _: None),
    "the binding is gone": ("Binding", lambda _: None),
    "the policy fails open": ("", spec(failurePolicy="Ignore")),
    "the binding is narrowed": ("Binding", narrowed),
    "the binding binds another policy": ("Binding", spec(policyName="another")),
}


def test_the_shipped_policies_are_enforced():
    found = guard(SHIPPED)

    assert (found.missing, found.stamping, found.unguarded) == ((), True, "")
    assert len(found.seen) == 2 * len([*validating(), *mutating()])


@pytest.mark.parametrize("name", validating())
@pytest.mark.parametrize(("of", "change"), WEAKER.values(), ids=WEAKER)
def test_a_validating_policy_that_is_weaker_counts_as_missing(name, of, change):
    found = guard(changed("ValidatingAdmissionPolicy" + of, name, change))

    assert found.missing == (name,)
    assert name in found.unguarded


@pytest.mark.parametrize("name", validating())
@pytest.mark.parametrize("actions", [["Warn"], ["Audit", "Warn"], []])
def test_a_validating_policy_that_only_warns_counts_as_missing(name, actions):
    found = guard(changed("ValidatingAdmissionPolicyBinding", name, spec(validationActions=actions)))

    assert found.missing == (name,)


@pytest.mark.parametrize("name", mutating())
@pytest.mark.parametrize(("of", "change"), WEAKER.values(), ids=WEAKER)
def test_a_stamp_that_is_weaker_proves_no_four_eyes(name, of, change):
    found = guard(changed("MutatingAdmissionPolicy" + of, name, change))

    assert (found.missing, found.stamping) == ((), False)
