"""Marked names go through every Job, failing ones too: reports, logs and scratch hold none of them."""

import signal

import pytest

from support import marked
from support.commands import until
from support.marked import CLIENT_ID, EMAIL, FAMILY, GIVEN, SECRET
from support.pod import APPROVED, ENGINE, Cluster, connection
from support.quirky import Reply

SECRETS = {"marked-credentials": {"clientID": CLIENT_ID, "clientSecret": SECRET}, "seal": {"key": "qzxkey " * 4}}
ENTITIES = [
    "District",
    "School",
    "Calendar",
    "Course",
    "Class",
    "Student",
    "Teacher",
    "Contact",
    "Admin",
    "Enrollment",
    "Demographics",
]
CHECKED = {
    "domainsOfUniqueness": [{"entity": "Student", "attributes": ["email"]}],
    "compareByDomainsOfUniqueness": True,
    "dataRequirements": [
        {"entity": "Student", "attribute": "middleName", "action": "Skip"},
        {"entity": "Student", "attribute": "identifier", "format": "Integer", "action": "Error"},
    ],
}


@pytest.fixture
def cluster(warm, tmp_path):
    return Cluster(warm, tmp_path)


def give(cluster, server, **spec):
    made = connection(server.url, entities=ENTITIES, **spec)
    made["spec"]["deliveryConfig"] |= {"pageSize": 5, "credentialsSecretRef": {"name": "marked-credentials"}}
    cluster.give(made, SECRETS)


def clean(cluster, *, sealed=False):
    """Only store and artifacts have marks, of sealed artifacts only what is sealed; secrets are where they are mounted."""
    mounted = cluster.root / "var/run/rostersync"
    artifacts = cluster.artifacts.rglob("*.age") if sealed else [cluster.artifacts]  # in what is sealed are any bytes
    but = [cluster.store.parent, mounted, *artifacts]
    assert marked.found(cluster.folder, but) == {}
    assert marked.secrets(cluster.folder, [p.resolve() for p in (mounted / "secrets").rglob("*")]) == {}
    assert list(cluster.scratch.rglob("*")) == []


@pytest.mark.parametrize("sealed", [False, True], ids=["", "sealed"])
def test_records_of_every_fate(cluster, sealed):
    more = {"artifacts": {"encryptionKeySecretRef": {"name": "seal"}}} if sealed else {}
    data = marked.district()
    with marked.server(data, total="body", next="body") as server:
        give(cluster, server, previewDataUpload=True, **CHECKED, **more)
        cluster.run("check")
        clean(cluster, sealed=sealed)
        plan = cluster.plan("first")
        assert plan["totals"]["errors"] > 20
        assert plan["issues"]
        clean(cluster, sealed=sealed)
        cluster.apply("first", plan["digest"], *APPROVED)
        clean(cluster, sealed=sealed)
        data["users"] = [u | {"familyName": f"{FAMILY} the second"} for u in data["users"]]
        plan = cluster.plan("second")
        assert plan["holdsTotal"] > 0
        cluster.apply("second", plan["digest"], exits=42)
        cluster.apply("second", plan["digest"], *APPROVED)
        clean(cluster, sealed=sealed)
        cluster.run("purge", "--run", "second")
        clean(cluster, sealed=sealed)
    assert marked.found(cluster.store.parent), "the search finds marks"


CRASHES = {
    "crash_in_extract": "Unexpected",
    "crash_without_memory": "OutOfMemory",
    "crash_in_link": "Unexpected",
    "crash_in_compare": "Unexpected",
    "crash_in_apply": "StoreFailed",
}


@pytest.mark.parametrize("crash", CRASHES)
def test_a_crash_whose_text_holds_a_record(cluster, crash):
    with marked.server(marked.district(sound=True)) as server:
        give(cluster, server)
        hook = f"support.sabotage:{crash}"
        if crash == "crash_in_apply":
            digest = cluster.plan()["digest"]
            cluster.apply("nightly", digest, "--debug", exits=None, hook=hook)
        else:
            cluster.plan("nightly", "--debug", exits=1, hook=hook)
    assert cluster.reason == CRASHES[crash]
    texts = list(cluster.artifacts.glob("*/errors/*.txt"))
    assert marked.marks(b"".join(p.read_bytes() for p in texts)), "the full text is among the artifacts"
    clean(cluster)


ANSWERS = {
    "500": lambda r: Reply({"error": f"cannot serialise {GIVEN} {FAMILY}"}, 500),
    "403": lambda r: Reply({"error": f"{EMAIL} may not read {GIVEN}"}, 403),
    "not JSON": lambda r: Reply(f"hello {GIVEN} {FAMILY}".encode()),
    "the token": lambda r: Reply({"error": f"no such token: {r.headers.get('authorization')}"}, 401),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_server_that_echoes_names_and_secrets(cluster, kind):
    with marked.server(answer=lambda r: ANSWERS[kind](r) if "/users" in r.path else None) as server:
        give(cluster, server)
        cluster.plan("nightly", "--debug", exits=None)
        assert cluster.report["error"]
        cluster.run("check", "--debug", exits=None)
        assert cluster.report["error"]
    clean(cluster)


def test_what_sigterm_leaves_in_scratch(cluster, tmp_path):
    said = tmp_path / "said"
    said.mkdir()
    more = {"artifacts": {"encryptionKeySecretRef": {"name": "seal"}}}
    with marked.server(marked.district(sound=True)) as server:
        give(cluster, server, **more)
        words = cluster.plan_words("nightly")
        running = cluster.start("plan", *words, hook="support.sabotage:spill_and_wait", SABOTAGE=str(said))
        until((said / "spilled").exists)
        assert any(p.stat().st_size > 1_000_000 for p in cluster.scratch.rglob("*.tmp"))
        running.kill(signal.SIGTERM)
        assert running.wait().code == 143
    clean(cluster, sealed=True)


def test_a_connection_that_is_not_valid_is_refused_without_its_values(cluster):
    made = connection("http://127.0.0.1:9", sisIDPrefix=f"{GIVEN} {FAMILY}", exclude=[EMAIL])
    cluster.give(made, SECRETS)

    cluster.run("plan", *cluster.plan_words("nightly")[:-4], *ENGINE, "--debug", exits=42)

    assert cluster.reason == "InvalidSpec"
    assert "spec.sisIDPrefix" in cluster.report["error"]["message"]
    clean(cluster)
