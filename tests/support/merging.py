"""The engine's stage merge over contributions that a test writes down, with its results in the form of the reference model's."""

import json
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb

from rostersync.api.v1alpha1.focusconnection import FocusConnectionSpec
from rostersync.api.v1alpha1.uniqueness import Domain, MasterField
from rostersync.roster import METADATA_TYPE, SQL_TYPES, TABLES, Table
from rostersync.sync.merge.stage import merge
from rostersync.sync.merge.words import Words, sources_of
from rostersync.tables.context import Context
from support.reference_roster import District, Own, Roster, Row

SPEC = FocusConnectionSpec.model_validate(
    {
        "termsOfUse": {"accepted": True},
        "deliveryConfig": {"serviceURL": "https://focus.example/api", "credentialsSecretRef": {"name": "focus"}},
    }
)


def merged(con: duckdb.DuckDBPyConnection, folder: Path, district: District, own: Own) -> Roster:
    """What the engine makes of it."""
    for table in TABLES:
        _lay_out(con, folder, table, district, own)
    context = Context(
        con=con,
        district="springfield",
        source=own.source,
        spec=SPEC,
        taken=frozenset(),
        proof={},
        stored={},
        as_of=datetime(2026, 11, 28, tzinfo=UTC),
        memory=1 << 30,
        deferring=False,
    )
    touched = merge(context, words_of(district), targets=own.targets, new_words=own.new_words)
    return _read(con, district, {table.name for table in touched})


def words_of(district: District) -> Words:
    """The district's words."""
    return Words(
        sources_of(district.sources, district.brings),
        tuple(Domain.model_validate(d) for d in district.domains),
        tuple(MasterField.model_validate(m) for m in district.masters),
    )


def _lay_out(con: duckdb.DuckDBPyConnection, folder: Path, table: Table, district: District, own: Own) -> None:
    name = table.name
    kinds = {"entity": "VARCHAR"} | {a.name: SQL_TYPES[a.kind] for a in table.attributes} | {"metadata": METADATA_TYPE}
    mine = {r: row for r, row in district.contributions.items() if r[0] == name}
    rows = [{"source": r[1], "id": r[2], **row} for r, row in mine.items()]
    _fill(con, folder, f"contributed_{name}", {"source": "VARCHAR", "id": "VARCHAR", **kinds}, rows)
    former = [{"source": r[1], "id": r[2], "record_id": i} for r, i in district.records.items() if r[0] == name]
    _fill(con, folder, f"former_{name}", dict.fromkeys(("source", "id", "record_id"), "VARCHAR"), former)
    stored = [
        {"id": i, "status": "active", "hash": number, **row}
        for number, ((t, i), row) in enumerate(sorted(district.roster.items()))
        if t == name
    ]
    stored += [{"id": i, "status": "tobedeleted", "hash": 0} for t, i in sorted(district.tombstones) if t == name]
    _fill(con, folder, f"roster_{name}", {"id": "VARCHAR", "status": "VARCHAR", "hash": "UHUGEINT", **kinds}, stored)
    owners = [{"id": i, "attribute": a, "source": s} for (t, i, a), s in district.owners.items() if t == name]
    _fill(con, folder, f"owners_{name}", dict.fromkeys(("id", "attribute", "source"), "VARCHAR"), owners)
    causes = [{"id": r[2], "cause": cause} for r, cause in own.causes.items() if r[0] == name]
    _fill(con, folder, f"changes_{name}", {"id": "VARCHAR", "cause": "VARCHAR"}, causes)


def _fill(
    con: duckdb.DuckDBPyConnection, folder: Path, name: str, kinds: dict[str, str], rows: Iterable[dict[str, Any]]
) -> None:
    columns = ", ".join(f'"{n}" {kind}' for n, kind in kinds.items())
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} ({columns})")
    lines = [json.dumps(row) for row in rows]
    if not lines:
        return
    file = folder / "rows.json"
    file.write_text("\n".join(lines))
    asked = ", ".join(f"\"{n}\": '{kind}'" for n, kind in kinds.items())
    con.execute(
        f"INSERT INTO {name} BY NAME FROM read_json('{file}', format = 'newline_delimited', columns = {{{asked}}})"
    )


def _read(con: duckdb.DuckDBPyConnection, district: District, touched_tables: Collection[str]) -> Roster:
    """The whole roster afterwards: what was there, with what the stage changes of it."""
    made = Roster(rows=dict(district.roster))
    owners = dict(district.owners)
    for table in TABLES:
        name = table.name
        found = con.execute(f"FROM named_{name} SELECT source, id, record_id WHERE record_id IS NOT NULL").fetchall()
        made.records |= {(name, source, id_): rid for source, id_, rid in found}
        if name not in touched_tables:
            continue
        kept = ("entity", *table.names, "metadata")
        listed = ", ".join(f'"{n}"' for n in kept)
        touched = {i for (i,) in con.execute(f"FROM touched_{name}").fetchall()}
        for id_ in touched:
            made.rows.pop((name, id_), None)
        for id_, told, then, *values in con.execute(
            f"SELECT id, told_by, otherwise, {listed} FROM united_{name}"  # noqa: S608
        ).fetchall():
            row: Row = {n: _plain(v) for n, v in zip(kept, values, strict=True)}
            whose = json.loads(told)
            made.rows[name, id_] = row
            made.told_by[name, id_] = whose if isinstance(whose, dict) else _all_by(row, whose)
            if isinstance(whose, dict):
                made.otherwise[name, id_] = {k: [_then(each) for each in v] for k, v in json.loads(then).items()}
        owners = {key: s for key, s in owners.items() if key[0] != name or key[1] not in touched}
        owned = con.execute(f"FROM owned_{name}").fetchall()
        assert len({row[:2] for row in owned}) == len(owned), owned
        owners |= {(name, i, a): s for i, a, s in owned}
        for id_, change, cause in con.execute(f"FROM roster_changes_{name} SELECT id, change, cause").fetchall():
            assert (name, id_) not in made.changes
            made.changes[name, id_] = (change, cause)
    made.owners = owners
    made.held = {(t, s, i): why for t, s, i, why in con.execute("FROM merge_held").fetchall()}
    return made


def _all_by(row: Row, source: str) -> dict[str, str]:
    """Every value of a record that one source has."""
    told = {n: source for n, v in row.items() if n != "metadata" and v is not None}
    return told | {f"metadata.{k}": source for k in row["metadata"] or {}}


def _then(entry: dict[str, Any]) -> tuple[str, Any, str | None]:
    return entry["without"], entry["value"], entry["source"]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def after(district: District, own: Own, made: Roster) -> District:
    """The district after the plan was applied."""
    gone = {key for key, (change, _) in made.changes.items() if change == "Delete"}
    return replace(
        district,
        records=dict(made.records),
        roster=dict(made.rows),
        tombstones=(district.tombstones | gone) - made.rows.keys(),
        owners=dict(made.owners),
    )
