"""Policies and roles as they are made: nothing that the types say is forgotten, nothing is broader than it should be."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from rostersync.api import crd, generated_files, policies, roles
from rostersync.api.kinds import KINDS, connections
from rostersync.api.policies_connections import safety_fields, secret_paths
from rostersync.api.v1alpha1.delivery_config import CABundleRef
from rostersync.api.v1alpha1.focusconnection import FocusConnectionSpec
from rostersync.api.v1alpha1.jobs import ImagePullSecret
from rostersync.api.v1alpha1.meta import NO_PASSWORD, LocalRef, Model, SecretRef
from rostersync.hold.safety import safety
from support.example_kind import registered

ROOT = Path(__file__).parents[2]
SETTINGS = policies.Settings()
ALL = policies.validating_policies(SETTINGS) + policies.mutating_policies(SETTINGS)
POLICIES = {p["metadata"]["name"]: p for p in ALL if not p["kind"].endswith("Binding")}
SAFETY = safety_fields(FocusConnectionSpec)
BINDINGS = {p["metadata"]["name"]: p for p in ALL if p["kind"].endswith("Binding")}


def text(name: str) -> str:
    """All of a policy's CEL."""
    return json.dumps(POLICIES[f"{name}.rostersync.dev"]["spec"])


def test_generated_files_are_current() -> None:
    for path, wanted in generated_files.repository().items():
        assert (ROOT / path).read_text(encoding="utf-8") == wanted, f"{path}: run `rostersync crds --repository .`"


def test_the_names_that_the_controller_looks_for_are_those_that_are_made() -> None:
    for kind, names in (("Validating", policies.validating()), ("Mutating", policies.mutating())):
        assert tuple(n for n, p in POLICIES.items() if p["kind"] == f"{kind}AdmissionPolicy") == names
        assert tuple(n for n, p in BINDINGS.items() if p["kind"] == f"{kind}AdmissionPolicyBinding") == names


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_fails_closed_everywhere(name: str) -> None:
    spec, bound = POLICIES[name]["spec"], BINDINGS[name]["spec"]
    assert spec["failurePolicy"] == "Fail"
    assert bound["policyName"] == name
    assert "matchResources" not in bound
    assert ("paramRef" in bound) is ("paramKind" in spec) is (name == "pods-of-jobs.rostersync.dev")
    assert "Deny" in bound.get("validationActions", ["Deny"])
    for rule in spec["matchConstraints"]["resourceRules"]:
        assert "*" not in rule["apiVersions"], "without a version the API server does not check types"


