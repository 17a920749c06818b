"""What a plan does to the roster: which of its ids may be touched, and what changes of these, with causes."""

from rostersync.model import Cause
from rostersync.roster import Kind, Table
from rostersync.tables.context import Context
from rostersync.tables.sql import literal, q


def lay_out_renamed(context: Context, table: Table) -> None:
    """Make `renamed_<table>`, ids of sources that are others in the roster, and `moved_<table>`, those that were others before."""
    name = table.name
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE renamed_{name} AS
        SELECT source, id, record_id FROM named_{name} WHERE record_id IS DISTINCT FROM id
    """)
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE moved_{name} AS
        SELECT source, id FROM named_{name}
        WHERE former IS DISTINCT FROM record_id AND NOT (former IS NULL AND record_id = id)
        UNION ALL
        SELECT getvariable('own_source'), c.id FROM changes_{name} c
        LEFT JOIN named_{name} n ON n.source = getvariable('own_source') AND n.id = c.id WHERE n.record_id IS NULL
    """)


def touch(context: Context, table: Table, *, everything: bool) -> None:
    """Make `touched_<table>`: ids in the roster of which anything may have changed. All tables are named before."""
    name = table.name
    if everything:
        context.sql(f"""
            CREATE OR REPLACE TEMP TABLE touched_{name} AS
            SELECT record_id AS id FROM named_{name} WHERE record_id IS NOT NULL
            UNION SELECT id FROM roster_{name} WHERE status = 'active'
        """)
        return
    parts = [
        f"""
        SELECT unnest([n.record_id, n.former]) AS id FROM named_{name} n SEMI JOIN changes_{name} c ON c.id = n.id
        WHERE n.source = getvariable('own_source')""",
        f"""
        SELECT f.record_id FROM former_{name} f SEMI JOIN changes_{name} c ON c.id = f.id
        WHERE f.source = getvariable('own_source')""",
        f"SELECT unnest([record_id, former]) FROM named_{name} WHERE former IS DISTINCT FROM record_id",
    ]
    for a in table.references:
        if not context.exists(f"moved_{a.target}"):
            continue
        refs = f"unnest({q(a.name)})" if a.kind is Kind.REFS else q(a.name)
        parts.append(f"""
            SELECT n.record_id FROM named_{name} n SEMI JOIN (
              SELECT c.source, c.id FROM (SELECT source, id, {refs} AS ref FROM contributed_{name}) c
              SEMI JOIN moved_{a.target} m ON m.source = c.source AND m.id = c.ref) r
            ON r.source = n.source AND r.id = n.id""")
    touched = " UNION ".join(parts)
    context.sql(f"CREATE OR REPLACE TEMP TABLE touched_{name} AS SELECT id FROM ({touched}) WHERE id IS NOT NULL")


def compare(context: Context, table: Table, *, new_words: bool) -> None:
    """Make `roster_changes_<table>`, as `changes_<table>`: id, entity, new_entity, change, cause, before_hash."""
    name = table.name
    _lay_out_broken(context, table)
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE merge_differing AS
        SELECT id, coalesce(was, entity) AS entity, entity AS new_entity,
          CASE WHEN was IS NULL THEN 'Create' ELSE 'Update' END AS change, before_hash
        FROM united_{name} WHERE differs
        UNION ALL
        SELECT id, entity, entity, 'Delete', hash FROM roster_{name} SEMI JOIN touched_{name} USING (id)
        ANTI JOIN united_{name} USING (id) WHERE status = 'active'
    """)
    own = "getvariable('own_source')"
    rest = literal(Cause.SETTINGS_CHANGED if new_words else Cause.CASCADE)
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE roster_changes_{name} AS
        WITH n AS (SELECT * FROM named_{name} WHERE source IS NOT NULL),
        relinked AS (
          FROM merge_broken UNION SELECT record_id FROM n WHERE former IN (FROM merge_broken) AND record_id IS NOT NULL),
        living AS (SELECT DISTINCT former AS id FROM n WHERE record_id IS NOT NULL),
        mine AS (
          SELECT n.record_id AS id, min(c.cause) AS cause FROM n JOIN changes_{name} c ON c.id = n.id
          WHERE n.source = {own} AND n.record_id IS NOT NULL GROUP BY 1),
        gone AS (
          SELECT f.record_id AS id, min(c.cause) AS cause FROM former_{name} f JOIN changes_{name} c ON c.id = f.id
          ANTI JOIN (SELECT * FROM n WHERE record_id IS NOT NULL) n ON n.source = f.source AND n.id = f.id
          WHERE f.source = {own} GROUP BY 1),
        came AS (SELECT DISTINCT record_id AS id FROM n WHERE former <> record_id),
        tombs AS (SELECT id FROM roster_{name} WHERE status = 'tobedeleted')
        SELECT d.id, d.entity, d.new_entity, d.change,
          CASE WHEN d.id IN (FROM relinked) THEN {literal(Cause.RELINKED)}
            WHEN d.change = 'Delete' AND d.id IN (FROM living) THEN {literal(Cause.MERGED)}
            WHEN d.change = 'Create' AND d.id IN (FROM tombs) THEN {literal(Cause.RESTORED)}
            ELSE coalesce(m.cause, g.cause, CASE WHEN d.id IN (FROM came) THEN {literal(Cause.MERGED)} ELSE {rest} END)
            END AS cause,
          d.before_hash
        FROM merge_differing d LEFT JOIN mine m USING (id) LEFT JOIN gone g USING (id)
    """)


def _lay_out_broken(context: Context, table: Table) -> None:
    """Make `merge_broken` (id): what was one in the roster and is not, although it lives, or lost its id to another record."""
    name = table.name
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE merge_broken AS
        SELECT former AS id FROM named_{name} WHERE former IS NOT NULL GROUP BY former
        HAVING count(DISTINCT coalesce(record_id, '')) > 1
          OR (count(*) FILTER (record_id = former) = 0 AND former IN (SELECT record_id FROM named_{name}))
    """)
