"""Manifests read from files: what is found, what is refused and where, and that no secret is ever said."""

from base64 import b64encode
from pathlib import Path

import pytest

from rostersync.api.kinds import connections
from rostersync.errors import InvalidManifest
from rostersync.execution.inputs import ca_bundle, credentials
from rostersync.local.manifest_files import load
from support.manifests import CONNECTION, SECRET, given

NAMES = [kind.name for kind in connections()]
ANY_KIND, KINDS = " or ".join(NAMES), ", ".join(NAMES)
RUN = """\
apiVersion: rostersync.dev/v1alpha1
kind: SyncRun
metadata: {name: run-1}
spec: {connectionRef: {name: springfield}, mode: DryRun}
"""
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ca}\ndata:\n  ca.crt: |\n    " + PEM.replace(
    "\n", "\n    "
)
WITH_CA = CONNECTION + "    caBundleRef: {name: ca}\n"


def refusal(folder: Path, *documents: str, env: dict[str, str] | None = None) -> str:
    with pytest.raises(InvalidManifest) as raised:
        given(folder, *documents, env=env)
    assert raised.value.__cause__ is None
    return str(raised.value)


def base64(text: str) -> str:
    return b64encode(text.encode()).decode()


def test_several_documents_of_one_file(tmp_path: Path) -> None:
    manifests = given(tmp_path, "# only a comment\n", CONNECTION, SECRET, RUN, CONFIG_MAP)
    assert manifests.connection.metadata.name == "springfield"
    assert manifests.run is not None
    assert manifests.run.spec.mode == "DryRun"
    assert manifests.secrets == {"focus": {"clientID": "some-client", "clientSecret": "hunter2"}}
    assert manifests.config_maps["ca"]["ca.crt"] == PEM


def test_files_and_folders_but_not_folders_in_folders(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "below").mkdir(parents=True)
    (folder / "a.yml").write_text(CONNECTION)
    (folder / "notes.txt").write_text("not a manifest: {")
    (folder / "below" / "b.yaml").write_text(CONNECTION)
    (tmp_path / "secret.yaml").write_text(SECRET)
    assert set(load([folder, tmp_path / "secret.yaml"], {}).secrets) == {"focus"}


