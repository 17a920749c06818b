"""Which paths that people name may be written to: never one among the files of a state folder."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from rostersync.__main__ import cli
from rostersync.errors import Permanent
from rostersync.local.copying import store_or_outside
from rostersync.local.state import State
from rostersync.local.targets import outside

FILE = "store/roster.duckdb"
INSIDE = (
    "artifacts",
    "artifacts/new",
    "runs/x.duckdb",
    "store",
    "store/new.duckdb",
    "new",
    "store/scratch/roster.duckdb",
)


@pytest.fixture(params=["this", "another"])
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    for name in ("this", "another"):
        for inner in ("runs", "store"):
            (tmp_path / name / inner).mkdir(parents=True)
    return Path(tmp_path / request.param)


@pytest.mark.parametrize("inner", INSIDE)
def test_nothing_is_written_among_the_files_of_a_state_folder(tmp_path: Path, folder: Path, inner: str) -> None:
    for check in (outside, store_or_outside):
        with pytest.raises(Permanent, match="Name a place outside of it with --to") as refused:
            check(State(tmp_path / "this"), folder / inner, "--to")
        assert refused.value.reason == "InStateFolder"


def test_a_store_goes_into_a_whole_state_folder_and_anything_beside_one(tmp_path: Path, folder: Path) -> None:
    state = State(tmp_path / "this")
    for path in (folder, folder / FILE):
        assert store_or_outside(state, path, "--to") == path
        with pytest.raises(Permanent):
            outside(state, path, "--to")
    for path in (tmp_path / "new", tmp_path / "new" / FILE, tmp_path):
        assert store_or_outside(state, path, "--to") == outside(state, path, "--to") == path


def test_a_district_is_not_copied_among_the_files_of_a_state_folder(tmp_path: Path, folder: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    words = ["store", "copy", "--from", str(tmp_path / "this"), "--to", str(folder / "artifacts")]
    done = CliRunner().invoke(cli, words, env={"ROSTERSYNC_STATE": str(tmp_path / "this")})
    assert done.exit_code == 1
    assert "nothing was written" in done.output
    assert sorted(tmp_path.rglob("*")) == before
