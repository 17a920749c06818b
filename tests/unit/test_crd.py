"""The CRDs: those in crds/ are what the types say, and the API server's rules for schemas are kept."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from rostersync.api import crd
from rostersync.model import Entity

FOLDER = Path(__file__).parents[2] / "crds"
CRDS = {name: yaml.safe_load(text) for name, text in crd.render().items()}
KINDS = {c["spec"]["names"]["kind"]: c for c in CRDS.values()}
# what a structural schema may say of a value, by type; nothing else is let through here
COMMON = {"description", "type", "default", "enum", "x-kubernetes-validations"}
ALLOWED = {
    "object": {"properties", "required", "additionalProperties", "maxProperties"},
    "array": {"items", "minItems", "maxItems", "x-kubernetes-list-type", "x-kubernetes-list-map-keys"},
    "string": {"minLength", "maxLength", "pattern", "format"},
    "integer": {"minimum", "maximum", "format"},
    "boolean": set(),
    None: {"anyOf", "x-kubernetes-int-or-string", "minLength", "maxLength", "pattern"},
}


def schema(document: dict[str, Any]) -> dict[str, Any]:
    root: dict[str, Any] = document["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return root


def nodes(node: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema within a schema, with its path."""
    yield path, node
    for name, value in node.get("properties", {}).items():
        yield from nodes(value, f"{path}.{name}")
    if "items" in node:
        yield from nodes(node["items"], f"{path}[]")
    if isinstance(node.get("additionalProperties"), dict):
        yield from nodes(node["additionalProperties"], f"{path}{{}}")


NODES = [(kind, path, node) for kind, document in KINDS.items() for path, node in nodes(schema(document))]
SPEC_AND_STATUS = [n for n in NODES if n[1].startswith((".spec", ".status"))]


def at(kind: str, path: str) -> dict[str, Any]:
    return next(node for k, p, node in NODES if (k, p) == (kind, path))


def rules(kind: str, path: str) -> str:
    return "\n".join(r["rule"] for r in at(kind, path)["x-kubernetes-validations"])


def test_the_generated_files_are_current() -> None:
    found = {f.name: f.read_text(encoding="utf-8") for f in FOLDER.glob("*.yaml")}
    assert found == crd.render(), "run `rostersync crds` and commit what it writes"


def test_write_makes_the_folder_and_writes_each_file(tmp_path: Path) -> None:
    files = crd.write(tmp_path / "new")
    assert {f.name: f.read_text(encoding="utf-8") for f in files} == crd.render()


def test_schemas_are_structural() -> None:
    for kind, path, node in NODES:
        type_ = node.get("type")
        assert type_ is not None or node.get("x-kubernetes-int-or-string"), f"{kind}{path} has no type"
        unknown = set(node) - COMMON - ALLOWED[type_]
        assert not unknown, f"{kind}{path} has {unknown}"
        assert not {"properties", "additionalProperties"} <= set(node), f"{kind}{path} has both kinds of properties"
        assert set(node.get("required", ())) <= set(node.get("properties", {})), f"{kind}{path}"


def test_int_or_string_has_the_one_form_that_is_allowed() -> None:
    found = [node for _, _, node in NODES if node.get("x-kubernetes-int-or-string")]
    assert found
    assert all(node["anyOf"] == [{"type": "integer"}, {"type": "string"}] for node in found)


def test_every_field_is_described() -> None:
    assert [f"{k}{p}" for k, p, node in SPEC_AND_STATUS if p[-1] not in "]}" and not node.get("description")] == []


def test_everything_has_a_limit() -> None:
    """The API server bounds the cost of CEL by these."""
    limit = {"string": ("maxLength", "enum"), "array": ("maxItems",)}
    for kind, path, node in SPEC_AND_STATUS:
        names = limit.get(node.get("type", ""), ())
        if "additionalProperties" in node:
            names = ("maxProperties",)
        assert not names or any(n in node for n in names), f"{kind}{path} has no limit"


def test_keys_of_list_maps_are_required() -> None:
    for kind, path, node in NODES:
        for key in node.get("x-kubernetes-list-map-keys", ()):
            assert key in node["items"]["required"], f"{kind}{path}[].{key}"


def test_defaults_are_said_in_words_and_few_stand_in_the_schema() -> None:
    unseen = {f"{kind}.status" for kind in KINDS}
    assert {f"{kind}{path}" for kind, path, node in NODES if "default" in node} == unseen | {
        "SyncRun.spec.connectionRef.kind",
        "SyncRun.spec.mode",
        "SyncApproval.spec.connectionRef.kind",
        "SyncApproval.spec.previousConnection.kind",
    }
    assert at("FocusConnection", ".spec.deliveryConfig.pageSize")["description"].endswith("Default: 500.")
    assert at("FocusConnection", ".spec.bulkUploadMode")["description"].endswith("Default: false.")


