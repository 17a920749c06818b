"""The transaction that turns a plan into the next revision: COPY from the plan's files, then one MERGE for each table."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from rostersync.model import Consent
from rostersync.roster import METADATA_TYPE, SQL_TYPES, TABLES, Kind, Table
from rostersync.stores.changes import check_base, check_records, open_changes, values_after
from rostersync.stores.columns import columns, quoted
from rostersync.stores.port import Applied, Mark, PlanToApply
from rostersync.stores.postgres import several
from rostersync.stores.postgres.session import WRITING, Scope, Session
from rostersync.stores.postgres.state import state
from rostersync.stores.several import ROSTER, RosterToApply, of_roster
from rostersync.stores.source_state import counts_as_text, memory_as_text
from rostersync.stores.sql_files import statement

_PARAMETER = re.compile(r"\$([a-z_]+)")
BATCH = 16_384  # records on their way; wide ones take memory


@dataclass(frozen=True)
class _Writing:
    """The server, the engine that reads the plan, and the revision that is made."""

    session: Session
    con: duckdb.DuckDBPyConnection
    plan: PlanToApply
    revision: int
    now: datetime
    source: str
    changes: Mapping[str, Path]  # files by entity

    def rows(self, name: str, **names: str) -> pa.RecordBatchReader:
        """The rows of a statement of rows.sql, as a stream."""
        sql = statement(Path(__file__).parent, f"rows.{name}", names)
        given = {
            "district": self.plan.district,
            "source": self.source,
            "revision": self.revision,
            "now": _utc(self.now),
        }
        params = {name: given[name] for name in set(_PARAMETER.findall(sql))}
        return self.con.sql(sql, params=params or None).to_arrow_reader(BATCH)


def apply(
    session: Session,
    con: duckdb.DuckDBPyConnection,
    plan: PlanToApply,
    consent: Consent | None,
    now: datetime,
    mark: Mark,
) -> Applied:
    """Writes `plan`; see StoreWriter.apply. `con` may read the plan's files."""
    scope = Scope(plan.district, plan.source, now=now.astimezone(UTC).isoformat())
    with session.transaction(WRITING, "apply the plan to", scope, mark):
        session.run("scope.patience")
        session.run("scope.lock")
        before = state(session, plan.source)
        done = applied_before(session, plan)
        if done is not None:
            return Applied(revision=done, already_applied=True, outbox_pending=before.outbox_pending)
        check_base(before, plan)
        writing = _Writing(session, con, plan, before.revision + 1, now, plan.source, plan.changes)
        session.run("scope.revision", str(writing.revision))
        for table in TABLES:
            _write(writing, table, mark)
        if plan.roster is not None:
            mark("roster")
            _write_roster(writing, plan.roster, mark)
        mark("revision")
        _write_revision(writing, consent)
    return Applied(
        revision=writing.revision,
        already_applied=False,
        outbox_pending=before.outbox_pending or bool(plan.deliveries),
    )


def applied_before(session: Session, plan: PlanToApply) -> int | None:
    """The revision that `plan` created. None when it created none."""
    found = session.rows("apply.applied_before", plan.run, plan.digest, plan.base_revision)
    return int(found[0][0]) if found else None


def _write_roster(writing: _Writing, roster: RosterToApply, mark: Mark) -> None:
    """The roster that several sources make together, as the records of a source of its own."""
    session = writing.session
    several.begin(session, roster)
    session.run("several.about", ROSTER)
    together = replace(writing, source=ROSTER, changes=roster.changes)
    for table in TABLES:
        _write(together, table, of_roster(mark))
    mark("links")
    several.remember(session, writing.con, roster)
    session.run("several.about", writing.source)


def _write(writing: _Writing, table: Table, mark: Mark) -> None:
    """Records, tombstones and history of one table."""
    session, con = writing.session, writing.con
    if not any(entity in writing.changes for entity in table.entities):
        return
    mark(table.name)
    open_changes(con, writing.changes, table)
    typed = {"columns": ", ".join(_as_sent(table)), "hash": _bytes("hash"), "before_hash": _bytes("before_hash")}
    if _only_creates(con) and session.rows("apply.is_new", names={"table": table.name})[0][0]:
        session.copy_in(table.name, writing.rows("records", **typed))
    else:
        _merge(writing, table, typed)
    session.copy_in("history", writing.rows("history", after=values_after(table)))


def _merge(writing: _Writing, table: Table, typed: dict[str, str]) -> None:
    session = writing.session
    own = [quoted(name) for name in (*table.names, "metadata")]
    names = {
        "table": table.name,
        "columns": columns(table),
        "incoming": columns(table, "c."),
        "assignments": ", ".join(f"{name} = c.{name}" for name in own),
    }
    session.run("apply.create_incoming", names=names)
    coming = session.copy_in("incoming", writing.rows("incoming", **typed), temporary=True)
    session.run("apply.look_up_few", coming, names=names)
    check_records(coming - session.changed("apply.merge", names=names), table)
    session.run("apply.drop_incoming")


def _write_revision(writing: _Writing, consent: Consent | None) -> None:
    """Schools imported, the source's memory, the revision with who approved it, and its deliveries."""
    session, plan = writing.session, writing.plan
    if plan.schools:
        session.run("apply.insert_schools", json.dumps(dict(plan.schools)))
    memory = replace(plan.memory, revision=writing.revision, applied_at=writing.now.astimezone(UTC))
    session.run("apply.insert_memory", memory_as_text(memory))
    session.run(
        "apply.insert_revision",
        plan.run,
        plan.digest,
        consent.decided_by if consent else None,
        consent.approval_uid if consent else None,
        consent.reason if consent else None,
        consent.four_eyes_enforced if consent and plan.four_eyes else None,
        counts_as_text(plan.entities, plan.judged, whole=plan.whole),
        plan.config_hash,
    )
    for delivery in plan.deliveries:
        session.run("apply.insert_outbox", delivery)


def _only_creates(con: duckdb.DuckDBPyConnection) -> bool:
    [(only,)] = con.execute(statement(Path(__file__).parent, "rows.only_creates")).fetchall()
    return bool(only)


def _as_sent(table: Table) -> list[str]:
    """Columns as COPY takes them: typed as the roster is, and json as text."""
    sent = []
    for name, kind in [*((a.name, SQL_TYPES[a.kind]) for a in table.attributes), ("metadata", METADATA_TYPE)]:
        typed = f"CAST({quoted(name)} AS {kind})"
        as_json = kind in (SQL_TYPES[Kind.USER_IDS], METADATA_TYPE)
        sent.append(f"{f'CAST(to_json({typed}) AS VARCHAR)' if as_json else typed} AS {quoted(name)}")
    return sent


def _bytes(column: str) -> str:
    """A hash as the 16 bytes of a uuid."""
    return f"unhex(replace(CAST(CAST({column} AS UUID) AS VARCHAR), '-', ''))"


def _utc(moment: datetime) -> datetime:
    """UTC without a zone."""
    return moment.astimezone(UTC).replace(tzinfo=None)
