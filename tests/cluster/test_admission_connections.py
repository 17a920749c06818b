"""What a person may make of a connection: no Secret that they may not read, no safety less, under their own name."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from rostersync.api.kinds import Kind, connections
from rostersync.api.policies_connections import safety_fields, spec_of
from support.cluster.plane import ControlPlane
from support.everybody import Manifest, People, Person, connection, made, refused

ASK = "rostersync.dev/requestedAt"
ASKED_BY = "rostersync.dev/requested-by"
CHANGED_BY = "rostersync.dev/last-changed-by"
SFTP = {"host": "sftp.example", "hostKey": "ssh-ed25519 AAAAAAAAAAAAAAA"}
BUCKET = {"url": "s3://rosters/x"}


def deliveries(place: str, where: dict[str, Any]) -> list[dict[str, Any]]:
    """As many deliveries as there may be; the last one names another Secret."""
    return [
        {
            "name": f"d{i}",
            "oneRosterCSV": {},
            place: where | {"secretRef": {"name": "key" if i == 7 else "focus-credentials"}},
        }
        for i in range(8)
    ]


NAMES_SECRETS: dict[str, Manifest] = {
    "deliveryConfig.credentialsSecretRef": {},
    "store.postgres.readerSecretRef": {
        "store": {"postgres": {"readerSecretRef": {"name": "key"}, "writerSecretRef": {"name": "focus-credentials"}}}
    },
    "store.postgres.writerSecretRef": {
        "store": {"postgres": {"readerSecretRef": {"name": "focus-credentials"}, "writerSecretRef": {"name": "key"}}}
    },
    "artifacts.objectStorage.secretRef": {
        "artifacts": {"objectStorage": {"url": "s3://rosters/x", "secretRef": {"name": "key"}}}
    },
    "artifacts.encryptionKeySecretRef": {"artifacts": {"encryptionKeySecretRef": {"name": "key"}}},
    "deliveries[7].sftp.secretRef": {"deliveries": deliveries("sftp", SFTP)},
    "deliveries[7].objectStorage.secretRef": {"deliveries": deliveries("objectStorage", BUCKET)},
    "jobTemplate.imagePullSecrets[7]": {
        "jobTemplate": {"imagePullSecrets": [{"name": "focus-credentials"}] * 7 + [{"name": "key"}]}
    },
}


OF_EACH_KIND = pytest.mark.parametrize("kind", connections(), ids=lambda kind: kind.name)


@pytest.fixture
def people(plane: ControlPlane, namespace: str) -> Iterator[People]:
    with People(plane, namespace) as everybody:
        yield everybody


def test_who_may_get_them_may_name_as_many_secrets_as_there_can_be(people: People) -> None:
    """A policy has a budget for all questions to the authorizer."""
    spec: dict[str, Any] = {}
    for path in ("store.postgres.writerSecretRef", "deliveries[7].sftp.secretRef", "jobTemplate.imagePullSecrets[7]"):
        spec |= NAMES_SECRETS[path]
    artifacts = [NAMES_SECRETS[f"artifacts.{field}"] for field in ("objectStorage.secretRef", "encryptionKeySecretRef")]
    spec["artifacts"] = {**artifacts[0]["artifacts"], **artifacts[1]["artifacts"]}
    made(people.admin.create(connection(**spec)))


def annotations(people: People, name: str = "springfield") -> dict[str, str]:
    found: dict[str, str] = people.admin.get("FocusConnection", name)["metadata"]["annotations"]
    return found


def asking(value: str | None, **more: str) -> Manifest:
    return {"metadata": {"annotations": {ASK: value, **more}}}


def may_read(plane: ControlPlane, namespace: str, *secrets: str) -> None:
    """Alice may read these Secrets."""
    rbac: dict[str, Any] = {"apiVersion": "rbac.authorization.k8s.io/v1"}
    meta = {"name": "reads-secrets", "namespace": namespace}
    rule = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": list(secrets), "verbs": ["get"]}
    subject = {"kind": "User", "name": "alice", "apiGroup": "rbac.authorization.k8s.io"}
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": meta["name"]}
    plane.apply(
        {**rbac, "kind": "Role", "metadata": meta, "rules": [rule]},
        {**rbac, "kind": "RoleBinding", "metadata": meta, "roleRef": ref, "subjects": [subject]},
    )


@pytest.mark.parametrize("field", NAMES_SECRETS)
def test_a_connection_names_only_secrets_that_its_author_may_read(
    people: People, plane: ControlPlane, namespace: str, field: str
) -> None:
    manifest = connection(**NAMES_SECRETS[field])
    if NAMES_SECRETS[field]:
        may_read(plane, namespace, "focus-credentials")
    secret = "key" if NAMES_SECRETS[field] else "focus-credentials"
    told = refused(people.alice.create(manifest))
    assert f'you may not get Secret "{secret}" in namespace "{namespace}"' in told
    assert f"spec.{field}" in told
    made(people.erin.create(manifest))


@OF_EACH_KIND
def test_with_every_secret_that_can_be_named_the_budget_of_the_policy_is_enough(people: People, kind: Kind) -> None:
    whole: Manifest = {}
    for part in NAMES_SECRETS.values():
        for key, value in part.items():
            whole[key] = whole.get(key, {}) | value if isinstance(value, dict) else value
    made(people.erin.create(connection(kind=kind.name, **whole)))


def test_a_secret_of_another_cannot_be_sent_elsewhere(people: People) -> None:
    """The Secret is named already; who changes where it goes must be able to read it too."""
    made(people.erin.create(connection()))
    elsewhere = {"spec": {"deliveryConfig": {"serviceURL": "https://mallory.example/oneroster"}}}
    assert 'you may not get Secret "focus-credentials"' in refused(
        people.alice.patch("FocusConnection", "springfield", elsewhere)
    )
    assert "you may not get Secret" in refused(people.alice.apply(connection() | elsewhere))
    made(people.alice.patch("FocusConnection", "springfield", {"metadata": {"labels": {"mine": "yes"}}}))
    made(people.operator.patch("FocusConnection", "springfield", {"status": {"heldRuns": 0}}, "status"))
    sneaked = made(
        people.operator.patch("FocusConnection", "springfield", elsewhere | {"status": {"heldRuns": 1}}, "status")
    )
    assert sneaked["spec"] == connection()["spec"]


CHANGES: dict[str, Any] = {
    "syncHoldThreshold": {"rules": [{"entity": "*", "change": "Any", "percent": 100}]},
    "previewDataUpload": True,
    "approval": {"requireDistinctApprover": False},
    "bulkUploadMode": True,
    "onIncompleteRead": "Fail",
    "confirmDeletes": {"records": 0},
    "termsOfUse": {"accepted": False},
    "store": {"embedded": {"existingClaim": "mine"}},
    "deliveries": NAMES_SECRETS["deliveries[7].sftp.secretRef"]["deliveries"],
    "artifacts": {"existingClaim": "mine"},
    "history": {"records": {"maxAge": "1d"}},
}


@OF_EACH_KIND
def test_safety_is_changed_only_by_who_may_approve(
    people: People, plane: ControlPlane, namespace: str, kind: Kind
) -> None:
    assert CHANGES.keys() == set(safety_fields(spec_of(kind)))
    made(people.erin.create(connection(kind=kind.name)))
    for field, value in CHANGES.items():
        told = refused(people.erin.patch(kind.name, "springfield", {"spec": {field: value}}))
        assert f"a change of {field} can waive an approval or lose evidence" in told
        assert f'needs the verb approve on {kind.plural}.rostersync.dev "springfield"' in told
    made(people.erin.patch(kind.name, "springfield", {"spec": {"timeZone": "Europe/Berlin"}}))
    may_approve(plane, namespace, "erin")
    for field, value in CHANGES.items():
        made(people.erin.patch(kind.name, "springfield", {"spec": {field: value}}))


def may_approve(plane: ControlPlane, namespace: str, name: str) -> None:
    plane.kubectl(
        "-n",
        namespace,
        "create",
        "rolebinding",
        f"{name}-approves",
        "--clusterrole=rostersync-approver",
        f"--user={name}",
        check=True,
    )


@OF_EACH_KIND
def test_nobody_but_the_operator_writes_the_status(people: People, kind: Kind) -> None:
    made(people.erin.create(connection(kind=kind.name)))
    ready = {
        "status": {
            "conditions": [
                {
                    "type": "Ready",
                    "status": "True",
                    "reason": "Ready",
                    "message": "",
                    "lastTransitionTime": "2026-11-24T02:00:00Z",
                }
            ]
        }
    }
    assert "cannot patch" in refused(people.erin.patch(kind.name, "springfield", ready, "status"))  # RBAC
    told = refused(people.admin.patch(kind.name, "springfield", ready, "status"))
    assert f"the status of {kind.one} is the operator's to write" in told
    made(people.operator.patch(kind.name, "springfield", ready, "status"))


WITH_PASSWORD: dict[str, Manifest] = {
    "deliveryConfig.serviceURL": {"deliveryConfig": {"serviceURL": "https://sis:hunter2@focus.example/oneroster"}},
    "deliveryConfig.authenticationURL": {"deliveryConfig": {"authenticationURL": "https://sis@focus.example/token"}},
    "artifacts.objectStorage.url": {
        "artifacts": {"objectStorage": {"url": "s3://key:secret@rosters/x", "secretRef": {"name": "focus-credentials"}}}
    },
}


@pytest.mark.parametrize("field", WITH_PASSWORD)
def test_a_url_with_a_user_or_password_is_refused(people: People, field: str) -> None:
    manifest = connection()
    for part, fields in WITH_PASSWORD[field].items():
        manifest["spec"][part] = manifest["spec"].get(part, {}) | fields
    told = refused(people.erin.create(manifest))
    assert f"spec.{field}: Invalid value" in told
    assert "must not hold a user or password" in told


def test_an_at_sign_in_the_path_of_a_url_is_none(people: People) -> None:
    manifest = connection()
    manifest["spec"]["deliveryConfig"]["serviceURL"] = "https://focus.example/tenant@district/oneroster"
    made(people.erin.create(manifest))


def test_safety_is_no_looser_by_taking_a_field_out(people: People) -> None:
    made(people.erin.create(connection(previewDataUpload=True, approval={"requireDistinctApprover": True})))
    now = people.admin.get("FocusConnection", "springfield")
    whole = connection() | {"metadata": now["metadata"]}
    assert "a change of previewDataUpload, approval can waive" in refused(people.erin.replace(whole))
    taken = {"spec": {"previewDataUpload": None}}
    assert "previewDataUpload" in refused(people.erin.patch("FocusConnection", "springfield", taken))


def test_replacing_by_force_leaves_a_new_uid_and_the_name_of_who_did(people: People) -> None:
    """No UPDATE happens, so no policy can refuse it: the hold SafetyLoosened knows the connection by its UID."""
    before = made(people.erin.create(connection(previewDataUpload=True)))
    code, told = people.erin.kubectl("replace", "--force", "-f", "-", stdin=json.dumps(connection()))
    assert code == 0, told
    after = people.admin.get("FocusConnection", "springfield")
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert after["metadata"]["annotations"][CHANGED_BY] == "erin"


@pytest.mark.parametrize("value", ["bob", None, ""])
def test_who_last_changed_a_connection_cannot_be_forged(people: People, value: str | None) -> None:
    forged = {"metadata": {"annotations": {CHANGED_BY: value}}}
    manifest = connection()
    manifest["metadata"]["annotations"] = {CHANGED_BY: "bob"}
    made(people.erin.create(manifest))
    assert annotations(people)[CHANGED_BY] == "erin"
    made(people.alice.patch("FocusConnection", "springfield", forged))
    assert annotations(people)[CHANGED_BY] == "erin"  # the spec is still hers
    made(people.admin.patch("FocusConnection", "springfield", {**forged, "spec": {"timeZone": "Europe/Berlin"}}))
    assert annotations(people)[CHANGED_BY] == "admin"


def test_who_asked_for_a_run_cannot_be_forged(people: People) -> None:
    made(people.erin.create(connection()))
    assert ASKED_BY not in annotations(people)
    made(people.alice.patch("FocusConnection", "springfield", asking(None, **{ASKED_BY: "bob"})))
    assert ASKED_BY not in annotations(people)
    made(people.alice.patch("FocusConnection", "springfield", asking("1", **{ASKED_BY: "bob"})))
    assert annotations(people)[ASKED_BY] == "alice"
    made(people.erin.patch("FocusConnection", "springfield", asking("1", **{ASKED_BY: "bob"})))
    assert annotations(people)[ASKED_BY] == "alice"
    made(people.erin.patch("FocusConnection", "springfield", {"metadata": {"annotations": None}}))
    assert annotations(people) == {ASKED_BY: "alice", CHANGED_BY: "erin"}
    made(people.robot.patch("FocusConnection", "springfield", asking("2")))
    assert annotations(people)[ASKED_BY] == f"system:serviceaccount:{people.namespace}:robot"


def test_a_connection_can_be_made_asking_for_a_run(people: People) -> None:
    manifest = connection()
    manifest["metadata"]["annotations"] = {ASK: "1", ASKED_BY: "bob"}
    made(people.erin.create(manifest))
    assert annotations(people)[ASKED_BY] == "erin"


def test_stamps_are_no_difference_to_git(people: People) -> None:
    person: Person = people.erin
    unseen = made(person.apply(connection(), "argocd-controller"))
    assert unseen["status"] == {"observedGeneration": -1}
    first = made(person.apply(connection(), "argocd-controller"))  # stores the status of what nobody has seen yet
    again = made(person.apply(connection(), "argocd-controller"))
    assert first["metadata"]["resourceVersion"] == again["metadata"]["resourceVersion"]
    code, told = person.kubectl("diff", "--server-side", "-f", "-", stdin=json.dumps(connection()))
    assert (code, told) == (0, "")
