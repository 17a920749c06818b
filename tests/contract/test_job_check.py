"""`job check`: Test Connection in a pod, and what Schools Mapping would make of the schools that it finds."""

import pytest
import trustme

from support.pod import SECRET, Cluster, connection, credentials
from support.simulated import everything, ids, simulated


@pytest.fixture
def simulator():
    with simulated(1800) as made:
        yield made


@pytest.fixture
def cluster(warm, tmp_path):
    return Cluster(warm, tmp_path)


def schools(simulator):
    return sorted(o["sourcedId"] for o in everything(simulator.roster, "orgs") if o["type"] == "school")


def test_a_connection_that_is_ok_says_so_and_lists_everything(cluster, simulator):
    cluster.give(connection(simulator.url), credentials(simulator))

    done = cluster.run("check", "--deadline", 300)

    there = schools(simulator)
    assert len(there) > 1
    assert cluster.report == {
        "stage": "done",
        "message": "Connection is OK",
        "schools": {"found": len(there), "mapped": len(there), "missing": 0, "vanished": 0},
    }
    assert [s["sourcedId"] for s in done.json["schools"]] == there
    assert all(s["name"] and s["mapped"] for s in done.json["schools"])
    assert done.json["totals"]["users"] == len(ids(simulator.roster, "users"))
    assert ("Student", "givenName") in {(a["entity"], a["attribute"]) for a in done.json["attributes"]}
    assert not list(cluster.artifacts.iterdir()), "a check has no volumes"


def test_what_is_not_mapped_is_missing_and_what_is_not_there_has_vanished(cluster, simulator):
    there = schools(simulator)
    mapping = {
        "mode": "Selected",
        "schools": [{"sourcedId": there[0]}, {"sourcedId": "gone-1"}, {"sourcedId": "gone-0"}],
    }
    cluster.give(connection(simulator.url, schoolsMapping=mapping), credentials(simulator))

    done = cluster.run("check")

    assert cluster.report["schools"] == {
        "found": len(there),
        "mapped": 1,
        "missing": len(there) - 1,
        "vanished": 2,
        "missingIDs": there[1:],
        "vanishedIDs": ["gone-0", "gone-1"],
    }
    assert [s["sourcedId"] for s in done.json["schools"] if s["mapped"]] == [there[0]]
    assert done.json["vanished"] == ["gone-0", "gone-1"]


def test_a_wrong_secret_is_permanent_and_says_which(cluster, simulator):
    cluster.give(connection(simulator.url), {SECRET: {"clientID": "somebody", "clientSecret": "something"}})

    done = cluster.run("check", exits=42)

    assert cluster.reason == done.error["reason"] == "CredentialsRefused"
    assert SECRET in cluster.report["error"]["message"]
    assert "something" not in cluster.log.read_text() + done.err + done.out


MOUNTS = {
    "no Secret": ({}, "SecretNotFound", f"Secret team-a/{SECRET}"),
    "an empty Secret": ({SECRET: {}}, "SecretNotFound", f"Secret team-a/{SECRET}"),
    "a Secret without its keys": ({SECRET: {"clientID": "x"}}, "SecretIncomplete", "clientSecret"),
}


@pytest.mark.parametrize("mount", MOUNTS)
@pytest.mark.parametrize("command", ["check", "plan"])
def test_a_secret_that_is_not_as_it_should_be_is_permanent(cluster, simulator, command, mount):
    secrets, reason, named = MOUNTS[mount]
    cluster.give(connection(simulator.url), secrets)
    words = cluster.plan_words("nightly") if command == "plan" else ()

    cluster.run(command, *words, exits=42, ROSTERSYNC_CLIENT_ID="a", ROSTERSYNC_CLIENT_SECRET="b")

    assert cluster.reason == reason
    assert named in cluster.report["error"]["message"]
    assert not simulator.requests


