"""Which of the records that a plan deletes are asked for by id: some of each entity, spread over its schools.

Only records that were not sent are asked for. One that the source itself removed, or that is filtered out, was seen.
"""

from rostersync.model import Cause
from rostersync.reading.confirming import Sample
from rostersync.roster import Table
from rostersync.tables.belonging import schools_of
from rostersync.tables.context import Context
from rostersync.tables.counts import Tallies
from rostersync.tables.sql import PREFIX, literal

CONTROLS = 2  # records that the pull has; the second is asked for if the first one has just left


def sample(context: Context, tallies: Tallies, records: int) -> dict[str, Sample]:
    """At most `records` of each entity that the plan deletes because they were not sent, by collection.

    They are chosen by a digest of their id, so that they are the same whenever a plan is made again. Schools take
    turns, so that a school that is hidden is found, however small it is.
    """
    found: dict[str, Sample] = {}
    for table in context.tables:
        missing = any(cause == Cause.SOURCE_MISSING for _, _, _, cause in tallies[table.name].changes)
        if records and missing and (ids := _missing(context, table, records)):
            found[table.name] = Sample(ids, _living(context, table))
    return found


def _missing(context: Context, table: Table, records: int) -> tuple[str, ...]:
    """Ids without the prefix. One that lacks the prefix came under another one, and is not this SIS's id."""
    rows = context.con.execute(
        f"""
        WITH missing AS (
            SELECT c.id, c.entity, md5(c.id) AS digest, ({schools_of(table, "s")})[1] AS school
            FROM changes_{table.name} c JOIN store_{table.name} s ON s.id = c.id AND s.status = 'active'
            WHERE c.change = 'Delete' AND c.cause = {literal(Cause.SOURCE_MISSING)} AND starts_with(c.id, {PREFIX})),
        in_turn AS (
            SELECT *, row_number() OVER (PARTITION BY entity, school ORDER BY digest, id) AS turn FROM missing)
        SELECT substr(id, length({PREFIX}) + 1) FROM in_turn
        QUALIFY row_number() OVER (PARTITION BY entity ORDER BY turn, digest, id) <= ? ORDER BY entity, turn, digest, id
        """,
        [records],
    ).fetchall()
    return tuple(row[0] for row in rows)


def _living(context: Context, table: Table) -> tuple[str, ...]:
    rows = context.con.execute(
        f"SELECT sourcedId FROM staged_{table.name} WHERE coalesce(lower(status), 'active') = 'active' LIMIT {CONTROLS}"
    ).fetchall()
    return tuple(row[0] for row in rows)
