"""The roster that several sources make together, on the server: what an apply writes of it, and what is asked of a district."""

import duckdb

from rostersync.roster import TABLES
from rostersync.stores.columns import columns
from rostersync.stores.engine import literal
from rostersync.stores.postgres.session import Session
from rostersync.stores.several import RosterToApply, Several, several_as_text, several_from_text

_BATCH = 16_384


def memory(session: Session) -> Several | None:
    """What is kept of a district with several sources. None: it has one, or never had more."""
    found = session.rows("several.memory")
    return several_from_text(str(found[0][0])) if found else None


def is_there(session: Session) -> bool:
    """Whether the schema has tables for several sources."""
    return bool(session.rows("several.is_there")[0][0])


def same_person(session: Session, record_id: str) -> tuple[str, ...]:
    """All ids of a person, in the roster and in each source."""
    if not is_there(session):
        return (record_id,)
    return tuple(str(row[0]) for row in session.rows("several.same_person", record_id))


def begin(session: Session, roster: RosterToApply) -> None:
    """Take the one source's records for the roster so far, if there is none yet."""
    if not roster.taken_from or memory(session) is not None:
        return
    for table in TABLES:
        session.run("several.take_records", roster.taken_from, names={"table": table.name, "columns": columns(table)})
    session.run("several.take_history", roster.taken_from)
    session.run("several.keep_older_programs_away")


def remember(session: Session, con: duckdb.DuckDBPyConnection, roster: RosterToApply) -> None:
    """Write which contributions are one, whose values stand, and what is kept of the district. `con` may read the plan's files."""
    for name, file, asked in (
        ("links", roster.links, "tbl, source, id, record_id"),
        ("owned", roster.owners, "tbl, id, attribute, source"),
    ):
        session.run(f"several.create_{name}")
        rows = con.sql(f"SELECT {asked} FROM read_parquet({literal(file)})").to_arrow_reader(_BATCH)
        if session.copy_in(name, rows, temporary=True):
            if name == "links":
                session.run("several.forget_former_links")
                session.run("several.keep_former_links")
            session.run(f"several.delete_{name}")
            session.run(f"several.insert_{name}")
    session.run("several.drop_former_links")
    session.run("several.insert_memory", several_as_text(roster.memory))
