"""Resolve: references of what is undone, against the resulting store, by the same rules as in an import.

Reads `undone_<table>`, `chosen_<table>` and the store. Writes what `link` writes for an import: `required_`, `fates_`,
`unmatched_`, `deletes_`, `targets_`, `final_` and `trimmed_<table>`. So a record never comes back without what it needs
(DanglingReference), what needs a record that is deleted goes with it (Cascade), and other references are cut.
"""

from rostersync.fate import Fate
from rostersync.model import Cause
from rostersync.roster import ORGS, TABLES, USERS, Table
from rostersync.sync.link.references import any_of, followed
from rostersync.sync.link.resulting import lay_out_final, lay_out_targets, lay_out_trimmed
from rostersync.tables.context import Context
from rostersync.tables.sql import literal, q


def resolve(context: Context) -> None:
    """Resolve every table, in the order of their dependencies."""
    for table in TABLES:
        context.begin("restore", table)
        context.sql(f"""
            CREATE OR REPLACE TEMP TABLE required_{table.name} AS
            SELECT id AS raw_id, id, entity, {", ".join(q(n) for n in (*table.names, "metadata"))}
            FROM undone_{table.name}
            WHERE verdict IN ('Create', 'Update') AND id IN (SELECT id FROM chosen_{table.name})
        """)
    _lay_out_needed(context)
    for table in TABLES:
        _lay_out_fates(context, table)
        context.sql(f"""
            CREATE OR REPLACE TEMP VIEW unmatched_{table.name} AS
            SELECT s.id, s.entity, f.fate, f.id IS NOT NULL AS seen, TRUE AS taken
            FROM store_{table.name} s LEFT JOIN fates_{table.name} f ON f.id = s.id
            WHERE s.status = 'active' AND (f.id IS NULL OR f.fate IS NOT NULL)
        """)
        _lay_out_deletes(context, table)
        lay_out_targets(context, table)
        lay_out_final(context, table, refused=True)
        lay_out_trimmed(context, table)


def _lay_out_needed(context: Context) -> None:
    """Make `needed_orgs` (id): those that came with the revision and are all that somebody who stays belongs to."""
    going = "SELECT id FROM undone_{0} WHERE verdict = 'Delete' AND id IN (SELECT id FROM chosen_{0})"
    leaving = f"(SELECT coalesce(list(id), []) FROM ({going.format(ORGS.name)}))"
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE needed_orgs AS
        WITH lists AS (
            SELECT DISTINCT orgSourcedIds AS list FROM (
                SELECT id, orgSourcedIds FROM store_users
                WHERE status = 'active' AND id NOT IN (SELECT id FROM required_users)
                UNION ALL SELECT id, orgSourcedIds FROM required_users)
            WHERE len(orgSourcedIds) > 0 AND id NOT IN ({going.format(USERS.name)}))
        SELECT DISTINCT unnest(list) AS id FROM lists WHERE list_has_all({leaving}, list)
    """)


def _lay_out_fates(context: Context, table: Table) -> None:
    """Make `fates_<table>`: what is undone (null), and why the rest of what was asked for is not."""
    joins, nowhere, dangling = [], [], []
    for attribute in followed(table):
        alias = "t_" + attribute.name
        joins.append(f"LEFT JOIN targets_{attribute.target} {alias} ON {alias}.id = r.{q(attribute.name)}")
        # A required reference is null where the entity that it points to is not imported.
        lost = f"(r.{q(attribute.name)} IS NOT NULL AND {alias}.there IS NOT TRUE)"
        nowhere.append(lost)
        dangling.append(f"WHEN {lost} THEN {literal(attribute.name)}")
    if table is USERS:
        there = "(SELECT coalesce(list(id), []) FROM targets_orgs WHERE there)"
        alone = f"(len(r.orgSourcedIds) > 0 AND NOT list_has_any(r.orgSourcedIds, {there}))"
        nowhere.append(alone)
        dangling.append(f"WHEN {alone} THEN 'orgSourcedIds'")
    missing = "CASE " + " ".join(dangling) + " END" if dangling else "NULL"
    needed = "id IN (SELECT id FROM needed_orgs)" if table is ORGS else "FALSE"
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE fates_{table.name} AS
        SELECT r.id, r.entity, FALSE AS has_error,
          CASE WHEN {any_of(nowhere)} THEN {literal(Fate.DANGLING_REFERENCE)} END AS fate, {missing} AS dangling
        FROM required_{table.name} r {" ".join(joins)}
        UNION ALL
        SELECT id, entity, FALSE,
          CASE verdict WHEN 'Conflict' THEN {literal(Fate.CHANGED_SINCE)} ELSE {literal(Fate.NEEDED)} END, NULL
        FROM undone_{table.name}
        WHERE id IN (SELECT id FROM chosen_{table.name}) AND (verdict = 'Conflict' OR (verdict = 'Delete' AND {needed}))
    """)


def _lay_out_deletes(context: Context, table: Table) -> None:
    """Make `deletes_<table>`: what came with the revision, and what depends on a record that is deleted."""
    refs = followed(table)
    joins = [f"LEFT JOIN targets_{a.target} t_{a.name} ON t_{a.name}.id = s.{q(a.name)}" for a in refs]
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE deletes_{table.name} AS
        SELECT id, entity, {literal(Cause.RESTORED)} AS cause, FALSE AS deferred FROM undone_{table.name}
        WHERE verdict = 'Delete' AND id IN (SELECT id FROM chosen_{table.name})
          AND id NOT IN (SELECT id FROM fates_{table.name})
    """)
    if refs:
        context.sql(f"""
            INSERT INTO deletes_{table.name}
            SELECT s.id, s.entity, {literal(Cause.CASCADE)}, FALSE
            FROM store_{table.name} s JOIN unmatched_{table.name} u ON u.id = s.id {" ".join(joins)}
            WHERE s.status = 'active' AND {any_of([f"t_{a.name}.gone" for a in refs])}
              AND s.id NOT IN (SELECT id FROM deletes_{table.name})
        """)
