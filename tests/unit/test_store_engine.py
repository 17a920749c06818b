"""connect: fenced in, bounded, and without spill files afterwards."""

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from rostersync.scratch import sweep
from rostersync.stores.engine import connect
from rostersync.stores.memory_limit import container_limit, default_memory_limit

BIG = "CREATE TEMP TABLE t AS SELECT 'Zyxquil' || i || repeat(hash(i)::VARCHAR, 8) AS v, i FROM range(700000) r(i)"


@pytest.fixture
def con(tmp_path: Path) -> duckdb.DuckDBPyConnection:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    return connect(60_000_000, 1, tmp_path / "scratch", [tmp_path / "in"])


def test_only_the_folders_named_can_be_used(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    con.execute(f"COPY (SELECT 1 AS a) TO '{tmp_path}/in/a.parquet'")
    con.execute(f"CREATE VIEW v AS SELECT * FROM read_parquet('{tmp_path}/in/*.parquet')")  # noqa: S608
    assert con.execute("SELECT * FROM v").fetchall() == [(1,)]
    con.execute(f"ATTACH '{tmp_path}/in/s.duckdb' AS s")
    for statement in (
        f"COPY (SELECT 1 AS a) TO '{tmp_path}/out/a.parquet'",
        f"ATTACH '{tmp_path}/out/s.duckdb' AS o",
        f"COPY (SELECT 1 AS a) TO '{tmp_path}/in-beside.parquet'",
        "SELECT * FROM read_text('/etc/hostname')",
        "SET allowed_directories = ['/']",
        "SET enable_external_access = true",
    ):
        with pytest.raises(duckdb.Error):
            con.execute(statement)


def test_no_extension_is_fetched_or_loaded(con: duckdb.DuckDBPyConnection) -> None:
    for setting in ("autoinstall_known_extensions", "autoload_known_extensions", "allow_community_extensions"):
        assert con.execute("SELECT current_setting($s)", {"s": setting}).fetchone() == (False,)


def test_spill_files_go_when_the_connection_closes(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    con.execute(BIG)
    assert _marked(tmp_path / "scratch")
    con.close()
    assert not _marked(tmp_path / "scratch")
    assert not [p for p in (tmp_path / "scratch").rglob("*") if p.is_file() and p.name != "owner"]


def test_spill_files_of_a_killed_process_go_when_the_next_one_starts(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from rostersync.stores.engine import connect;"
        f"con = connect(60_000_000, 1, Path(sys.argv[1])); con.execute({BIG!r}); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert _marked(tmp_path)
    with connect(None, 1, tmp_path):
        assert not _marked(tmp_path)
        assert sweep(tmp_path) == 0, "that of a living process stays"


def test_a_process_leaves_nothing_in_scratch(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from rostersync.stores.engine import connect;"
        f"con = connect(60_000_000, 1, Path(sys.argv[1])); con.execute({BIG!r}); raise RuntimeError"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, stderr=subprocess.DEVNULL)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({"proc/self/cgroup": "0::/pod/x\n", "sys/fs/cgroup/pod/x/memory.max": "500000000\n"}, 500_000_000),
        (
            {
                "proc/self/cgroup": "0::/pod/x\n",
                "sys/fs/cgroup/pod/memory.max": "400000000\n",
                "sys/fs/cgroup/pod/x/memory.max": "max\n",
            },
            400_000_000,
        ),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "300000000\n"}, 300_000_000),
        (
            {
                "proc/self/cgroup": "4:cpu,memory:/a\n0::/\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "200000000\n",
            },
            200_000_000,
        ),
        (
            {
                "proc/self/cgroup": "4:memory:/a\n",
                "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "9223372036854771712\n",
            },
            None,
        ),
        ({}, None),
    ],
)
def test_the_memory_limit_is_the_containers(tmp_path: Path, files: dict[str, str], limit: int | None) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert container_limit(tmp_path) == limit
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert default_memory_limit(tmp_path) == max(64 << 20, ((limit or total) - (200 << 20)) * 70 // 100)


def _marked(folder: Path) -> list[str]:
    return [p.name for p in folder.rglob("*") if p.is_file() and b"Zyxquil" in p.read_bytes()]
