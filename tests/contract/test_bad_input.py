"""More bad input, through the real commands: a sentence that names the place and the remedy, the right exit code, and a
store that has not moved. (What `test_cli_refuses.py` has is not repeated here.) Over 300 lines, most of them
tables of input and what is said to it."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import trustme
import yaml

from rostersync.simulator.server import Simulator
from rostersync.sources.oneroster import endpoint
from support.cli import SECRET, Bench, name_of, reason_of
from support.quirky import Quirky, Reply
from support.simulated import simulated

OTHER_DIGEST = "sha256:" + "ab" * 32


@pytest.fixture(scope="module", autouse=True)
def impatient() -> Iterator[None]:
    """Retries are quick to give up."""
    usual = endpoint.Patience.__init__.__defaults__
    endpoint.Patience.__init__.__defaults__ = (3, 0.001, 0.01, 0.001, 0.2, 0.0)  # type: ignore[misc]
    yield
    endpoint.Patience.__init__.__defaults__ = usual  # type: ignore[misc]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with simulated(30) as server:
        yield server


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, simulator: Simulator) -> Bench:
    """A district that was imported. No test may move it."""
    made = Bench(tmp_path_factory.mktemp("bad"), simulator)
    made.run()
    return made


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory, simulator: Simulator) -> Bench:
    """A district with a held run, to be copied."""
    made = Bench(tmp_path_factory.mktemp("held"), simulator)
    made.run()
    simulator.add_event("mass-leave:40")
    made.run(code=3)
    simulator.clear_events()
    return made


@pytest.fixture
def held(waiting: Bench, tmp_path: Path) -> tuple[Bench, str]:
    """A copy of the district with a held run, elsewhere, and the run's name."""
    shutil.copytree(waiting.state, tmp_path / "state")
    bench = Bench(tmp_path, waiting.simulator)
    return bench, next(r.stem for r in (bench.state / "runs").iterdir() if '"AwaitingApproval"' in r.read_text())


def moved(bench: Bench) -> str:
    return hashlib.sha256(bench.store.read_bytes()).hexdigest()


def refused(bench: Bench, *words: str, code: int = 1) -> str:
    """What a command says that must fail and must not move the store."""
    before = moved(bench)
    result = bench.call(*words, code=code)
    assert moved(bench) == before
    [error] = [json.loads(line) for line in result.stderr.splitlines() if '"level": "error"' in line]
    assert "Traceback" not in result.output
    return str(error["message"])


