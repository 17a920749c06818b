"""Artifacts between two Jobs: whole, of one run, gone when they should be, on a volume and in a bucket."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyrage
import pytest

from rostersync.artifacts.folder import Artifacts
from rostersync.errors import Permanent
from rostersync.execution.purge import History
from support.homes import HOMES, Job, Place

KEY = str(pyrage.x25519.Identity.generate())
PLAN = {"plan/manifest.json": b"{}", "plan/changes/Student.parquet": b"changes" * 1000}
READ = {"extract/users/part-00000.parquet": b"rows" * 1000, "extract/users/done.json": b"{}"}
SMALL = {"connection.json": b"{}", "reports/plan-1.json": b"{}"}


@pytest.fixture(params=HOMES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with HOMES[request.param](tmp_path) as running:
        yield running


def planned(place: Place, run: str = "nightly", uid: str = "uid-1") -> Job:
    job = place.job()
    job.home.begin(run, uid, again=False)
    job.write(run, PLAN | READ | SMALL)
    job.home.keep(run)
    return job


def without_owner(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in files.items() if name != "run.json"}


def test_an_apply_finds_the_plan_that_was_made(place: Place) -> None:
    planned(place)
    job = place.job()
    job.home.open("nightly", "uid-1")
    assert PLAN.items() | SMALL.items() <= job.files("nightly").items()


def test_planning_again_finds_extract_and_plan(place: Place) -> None:
    planned(place)
    job = place.job()
    job.home.begin("nightly", "uid-1", again=True)
    assert without_owner(job.files("nightly")) == PLAN | READ | SMALL


def test_what_is_made_anew_takes_the_place_of_what_was(place: Place) -> None:
    planned(place)
    job = place.job()
    job.home.begin("nightly", "uid-1", again=False)
    (job.folder("nightly") / "plan/changes/Student.parquet").unlink(missing_ok=True)
    job.write("nightly", {"plan/manifest.json": b"another", "plan/changes/Teacher.parquet": b"new"})
    job.home.keep("nightly")
    other = place.job()
    other.home.open("nightly", "uid-1")
    found = {name: data for name, data in other.files("nightly").items() if name.startswith("plan/")}
    assert found == {"plan/manifest.json": b"another", "plan/changes/Teacher.parquet": b"new"}


def test_a_run_that_is_not_there_is_said(place: Place) -> None:
    with pytest.raises(Permanent) as error:
        place.job().home.open("nightly", "uid-1")
    assert error.value.reason == "ArtifactsGone"


def test_another_run_of_the_name_is_not_taken_for_this_one(place: Place) -> None:
    planned(place)
    with pytest.raises(Permanent) as error:
        place.job().home.open("nightly", "uid-2")
    assert error.value.reason == "RunReplaced"


def test_a_new_run_of_the_name_begins_with_nothing(place: Place) -> None:
    planned(place)
    before = set(place.everything())
    job = place.job()
    job.home.begin("nightly", "uid-2", again=False)
    assert without_owner(job.files("nightly")) == {}
    assert not {name for name in before & set(place.everything()) if name.endswith(".parquet")}


def test_a_failed_attempt_leaves_what_it_read_and_the_former_plan(place: Place) -> None:
    planned(place)
    job = place.job()
    job.home.begin("nightly", "uid-1", again=False)
    job.write("nightly", {"extract/orgs/done.json": b"{}", "errors/compare.txt": b"text"})
    job.home.keep_read("nightly")
    job = place.job()
    job.home.begin("nightly", "uid-1", again=True)
    found = job.files("nightly")
    assert PLAN.items() | READ.items() <= found.items()
    assert {"extract/orgs/done.json", "errors/compare.txt"} <= found.keys()


def test_a_run_that_is_final_keeps_its_plan_and_loses_the_raw_records(place: Place) -> None:
    planned(place)
    for _ in range(2):
        place.job().home.purge([("nightly", "uid-1")], [])
    job = place.job()
    job.home.open("nightly", "uid-1")
    assert PLAN.items() <= job.files("nightly").items()
    assert not [name for name, data in place.everything().items() if "extract" in name or data.startswith(b"rows")]


def test_runs_are_removed_whole_and_only_those(place: Place) -> None:
    for run in ("a", "a.b", "ab", "other"):
        planned(place, run)
    place.job().home.purge([], [("a", "uid-1"), ("other", "uid-of-another"), ("never-was", "uid-1")])
    assert {part for name in place.everything() for part in Path(name).parts} & {"a", "a.b", "ab", "other"} == {
        "a.b",
        "ab",
        "other",
    }


def test_room_is_made_before_a_run_is_planned(place: Place) -> None:
    for run in ("old", "bad", "good", "waiting", "gone"):
        planned(place, run)
    finished = [("old", True), ("bad", False), ("good", True)]
    job = place.job()
    job.home.begin("new", "uid-9", again=False)
    job.home.prune("new", History(finished, 1, 1, ("old", "bad", "good", "waiting", "new")))
    for run in ("bad", "good", "waiting", "new"):
        place.job().home.begin(run, "uid-9" if run == "new" else "uid-1", again=True)
    for run in ("old", "gone"):
        with pytest.raises(Permanent):
            place.job().home.open(run, "uid-1")


def test_nothing_is_removed_while_it_is_not_known_which_runs_there_are(place: Place) -> None:
    planned(place, "waiting")
    job = place.job()
    job.home.begin("new", "uid-9", again=False)
    job.home.prune("new", History([], 1, 1))
    place.job().home.open("waiting", "uid-1")


@pytest.mark.parametrize("name", ["..", "../store", ".gone-x", "a/plan", ""])
def test_nothing_but_runs_can_be_named(place: Place, name: str) -> None:
    planned(place)
    before = place.everything()
    with pytest.raises(Permanent) as error:
        place.job().home.purge([], [(name, None)])
    assert (error.value.reason, place.everything()) == ("InvalidRun", before)


def records(folder: Path, *ids: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"id": list(ids)}), folder / "Student.parquet")


@pytest.mark.parametrize("key", [None, KEY], ids=["clear", "sealed"])
def test_a_person_is_forgotten_in_every_run(place: Place, key: str | None, tmp_path: Path) -> None:
    for run, person in (("with", "S-1"), ("without", "S-2")):
        job = place.job(sealed=key is not None)
        job.home.begin(run, "uid-1", again=False)
        artifacts = Artifacts(job.layout.artifacts, key)
        records(tmp_path / "made" / "changes", person)
        artifacts.keep(run, "plan", tmp_path / "made")
        artifacts.errors(run, "compare", f"a row of {person}")
        job.home.keep(run)
    assert key is None or not [n for n, data in place.everything().items() if b"S-1" in data or b"S-2" in data]

    assert place.job().home.forget(["S-1"], key, tmp_path / "scratch") == ["with"]

    assert not [name for name in place.everything() if "/with/" in f"/{name}" or "errors" in name]
    job = place.job()
    job.home.open("without", "uid-1")
    opened = Artifacts(job.layout.artifacts, key).open("without", "plan", tmp_path / "opened")
    assert pq.read_table(opened / "changes/Student.parquet").column("id").to_pylist() == ["S-2"]
    assert place.job().home.forget(["S-1"], key, tmp_path / "scratch") == []


def test_what_cannot_be_opened_is_removed_with_a_person(place: Place, tmp_path: Path) -> None:
    job = place.job(sealed=True)
    job.home.begin("nightly", "uid-1", again=False)
    records(tmp_path / "made" / "changes", "S-2")
    Artifacts(job.layout.artifacts, KEY).keep("nightly", "plan", tmp_path / "made")
    job.home.keep("nightly")
    assert place.job().home.forget(["S-1"], None, tmp_path / "scratch") == ["nightly"]
