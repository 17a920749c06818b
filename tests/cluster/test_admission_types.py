"""A wrong type in a manifest: the schema says where it is and what belongs there, and no policy speaks before it."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from support.cluster.plane import ControlPlane
from support.everybody import Manifest, People, Person, approval, connection, made, run

WRONG: dict[str, list[tuple[str, Any]]] = {
    "FocusConnection": [
        ("spec", "text"),
        ("spec", 5),
        ("spec", []),
        ("spec", None),
        ("spec.termsOfUse", "yes"),
        ("spec.termsOfUse.accepted", "yes"),
        ("spec.deliveryConfig", []),
        ("spec.deliveryConfig.serviceURL", 5),
        ("spec.deliveryConfig.credentialsSecretRef", "focus"),
        ("spec.deliveryConfig.credentialsSecretRef", {"name": 5}),
        ("spec.deliveries", "x"),
        ("spec.deliveries", ["x"]),
        ("spec.jobTemplate", {"imagePullSecrets": ["x"]}),
        ("spec.jobTemplate", {"imagePullSecrets": [{}]}),
        ("spec.store", {"postgres": "x"}),
        ("spec.artifacts", {"encryptionKeySecretRef": {"name": []}}),
        ("spec.syncHoldThreshold", 5),
        ("spec.entities", "School"),
        ("spec.bulkUploadMode", "yes"),
        ("spec.district", 5),
        ("spec.schedule", "daily"),
        ("spec.history", "long"),
        ("spec.timeZone", 5),
    ],
    "SyncRun": [
        ("spec", "text"),
        ("spec", []),
        ("spec", None),
        ("spec.connectionRef", "springfield"),
        ("spec.mode", 5),
        ("spec.cancel", "yes"),
        ("spec.schools", "x"),
        ("spec.reason", {}),
    ],
    "SyncApproval": [
        ("spec", "text"),
        ("spec", None),
        ("spec.decision", 5),
        ("spec.decision", ["Approved"]),
        ("spec.decidedBy", 5),
        ("spec.reason", 5),
        ("spec.connectionRef", "x"),
        ("spec.connectionRef", None),
        ("spec.requestedBy", "bob"),
        ("spec.requireDistinctApprover", "no"),
        ("spec.runRef", "x"),
    ],
}
MAKE = {"FocusConnection": connection, "SyncRun": run, "SyncApproval": approval}


@pytest.fixture
def people(plane: ControlPlane, namespace: str) -> Iterator[People]:
    with People(plane, namespace) as everybody:
        yield everybody


def put(manifest: Manifest, place: str, value: Any) -> Manifest:
    """The manifest with another value at a place."""
    whole = copy.deepcopy(manifest)
    *above, last = place.split(".")
    at = whole
    for name in above:
        at = at.setdefault(name, {})
    at[last] = value
    return whole


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_type_gets_the_sentence_of_the_schema(people: People, kind: str) -> None:
    made(people.erin.create(connection("there")))
    made(people.alice.create(run("there")))
    people.approval("there")
    author: Person = {"FocusConnection": people.erin, "SyncRun": people.alice, "SyncApproval": people.operator}[kind]
    editor = people.bob if kind == "SyncApproval" else author
    odd = []
    for place, value in WRONG[kind]:
        for how, answer in (
            ("created", author.create(put(MAKE[kind]("new"), place, value))),
            ("changed", editor.patch(kind, "there", put({}, place, value))),
        ):
            said = answer.json().get("message", "")
            of_the_schema = "in body must be of type" in said or "Required value" in said
            if (
                answer.status_code != 422
                or not of_the_schema
                or place.rsplit(".", 1)[-1] not in said
                or "policy" in said
            ):
                odd.append((how, place, value, answer.status_code, said))
    assert odd == []


def test_who_asked_is_stamped_over_whatever_type_stood_there(people: People) -> None:
    for number, value in enumerate((5, ["bob"], {})):
        stamped = made(people.alice.create(run(f"run-{number}", requestedBy=value)))
        assert stamped["spec"]["requestedBy"] == "alice"
