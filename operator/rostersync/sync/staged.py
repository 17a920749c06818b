"""The staged extract as views of the engine: `staged_<table>`, empty where a collection is not there, and
`contradictory_<table>` where rows of one id contradict each other."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rostersync.roster import Kind
from rostersync.sources.staged import CONTRADICTORY, INSTANT
from rostersync.tables.context import Context, read_only
from rostersync.tables.sql import literal, q

_STAGED_TYPES = {
    Kind.TEXT: "VARCHAR",
    Kind.REF: "VARCHAR",
    Kind.DATE: "VARCHAR",
    Kind.BOOLEAN: "VARCHAR",
    Kind.LIST: "VARCHAR[]",
    Kind.SET: "VARCHAR[]",
    Kind.REFS: "VARCHAR[]",
    Kind.USER_IDS: 'STRUCT("type" VARCHAR, identifier VARCHAR)[]',
}


@dataclass(frozen=True)
class Staged:
    """The files of each collection that has any, and the tables with contradictory ids."""

    files: Mapping[str, tuple[Path, ...]]
    contradictory: frozenset[str]


def lay_out_staged(context: Context, extract: Path) -> Staged:
    """Make `staged_<table>` for every table: sourcedId, status, the attributes as staged, metadata."""
    found: dict[str, tuple[Path, ...]] = {}
    torn: set[str] = set()
    for table in context.tables:
        columns = [("sourcedId", "VARCHAR"), ("status", "VARCHAR")]
        columns += [(a.name, _STAGED_TYPES[a.kind]) for a in table.attributes]
        columns.append(("metadata", "MAP(VARCHAR, VARCHAR)"))
        parts = tuple(sorted((extract / table.name).glob("part-*.parquet")))
        if context.offered(table.name) and context.takes(table) and parts:
            found[table.name] = parts
            files = ", ".join(literal(str(p)) for p in parts)
            source = f"read_parquet([{files}])"
            dates = {a.name for a in table.attributes if a.kind is Kind.DATE}
            names = ", ".join(f"{_day(n)} AS {q(n)}" if n in dates else q(n) for n, _ in columns)
            context.sql(f"CREATE OR REPLACE TEMP VIEW staged_{table.name} AS SELECT {names} FROM {source}")
            contradictory = extract / table.name / CONTRADICTORY
            if contradictory.exists():
                torn.add(table.name)
                context.sql(f"""
                    CREATE OR REPLACE TEMP VIEW contradictory_{table.name} AS
                    SELECT sourcedId, entity FROM read_parquet({literal(str(contradictory))})
                """)
        else:
            nothing = ", ".join(f"NULL::{kind} AS {q(name)}" for name, kind in columns)
            context.sql(f"CREATE OR REPLACE TEMP VIEW staged_{table.name} AS SELECT {nothing} WHERE FALSE")
    return Staged(read_only(found), frozenset(torn))


def _day(name: str) -> str:
    """The day in the connection's time zone of a date that came with a time and a zone."""
    instant = f"CASE WHEN regexp_full_match({q(name)}, {literal(INSTANT)}) THEN try_cast({q(name)} AS TIMESTAMPTZ) END"
    day = f"strftime(try(timezone(getvariable('time_zone'), {instant})), '%Y-%m-%d')"
    return f"CASE WHEN length({q(name)}) > 10 THEN coalesce({day}, {q(name)}) ELSE {q(name)} END"
