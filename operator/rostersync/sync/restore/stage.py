"""Restore: takes the place of extract to link. What a revision did is undone, from the store alone.

Reads the store and its history. Writes what `compare` reads: `final_`, `trimmed_` and `deletes_<table>`, and `issues`
for what is left alone.
"""

from collections.abc import Collection

from rostersync.api.v1alpha1.times import parse_duration
from rostersync.errors import Permanent
from rostersync.fate import Fate
from rostersync.model import Cause, Entity
from rostersync.roster import TABLES
from rostersync.stores.port import Revision
from rostersync.sync.compare import compare
from rostersync.sync.require import lay_out_issues
from rostersync.sync.restore.narrow import narrow
from rostersync.sync.restore.resolve import resolve
from rostersync.sync.restore.undo import lay_out_changed_since, lay_out_undone
from rostersync.tables.context import Context
from rostersync.tables.sql import literal

FORGOTTEN = "Forgotten"


def restore(context: Context, revision: Revision, entities: Collection[Entity], schools: Collection[str]) -> None:
    """Lay out what undoes a revision. Raises Permanent (HistoryExpired) when the values from before it are gone."""
    lay_out_issues(context)
    lay_out_changed_since(context, revision.number)
    for table in TABLES:
        lay_out_undone(context, table, revision.number)
    narrow(context, entities, schools)
    _check_expired(context, revision)
    resolve(context)
    compare(context, frozenset())
    for table in TABLES:
        context.sql(
            f"UPDATE changes_{table.name} SET cause = {literal(Cause.RESTORED)} WHERE cause <> {literal(Cause.CASCADE)}"
        )
        context.sql(f"""
            INSERT INTO issues
            SELECT u.entity, u.id, 'Skipped', {literal(Fate.CHANGED_SINCE)}, unnest(u.left_alone), NULL, 'Skip'
            FROM undone_{table.name} u JOIN fates_{table.name} f ON f.id = u.id WHERE f.fate IS NULL
        """)
    _report_forgotten(context, revision)


def _check_expired(context: Context, revision: Revision) -> None:
    every = " UNION ALL ".join(
        f"SELECT count(*) AS n FROM undone_{t.name} WHERE expired AND id IN (SELECT id FROM chosen_{t.name})"
        for t in TABLES
    )
    expired = int(context.one(f"SELECT sum(n) FROM ({every})"))
    if expired:
        kept = context.spec.history.records.maxAge
        raise Permanent(
            f"Run {revision.run} was applied as revision {revision.number} on {revision.applied_at:%Y-%m-%d}, and the former "
            f"values of {expired:,} records have expired (history.records.maxAge keeps them for {_days(kept)}): it cannot be "
            "undone any more, and nothing is planned. Correct the records in the SIS and import them, or bring back a "
            "backup of the store.",
            reason="HistoryExpired",
        )


def _days(text: str) -> str:
    return f"{parse_duration(text).days} days"


def _report_forgotten(context: Context, revision: Revision) -> None:
    """Say how many changes the history no longer has, since people were forgotten. Nobody knows whose they were."""
    known = int(context.one(f"SELECT count(*) FROM store_history WHERE revision = {revision.number}"))
    if missing := revision.changes - known:
        context.sql(f"""
            INSERT INTO issues SELECT NULL, NULL, 'Skipped', {literal(FORGOTTEN)}, NULL, NULL, 'Skip' FROM range({max(missing, 0)})
        """)


def applied_by(found: Collection[Revision], run: str, district: str, source: str) -> Revision:
    """The newest revision that a run of this source created. Raises Permanent (NotApplied) when there is none."""
    own = [r for r in found if r.source == source]
    if not own:
        raise Permanent(
            f"Run {run} changed nothing in the roster of district {district} (source {source}): it was not applied, or it "
            "had nothing to change. Only what was applied can be restored; `rostersync runs` says how each run ended.",
            reason="NotApplied",
        )
    return own[-1]