@pytest.mark.parametrize("name", policies.validating())
def test_every_refusal_is_a_sentence_and_forbidden(name: str) -> None:
    for validation in POLICIES[name]["spec"]["validations"]:
        assert validation["reason"] == "Forbidden"
        assert len(validation.get("message") or validation["messageExpression"]) > 40


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, value in schema.get("properties", {}).items():
        yield from nodes(value, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")


def test_every_secret_that_a_spec_names_is_checked() -> None:
    """What the CRD's schema calls a Secret, found without the types, is in the CEL of the policy, every entry of lists."""
    document = crd.definition(KINDS["FocusConnection"])
    spec = document["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    called = {
        path.removesuffix("[]")
        for path, node in nodes(spec)
        if re.search(r"secret", path.rsplit(".", 1)[-1], re.IGNORECASE) and "name" in node.get("properties", {})
    }
    assert {
        "." + ".".join(f"{n}[]" if count else n for n, count in p).removesuffix("[]")
        for p in secret_paths(FocusConnectionSpec)
    } == called
    cel = text("focusconnection-secrets")
    limits = dict(nodes(spec))
    assert len(called) >= 7
    for path in called:
        lists = [m.end() for m in re.finditer(r"\[\]", path)] + ([len(path)] if "maxItems" in limits[path] else [])
        last = limits[path[: lists[0]].removesuffix("[]")]["maxItems"] - 1 if lists else None
        place = path.replace("[]", f"[{last}]") + (f"[{last}]" if "maxItems" in limits[path] else "")
        assert f".name(object.spec{place}.name).check('get')" in cel, path


def test_a_new_kind_of_secret_reference_would_be_found() -> None:
    class Inner(Model):
        keyRef: SecretRef | None = None
        pulls: tuple[ImagePullSecret, ...] = ()

    class Outer(Model):
        inner: Inner = Inner()

    Inner.model_fields["pulls"].metadata.append(FocusConnectionSpec.model_fields["deliveries"].metadata[0])
    assert list(secret_paths(Outer)) == [(("inner", 0), ("keyRef", 0)), (("inner", 0), ("pulls", 8))]


def test_no_reference_is_of_a_kind_that_nobody_looked_at() -> None:
    """A reference to an object is a Secret's, or is known to be none."""
    assert set(LocalRef.__subclasses__()) == {SecretRef, ImagePullSecret, CABundleRef}


def test_one_expression_asks_the_authorizer_twice_at_most() -> None:
    """A question costs 350,000 of the million that an expression has, and of the ten that a policy has.

    A delivery has one place, so that only one of its Secrets is asked for.
    """
    for name, policy in POLICIES.items():
        expressions = [v["expression"] for v in policy["spec"].get("validations", ())]
        asked = [expression.count(".check(") for expression in expressions]
        assert max(asked, default=0) <= 2, name
        places = [m[0] for e in expressions if (m := re.search(r"deliveries\[\d+\]\.\w+", e))]
        deliveries = {place.rpartition(".")[0] for place in places}
        assert (sum(asked) - len(places) + len(deliveries)) * 350_000 < 9_000_000, name


def test_safety_is_of_fields_that_exist_and_covers_what_the_hold_remembers() -> None:
    assert set(SAFETY) <= FocusConnectionSpec.model_fields.keys()
    for field in SAFETY:
        assert f"object.spec.?{field} == oldObject.spec.?{field}" in text("focusconnection-safety")
    spec = FocusConnectionSpec.model_validate(
        {
            "termsOfUse": {"accepted": True},
            "deliveryConfig": {"serviceURL": "https://focus.example", "credentialsSecretRef": {"name": "x"}},
        }
    )
    where = {
        "limits": "syncHoldThreshold",
        "preview": "previewDataUpload",
        "fourEyes": "approval",
        "holdFirstImport": "approval",
        "holdOnConfigChange": "approval",
        "deliveries": "deliveries",
        "history": "history",
        "confirmDeletes": "confirmDeletes",
    }
    assert {where[key] for key in safety(spec)} <= set(SAFETY)


HARMLESS = {
    "district": "immutable",
    "sourceID": "immutable",
    "deliveryConfig": "another server or client holds (SourceChanged), and its Secrets are asked for",
    "sisIDPrefix": "another one holds (IdentityChanged)",
    "timeZone": "no record goes by it alone",
    "multipleDataSources": "a source's first plan beside others is held (SafetyLoosened), and off is refused while there are others",
    "compareByDomainsOfUniqueness": "what it changes is held like any change",
    "domainsOfUniqueness": "what it changes is held like any change",
    "masterFields": "what it changes in the roster is held like any change",
    "entities": "what it changes is held like any change",
    "schoolsMapping": "what it changes is held like any change",
    "attributesMapping": "what it changes is held like any change",
    "dataRequirements": "what it changes is held like any change",
    "filterRules": "what it changes is held like any change",
    "dataRollover": "thresholds hold what a window let through",
    "schedule": "only when runs are made",
    "runOn": "only when runs are made",
    "suspend": "only when runs are made",
    "jobTemplate": "only where Jobs run; the policy on Jobs says what they may be",
}


def test_every_field_of_a_connection_is_marked_as_safety_or_known_to_be_none() -> None:
    """A new field is neither: mark it with Safety where a change can waive an approval or lose evidence."""
    assert set(SAFETY).isdisjoint(HARMLESS)
    assert set(SAFETY) | HARMLESS.keys() == FocusConnectionSpec.model_fields.keys()


def test_every_url_is_refused_with_a_user_or_password() -> None:
    """Found in the schemas, so that a new field is found too."""
    urls = 0
    for kind in KINDS.values():
        schema = crd.definition(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        for path, node in nodes(schema):
            if re.search(r"ur[li]$", path, re.IGNORECASE) or "//" in node.get("pattern", ""):
                assert NO_PASSWORD in node.get("x-kubernetes-validations", ()), path
                urls += 1
    assert urls >= 3


def test_four_eyes_stand_in_the_policy_and_in_the_schema() -> None:
    """The schema's rule answers first, so that no server ever shows the policy's: it is there for a schema without it."""
    assert "!(variables.user in object.spec.requestedBy)" in text("syncapproval-decision")
    document = crd.render()["syncapprovals.yaml"]
    assert "!(self.decidedBy in self.requestedBy)" in document


def test_settings_come_into_the_policies() -> None:
    chosen = policies.Settings(
        operators=policies.cel_list(["system:serviceaccount:a:b"]),
        images=policies.cel_list(["registry.example/x:"]),
        accounts=policies.cel_list(["c"]),
        claims=policies.cel_list(["d-"]),
        approvers=policies.cel_list(["system:e"]),
    )
    made = json.dumps(policies.validating_policies(chosen) + policies.mutating_policies(chosen))
    for part in ("system:serviceaccount:a:b", "registry.example/x:", '[\\"c\\"]', "d-", "system:e"):
        assert part in made
    assert "rostersync-system" not in made


def test_with_several_kinds_a_connection_named_twice_is_one_of_name_and_kind() -> None:
    agree = "object.spec.previousConnection.kind == object.spec.connectionRef.kind"
    with patch.dict(KINDS):
        for other in connections()[1:]:
            del KINDS[other.name]
        assert agree not in json.dumps(policies.validating_policies(policies.Settings()))
    with registered():
        made = json.dumps(policies.validating_policies(policies.Settings()))
    assert f"variables.previous == '' || (variables.previous == variables.connection && {agree})" in made


RULES = [*roles.operator_rules(), *roles.policy_rules(), *(rule for role in roles.people() for rule in role["rules"])]


def test_no_rule_has_a_wildcard_or_a_secret() -> None:
    for rule in RULES:
        values = [value for part in rule.values() for value in part]
        assert not [v for v in values if "*" in v]
        assert not [r for r in rule["resources"] if r.startswith("secrets")]


def test_the_operator_reads_every_policy_it_needs_by_name() -> None:
    named = {name for rule in roles.policy_rules() for name in rule["resourceNames"]}
    assert named == {*policies.validating(), *policies.mutating()}


def test_only_the_approvers_role_has_the_verb_approve_and_nobody_the_status() -> None:
    for role in roles.people():
        verbs = {verb for rule in role["rules"] for verb in rule["verbs"]}
        assert ("approve" in verbs) == (role["metadata"]["name"] == "rostersync-approver")
        assert not [r for rule in role["rules"] for r in rule["resources"] if "/" in r]