MAPPING = {"entity": "Student", "attribute": "username", "from": "email"}
SFTP = {"host": "upload.example.org", "secretRef": {"name": "x"}, "hostKey": "ssh-ed25519 AAAA"}
SEVERAL: dict[str, Any] = {
    "multipleDataSources": True,
    "compareByDomainsOfUniqueness": True,
    "domainsOfUniqueness": [{"entity": "Student", "attributes": ["email"]}],
}
MASTER: dict[str, Any] = {"entity": "Teacher", "attributes": ["email"], "source": "ad", "mode": "Master"}
MANIFESTS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a wrong field deep down": (
        {"approval": {"expireAfter": "72h"}},
        ["spec.approval.expireAfter", "expiresAfter"],
    ),
    "an unknown entity": ({"entities": ["School", "Pupil"]}, ["spec.entities[1]", "Student"]),
    "an unknown action": (
        {"dataRequirements": [{"entity": "Student", "attribute": "email", "action": "Explode"}]},
        ["spec.dataRequirements[0].action", "Skip"],
    ),
    "an unknown mode": ({"schoolsMapping": {"mode": "Some"}}, ["spec.schoolsMapping.mode", "Auto", "Selected"]),
    "a filter on an unknown attribute": (
        {"filterRules": [{"entity": "Student", "conditions": [{"attribute": "shoeSize", "condition": "IsEmpty"}]}]},
        ["spec.filterRules[0].conditions[0].attribute"],
    ),
    "a reference as target": (
        {"attributesMapping": [MAPPING | {"attribute": "orgSourcedIds"}]},
        ["spec.attributesMapping[0].attribute"],
    ),
    "an expression that does not compile": (
        {"dataRequirements": [{"entity": "Student", "attribute": "email", "pattern": "[a-", "action": "Skip"}]},
        ["spec.dataRequirements[0].pattern", "regular expression"],
    ),
    "a flag without its domains": ({"compareByDomainsOfUniqueness": True}, ["domainsOfUniqueness"]),
    "domains without their flag": (
        {"domainsOfUniqueness": [{"entity": "Student", "attributes": ["email"]}]},
        ["compareByDomainsOfUniqueness"],
    ),
    "a percentage of words": (
        {"syncHoldThreshold": {"rules": [{"entity": "Student", "change": "Delete", "percent": "5 %"}]}},
        ["spec.syncHoldThreshold.rules[0].percent", "whole number"],
    ),
    "an unknown time zone": ({"timeZone": "America/Springfield"}, ["spec.timeZone"]),
    "a window that ends before it starts": (
        {"dataRollover": {"suspendImport": [{"start": "2026-07-02T00:00:00", "end": "2026-07-01T00:00:00"}]}},
        ["spec.dataRollover.suspendImport[0]"],
    ),
    "several sources without a word on who is the same": ({"multipleDataSources": True}, ["domainsOfUniqueness"]),
    "master fields of one source": (
        {"masterFields": [{"entity": "Teacher", "attributes": ["email"], "source": "ad", "mode": "Master"}]},
        ["masterFields", "multipleDataSources"],
    ),
    "two masters of one attribute": (
        SEVERAL | {"masterFields": [MASTER, MASTER | {"source": "other"}]},
        ["spec.masterFields", "[0]", "[1]", "Teacher.email"],
    ),
    "a master of a list of references": (
        SEVERAL | {"masterFields": [MASTER | {"attributes": ["orgSourcedIds"]}]},
        ["spec.masterFields[0].attributes", "orgSourcedIds", "united"],
    ),
    "a star beside a name": (
        SEVERAL | {"masterFields": [MASTER | {"attributes": ["*", "email"]}]},
        ["spec.masterFields[0].attributes", "*"],
    ),
}


@pytest.mark.parametrize("what", MANIFESTS)
def test_a_manifest_is_refused_with_place_and_remedy(bench: Bench, what: str) -> None:
    spec, said = MANIFESTS[what]
    message = refused(bench, "run", *bench.manifests(**spec))
    assert [s for s in said if s not in message] == [], message
    assert refused(bench, "plan", *bench.manifests(**spec), code=42) == message


TEXTS = {
    "a tab": ("spec:\n\tx: 1\n", ["line 2", "not valid YAML"]),
    "a colon too many": ("metadata: name: x\n", ["line 1", "not valid YAML"]),
    "a field twice": ("kind: Secret\nkind: Secret\n", ["line 2", "twice"]),
    "a list": ("- 1\n", ["document 1", "is not an object"]),
    "another kind": ("apiVersion: apps/v1\nkind: Deployment\n", ["Deployment", "FocusConnection"]),
    "another version": ("apiVersion: rostersync.dev/v9\nkind: SyncRun\n", ["apiVersion", "rostersync.dev/v1alpha1"]),
    "nothing": ("# only a remark\n", ["no FocusConnection", "-f"]),
}


@pytest.mark.parametrize("what", TEXTS)
def test_a_file_that_is_no_manifest(bench: Bench, tmp_path: Path, what: str) -> None:
    text, said = TEXTS[what]
    (tmp_path / "broken.yaml").write_text(text)
    message = refused(bench, "run", "-f", str(tmp_path / "broken.yaml"))
    assert [s for s in said if s not in message] == [], message


def test_two_connections_and_no_word_which(bench: Bench) -> None:
    second = bench.connection() | {"metadata": {"name": "shelbyville"}}
    message = refused(bench, "run", *bench.manifests(second))
    assert "springfield" in message
    assert "shelbyville" in message
    assert "ROSTERSYNC_CONNECTION" in message


def test_a_secret_without_one_of_its_keys(bench: Bench, tmp_path: Path) -> None:
    secret = {**SECRET, "stringData": {"clientID": "x", "clientsecret": "y"}}
    file = tmp_path / "secret.yaml"
    file.write_text(yaml.safe_dump_all([bench.connection(), secret]))
    message = refused(bench, "run", "-f", str(file))
    assert "focus-credentials" in message
    assert "clientSecret" in message