def test_a_server_that_is_away_is_worth_another_try(cluster, simulator):
    cluster.give(connection("http://127.0.0.1:9/oneroster"), credentials(simulator))

    cluster.run("check", exits=1)

    assert cluster.report["stage"] == "connect"
    assert cluster.report["schools"]["found"] == 0


def test_the_key_of_artifacts_is_not_mounted_and_not_missed(cluster, simulator):
    sealed = {"encryptionKeySecretRef": {"name": "roster-key"}}
    cluster.give(connection(simulator.url, artifacts=sealed), credentials(simulator))

    cluster.run("check")

    assert cluster.report["message"] == "Connection is OK"


@pytest.mark.parametrize("command", ["check", "plan"])
def test_a_job_contacts_nothing_of_its_own_machine_unless_it_is_a_trial(cluster, simulator, command):
    cluster.give(connection(simulator.url), credentials(simulator))
    words = cluster.plan_words("nightly") if command == "plan" else ()
    cluster.trial = False

    cluster.run(command, *words, exits=42)

    assert cluster.reason == "AddressRefused"
    assert "a loopback address" in cluster.report["error"]["message"]
    assert not simulator.requests


def test_a_report_tells_no_refused_connection_from_a_foreign_service(cluster, simulator):
    """Nor does the log."""
    told = set()
    for path in ("http://127.0.0.1:9/oneroster", simulator.url.replace("/focus/", "/elsewhere/")):
        cluster.give(connection(path), credentials(simulator))
        done = cluster.run("check", exits=1)
        message = cluster.report["error"]["message"].replace(path, "")
        assert done.error["message"].replace(path, "") == message
        told.add((cluster.reason, message))

    assert len(told) == 1


def test_a_ca_bundle_is_read_from_its_config_map(warm, tmp_path):
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    cluster = Cluster(warm, tmp_path / "pod")
    with simulated(20, tls_cert=tmp_path / "cert.pem", tls_key=tmp_path / "key.pem") as simulator:
        made = connection(simulator.url)
        delivery = {k: v for k, v in made["spec"]["deliveryConfig"].items() if k != "insecureHTTP"}
        made["spec"]["deliveryConfig"] = delivery | {"caBundleRef": {"name": "district-ca", "key": "ca.crt"}}
        pem = authority.cert_pem.bytes().decode()

        cluster.give(made, credentials(simulator), {"district-ca": {"ca.crt": pem}})
        cluster.run("check")
        for bundle, reason in (
            ({}, "ConfigMapNotFound"),
            ({"district-ca": {"other": pem}}, "ConfigMapIncomplete"),
        ):
            cluster.give(made, credentials(simulator), bundle)
            cluster.run("check", exits=42)
            assert cluster.reason == reason
        cluster.give(made, credentials(simulator), {"district-ca": {"ca.crt": trustme.CA().cert_pem.bytes().decode()}})
        cluster.run("check", exits=1)
        assert "caBundleRef" in cluster.report["error"]["message"]


@pytest.mark.parametrize("text", ["", "{}", "e30=", "H4sIAAAAAAAAAA=="])
def test_a_connection_that_cannot_be_unpacked_is_permanent(cluster, simulator, text):
    cluster.give(connection(simulator.url), credentials(simulator))
    (cluster.root / "var/run/rostersync/connection/connection").write_text(text)

    cluster.run("check", exits=42)

    assert cluster.reason == "ConnectionUnreadable"


def test_a_wrong_spec_and_terms_that_are_not_accepted_stop_a_plan(cluster, simulator):
    cluster.give(connection(simulator.url, termsOfUse={"accepted": False}), credentials(simulator))
    cluster.plan(exits=42)
    assert cluster.reason == "TermsNotAccepted"
    cluster.give(connection(simulator.url, sisIDPrefix="no spaces"), credentials(simulator))
    cluster.plan(exits=42)
    assert cluster.reason == "InvalidSpec"
    assert "spec.sisIDPrefix" in cluster.report["error"]["message"]
    assert not simulator.requests
