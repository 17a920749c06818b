"""Artifacts: whole or not at all, for this user alone, sealed when there is a key, purged by count, forgetful."""

import os
import stat
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyrage
import pytest

from rostersync import sealing
from rostersync.artifacts.folder import Artifacts, FinishedRun, to_purge
from rostersync.errors import Permanent

MARK = "Zyxquil"
IDENTITY = str(pyrage.x25519.Identity.generate())
KEYS = pytest.mark.parametrize(
    "key", [None, "correct horse battery", IDENTITY], ids=["clear", "passphrase", "identity"]
)


def made(folder: Path, marked: str = MARK) -> Path:
    """A finished plan in scratch."""
    (folder / "changes").mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")
    (folder / "changes" / "Student.parquet").write_text(f"{marked} {marked}")
    return folder


@KEYS
def test_a_kept_plan_opens_as_it_was_made(tmp_path: Path, key: str | None) -> None:
    artifacts = Artifacts(tmp_path / "artifacts", key)
    artifacts.keep("run-1", "plan", made(tmp_path / "scratch" / "plan"))
    assert not (tmp_path / "scratch" / "plan").exists()
    opened = artifacts.open("run-1", "plan", tmp_path / "scratch")
    assert (opened / "changes" / "Student.parquet").read_text() == f"{MARK} {MARK}"
    assert (opened / "manifest.json").read_text() == "{}"
    assert (opened == tmp_path / "artifacts" / "run-1" / "plan") == (key is None)


@KEYS
def test_what_is_kept_is_for_this_user_alone_and_in_clear_only_without_a_key(tmp_path: Path, key: str | None) -> None:
    old = os.umask(0)
    try:
        artifacts = Artifacts(tmp_path / "artifacts", key)
        artifacts.keep("run-1", "plan", made(tmp_path / "plan"))
        artifacts.errors("run-1", "gate", MARK)
    finally:
        os.umask(old)
    kept = list((tmp_path / "artifacts").rglob("*"))
    assert {stat.S_IMODE(p.stat().st_mode) for p in kept if p.is_file()} == {0o600}
    assert {stat.S_IMODE(p.stat().st_mode) for p in (*kept, tmp_path / "artifacts") if p.is_dir()} == {0o700}
    clear = [p.name for p in kept if p.is_file() and MARK.encode() in p.read_bytes()]
    assert clear == [] if key else sorted(clear) == ["Student.parquet", "gate.txt"]
    assert not key or all(p.suffix == ".age" for p in kept if p.is_file())


def test_the_age_tool_can_open_what_an_identity_sealed(tmp_path: Path) -> None:
    Artifacts(tmp_path, IDENTITY).keep("run-1", "plan", made(tmp_path / "made"))
    sealed = (tmp_path / "run-1" / "plan" / "manifest.json.age").read_bytes()
    assert pyrage.decrypt(sealed, [pyrage.x25519.Identity.from_str(IDENTITY)]) == b"{}"


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (None, "ArtifactKeyMissing"),
        ("wrong", "ArtifactKeyWrong"),
        (str(pyrage.x25519.Identity.generate()), "ArtifactKeyWrong"),
        ("AGE-SECRET-KEY-1no", "ArtifactKeyWrong"),
    ],
    ids=["none", "passphrase", "identity", "malformed"],
)
def test_a_key_that_does_not_fit_opens_nothing(tmp_path: Path, key: str | None, reason: str) -> None:
    Artifacts(tmp_path / "a", IDENTITY).keep("run-1", "plan", made(tmp_path / "made"))
    with pytest.raises(Permanent) as error:
        Artifacts(tmp_path / "a", key).open("run-1", "plan", tmp_path / "scratch")
    assert error.value.reason == reason
    assert not list(tmp_path.glob("scratch/*"))


