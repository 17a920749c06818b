"""The samples in deploy/samples: the CRDs take them, the local command reads them, and this version carries them out."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from rostersync.api import crd
from rostersync.api.kinds import Kind, connections
from rostersync.api.v1alpha1.focusconnection import FocusConnection, FocusConnectionSpec
from rostersync.api.v1alpha1.support import not_yet_supported, terms_accepted
from rostersync.execution.inputs import credentials
from rostersync.execution.supported import supported
from rostersync.local.manifest_files import load
from rostersync.sources.profile import variables
from rostersync.sources.registry import PROFILES

FOLDER = Path(__file__).parents[2] / "deploy" / "samples"
FILES = sorted(FOLDER.glob("*.yaml"))
DOCUMENTS = {f.name: yaml.safe_load(f.read_text(encoding="utf-8")) for f in FILES}
CONNECTIONS = [name for name, document in DOCUMENTS.items() if document["kind"] == "FocusConnection"]
DIRECTORY = {"url", "credentialsSecretRef", "baseDNs", "entities", "unmatched"}
SCHEMAS = {
    definition["spec"]["names"]["kind"]: definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for definition in map(yaml.safe_load, crd.render().values())
}


def closed(node: dict[str, Any]) -> dict[str, Any]:
    """The schema with unknown fields refused, as kubectl does."""
    node = dict(node)
    if "properties" in node:
        node["additionalProperties"] = False
        node["properties"] = {name: closed(value) for name, value in node["properties"].items()}
    if "items" in node:
        node["items"] = closed(node["items"])
    return node


@pytest.mark.parametrize("name", [n for n, d in DOCUMENTS.items() if d["kind"] in SCHEMAS])
def test_the_crd_takes_the_sample(name: str) -> None:
    document = dict(DOCUMENTS[name])
    metadata = document.pop("metadata")
    assert set(metadata) == {"name", "namespace"}
    jsonschema.validate(document, closed(SCHEMAS[document["kind"]]))


@pytest.mark.parametrize("name", CONNECTIONS)
def test_the_sample_loads_and_is_supported(name: str) -> None:
    manifests = load([FOLDER / name, FOLDER / "credentials.yaml", FOLDER / "simulated-focus-secret.yaml"], {})
    assert not_yet_supported(manifests.connection, supported()) == []
    assert terms_accepted(manifests.connection)
    assert credentials(manifests, {}).values["clientID"] in ("replace-with-the-client-id", "simulated")


@pytest.mark.parametrize("kind", connections(), ids=lambda kind: kind.name)
def test_each_kind_has_a_smallest_sample(kind: Kind) -> None:
    """It has what its kind requires, and the address that the SIS shows beside the first one."""
    name = [n for n, d in DOCUMENTS.items() if d["kind"] == kind.name and "ecretRef" in str(d)][-1]
    name = "minimal.yaml" if kind.name == "FocusConnection" else name
    manifests = load([FOLDER / name], {})
    assert not_yet_supported(manifests.connection, supported()) == []
    keys = PROFILES[kind.name].keys
    assert credentials(manifests, dict.fromkeys(variables(keys).values(), "a")).values == dict.fromkeys(keys, "a")
    assert manifests.connection.spec.model_fields_set == {"termsOfUse", "deliveryConfig"}
    given = set(DOCUMENTS[name]["spec"]["deliveryConfig"]) - {"authenticationURL"}
    required = DIRECTORY if kind.name == "ActiveDirectoryConnection" else {"serviceURL", "credentialsSecretRef"}
    assert given == required


def test_the_run_goes_with_the_smallest_connection() -> None:
    run = load([FOLDER / "minimal.yaml", FOLDER / "dry-run.yaml"], {}).run
    assert run is not None
    assert run.spec.mode == "DryRun"


def test_every_sample_has_its_own_name_and_begins_with_what_it_shows() -> None:
    names = [(document["kind"], document["metadata"]["name"]) for document in DOCUMENTS.values()]
    assert len(set(names)) == len(names)
    assert all(f.read_text(encoding="utf-8").startswith("# ") for f in FILES)


def test_there_is_a_sample_for_every_option() -> None:
    assert set(CONNECTIONS) == {
        "minimal.yaml",
        "sis-id-prefix.yaml",
        "bulk-upload-mode.yaml",
        "domains-of-uniqueness.yaml",
        "preview.yaml",
        "sync-hold-threshold.yaml",
        "schools-mapping-auto-exclude.yaml",
        "schools-mapping-selected.yaml",
        "attributes-mapping.yaml",
        "data-requirements.yaml",
        "filter-rules.yaml",
        "data-rollover.yaml",
        "artifacts-bucket.yaml",
        "delivery-sftp.yaml",
        "deliveries-directory.yaml",
        "deliveries-formats.yaml",
        "oauth1.yaml",
        "store-postgres.yaml",
        "connection-every-field.yaml",
        "several-sources.yaml",
        "simulated-district.yaml",
    }


def test_the_smallest_sample_gives_only_what_is_required() -> None:
    spec = FocusConnection.model_validate(DOCUMENTS["minimal.yaml"]).spec
    assert spec.model_fields_set == {n for n, f in FocusConnectionSpec.model_fields.items() if f.is_required()}


def test_the_full_sample_has_every_field_that_works() -> None:
    elsewhere = {"masterFields", "deliveries"}
    assert set(DOCUMENTS["connection-every-field.yaml"]["spec"]) == set(FocusConnectionSpec.model_fields) - elsewhere
    config = set(SCHEMAS["FocusConnection"]["properties"]["spec"]["properties"]["deliveryConfig"]["properties"])
    assert set(DOCUMENTS["connection-every-field.yaml"]["spec"]["deliveryConfig"]) == config - {"signatureMethod"}
