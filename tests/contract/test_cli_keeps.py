"""What is kept and what is not: history, sealed artifacts, forgotten people, backups."""

import csv
import json

import duckdb
import pytest

from support.cli import Bench, name_of, reason_of
from support.simulated import simulated


@pytest.fixture
def bench(tmp_path):
    with simulated(30) as simulator:
        yield Bench(tmp_path, simulator)


def users(folder):
    with (folder / "users.csv").open() as file:
        return {row["sourcedId"]: row for row in csv.DictReader(file)}


def test_history_keeps_so_many_runs(bench):
    manifests = bench.manifests(history={"runs": {"successful": 2, "failed": 1}})
    names = [name_of(bench.run(manifests=manifests)) for _ in range(4)]

    for folder, suffix in (("runs", ".json"), ("artifacts", "")):
        assert {p.name.removesuffix(suffix) for p in (bench.state / folder).iterdir()} == set(names[2:])


def test_the_state_folder_is_for_its_user_alone(bench):
    bench.run()

    for folder in ("store", "artifacts"):
        assert (bench.state / folder).stat().st_mode & 0o077 == 0


def test_artifacts_are_sealed_with_the_key_that_the_connection_names(bench, monkeypatch):
    spec = {"artifacts": {"encryptionKeySecretRef": {"name": "artifact-key"}}}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "artifact-key"},
        "stringData": {"key": "open sesame"},
    }
    bench.run(manifests=bench.manifests(secret, **spec))
    bench.simulator.add_event("mass-leave:30")
    held = name_of(bench.run(manifests=bench.manifests(secret, **spec), code=3))
    folder = bench.state / "artifacts" / held

    records = [p for part in ("plan", "extract") for p in (folder / part).rglob("*") if p.is_file()]
    assert records
    assert {p.suffix for p in records} == {".age"}
    assert not (folder / "scratch").exists()
    assert "ROSTERSYNC_ARTIFACT_KEY" in bench.call("diff", held, code=1).stderr

    monkeypatch.setenv("ROSTERSYNC_ARTIFACT_KEY", "open sesame")
    assert "SourceMissing" in bench.call("diff", held).stdout
    assert not (folder / "scratch").exists()
    bench.call("approve", held, "--reason", "seen")
    assert bench.show(held)["status"]["outcome"] == "Applied"


def test_a_person_is_forgotten_everywhere(bench):
    prefixed = {"sisIDPrefix": "F-"}
    first = name_of(bench.run(manifests=bench.manifests(**prefixed)))
    bench.simulator.add_event("mass-leave:40")
    held = name_of(bench.run(manifests=bench.manifests(**prefixed), code=3))
    bench.call("export", "--to", str(bench.folder / "before"))
    before = users(bench.folder / "before")
    person = next(i for i, row in before.items() if row["role"] == "student")

    said = bench.call("forget", person, "--yes").stdout
    bench.call("export", "--to", str(bench.folder / "after"))

    assert "Removed: 1 record, " in said
    assert set(users(bench.folder / "after")) == set(before) - {person}
    for path in bench.state.rglob("*"):
        if path.is_file():
            assert person.encode() not in path.read_bytes()
    assert reason_of(bench.show(held)) == "Cancelled"
    assert f"Cancelled, since their details are gone: run {held}." in said
    assert "Cancelled because a person was forgotten" in bench.call("show", held).stdout
    assert bench.show(first)["status"]["outcome"] == "Applied"
    bench.call("diff", first, code=1)


def test_an_export_says_what_importers_would_refuse_and_strict_writes_nothing(bench):
    bench.run(
        manifests=bench.manifests(
            attributesMapping=[
                {"entity": "Student", "attribute": "username", "template": "{middleName}"},
            ]
        )
    )
    to = bench.folder / "out"

    said = bench.call("export", "--to", str(to), "--strict", code=1).stderr
    assert "users have no username" in said
    assert not to.exists()
    assert "users have no username" in bench.call("export", "--to", str(to)).stdout
    without = sum(not row["username"] for row in users(to).values())
    again = json.loads(bench.call("export", "--to", str(to), "--output", "json").stdout)
    assert again["notImportable"] == {"users.username": without}


def test_forgetting_asks_first_and_names_the_person(bench):
    bench.run()
    bench.call("export", "--to", str(bench.folder / "before"))
    person, row = next((i, r) for i, r in users(bench.folder / "before").items() if r["role"] == "student")

    asked = bench.call("forget", person, code=1)
    assert "Aborted" in asked.stderr
    assert f"Remove Student {row['givenName']} {row['familyName']} ({person}) for good?" in asked.output
    assert "nobody with the id x" in bench.call("forget", "x", code=1).output


def test_forgetting_an_unknown_id_is_an_error(bench):
    bench.run()

    assert "Nobody has the id nobody" in bench.call("forget", "nobody", "--yes", code=1).stderr


def test_a_backup_is_a_store_and_compact_keeps_every_record(bench):
    bench.run()
    copy = bench.folder / "backups" / "roster.duckdb"

    assert f"The folder {copy.parent} does not exist" in bench.call("backup", "--to", str(copy), code=1).stderr
    assert not copy.parent.exists()
    copy.parent.mkdir()
    bench.call("backup", "--to", str(copy))
    bench.call("compact")

    with duckdb.connect(str(copy), read_only=True) as con:
        assert con.execute("SELECT max(revision) FROM revisions").fetchone() == (1,)
    bench.call("export", "--to", str(bench.folder / "out"))
    assert len(users(bench.folder / "out")) == bench.simulator.roster.total("users")


def test_a_backup_replaces_nothing_but_a_backup(bench):
    bench.run()
    state, folder = bench.state, bench.folder
    other = folder / "other.duckdb"
    with duckdb.connect(str(other)) as con:
        con.execute("CREATE TABLE mine (x INTEGER)")
    link = folder / "link"
    link.symlink_to(state / "store" / "roster.duckdb")
    hard = folder / "hard"
    hard.hardlink_to(state / "store" / "roster.duckdb")
    text = folder / "notes.yaml"
    text.write_text("kind: Secret")
    refused = {
        state / "store" / "roster.duckdb": "is in the state folder",
        state / "copy": "is in the state folder",
        link: "is in the state folder",
        hard: "is the store itself",
        text: "is no backup of a store",
        other: "is no backup of a store",
    }
    before = {path: path.read_bytes() if path.exists() else None for path in refused}

    for path, said in refused.items():
        shown = bench.call("backup", "--to", str(path), code=1).stderr
        assert said in shown
        assert str(path) in shown or path == link
        assert "nothing was written. Name" in shown

    assert before == {path: path.read_bytes() if path.exists() else None for path in refused}
    assert not (state / "backups.json").exists()
    empty, copy = folder / "empty", folder / "copy"
    empty.touch()
    for path in (empty, copy, copy):
        bench.call("backup", "--to", str(path))
        assert path.stat().st_size


def test_exports_and_reports_stay_out_of_the_state_folder(bench):
    bench.run()
    inside = bench.state / "runs" / "here"

    plan = ("plan", *bench.manifests(), "--report", str(inside))
    for words, code in ((("export", "--to", str(inside)), 1), (plan, 42)):
        assert f"{inside} is in the state folder" in bench.call(*words, code=code).stderr

    assert not inside.exists()


def test_the_store_says_which_districts_it_has(bench):
    bench.run()

    result = bench.call("export", "--to", str(bench.folder / "x"), "--district", "shelbyville", code=1)

    assert "springfield" in json.loads(result.stderr)["message"]
