"""The roster as of each earlier revision is the one that was there, over random districts and their days."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rostersync.errors import Permanent
from rostersync.roster import TABLES
from rostersync.stores.as_of import as_of
from rostersync.stores.engine import connect
from support.districts import connection, grow
from support.side_by_side import Engine
from support.staging import stage

FIRST_DAY = datetime(2026, 1, 10, 3, tzinfo=UTC)
DAYS = 7
Rows = dict[str, list[tuple[Any, ...]]]


@pytest.mark.parametrize("number", range(8))
def test_every_revision_is_told_as_it_was(number: int, tmp_path: Path) -> None:
    rng = random.Random(number)
    district = grow(rng)
    engine = Engine(tmp_path)
    was = [rows(engine)]
    changed = 0
    for day in range(DAYS):
        if day:
            district.next_day()
        proof = district.proof()
        extract = stage(tmp_path / f"extract-{day}", district.pull(proof), proof)
        try:
            planned = engine.plan(connection(rng, district), extract, f"run-{day}", FIRST_DAY + timedelta(days=day))
        except Permanent:
            continue  # this connection cannot be planned
        if planned.changes:
            engine.apply(planned)
            was.append(rows(engine))
            changed += len(planned.changes)

    assert len(was) > DAYS / 2
    assert changed > DAYS
    for revision, then in enumerate(was):
        assert rows(engine, revision) == then, f"revision {revision} of {len(was) - 1}"


def rows(engine: Engine, revision: int | None = None) -> Rows:
    """All records and tombstones with every column: as of a revision, or as they are now."""
    con = connect(None, 2, engine.folder / "scratch", engine.store.reader().folders)
    try:
        engine.store.reader().attach(con, "district", None)
        prefix = "store_"
        if revision is not None:
            as_of(con, revision, prefix := "then_")
        return {t.name: con.execute(f"FROM {prefix}{t.name} ORDER BY id").fetchall() for t in TABLES}
    finally:
        con.close()
