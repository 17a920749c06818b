"""What bad input gets: an error that names the place and the remedy, exit code 1, and a store that has not moved."""

import hashlib
import json

import pytest

from support.cli import Bench, reason_of
from support.simulated import simulated


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    with simulated(30) as simulator:
        bench = Bench(tmp_path_factory.mktemp("cli"), simulator)
        bench.run()
        yield bench


def store(bench):
    return hashlib.sha256(bench.store.read_bytes()).hexdigest()


MAPPING = {"entity": "Student", "attribute": "username", "from": "email"}
REFUSED = {
    "a wrong field": ({"sisIdPrefix": "F-"}, ["spec.sisIdPrefix", "sisIDPrefix"]),
    "an unknown attribute": (
        {"attributesMapping": [MAPPING | {"attribute": "shoeSize"}]},
        ["attributesMapping[0].attribute", "username"],
    ),
    "a domain on an unknown attribute": (
        {
            "compareByDomainsOfUniqueness": True,
            "domainsOfUniqueness": [{"entity": "Student", "attributes": ["shoeSize"]}],
        },
        ["domainsOfUniqueness[0].attributes[0]", "email"],
    ),
    "minus five percent": (
        {"syncHoldThreshold": {"rules": [{"entity": "Student", "change": "Delete", "percent": -5}]}},
        ["syncHoldThreshold.rules[0].percent", "negative"],
    ),
    "two mappings to one target": (
        {"attributesMapping": [MAPPING, MAPPING | {"from": "identifier"}]},
        ["attributesMapping", "[0]", "[1]", "only once"],
    ),
    "terms that are not accepted": ({"termsOfUse": {"accepted": False}}, ["spec.termsOfUse.accepted: true"]),
    "master fields of one source": (
        {"masterFields": [{"entity": "Student", "attributes": ["email"], "source": "ad", "mode": "Master"}]},
        ["masterFields", "multipleDataSources"],
    ),
}


@pytest.mark.parametrize(("spec", "said"), REFUSED.values(), ids=REFUSED)
def test_a_manifest_is_refused(bench, spec, said):
    before, runs = store(bench), len(list((bench.state / "runs").iterdir()))

    result = bench.call("run", *bench.manifests(**spec), code=1)

    message = json.loads(result.stderr)["message"]
    assert [s for s in said if s not in message] == []
    assert (store(bench), len(list((bench.state / "runs").iterdir()))) == (before, runs)


def test_plain_http_is_refused(bench):
    connection = bench.connection()["spec"]["deliveryConfig"] | {"insecureHTTP": False}

    result = bench.call("run", *bench.manifests(deliveryConfig=connection), code=1)

    assert "insecureHTTP: true" in result.stderr


def test_a_missing_secret_says_both_ways_to_give_it(bench):
    path = bench.folder / "alone.yaml"
    path.write_text(json.dumps(bench.connection()))

    result = bench.call("run", "-f", str(path), code=1)

    assert "focus-credentials" in result.stderr
    assert "ROSTERSYNC_CLIENT_ID" in result.stderr


def test_a_missing_file_is_named(bench):
    assert "nowhere.yaml" in bench.call("run", "-f", "nowhere.yaml", code=1).stderr


def test_a_wrong_secret_fails_the_run_which_keeps_its_report(bench):
    before = store(bench)
    path = bench.folder / "wrong.yaml"
    bench.manifests()
    path.write_text((bench.folder / "manifests.yaml").read_text().replace(bench.simulator.client_secret, "wrong"))

    result = bench.call("run", "-f", str(path), "-q", "--output", "json", code=1)

    run = json.loads(result.stdout)
    assert (run["status"]["outcome"], reason_of(run)) == ("Failed", "CredentialsRefused")
    message = json.loads(result.stderr)["message"]
    assert ("401" in message, "clientSecret" in message) == (True, True)
    assert list((bench.state / "artifacts" / run["metadata"]["name"] / "reports").iterdir())
    assert store(bench) == before
    assert reason_of(bench.run()) == "NoChanges"


def test_a_service_url_that_answers_html(bench):
    bench.simulator.add_fault("html,on=orgs")
    try:
        result = bench.call("run", *bench.manifests(), "-q", code=1)
    finally:
        bench.simulator.clear_faults()

    assert "orgs" in result.stderr
    assert bench.simulator.origin in result.stderr


def test_imports_that_are_suspended_read_nothing(bench):
    window = {"start": "2020-01-01T00:00:00", "end": "2999-01-01T00:00:00"}
    requests = len(bench.simulator.requests)

    run = bench.run(manifests=bench.manifests(dataRollover={"suspendImport": [window]}), code=1)

    assert run["status"]["outcome"] == "ImportSuspended"
    assert len(bench.simulator.requests) == requests


def test_an_artifact_key_must_be_given(bench):
    spec = {"artifacts": {"encryptionKeySecretRef": {"name": "artifact-key"}}}

    assert "ROSTERSYNC_ARTIFACT_KEY" in bench.call("run", *bench.manifests(**spec), code=1).stderr


@pytest.mark.parametrize("words", [("show", "x"), ("diff", "x"), ("approve", "x", "--reason", "y"), ("show", "../x")])
def test_an_unknown_run_is_named_beside_those_there_are(bench, words):
    message = bench.call(*words, code=1).stderr

    assert f"No run {words[1]}" in message
    assert "springfield-" in message
    assert "They are of FocusConnection springfield." in message


def test_runs_of_an_unknown_connection_are_an_error(bench):
    assert "There are runs of: springfield." in bench.call("runs", "--connection", "x", code=1).stderr


def test_a_reader_that_has_seen_enough_is_no_failure(bench):
    first = json.loads(bench.call("runs", "--output", "json").stdout)["items"][-1]["metadata"]["name"]
    diff = bench.start("diff", first, "--output", "csv")
    assert diff.stdout.readline().startswith("entity,")
    diff.stdout.close()

    assert (diff.wait(60), diff.stderr.read()) == (0, "")
    diff.stderr.close()


def test_an_empty_state_folder_says_how_to_begin(tmp_path):
    bench = Bench(tmp_path, None)

    assert "rostersync run" in bench.call("runs").stdout
    assert "rostersync run" in bench.call("show", code=1).stderr
    for command in (("export", "--to", str(tmp_path / "x")), ("compact",)):
        assert "no store" in bench.call(*command, code=1).stderr
    assert "Nobody has the id x" in bench.call("forget", "x", "--yes", code=1).stderr
