"""A bulk bundle of a store, zipped; and its floor: the same tables from Parquet to CSV by DuckDB alone, then zipped.

bundle   a OneRoster bundle as a delivery makes it        parquet   the store's tables as Parquet, for the floor
floor    Parquet to CSV, and Python's zip with its defaults
"""

import argparse
import json
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from rostersync.api.v1alpha1.deliveries import Delivery
from rostersync.deliveries.bundle import make_bundle
from rostersync.deliveries.port import Edition
from rostersync.roster import TABLES, Kind
from rostersync.stores.embedded.store import EmbeddedStore
from rostersync.stores.engine import connect

CLOCK = time.perf_counter, time.process_time
DELIVERY = {"name": "bench", "oneRosterCSV": {}, "directory": {"existingClaim": "bench"}}


def bundle(store: Path, out: Path, memory: int | None) -> int:
    """The newest revision as one zip."""
    reader = EmbeddedStore(store).reader()
    con = connect(memory, None, out, [*reader.folders, out])
    (district,) = reader.districts(con)
    state = reader.attach(con, district, None)
    made = make_bundle(
        Edition(con, Delivery.model_validate(DELIVERY), district, state.revision, datetime.now(UTC)), out
    )
    con.close()
    return sum(path.stat().st_size for path in made.files)


def parquet(store: Path, out: Path, memory: int | None) -> int:
    """Active records, lists as text, in one file for each table."""
    with duckdb.connect() as con:
        con.execute(f"ATTACH '{store}' AS store (READ_ONLY)")
        for table in TABLES:
            columns = ", ".join(
                f'array_to_string("{a.name}", \',\') AS "{a.name}"'
                if a.kind in (Kind.LIST, Kind.SET, Kind.REFS)
                else f'"{a.name}"'
                for a in table.attributes
                if a.kind is not Kind.USER_IDS
            )
            con.execute(
                f"COPY (SELECT id, {columns} FROM store.{table.name} WHERE status = 'active' ORDER BY id) "
                f"TO '{out}/{table.name}.parquet' (FORMAT parquet, COMPRESSION zstd)"
            )
    return 0


def floor(store: Path, out: Path, memory: int | None) -> int:
    """Parquet in `store` to CSV and a zip in `out`."""
    with duckdb.connect() as con, zipfile.ZipFile(out / "floor.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        if memory:
            con.execute(f"SET memory_limit = '{memory}B'")
        for table in TABLES:
            file = out / f"{table.name}.csv"
            con.execute(f"COPY (FROM '{store}/{table.name}.parquet') TO '{file}' (HEADER)")
            archive.write(file, file.name)
    return (out / "floor.zip").stat().st_size


def main() -> None:
    """One of them, as the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("work", choices=["bundle", "parquet", "floor"])
    for name in ("result", "store", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--memory", type=int)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    begun = [clock() for clock in CLOCK]
    size = globals()[given.work](given.store, given.out, given.memory)
    wall, cpu = (clock() - start for clock, start in zip(CLOCK, begun, strict=True))
    given.result.write_text(json.dumps({"wall": wall, "cpu": cpu, "bytes": size}))


if __name__ == "__main__":
    main()
