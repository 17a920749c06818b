"""Which disk is full: told from the many ways in which libraries say so."""

import errno
from pathlib import Path

import pytest

from rostersync.disks import is_full, naming
from rostersync.errors import DiskFull, Retryable

PLACES = {
    "artifacts": Path("/data/artifacts/r"),
    "scratch": Path("/data/artifacts/r/scratch"),
    "store": Path("/data/store"),
}
WRITING = 'IO Error: Could not write file "{}": No space left on device'

FULL = {
    "Python, without a path": (OSError(errno.ENOSPC, "no space"), "artifacts"),
    "Python, with a path": (OSError(errno.ENOSPC, "no space", "/data/store/.x.part-1"), "store"),
    "a quota": (OSError(errno.EDQUOT, "Disk quota exceeded"), "artifacts"),
    "DuckDB's log": (ValueError(WRITING.format("/data/store/roster.duckdb.wal")), "store"),
    "DuckDB's spill files": (ValueError(WRITING.format("/data/artifacts/r/scratch/spill-1/x.tmp")), "scratch"),
    "DuckDB, before it spills": (
        ValueError("failed to offload data block … by the 'max_temp_directory_size'"),
        "scratch",
    ),
    "pyrage": (ValueError("No space left on device (os error 28)"), "artifacts"),
    "ours, with the text as detail": (Retryable("It failed.", detail=WRITING.format("/data/store/x")), "store"),
}


@pytest.mark.parametrize(("error", "volume"), FULL.values(), ids=FULL)
def test_a_full_disk_is_named(error: Exception, volume: str) -> None:
    with pytest.raises(DiskFull, match=f"disk of the {volume} is full") as said, naming(**PLACES):
        raise error
    assert said.value.volume == volume
    assert isinstance(said.value, Retryable)


@pytest.mark.parametrize("error", [OSError(errno.EACCES, "no"), ValueError("disk"), Retryable("x", detail="a lock")])
def test_everything_else_stays_as_it_is(error: Exception) -> None:
    assert not is_full(error)
    with pytest.raises(type(error)) as said, naming(**PLACES):
        raise error
    assert said.value is error


def test_the_narrowest_name_stands() -> None:
    with pytest.raises(DiskFull, match="disk of the store"), naming(artifacts=Path("/a")), naming(store=Path("/s")):
        raise OSError(errno.ENOSPC, "no space")