def test_kinds_of_others_are_skipped_in_a_folder_and_said(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(CONNECTION)
    (tmp_path / "b.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: rosters}\n")
    manifests = load([tmp_path], {})

    assert len(manifests.skipped) == 1
    assert manifests.skipped[0].endswith("b.yaml, document 1 is skipped: its kind Namespace is not read here.")
    with pytest.raises(InvalidManifest, match="kind Namespace is not read here"):
        load([tmp_path / "a.yaml", tmp_path / "b.yaml"], {})


def test_a_kind_of_ours_that_is_misspelt_is_refused_in_a_folder_too(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(CONNECTION + "---\napiVersion: rostersync.dev/v1alpha1\nkind: FocusConection\n")

    with pytest.raises(InvalidManifest, match="FocusConection is not read here"):
        load([tmp_path], {})


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(InvalidManifest, match="does not exist"):
        load([tmp_path / "none.yaml"], {})
    with pytest.raises(InvalidManifest, match="holds no file that ends in"):
        load([tmp_path], {})
    with pytest.raises(InvalidManifest, match="with -f"):
        load([], {})
    assert f"no {ANY_KIND} is among the manifests" in refusal(tmp_path, SECRET)


def test_a_wrong_field_is_named_with_file_document_line_and_remedy(tmp_path: Path) -> None:
    text = refusal(tmp_path, SECRET, CONNECTION + "    pagesize: 5\n  timeZone: Nowhere\n")
    assert text.splitlines()[0] == f"{tmp_path / 'manifests.yaml'}, document 2 is not a valid FocusConnection:"
    assert "  line 14: spec.deliveryConfig.pagesize: is not a field here; did you mean pageSize?" in text
    assert "  line 15: spec.timeZone: is not an IANA time zone; write one such as America/New_York or UTC" in text


def test_a_required_field_is_named_at_the_line_above_it(tmp_path: Path) -> None:
    text = refusal(tmp_path, CONNECTION.replace("    serviceURL: https://focus.example/v1p1\n", ""))
    assert "line 6: spec.deliveryConfig.serviceURL: is required" in text


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ("just text", "is not an object"),
        ("- a\n- b\n", "is not an object"),
        ("apiVersion: v1\n", f"kind is required; one of {KINDS}, SyncRun, Secret, ConfigMap"),
        ("apiVersion: v1\nkind: Pod\n", "kind Pod is not read here; allowed: FocusConnection"),
        ("apiVersion: v1\nkind: Jane Doe\n", "kind is not read here"),
        (CONNECTION.replace("v1alpha1", "v1"), "apiVersion of kind FocusConnection must be rostersync.dev/v1alpha1"),
        (SECRET.replace("v1", "v2"), "apiVersion of kind Secret must be v1"),
        (SECRET.replace("name: focus, ", ""), "metadata.name of the Secret is required"),
        (SECRET + "spec: {}\n", "line 5: a field that a Secret does not have; allowed: apiVersion"),
        (
            SECRET.replace("{clientID: some-client, clientSecret: hunter2}", "hunter2"),
            "must be a mapping of keys to text",
        ),
        (SECRET.replace("some-client", "17"), "line 4: stringData of the Secret holds something other than text"),
        (SECRET.replace("stringData", "data"), "line 4: data of the Secret must be base64 of UTF-8 text"),
    ],
)
def test_documents_that_are_refused(tmp_path: Path, document: str, sentence: str) -> None:
    text = refusal(tmp_path, document)
    assert sentence in text
    assert f"{tmp_path / 'manifests.yaml'}, document 1" in text
    assert "hunter2" not in text
    assert "Jane" not in text


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        ("a: 1\nb: [1, 2\n", 3, "not valid YAML"),
        ("a: 1\n\tb: hunter2\n", 2, "a tab, or text that needs quotes"),
        ("a: hunter2: 3\n", 1, "a colon where none can stand"),
        ("a: 'hunter2\n", 2, "a quote or bracket that is never closed"),
        ("a: *hunter2\n", 1, "an alias (*name) without its anchor"),
        ("a: !hunter2 1\n", 1, "not valid YAML"),
        ("a: 1\nb: 2\na: hunter2\n", 3, "this field stands twice in one mapping"),
        ("x:\n  a: {b: hunter2, b: 2}\n", 2, "this field stands twice in one mapping"),
        ("yes: hunter2\n", 1, "a field name that is not text; put it in quotes"),
        ("010: hunter2\n", 1, "a field name that is not text; put it in quotes"),
    ],
)
def test_what_is_not_yaml_is_named_by_line_and_not_repeated(
    tmp_path: Path, text: str, line: int, sentence: str
) -> None:
    said = refusal(tmp_path, text)
    assert f"{tmp_path / 'manifests.yaml'}, line {line}: " in said
    assert sentence in said
    assert "hunter2" not in said


def test_files_that_are_no_text(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidManifest, match="is not UTF-8 text"):
        load([file], {})
    file.write_bytes(b"a: \x00\n")
    with pytest.raises(InvalidManifest, match="characters that YAML does not allow"):
        load([file], {})


def test_dates_stay_text_and_numbers_as_keys_are_text(tmp_path: Path) -> None:
    more = """\
  schedule: {cron: 30 2 * * *, endDate: 2027-06-30}
  attributesMapping:
    - {entity: Student, attribute: grades, from: grades, values: {9: "09", 10: "10"}}
"""
    spec = given(tmp_path, CONNECTION + more).connection.spec
    assert spec.schedule is not None
    assert spec.schedule.endDate == "2027-06-30"
    assert spec.attributesMapping[0].values == {"9": "09", "10": "10"}


def test_keys_of_free_maps_are_data_and_not_said(tmp_path: Path) -> None:
    more = "  attributesMapping:\n    - {entity: Student, attribute: sms, from: sms, values: {Jane Doe: [1]}}\n"
    text = refusal(tmp_path, CONNECTION + more)
    assert "spec.attributesMapping[0].values: must be text" in text
    assert "Jane" not in text


def test_of_several_connections_one_must_be_chosen(tmp_path: Path) -> None:
    other = CONNECTION.replace("springfield", "shelbyville")
    text = refusal(tmp_path, CONNECTION, other)
    assert f"several {ANY_KIND}s are given" in text
    assert "choose one of shelbyville, springfield" in text
    assert given(tmp_path, other, CONNECTION, RUN).connection.metadata.name == "springfield"
    env = {"ROSTERSYNC_CONNECTION": "shelbyville"}
    assert given(tmp_path, other, CONNECTION, env=env).connection.metadata.name == "shelbyville"


