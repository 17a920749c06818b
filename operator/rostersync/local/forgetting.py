"""Forgetting a person in the artifacts: plans that wait are given up, and details of ended ones lose the person's rows."""

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq

from rostersync.lifecycle.observed import Connection
from rostersync.local.drive import Driver
from rostersync.local.state import State
from rostersync.stores import engine

_COUNT = """SELECT count(*) FROM read_parquet($file) r
WHERE contains(to_json(r)::VARCHAR, $value) OR contains(to_json(r)::VARCHAR, $nested)"""
_KEPT = """SELECT * FROM read_parquet($file) r
WHERE NOT (contains(to_json(r)::VARCHAR, $value) OR contains(to_json(r)::VARCHAR, $nested))"""


def forget_artifacts(state: State, record: str) -> int:
    """Remove every row that is about or names the record from all runs' artifacts; returns how many rows."""
    for run in state.runs():
        if not (run.get("status") or {}).get("outcome"):
            name = run["spec"]["connectionRef"]["name"]
            with state.lock(name):
                # A plan that lost rows is not the plan that somebody saw: it cannot be applied any more.
                Driver(state, Connection(name), None).settle({**run, "spec": {**run["spec"], "cancel": True}})
    removed = 0
    for folder in (f for f in state.artifacts.glob("*") if f.is_dir()):
        for part in ("extract", "errors", "scratch"):
            shutil.rmtree(folder / part, ignore_errors=True)
        removed += sum(_without(path, record, folder) for path in sorted((folder / "plan").rglob("*.parquet")))
    return removed


def _without(path: Path, record: str, scratch: Path) -> int:
    """Rewrite a Parquet file without the rows that hold the id as a whole value, at any depth."""
    value = json.dumps(record, ensure_ascii=False)
    nested = json.dumps(value, ensure_ascii=False)[1:-1]  # inside of JSON that is itself a column's text
    part = path.with_name(f".{path.name}.part")
    con = engine.connect(None, None, scratch / "scratch", [path.parent])
    try:
        con.execute("SET preserve_insertion_order = true")
        given = {"file": str(path), "value": value, "nested": nested}
        found = con.execute(_COUNT, given).fetchone()
        count = int(found[0]) if found else 0
        if count:
            kept = con.execute(_KEPT, given).to_arrow_table()
            pq.write_table(kept, part)
            part.replace(path)
        return count
    finally:
        part.unlink(missing_ok=True)
        con.close()
        shutil.rmtree(scratch / "scratch", ignore_errors=True)