@pytest.mark.parametrize(
    ("kind", "short", "columns"),
    [
        ("FocusConnection", "fcon", ["Ready", "Schools", "Last Run", "Outcome", "Next", "Held"]),
        ("SyncRun", "srun", ["Connection", "Status", "Created", "Updated", "Deleted", "Age"]),
        ("SyncApproval", "sappr", ["Run", "Connection", "State", "Decision", "Decided By", "Expires", "Age"]),
    ],
)
def test_names_and_columns(kind: str, short: str, columns: list[str]) -> None:
    spec = KINDS[kind]["spec"]
    version = spec["versions"][0]
    assert spec["names"]["shortNames"] == [short]
    assert spec["names"]["categories"] == ["rostersync"]
    assert [c["name"] for c in version["additionalPrinterColumns"] if not c.get("priority")] == columns
    assert version["subresources"] == {"status": {}}


def test_paths_of_columns_and_selectors_exist() -> None:
    known = {(kind, path) for kind, path, _ in NODES}
    for kind, document in KINDS.items():
        version = document["spec"]["versions"][0]
        selectable = [s["jsonPath"] for s in version["selectableFields"]]
        assert len(selectable) <= 8
        paths = selectable + [c["jsonPath"] for c in version["additionalPrinterColumns"]]
        plain = {re.sub(r"\[\?\(@\.type==\"\w+\"\)\]", "[]", p) for p in paths if not p.startswith(".metadata")}
        assert {(kind, p) for p in plain} <= known


def test_connections_of_one_name_and_two_kinds_are_told_apart() -> None:
    """A column cannot join kind and name, so the kind has a column of its own, for -o wide."""
    for document in KINDS.values():
        columns = {c["name"]: c["jsonPath"] for c in document["spec"]["versions"][0]["additionalPrinterColumns"]}
        if "Connection" in columns:
            assert columns["Kind"] == columns["Connection"].replace(".name", ".kind")


def test_dates_in_the_future_are_no_date_columns() -> None:
    """kubectl prints them as <invalid>."""
    for document in KINDS.values():
        for column in document["spec"]["versions"][0]["additionalPrinterColumns"]:
            assert (column["name"] in ("Age", "Last Run")) == (column["type"] == "date")


def test_paths_that_a_rule_names_exist() -> None:
    for kind, path, node in NODES:
        for rule in node.get("x-kubernetes-validations", ()):
            below = path + rule.get("fieldPath", "")
            assert any((k, p) == (kind, below) for k, p, _ in NODES), f"{kind}: {below}"
            assert rule["message"]


@pytest.mark.parametrize("kind", KINDS)
def test_names_have_at_most_100_characters(kind: str) -> None:
    assert "size(self.metadata.name) <= 100" in rules(kind, "")


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        *(("FocusConnection", f) for f in ("district", "sourceID")),
        *(("SyncRun", f) for f in ("mode", "restoreOf", "schools", "everything", "reason", "requestedBy")),
    ],
)
def test_an_optional_immutable_field_cannot_be_added_either(kind: str, field: str) -> None:
    assert f"has(self.{field}) == has(oldSelf.{field})" in rules(kind, ".spec")


def test_every_field_of_a_run_but_cancel_is_immutable() -> None:
    guarded = {
        field for field in at("SyncRun", ".spec")["properties"] if f"oldSelf.{field})" in rules("SyncRun", ".spec")
    }
    guarded |= (
        {"connectionRef"} if "self.connectionRef == oldSelf.connectionRef" in rules("SyncRun", ".spec") else set()
    )
    assert guarded == set(at("SyncRun", ".spec")["properties"])
    assert "!has(oldSelf.cancel) || !oldSelf.cancel || (has(self.cancel) && self.cancel)" in rules("SyncRun", ".spec")


def test_facts_of_an_approval_never_change() -> None:
    spec = at("SyncApproval", ".spec")
    for field in spec["required"]:
        assert f"self.{field} == oldSelf.{field}" in rules("SyncApproval", ".spec").splitlines()
    assert "has(self.previousConnection) == has(oldSelf.previousConnection)" in rules("SyncApproval", ".spec")
    assert "self.previousConnection == oldSelf.previousConnection" in rules("SyncApproval", ".spec")
    optional = {"decision", "decidedBy", "reason", "previousConnection"}
    assert set(spec["properties"]) - set(spec["required"]) == optional


def test_a_decision_needs_a_pending_approval() -> None:
    assert "oldSelf.status.state == 'Pending'" in rules("SyncApproval", "")


def test_or_value_is_not_used() -> None:
    """It exceeds the API server's cost budget."""
    assert not [
        rule for _, _, n in NODES for rule in n.get("x-kubernetes-validations", ()) if "orValue" in rule["rule"]
    ]


def test_enumerations_of_entities_are_whole() -> None:
    assert at("FocusConnection", ".spec.entities[]")["enum"] == [e.value for e in Entity]
    threshold = at("FocusConnection", ".spec.syncHoldThreshold.rules[].entity")
    assert threshold["enum"] == [*(e.value for e in Entity), "*"]
