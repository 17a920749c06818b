"""dlt on the same pages: load, then merge the same again, into DuckDB. Runs in an environment of its own.

dicts  it gets the decoded JSON as it is     arrow  it gets Arrow tables that were decoded by hand
"""

import argparse
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"

import by_hand
import dlt
import msgspec
import pyarrow.parquet as pq
from pages import Pages
from sizes import STEP


def dicts(pages: Path, rows: int, out: Path) -> Iterator[Any]:
    """Rows as dictionaries."""
    source = Pages(pages)
    for number in range(min(source.count("enrollments"), -(-rows // STEP))):
        yield msgspec.json.decode(source["enrollments", number])["enrollments"][number > 0 :]


def arrow(pages: Path, rows: int, out: Path) -> Iterator[Any]:
    """Rows as Arrow tables; decoding them is counted, as it is for everybody else."""
    source = Pages(pages)
    numbers = range(min(source.count("enrollments"), -(-rows // STEP)))
    file = out / "peer.parquet"
    by_hand.write("enrollments", (source["enrollments", n] for n in numbers), file)
    yield from pq.ParquetFile(file).iter_batches(50_000)


def run(peer: str, pages: Path, rows: int, out: Path) -> dict[str, Any]:
    """Seconds of the first load and of a merge of the same rows."""
    out.mkdir(parents=True, exist_ok=True)
    database = out / f"{peer}.duckdb"
    database.unlink(missing_ok=True)
    reader = {"dicts": dicts, "arrow": arrow}[peer]
    pipeline = dlt.pipeline(
        f"bench_{peer}",
        destination=dlt.destinations.duckdb(str(database)),
        dataset_name="roster",
        pipelines_dir=str(out / "pipelines"),
    )
    pipeline.drop()
    seconds = []
    for _ in range(2):
        begun = time.perf_counter()
        resource = dlt.resource(
            reader(pages, rows, out),
            name="enrollments",
            write_disposition="merge",
            primary_key="sourcedId",
        )
        pipeline.run(resource)
        seconds.append(time.perf_counter() - begun)
    with pipeline.sql_client() as client:
        [(loaded,)] = client.execute_sql("SELECT count(*) FROM enrollments") or []
    database.unlink()
    return {"records": loaded, "load": seconds[0], "merge": seconds[1], "version": dlt.__version__}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=["dicts", "arrow"])
    parser.add_argument("--pages", type=Path, required=True)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--result", type=Path, required=True)
    options = parser.parse_args()
    options.result.write_text(json.dumps(run(options.peer, options.pages, options.rows, options.out)))
