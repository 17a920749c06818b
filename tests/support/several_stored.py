"""All that a store has of a district with several sources, as plain values, and whether it agrees with itself."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from rostersync.roster import TABLES
from rostersync.stores.engine import connect
from rostersync.stores.port import Store, StoreReader
from rostersync.stores.several import ROSTER, Several
from support.days import Planned, dicts, plain
from support.reference_roster import District, Own, unite

Row = dict[str, Any]


@dataclass
class Stored:
    """`records` by (table, source, id); the roster's source is `*`. `history` by source, `outbox` by delivery.

    `memories`: the revision of each source's last plan. `revisions`: (number, source, run, digest).
    """

    revision: int
    several: Several | None
    records: dict[tuple[str, str, str], Row]
    links: set[tuple[str, str, str, str]]
    owners: dict[tuple[str, str, str], str]
    history: dict[str, list[Row]]
    outbox: dict[str, tuple[int, ...]]
    memories: dict[str, int]
    revisions: list[tuple[int, str, str, str]]


def stored(store: Store, district: str, sources: list[str], scratch: Path) -> Stored:
    """What the store has of a district."""
    reader = store.reader()
    con = connect(None, 1, scratch, reader.folders)
    try:
        records: dict[tuple[str, str, str], Row] = {}
        history, memories = {}, {}
        for source in (*sources, None):
            state = reader.attach(con, district, source)
            if source is None and state.several is None:
                continue
            name = source or ROSTER
            records |= _records(con, name)
            history[name] = _history(con)
            memories[name] = state.last.revision if state.last else 0
        state = reader.attach(con, district, sources[0])
        links, owned = set[Any](), list[Any]()
        if state.several:
            reader.attach_others(con, ROSTER)
            links |= set(con.execute("SELECT tbl, source, id, record_id FROM store_links").fetchall())
            owned += con.execute("SELECT tbl, id, attribute, source FROM store_owners").fetchall()
        outbox, revisions = reader.outbox(con, district), _revisions(reader, con, district, state.revision)
    finally:
        con.close()
    owners = {(t, i, a): s for t, i, a, s in owned}
    return Stored(state.revision, state.several, records, links, owners, history, outbox, memories, revisions)


def agrees(found: Stored, deliveries: tuple[str, ...], plans: list[Planned]) -> None:
    """Asserts that contributions, links, roster, history, outbox and revisions are those of exactly these plans, in order."""
    numbers = range(1, found.revision + 1)
    told = [(n, p.manifest.source, p.manifest.run, p.manifest.digest) for n, p in enumerate(plans, start=1)]
    assert found.revisions == told
    assert found.outbox == {delivery: tuple(numbers) for delivery in deliveries}
    for number, planned in enumerate(plans, start=1):
        source = planned.manifest.source
        changes = Counter(r["change"] for r in found.history[source] if r["revision"] == number)
        assert changes == Counter(r["change"] for r in planned.rows.values())
        assert found.memories[source] >= number
        since = found.several.since if found.several else number
        if number > since:
            of_roster = {r["id"] for r in found.history[ROSTER] if r["revision"] == number}
            assert of_roster == {id_ for (id_,) in _ids(planned)}
    if found.several is not None:
        _agrees_with_model(found, found.several)


def _agrees_with_model(found: Stored, several: Several) -> None:
    """The roster that the reference model makes of the contributions is the one that is kept."""
    active = {k: _values(r) for k, r in found.records.items() if r["status"] == "active"}
    contributions = {k: row for k, row in active.items() if k[1] != ROSTER}
    links = {(t, s, i): rid for t, s, i, rid in found.links}
    roster = {(t, i): row for (t, s, i), row in active.items() if s == ROSTER}
    district = District(
        [name for name, _ in several.sources],
        contributions,
        {r: links.get(r, r[2]) for r in contributions},
        roster,
        {(t, i) for (t, s, i), r in found.records.items() if s == ROSTER and r["status"] != "active"},
        found.owners,
        several.brings,
        several.settings["domainsOfUniqueness"],
        several.settings["masterFields"],
    )
    made = unite(district, Own(several.sources[0][0]))
    assert made.rows == roster
    assert made.records == district.records
    assert made.owners == found.owners
    assert (made.changes, made.held) == ({}, {})
    assert links.keys() <= contributions.keys()


def _values(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in ("id", "status", "hash", "source")}


def _records(con: duckdb.DuckDBPyConnection, source: str) -> dict[tuple[str, str, str], Row]:
    found = {}
    for table in TABLES:
        for row in dicts(con.execute(f"SELECT * FROM store_{table.name}")):  # noqa: S608
            assert row["source"] == source
            assert (table.name, source, row["id"]) not in found
            found[table.name, source, row["id"]] = {name: plain(value) for name, value in row.items()}
    return found


def _history(con: duckdb.DuckDBPyConnection) -> list[Row]:
    """Without the time, and with values as JSON says them."""
    query = "SELECT revision, entity, id, change, cause, before, after FROM store_history ORDER BY revision, entity, id"
    told = dicts(con.execute(query))
    return [r | {side: json.loads(r[side]) if r[side] else None for side in ("before", "after")} for r in told]


def _revisions(
    reader: StoreReader, con: duckdb.DuckDBPyConnection, district: str, newest: int
) -> list[tuple[int, str, str, str]]:
    found = [reader.revision(con, district, number) for number in range(1, newest + 1)]
    return [(r.number, r.source, r.run, r.digest) for r in found if r is not None]


def _ids(planned: Planned) -> set[tuple[str]]:
    """Ids of the roster's records that a plan changes."""
    with duckdb.connect(":memory:", config={"threads": 1}) as con:
        files = [str(file) for file in sorted((planned.folder / "roster").glob("*.parquet"))]
        return set(con.execute("SELECT id FROM read_parquet(?)", [files]).fetchall()) if files else set()
