"""Rows of one pull that share an id: which of them counts, and which ids are contradictory.

Exact copies are one row. Of rows that differ, the newest counts if all are active and of one entity, and one is newer
than every other. Everything else is a contradiction. The rows of such an id decide nothing, so the record is held back.
"""

from pathlib import Path

from duckdb import DuckDBPyConnection

from rostersync.roster import BY_NAME, Kind
from rostersync.sources.staged import INSTANT
from rostersync.tables.entities import entity_of
from rostersync.tables.sql import q

_UNORDERED = (Kind.SET, Kind.REFS, Kind.USER_IDS)

_TWICE = "CREATE OR REPLACE TEMP TABLE twice AS SELECT sourcedId FROM read_parquet($1) GROUP BY sourcedId HAVING count(*) > 1"
# `$2`: exact copies side by side count as received.
NOT_RECEIVED = """
    SELECT sourcedId FROM read_parquet($1) r GROUP BY sourcedId
    HAVING count(*) > 1 AND NOT ($2 AND count(DISTINCT CAST(r AS VARCHAR)) = 1) ORDER BY sourcedId"""
ONCE = "SELECT r.* FROM read_parquet($1) r ANTI JOIN twice USING (sourcedId)"


def judge(con: DuckDBPyConnection, collection: str, raw: Path) -> tuple[str, str]:
    """Judge the rows of a pull: (a query of one row for each repeated id, a query of the contradictory ids).

    A contradictory id has its entity, or null where its rows are of several.
    """
    con.execute("SET TimeZone = 'UTC'")
    con.execute(_TWICE, [str(raw)])
    con.execute(f"CREATE OR REPLACE TEMP TABLE versions AS {_versions(collection)}", [str(raw)])
    contradictory = """
        SELECT sourcedId, CASE WHEN count(DISTINCT entity) = 1 THEN nullif(min(entity), '') END AS entity
        FROM versions GROUP BY sourcedId
        HAVING count(*) > 1 AND NOT (
            bool_and(said = 'active') AND count(DISTINCT entity) = 1 AND count(written) = count(*)
            AND count(*) FILTER (written = newest) = 1)
        ORDER BY sourcedId"""
    # Which row stands for a contradictory id depends on the contents of the rows, never on their order. If one of them
    # is a school, the id is a school.
    standing = """
        SELECT * EXCLUDE (content, written, entity, said, newest) FROM versions
        QUALIFY row_number() OVER (
            PARTITION BY sourcedId ORDER BY entity = 'School' DESC, written DESC NULLS LAST, content DESC) = 1"""
    return standing, contradictory


def _versions(collection: str) -> str:
    """A query: each content of each repeated id once, with its latest time, its entity and its status."""
    table = BY_NAME[collection]
    values = [f"{q(a.name)} := {_ordered(a.name, a.kind)}" for a in table.attributes]
    content = f"to_json(struct_pack(status := lower(status), {', '.join(values)}, metadata := metadata))::VARCHAR"
    return f"""
        SELECT *, max(written) OVER (PARTITION BY sourcedId) AS newest FROM (
            SELECT r.*, {content} AS content,
              CASE WHEN regexp_full_match(dateLastModified, '{INSTANT}') THEN try_cast(dateLastModified AS TIMESTAMPTZ) END
                AS written,
              coalesce({entity_of(table)}, '') AS entity, coalesce(lower(status), 'active') AS said
            FROM read_parquet($1) r SEMI JOIN twice USING (sourcedId)
            QUALIFY row_number() OVER (
                PARTITION BY sourcedId, content ORDER BY written DESC NULLS LAST, dateLastModified DESC NULLS LAST) = 1)"""


def _ordered(name: str, kind: Kind) -> str:
    return f"list_sort(list_distinct({q(name)}))" if kind in _UNORDERED else q(name)