def test_a_plan_that_failed_half_way_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artifacts = Artifacts(tmp_path / "a", IDENTITY)

    def fail(source: Path, target: Path, key: str) -> None:
        target.mkdir()
        (target / "manifest.json.age").write_text("half")
        raise OSError("no space")

    monkeypatch.setattr(sealing, "seal", fail)
    with pytest.raises(OSError, match="no space"):
        artifacts.keep("run-1", "plan", made(tmp_path / "made"))
    assert not artifacts.has("run-1", "plan")
    assert list((tmp_path / "a" / "run-1").iterdir()) == []
    with pytest.raises(Permanent) as error:
        artifacts.open("run-1", "plan", tmp_path)
    assert error.value.reason == "NoArtifact"


def test_a_plan_made_again_replaces_the_former(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path / "a")
    artifacts.keep("run-1", "plan", made(tmp_path / "made", "first"))
    artifacts.keep("run-1", "plan", made(tmp_path / "made", "second"))
    assert [p.name for p in (tmp_path / "a" / "run-1").iterdir()] == ["plan"]
    assert "second" in (tmp_path / "a" / "run-1" / "plan" / "changes" / "Student.parquet").read_text()


@pytest.mark.parametrize("run", ["../x", "", ".hidden", "a/b", "x" * 300])
def test_a_run_cannot_name_another_folder(tmp_path: Path, run: str) -> None:
    with pytest.raises(Permanent):
        Artifacts(tmp_path).run_folder(run)


def test_finished_runs_over_the_limits_go_oldest_first() -> None:
    runs = [FinishedRun(f"r{n}", successful=n % 2 == 0) for n in range(8)]
    assert to_purge(runs, 2, 3) == ["r0", "r1", "r2"]
    assert to_purge(runs, 0, 0) == [r.name for r in runs]
    assert to_purge(runs, 9, 9) == []


def test_purging_leaves_runs_that_are_not_final_and_takes_leftovers(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path)
    for run in ("r1", "r2", "held"):
        artifacts.keep(run, "plan", made(tmp_path / "made"))
    (tmp_path / "held" / ".plan.part-0").mkdir()
    (tmp_path / ".r0.gone-0").mkdir()
    assert artifacts.purge([FinishedRun("r0", True), FinishedRun("r1", True), FinishedRun("r2", True)], 1, 1) == ["r1"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["held", "r2"]
    assert len(list((tmp_path / "held").iterdir())) == 2, "it may be at work"
    artifacts.clear("held")
    assert [p.name for p in (tmp_path / "held").iterdir()] == ["plan"]


@pytest.mark.parametrize("key", [None, IDENTITY], ids=["clear", "identity"])
def test_runs_that_name_a_forgotten_person_go(tmp_path: Path, key: str | None) -> None:
    artifacts = Artifacts(tmp_path / "a", key)
    columns: dict[str, dict[str, object]] = {
        "by-id": {"id": ["FOC-7"]},
        "by-list": {"agentSourcedIds": [["x", "FOC-7"]]},
        "by-json": {"before": ['{"agentSourcedIds":["FOC-7"]}']},
        "by-metadata": {"metadata": pa.array([[("k", "FOC-7")]], pa.map_(pa.string(), pa.string()))},
        "by-struct": {"userIds": [[{"type": "a", "identifier": "FOC-7"}]]},
        "longer-id": {"id": ["FOC-77"], "before": ['{"a":"FOC-77"}'], "n": [7]},
        "nobody": {"id": pa.array([], pa.string())},
    }
    for run, data in columns.items():
        (tmp_path / "made").mkdir()
        pq.write_table(pa.table(data), tmp_path / "made" / "part.parquet")
        artifacts.keep(run, "extract", tmp_path / "made")
        artifacts.errors(run, "extract", f"cast failed for {MARK}")
    gone = artifacts.forget(["FOC-7", "7"], tmp_path / "scratch")
    assert gone == ["by-id", "by-json", "by-list", "by-metadata", "by-struct"]
    assert artifacts.runs() == ["longer-id", "nobody"]
    assert not list((tmp_path / "a").rglob("errors"))
    assert not list(tmp_path.glob("scratch/*"))


def test_sealed_runs_that_cannot_be_searched_are_forgotten_too(tmp_path: Path) -> None:
    Artifacts(tmp_path / "a", IDENTITY).keep("run-1", "plan", made(tmp_path / "made"))
    assert Artifacts(tmp_path / "a").forget(["FOC-7"], tmp_path) == ["run-1"]
