"""The PostgreSQL store on the command line: import, hold, approve, export and forget, as over the embedded store."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from support import postgres
from support.cli import Bench, name_of, reason_of
from support.cluster.processes import free_ports
from support.simulated import simulated

NO_LIMIT = [{"entity": "*", "change": "Any", "percent": 100}]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[str]:
    name = "cli_" + tmp_path.name[-20:].replace("-", "_")
    postgres.server().database(name)
    yield name
    postgres.server().drop(name)


@pytest.fixture
def simulator() -> Iterator[Any]:
    with simulated(120) as made:
        yield made


def manifests_of(secrets: dict[str, dict[str, str]]) -> list[dict[str, Any]]:
    return [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}
        for name, data in secrets.items()
    ]


def test_a_district_s_days_are_those_of_the_embedded_store(
    tmp_path: Path, simulator: Any, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = manifests_of(postgres.server().secrets(database))
    ours, theirs = Bench(tmp_path / "a", simulator), Bench(tmp_path / "b", simulator)
    for bench in (ours, theirs):
        bench.folder.mkdir()
    file = tmp_path / "secrets.yaml"
    file.write_text(yaml.safe_dump_all(secrets))

    def both(code: int = 0) -> tuple[dict[str, Any], dict[str, Any]]:
        files = ours.manifests(*secrets, store=postgres.SPEC)
        a, b = ours.run(manifests=files, code=code), theirs.run(code=code)
        for key in ("digest", "baseRevision", "noChanges"):
            assert a["status"]["plan"].get(key) == b["status"]["plan"].get(key)
        assert a["status"].get("totals") == b["status"].get("totals")
        return a, b

    first, _ = both()
    assert first["status"]["outcome"] == "Applied"
    assert not ours.store.exists()
    assert both()[0]["status"]["outcome"] == "NoChanges"
    simulator.add_event("mass-leave:30")
    held, also = both(code=3)
    assert reason_of(held) == "AwaitingApproval"

    refused = ours.call("approve", name_of(held), "--reason", "They have left", code=1)
    only = "is not given: name the file or folder that has it in ROSTERSYNC_STORE_SECRETS, with the key uri"
    assert only in refused.output
    for without in (("export", "--to", str(tmp_path / "none")), ("deliveries",), ("apply", name_of(held))):
        assert only in ours.call(*without, code=None).output  # none of these takes -f
    assert postgres.PASSWORD not in refused.output
    monkeypatch.setenv("ROSTERSYNC_STORE_SECRETS", str(file))
    for bench, run in ((ours, held), (theirs, also)):
        words = ("apply",) if run is held else ("approve", "--reason", "They have left")  # the decision stands
        bench.call(words[0], name_of(run), *words[1:])
        bench.call("export", "--to", str(bench.folder / "bundle"))
    exported = [{f.name: f.read_bytes() for f in (bench.folder / "bundle").iterdir()} for bench in (ours, theirs)]
    assert exported[0] == exported[1]

    [(person,)] = postgres.server().admin("SELECT id FROM rostersync.users WHERE entity = 'Student' LIMIT 1", database)
    (old := ours.state / "store" / "roster.duckdb").touch()
    told = ours.call("forget", str(person), "--yes").output
    assert f"Not reached: {old}, the store before the roster was moved" in told
    assert "Removed: " in told
    assert "Base backups, archived WAL and replicas of the database are not reached." in told
    assert not any(
        f'"{person}"'.encode() in part or str(person).encode() + b"\x00" in part
        for part in postgres.server().files(database)
    )
    assert json.loads(ours.call("export", "--to", str(tmp_path / "again"), "--output", "json").stdout)["rows"]["users"]


def test_a_secret_that_is_not_given_is_named_before_anything_is_read(tmp_path: Path, simulator: Any) -> None:
    bench = Bench(tmp_path, simulator)
    refused = bench.call("run", *bench.manifests(store=postgres.SPEC), code=1)
    assert "Secret default/rosters-reader, which spec.store.postgres.readerSecretRef names" in refused.output
    assert not list(bench.state.glob("runs/*"))


def test_what_a_run_changed_is_taken_back_and_verified(
    tmp_path: Path, simulator: Any, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = manifests_of(postgres.server().secrets(database))
    bench = Bench(tmp_path, simulator)
    file = tmp_path / "secrets.yaml"
    file.write_text(yaml.safe_dump_all(secrets))
    monkeypatch.setenv("ROSTERSYNC_STORE_SECRETS", str(file))
    files = bench.manifests(*secrets, store=postgres.SPEC, syncHoldThreshold={"rules": NO_LIMIT})
    bench.run(manifests=files)
    bench.call("export", "--to", str(tmp_path / "before"))
    simulator.set_day(1)
    changed = bench.run(manifests=files)
    assert bench.call("verify", name_of(changed)).exit_code == 0

    held = json.loads(bench.call("restore", name_of(changed), "-o", "json", "--quiet", code=3).stdout)
    bench.call("approve", name_of(held), "--reason", "The SIS was wrong")
    assert bench.call("verify", name_of(held)).exit_code == 0
    bench.call("export", "--to", str(tmp_path / "after"))

    exported = [{f.name: f.read_bytes() for f in (tmp_path / name).iterdir()} for name in ("before", "after")]
    assert exported[0] == exported[1]


@pytest.mark.parametrize("side", postgres.SECRETS)
def test_one_secret_of_the_store_is_enough_to_deliver(
    tmp_path: Path, simulator: Any, database: str, monkeypatch: pytest.MonkeyPatch, side: str
) -> None:
    secrets = postgres.server().secrets(database)
    bench = Bench(tmp_path, simulator)
    folder = {"name": "feed", "oneRosterCSV": {}, "directory": {"existingClaim": "passport"}}
    bench.run(manifests=bench.manifests(*manifests_of(secrets), store=postgres.SPEC))

    late = bench.manifests(*manifests_of({side: secrets[side]}), store=postgres.SPEC, deliveries=[folder])
    bench.call("deliver", *late, "--quiet")

    assert [path.name for path in (bench.state / "volumes" / "passport").iterdir()] == ["springfield-000001.zip"]
    assert postgres.server().admin("SELECT revision FROM rostersync.sent", database) == [(1,)]


def test_what_is_approved_while_the_server_is_away_is_applied_once_it_is_back(
    tmp_path: Path, simulator: Any, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets, bench, file = postgres.server().secrets(database), Bench(tmp_path, simulator), tmp_path / "secrets.yaml"
    monkeypatch.setenv("ROSTERSYNC_STORE_SECRETS", str(file))
    file.write_text(yaml.safe_dump_all(manifests_of(secrets)))
    bench.run(manifests=bench.manifests(*manifests_of(secrets), store=postgres.SPEC))
    simulator.add_event("mass-leave:30")
    held = name_of(bench.run(manifests=bench.manifests(*manifests_of(secrets), store=postgres.SPEC), code=3))

    nobody = {name: {**data, "port": str(free_ports(1)[0])} for name, data in secrets.items()}
    file.write_text(yaml.safe_dump_all(manifests_of(nobody)))
    assert "nothing answers there" in bench.call("approve", held, "--reason", "They have left", code=1).output
    file.write_text(yaml.safe_dump_all(manifests_of(secrets)))

    bench.call("apply", held)
    assert json.loads(bench.call("show", held, "-o", "json").stdout)["status"]["outcome"] == "Applied"


def test_a_plan_of_one_schema_is_not_applied_to_another(
    tmp_path: Path, simulator: Any, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets, bench, file = postgres.server().secrets(database), Bench(tmp_path, simulator), tmp_path / "secrets.yaml"
    monkeypatch.setenv("ROSTERSYNC_STORE_SECRETS", str(file))
    file.write_text(yaml.safe_dump_all(manifests_of(secrets)))
    preview = bench.manifests(*manifests_of(secrets), store=postgres.SPEC, previewDataUpload=True)
    held = name_of(bench.run(manifests=preview, code=3))
    writer = next(name for name in secrets if name.endswith("writer"))
    file.write_text(yaml.safe_dump_all(manifests_of({writer: {**secrets[writer], "schema": "south"}})))

    said = bench.call("approve", held, "--reason", "As it should be", code=1).output

    assert "The plan was made from schema rostersync of the roster store" in said
    assert f"Secret {writer}, which spec.store.postgres.writerSecretRef names, writes to schema south" in said
    made = "SELECT nspname FROM pg_namespace WHERE nspname IN ('rostersync', 'south')"
    assert postgres.server().admin(made, database) == []
