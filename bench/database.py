"""The PostgreSQL store: its stages, and the same work by hand with psql, on one server that is started for it.

plan, apply  as in stages.py      read  the base alone, as a plan reads it
copy  COPY of a first import's rows into the same tables with their indexes
next  a next day's changes by one hand-written transaction      out  COPY … TO STDOUT of the roster

CPU seconds are those of the client; `server` has those of the server's processes meanwhile.
"""

import argparse
import json
import os
import resource
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rostersync.roster import TABLES
from rostersync.stores.engine import connect
from rostersync.stores.postgres.login import login
from rostersync.stores.postgres.migrating import bring_up_to_date
from rostersync.stores.postgres.session import Session
from support import postgres

NAME, HAND = "bench", "hand"
SERVER = "ROSTERSYNC_BENCH_SERVER"  # the variable with its process
FILLED = [*(t.name for t in TABLES), "history", "revisions", "sources", "schools"]


@dataclass(frozen=True)
class Place:
    """How processes reach the database: a file with the Secrets, and what psql needs."""

    server: postgres.Server
    folder: Path

    @property
    def secrets(self) -> Path:
        """The file."""
        return self.folder / "secrets.json"

    @property
    def environment(self) -> dict[str, str]:
        """For psql, and whom to ask for CPU seconds."""
        server = self.server
        who = {"PGHOST": server.host, "PGPORT": str(server.port), "PGUSER": server.superuser, SERVER: str(server.pid)}
        return who | {"PGPASSWORD": server.password, "PGDATABASE": NAME}

    def begin(self) -> None:
        """An empty database."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.secrets.write_text(json.dumps(self.server.database(NAME)))

    def overnight(self) -> None:
        """What autovacuum does between a day and the next one."""
        for statement in ("VACUUM (ANALYZE)", "CHECKPOINT"):
            self.server.admin(statement, NAME)


@contextmanager
def serving(folder: Path) -> Iterator[Place]:
    """A server for one run of the benchmark. It cleans up when it is told, and not while something is measured."""
    with postgres.started(shared_buffers="512MB", max_wal_size="4GB", autovacuum="off") as server:
        yield Place(server, folder)


def server_cpu() -> float:
    """CPU seconds of the server's processes so far."""
    time.sleep(0.05)  # whoever has just ended is counted with its parent
    server = os.environ[SERVER]
    ended = _times(server, 4)
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    return (ended + sum(_times(process, 2) for process in children)) / os.sysconf("SC_CLK_TCK")


def _times(process: str, count: int) -> int:
    """utime and stime, and those of children that have ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return sum(map(int, Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[11 : 11 + count]))
    return 0


def opened(secrets: Path) -> Any:
    """The store."""
    return postgres.opened(secrets.parent / "store", json.loads(secrets.read_text()), memory_limit=None, threads=None)


def read(secrets: Path) -> dict[str, Any]:
    """The base alone."""
    reader = opened(secrets).reader()
    con = connect(None, None, secrets.parent / "scratch", reader.folders)
    server, begun, cpu = server_cpu(), time.perf_counter(), time.process_time()
    reader.attach(con, NAME, NAME)
    took = {"wall": time.perf_counter() - begun, "cpu": time.process_time() - cpu, "server": server_cpu() - server}
    counted = con.execute(" UNION ALL ".join(f"SELECT count(*) FROM store_{t.name}" for t in TABLES)).fetchall()
    con.close()
    return took | {"records": sum(number for (number,) in counted)}


def copy(place: Path) -> dict[str, Any]:
    """What the first revision wrote, into the same tables of another schema."""
    found = login(json.loads((place / "secrets.json").read_text())["rosters-writer"] | {"schema": HAND}, "w", "w")
    with Session(found, place / "scratch") as session:
        bring_up_to_date(session)
    _psql([f"\\copy (SELECT * FROM rostersync.\"{t}\") TO '{place}/{t}.copy' (FORMAT binary)" for t in FILLED])
    script = ["BEGIN", *(f"\\copy {HAND}.\"{t}\" FROM '{place}/{t}.copy' (FORMAT binary)" for t in FILLED), "COMMIT"]
    return _psql(script)


def next_day(place: Path) -> dict[str, Any]:
    """What the second revision changed, in a temporary table each, and from there into the tables."""
    changed = [t for t in FILLED if t not in ("sources", "schools")]
    _psql(
        [
            f"\\copy (SELECT * FROM rostersync.\"{t}\" WHERE revision = 2) TO '{place}/{t}.copy' (FORMAT binary)"
            for t in changed
        ]
    )
    script = ["BEGIN"]
    for table in (t.name for t in TABLES):
        key = " AND ".join(f"s.{k} = n.{k}" for k in ("district", "source", "id"))
        script += [
            f'CREATE TEMP TABLE n ON COMMIT DROP AS TABLE {HAND}."{table}" WITH NO DATA',
            f"\\copy n FROM '{place}/{table}.copy' (FORMAT binary)",
            f'DELETE FROM {HAND}."{table}" s USING n WHERE {key}',
            f'INSERT INTO {HAND}."{table}" TABLE n',
            "DROP TABLE n",
        ]
    script += [f"\\copy {HAND}.{t} FROM '{place}/{t}.copy' (FORMAT binary)" for t in ("history", "revisions")]
    return _psql([*script, "COMMIT"])


def out(_: Path) -> dict[str, Any]:
    """The roster as text, to nowhere."""
    return _psql([f'COPY rostersync."{t.name}" TO STDOUT' for t in TABLES])


def _psql(lines: list[str]) -> dict[str, float]:
    script = "\n".join(line if line.startswith("\\") else f"{line};" for line in lines)
    server, begun, cpu = server_cpu(), time.perf_counter(), _children()
    command = ["psql", "--quiet", "--no-psqlrc", "--set", "ON_ERROR_STOP=1"]
    subprocess.run(command, input=script.encode(), stdout=subprocess.DEVNULL, check=True, env=os.environ)
    return {"wall": time.perf_counter() - begun, "cpu": _children() - cpu, "server": server_cpu() - server}


def _children() -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime


def main() -> None:
    """One of them, as the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["read", "copy", "next", "out"])
    parser.add_argument("--result", type=Path, required=True)
    parser.add_argument("--place", type=Path, required=True)
    given = parser.parse_args()
    by_hand = {"copy": copy, "next": next_day, "out": out}
    result = read(given.place / "secrets.json") if given.what == "read" else by_hand[given.what](given.place)
    given.result.write_text(json.dumps(result))


if __name__ == "__main__":
    main()