def test_a_run_of_another_connection(tmp_path: Path) -> None:
    text = refusal(tmp_path, CONNECTION, RUN.replace("springfield", "shelbyville"))
    file = tmp_path / "manifests.yaml"
    assert text == (
        f"connectionRef of the SyncRun in {file}, document 2 names FocusConnection shelbyville, which is not among the "
        f"manifests; there are: springfield ({file}, document 1)"
    )
    text = refusal(tmp_path, CONNECTION, env={"ROSTERSYNC_CONNECTION": "shelbyville"})
    assert text.startswith("ROSTERSYNC_CONNECTION names FocusConnection shelbyville, which is not")


def test_several_runs_and_twice_the_same_secret(tmp_path: Path) -> None:
    assert "several SyncRuns are given" in refusal(tmp_path, CONNECTION, RUN, RUN)
    assert f"Secret focus is given twice ({tmp_path / 'manifests.yaml'})" in refusal(
        tmp_path, CONNECTION, SECRET, SECRET
    )


def test_credentials_of_the_secret_decoded_and_without_line_ends(tmp_path: Path) -> None:
    text = SECRET.replace("stringData", "data").replace("some-client", base64("some-client\n"))
    found = credentials(given(tmp_path, CONNECTION, text.replace("hunter2", base64("hunter2\n"))), {})
    assert (found.values["clientID"], found.values["clientSecret"]) == ("some-client", "hunter2")


def test_string_data_counts_more_than_data(tmp_path: Path) -> None:
    text = SECRET + f"data: {{clientID: {base64('old')}}}\n"
    assert credentials(given(tmp_path, CONNECTION, text), {}).values["clientID"] == "some-client"


def test_credentials_of_the_environment_where_no_secret_is_given(tmp_path: Path) -> None:
    env = {"ROSTERSYNC_CLIENT_ID": "from-env", "ROSTERSYNC_CLIENT_SECRET": "hunter3"}
    assert credentials(given(tmp_path, CONNECTION), env).values["clientID"] == "from-env"
    assert credentials(given(tmp_path, CONNECTION, SECRET), env).values["clientID"] == "some-client"


def test_a_missing_secret_is_named_with_its_keys_and_the_other_way(tmp_path: Path) -> None:
    with pytest.raises(InvalidManifest) as raised:
        credentials(given(tmp_path, CONNECTION), {})
    assert str(raised.value) == (
        "Secret rosters/focus, which deliveryConfig.credentialsSecretRef names, is not among the manifests; add it with "
        "-f (keys clientID and clientSecret), or set ROSTERSYNC_CLIENT_ID and ROSTERSYNC_CLIENT_SECRET"
    )


def test_half_of_the_environment_is_not_enough(tmp_path: Path) -> None:
    with pytest.raises(InvalidManifest, match="ROSTERSYNC_CLIENT_SECRET is not set or empty"):
        credentials(given(tmp_path, CONNECTION), {"ROSTERSYNC_CLIENT_ID": "x"})


@pytest.mark.parametrize("value", ['""', '" "'])
def test_a_secret_without_a_key(tmp_path: Path, value: str) -> None:
    manifests = given(tmp_path, CONNECTION, SECRET.replace("hunter2", value))
    with pytest.raises(InvalidManifest, match="Secret rosters/focus has no value for clientSecret"):
        credentials(manifests, {})


def test_a_secret_of_another_namespace_is_none(tmp_path: Path) -> None:
    manifests = given(tmp_path, CONNECTION, SECRET.replace("rosters", "others"))
    with pytest.raises(InvalidManifest, match="Secret rosters/focus"):
        credentials(manifests, {})
    anywhere = given(tmp_path, CONNECTION.replace(", namespace: rosters", ""), SECRET)
    assert credentials(anywhere, {}).values["clientID"] == "some-client"


def test_secrets_are_not_printed(tmp_path: Path) -> None:
    manifests = given(tmp_path, CONNECTION, SECRET)
    assert "hunter2" not in repr(manifests)
    assert "hunter2" not in repr(credentials(manifests, {}))


def test_authorities_to_trust(tmp_path: Path) -> None:
    assert ca_bundle(given(tmp_path, CONNECTION)) is None
    assert ca_bundle(given(tmp_path, WITH_CA, CONFIG_MAP)) == PEM
    with pytest.raises(InvalidManifest, match=r"ConfigMap rosters/ca, which deliveryConfig.caBundleRef names"):
        ca_bundle(given(tmp_path, WITH_CA))
    with pytest.raises(InvalidManifest, match=r"no certificates in PEM form under the key ca\.crt"):
        ca_bundle(given(tmp_path, WITH_CA, CONFIG_MAP.replace("BEGIN", "START")))