# -- the network ------------------------------------------------------------------------------------------------------


def delivered(bench: Bench, url: str, **more: Any) -> list[str]:
    config = bench.connection()["spec"]["deliveryConfig"]
    return bench.manifests(deliveryConfig={**config, "serviceURL": url, **more})


def bundled(bench: Bench, url: str, pem: bytes | None, **more: Any) -> list[str]:
    """Manifests with a CA bundle in a ConfigMap (or without the ConfigMap)."""
    config = {**bench.connection()["spec"]["deliveryConfig"], "serviceURL": url, "insecureHTTP": False, **more}
    config["caBundleRef"] = {"name": "district-ca", "key": "ca.crt"}
    found = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "district-ca"}}
    given = [] if pem is None else [{**found, "data": {"ca.crt": pem.decode()}}]
    return bench.manifests(*given, deliveryConfig=config)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def secure(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """A server with a certificate for localhost alone."""
    folder = tmp_path_factory.mktemp("tls")
    certificate = authority.issue_cert("localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    with simulated(10, tls_cert=folder / "server.pem") as server:
        yield server


def at_localhost(server: Simulator) -> str:
    return server.url.replace("127.0.0.1", "localhost")


def test_a_certificate_that_does_not_verify(bench: Bench, secure: Simulator, authority: trustme.CA) -> None:
    pem = authority.cert_pem.bytes()
    for make, remedy in (
        (lambda: delivered(bench, at_localhost(secure), insecureHTTP=False), "give the authority that issued it by"),
        (lambda: bundled(bench, at_localhost(secure), trustme.CA().cert_pem.bytes()), "did not issue it"),
        (lambda: bundled(bench, secure.url, pem), "another name than 127.0.0.1"),
    ):
        manifests = make()
        for words, code in (("run", 1), ("plan", 42)):
            message = refused(bench, words, *manifests, code=code)
            assert "certificate" in message
            assert remedy in message
            assert ("caBundleRef" in message) == ("another name" not in remedy)
        bench.call("check", *manifests, code=1)
    # What stands between is the certificate alone.
    assert "Connection is OK" in bench.call("check", *bundled(bench, at_localhost(secure), pem)).stdout


def test_a_ca_bundle_that_is_not_there_or_holds_none(bench: Bench) -> None:
    missing = refused(bench, "run", *bundled(bench, "https://localhost:1/x", None))
    assert "ConfigMap default/district-ca" in missing
    assert "-f" in missing
    assert "ca.crt" in refused(bench, "run", *bundled(bench, "https://localhost:1/x", b"none"))
    spoiled = b"-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n"
    assert "caBundleRef" in refused(bench, "plan", *bundled(bench, "https://localhost:1/x", spoiled), code=42)


def test_a_service_url_that_leads_elsewhere(bench: Bench, simulator: Simulator) -> None:
    page = b"<html><body>Welcome to our district</body></html>"
    with Quirky(
        token=lambda r: Reply(page, headers={"Content-Type": "text/html"}), answer=lambda r: Reply(page)
    ) as site:
        message = refused(bench, "plan", *delivered(bench, site.url), code=42)
    assert "serviceURL" in message
    assert "web page" in message or "not JSON" in message
    for url in (simulator.origin + "/elsewhere", simulator.url + "/v1p1"):
        message = refused(bench, "plan", *delivered(bench, url), code=42)
        assert f"{url}/token" in message
        assert "serviceURL" in message
        assert "404" in message
    only_orgs = simulator.url + "/orgs"  # a token endpoint elsewhere, so that only the Service URL is wrong
    message = refused(bench, "plan", *delivered(bench, only_orgs, authenticationURL=simulator.token_url), code=42)
    assert f"{only_orgs}/orgs" in message
    assert "serviceURL" in message


def test_a_port_where_nobody_listens(bench: Bench) -> None:
    message = refused(bench, "run", *delivered(bench, "http://127.0.0.1:9/focus"))
    assert "http://127.0.0.1:9/focus/token" in message
    assert "connection refused" in message
    message = refused(bench, "plan", *delivered(bench, "http://district.invalid/focus"), code=1)
    assert "its name is not known" in message


def test_https_asked_of_a_server_that_speaks_http(bench: Bench, simulator: Simulator) -> None:
    url = simulator.url.replace("http:", "https:")
    message = refused(bench, "run", *delivered(bench, url, insecureHTTP=False))
    assert "TLS" in message


# -- state and store --------------------------------------------------------------------------------------------------


def test_a_store_that_is_none(bench: Bench, tmp_path: Path) -> None:
    other = Bench(tmp_path, bench.simulator)
    other.store.parent.mkdir(parents=True)
    for content in (b"these are not the records you are looking for" * 200, b"", b"\0" * 9000):
        other.store.write_bytes(content)
        message = refused(other, "plan", *other.manifests(), code=42)
        assert "not a DuckDB database" in message
        assert "restore a backup" in message
        assert str(other.store) in refused(other, "export", "--to", str(tmp_path / "out"))
        assert other.store.read_bytes() == content


def test_a_store_of_another_make(bench: Bench, tmp_path: Path) -> None:
    other = Bench(tmp_path, bench.simulator)
    other.store.parent.mkdir(parents=True)
    with duckdb.connect(str(other.store)) as con:
        con.execute("CREATE TABLE mine (x INTEGER)")
    assert "store" in refused(other, "plan", *other.manifests(), code=42)


@pytest.mark.parametrize("place", ["under a file", "under /proc"])
def test_a_state_folder_that_cannot_be_made(bench: Bench, tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    folder = {"under a file": tmp_path / "file" / "state", "under /proc": Path("/proc/rostersync")}[place]
    result = bench.call("run", *bench.manifests(), "--state", str(folder), code=1)
    message = json.loads(result.stderr.splitlines()[-1])["message"]
    assert str(folder) in message
    assert "--state" in message


# -- decisions --------------------------------------------------------------------------------------------------------

WHY = ("--reason", "term has ended")


def test_a_finished_run_cannot_be_decided(held: tuple[Bench, str]) -> None:
    bench, name = held
    bench.call("approve", name, *WHY)
    for words in (("approve", name, *WHY), ("reject", name, *WHY)):
        assert "it is Applied" in refused(bench, *words)
    first = next(r.stem for r in (bench.state / "runs").iterdir() if r.stem != name)
    assert "it is Applied" in refused(bench, "approve", first, *WHY)
    again = bench.call("apply", name, code=0)
    assert json.loads(again.stdout)["revision"] == 2
    assert "digest" in refused(bench, "apply", "--plan", OTHER_DIGEST, "--approved-by", "eve", code=42)


# -- plans that somebody touched --------------------------------------------------------------------------------------


def plan_of(bench: Bench, name: str) -> tuple[Path, dict[str, Any]]:
    folder = bench.state / "artifacts" / name / "plan"
    return folder, json.loads((folder / "manifest.json").read_text())


def rewrite(folder: Path, manifest: dict[str, Any]) -> None:
    (folder / "manifest.json").write_text(json.dumps(manifest))


def other_changes(folder: Path, manifest: dict[str, Any]) -> None:
    """Every deleted student is another one, and the manifest's checksum says that it has always been so."""
    file = folder / "changes" / "Student.parquet"
    table = pq.read_table(file)
    rows = table.filter(pc.equal(table.column("change"), "Delete")).slice(0, 1)
    pq.write_table(rows, file)
    manifest["files"]["changes/Student.parquet"] = hashlib.sha256(file.read_bytes()).hexdigest()


def other_values(folder: Path, manifest: dict[str, Any]) -> None:
    """An update writes something else than was shown."""
    file = folder / "changes" / "Enrollment.parquet"
    table = pq.read_table(file)
    at = table.schema.get_field_index("id")
    ids = pa.array([f"{i.as_py()}x" for i in table.column("id")], table.schema.field(at).type)
    pq.write_table(table.set_column(at, table.schema.field(at), ids), file)
    manifest["files"]["changes/Enrollment.parquet"] = hashlib.sha256(file.read_bytes()).hexdigest()


def one_file_less(folder: Path, manifest: dict[str, Any]) -> None:
    (folder / "changes" / "Enrollment.parquet").unlink()
    del manifest["files"]["changes/Enrollment.parquet"]


def another_config(folder: Path, manifest: dict[str, Any]) -> None:
    manifest["configHash"] = manifest["memory"]["configHash"] = "0" * 64


def another_district(folder: Path, manifest: dict[str, Any]) -> None:
    manifest["source"] = "elsewhere"


def a_flipped_byte(folder: Path, manifest: dict[str, Any]) -> None:
    file = folder / "changes" / "Student.parquet"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


TOUCHED = [other_changes, other_values, one_file_less, another_config, another_district, a_flipped_byte]


@pytest.mark.parametrize("touch", TOUCHED)
def test_what_is_approved_is_what_is_applied(held: tuple[Bench, str], touch: Any) -> None:
    bench, name = held
    folder, manifest = plan_of(bench, name)
    digest = manifest["digest"]
    touch(folder, manifest)
    rewrite(folder, manifest)
    message = refused(bench, "apply", "--plan", digest, "--approved-by", "dana", "--reason", "seen", code=42)
    assert "nothing was applied" in message
    message = refused(bench, "approve", name, *WHY)
    assert "nothing was applied" in message
    assert reason_of(bench.show(name)) == "PlanCorrupt"


@pytest.mark.parametrize("command", ["diff", "issues"])
def test_pages_of_a_spoiled_plan_say_so(held: tuple[Bench, str], command: str) -> None:
    bench, name = held
    folder, _ = plan_of(bench, name)
    (folder / "changes" / "strange.txt").write_text("what lies beside the plan's files is not read")
    assert bench.call(command, name, code=0)
    for file in ("changes/Student.parquet", "issues.parquet"):
        (folder / file).write_bytes(b"PAR1" + b"\0" * 500 + b"PAR1")
    message = refused(bench, command, name)
    assert f"The plan of run {name} has a file" in message
    assert f"`rostersync verify {name}` names it" in message
    assert bench.show(name)


def test_after_a_spoiled_plan_a_fresh_one_is_sound_and_decided_anew(held: tuple[Bench, str]) -> None:
    bench, name = held
    folder, manifest = plan_of(bench, name)
    a_flipped_byte(folder, manifest)
    refused(bench, "approve", name, *WHY)
    bench.simulator.add_event("mass-leave:40")
    try:
        again = bench.run(code=3)
    finally:
        bench.simulator.clear_events()
    assert again["status"]["plan"]["digest"] == manifest["digest"]
    bench.call("approve", name_of(again), *WHY)


def no_holds_in_the_manifest(bench: Bench, name: str) -> None:
    folder, manifest = plan_of(bench, name)
    rewrite(folder, manifest | {"holds": [], "holdsTotal": 0})


def no_holds_in_the_report(bench: Bench, name: str) -> None:
    file = bench.state / "artifacts" / name / "reports" / "plan-1.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"holds": [], "holdsTotal": 0}))


@pytest.mark.parametrize("forge", [no_holds_in_the_manifest, no_holds_in_the_report])
def test_a_held_plan_whose_holds_were_taken_out_needs_its_approval_all_the_same(
    held: tuple[Bench, str], forge: Any
) -> None:
    bench, name = held
    digest = plan_of(bench, name)[1]["digest"]
    forge(bench, name)
    before = moved(bench)
    bench.call("apply", "--plan", digest, code=42)
    result = bench.call("apply", name, code=None)
    assert result.exit_code != 0
    assert moved(bench) == before


def test_a_manifest_of_nonsense_is_no_plan(held: tuple[Bench, str]) -> None:
    bench, name = held
    folder, manifest = plan_of(bench, name)
    for text in ("", "[]", "{}", '{"format": 1}', json.dumps(manifest | {"format": 99}), json.dumps(manifest)[:200]):
        (folder / "manifest.json").write_text(text)
        refused(bench, "apply", "--plan", manifest["digest"], "--approved-by", "dana", code=42)
