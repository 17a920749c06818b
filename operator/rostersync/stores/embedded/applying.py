"""The transaction that turns a plan into the next revision, in sets, straight from the plan's Parquet files."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from rostersync.model import Consent
from rostersync.roster import TABLES, Table
from rostersync.sent import Sent
from rostersync.stores.changes import check_base, check_records, open_changes
from rostersync.stores.columns import columns
from rostersync.stores.embedded import files, history, several
from rostersync.stores.embedded.reader import state
from rostersync.stores.embedded.statements import execute, number
from rostersync.stores.port import Applied, Mark, PlanToApply
from rostersync.stores.several import ROSTER, of_roster
from rostersync.stores.source_state import counts_as_text, files_as_text, memory_as_text


def utc(moment: datetime) -> datetime:
    """The form of the store's TIMESTAMP columns: UTC without a zone."""
    return moment.astimezone(UTC).replace(tzinfo=None)


@contextmanager
def transaction(con: duckdb.DuckDBPyConnection, doing: str, mark: Mark = lambda _: None) -> Iterator[None]:
    """All or nothing. DuckDB's errors are translated."""
    try:
        con.execute("BEGIN")
        mark("begin")
        yield
        mark("commit")
        con.execute("COMMIT")
    except BaseException as error:
        with suppress(duckdb.Error):
            con.execute("ROLLBACK")
        if isinstance(error, duckdb.Error):
            raise files.translated(error, doing) from None
        raise
    mark("committed")


def apply(
    con: duckdb.DuckDBPyConnection, plan: PlanToApply, consent: Consent | None, now: datetime, mark: Mark
) -> Applied:
    """Writes `plan` into the database attached as `store`; see StoreWriter.apply."""
    with transaction(con, "apply the plan to", mark):
        before = state(con, plan.district, plan.source)
        done = applied_before(con, plan)
        if done is not None:
            return Applied(revision=done, already_applied=True, outbox_pending=before.outbox_pending)
        check_base(before, plan)
        revision = before.revision + 1
        scope = {"district": plan.district, "source": plan.source, "revision": revision, "now": utc(now)}
        for table in TABLES:
            _write(con, table, plan.changes, scope, mark)
        if plan.roster is not None:
            mark("roster")
            several.begin(con, plan.district, plan.roster)
            for table in TABLES:
                _write(con, table, plan.roster.changes, scope | {"source": ROSTER}, of_roster(mark))
            mark("links")
            several.remember(con, plan.district, plan.roster)
        mark("revision")
        _write_revision(con, plan, consent, revision, now)
    pending = before.outbox_pending or bool(plan.deliveries)
    return Applied(revision=revision, already_applied=False, outbox_pending=pending)


def applied_before(con: duckdb.DuckDBPyConnection, plan: PlanToApply) -> int | None:
    """The revision that `plan` created in the database attached as `store`. None when it created none."""
    found = execute(
        con,
        "apply.applied_before",
        district=plan.district,
        source=plan.source,
        run=plan.run,
        digest=plan.digest,
        base=plan.base_revision,
    ).fetchone()
    return int(found[0]) if found else None


def _write(
    con: duckdb.DuckDBPyConnection, table: Table, changes: Mapping[str, Path], scope: dict[str, Any], mark: Mark
) -> None:
    """Records, tombstones and history of one table. `scope`: district, source, revision and now."""
    if not any(e in changes for e in table.entities):
        return
    mark(table.name)
    open_changes(con, changes, table)
    names = {"table": table.name, "columns": columns(table)}
    check_records(number(execute(con, "apply.moved_records", names, **scope)), table)
    for each in ("insert_accepted", "insert_tombstones", "delete_replaced"):
        execute(con, f"apply.{each}", names, **scope)
    history.record(con, table, **scope)


def _write_revision(
    con: duckdb.DuckDBPyConnection, plan: PlanToApply, consent: Consent | None, revision: int, now: datetime
) -> None:
    """Schools imported, the source's memory, the revision with who approved it, and its deliveries."""
    scope: dict[str, Any] = {"district": plan.district, "source": plan.source}
    for sis_id, target_id in plan.schools:
        execute(con, "apply.insert_school", **scope, sis_id=sis_id, target_id=target_id, revision=revision)
    memory = replace(plan.memory, revision=revision, applied_at=now.astimezone(UTC))
    execute(con, "apply.insert_memory", **scope, memory=memory_as_text(memory))
    execute(
        con,
        "apply.insert_revision",
        **scope,
        revision=revision,
        run=plan.run,
        digest=plan.digest,
        decided_by=consent.decided_by if consent else None,
        approval_uid=consent.approval_uid if consent else None,
        reason=consent.reason if consent else None,
        four_eyes=consent.four_eyes_enforced if consent and plan.four_eyes else None,
        now=utc(now),
        counts=counts_as_text(plan.entities, plan.judged, whole=plan.whole),
        config_hash=plan.config_hash,
    )
    for delivery in plan.deliveries:
        execute(con, "apply.insert_outbox", district=plan.district, revision=revision, delivery=delivery)


def settle(con: duckdb.DuckDBPyConnection, district: str, delivery: str, revision: int, sent: Sent | None) -> None:
    """What was delivered moves from the outbox to the record, inside the caller's transaction."""
    scope: dict[str, Any] = {"district": district, "delivery": delivery}
    execute(con, "apply.settle_outbox", **scope, revision=revision)
    if sent is None:
        return
    execute(
        con,
        "apply.insert_sent",
        **scope,
        revision=sent.revision,
        place=sent.where,
        sent_at=utc(sent.at),
        files=files_as_text(sent.files),
        config_hash=sent.config_hash,
    )
