"""Narrow: of all changes, those of some schools alone, so that what they leave out waits for the next whole run.

A change belongs to the schools that its record has before and after. It stays if these are all among the schools asked
for. So does what such a record needs: whatever it cannot be without, and records of no school, if they are new. All other
changes are left out, and nothing may refer to nowhere because of that:

- An optional reference to a new record that is left out is cut, as one to a record that does not exist.
- A delete is left out if a record that refers to it keeps doing so, or if it only follows from a delete that is left out.

Reads the tables of link and compare. Makes `final_`, `trimmed_` and `changes_<table>` anew.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace

from rostersync.model import Change, EntityCounts
from rostersync.roster import DEMOGRAPHICS, ENROLLMENTS, ORGS, USERS, Attribute, Kind, Table
from rostersync.sync.compare import compare
from rostersync.sync.link.references import followed, optional_of
from rostersync.sync.link.stage import resolve_again
from rostersync.sync.scope import Scope
from rostersync.tables.belonging import PLACED_BY, schools_of
from rostersync.tables.context import Context
from rostersync.tables.counts import Tallies
from rostersync.tables.sql import literal, q


def narrow_to_schools(context: Context, schools: Collection[str], scope: Scope, differing: frozenset[str]) -> Scope:
    """Leave out every change that is not of these schools (their ids in the store). Returns what is imported of `scope`.

    `differing` is as for `compare`.
    """
    _lay_out_changed(context, schools)
    _lay_out_needs(context)
    _pull_in(context)
    _lay_out_leaning(context)
    while _drop_deletes(context):
        pass
    _leave_out(context, differing)
    known = set(schools) | {i for (i,) in context.con.execute("SELECT id FROM kept WHERE tbl = 'orgs'").fetchall()}
    return replace(scope, imported=tuple(pair for pair in scope.imported if pair[1] in known))


def left_out(whole: Iterable[EntityCounts], own: Iterable[EntityCounts], tallies: Tallies) -> list[EntityCounts]:
    """What a plan of some schools counts: their records, its changes, and how many of the whole plan's are left out.

    `own`: the whole plan's counts of these schools' records alone.
    """
    of_schools = {c.entity: c for c in own}
    still = Counter[tuple[str, str]]()
    for known in tallies.values():
        for (entity, _, change, _), number in known.changes.items():
            still[entity, change] += number
    return [
        _left_out(c, of_schools.get(c.entity, EntityCounts(c.entity)), *(still[c.entity or "", x] for x in Change))
        for c in whole
    ]


def _left_out(whole: EntityCounts, own: EntityCounts, created: int, updated: int, deleted: int) -> EntityCounts:
    out = whole.created + whole.updated + whole.deleted - created - updated - deleted
    return replace(own, created=created, updated=updated, deleted=deleted, out_of_scope=out)


def _coming(table: Table, columns: str = "*") -> str:
    """Records as they will be, as a relation."""
    return f"(SELECT {columns} FROM final_{table.name} UNION ALL BY NAME SELECT {columns} FROM trimmed_{table.name})"


def _lay_out_changed(context: Context, schools: Collection[str]) -> None:
    """Make `asked_schools`, `changed` (tbl, id, change, cause, schools) and `kept`: the changes of these schools."""
    context.con.execute(
        "CREATE OR REPLACE TEMP TABLE asked_schools AS SELECT unnest(?::VARCHAR[]) AS id", [sorted(schools)]
    )
    context.sql("""
        CREATE OR REPLACE TEMP TABLE all_schools AS
        SELECT id FROM store_orgs WHERE entity = 'School' AND status = 'active'
        UNION SELECT id FROM final_orgs WHERE entity = 'School'
    """)
    context.sql("""
        CREATE OR REPLACE TEMP TABLE changed (
          tbl VARCHAR, id VARCHAR, change VARCHAR, cause VARCHAR, schools VARCHAR[])
    """)
    every = "(SELECT coalesce(list(id), []) FROM all_schools)"
    for table in context.tables:
        before, after = _sides(table)
        context.sql(f"""
            INSERT INTO changed
            SELECT {literal(table.name)}, c.id, c.change, c.cause,
              list_intersect(list_distinct(list_concat(coalesce(b.schools, []), coalesce(a.schools, []))), {every})
            FROM changes_{table.name} c
            LEFT JOIN ({before}) b ON b.id = c.id AND c.change <> 'Create'
            LEFT JOIN ({after}) a ON a.id = c.id AND c.change <> 'Delete'
        """)
    context.sql("""
        CREATE OR REPLACE TEMP TABLE kept AS
        SELECT tbl, id, change FROM changed
        WHERE len(schools) > 0 AND list_has_all((SELECT list(id) FROM asked_schools), schools)
    """)


def _sides(table: Table) -> tuple[str, str]:
    """Queries for (id, schools) of a table's records, as they are stored and as they will be."""
    stored = f"SELECT r.id, {{}} AS schools FROM store_{table.name} r WHERE r.status = 'active'"
    if table is ORGS or table in PLACED_BY:
        schools = schools_of(table, "r")
        return stored.format(schools), f"SELECT r.id, {schools} AS schools FROM {_coming(table)} r"
    if table is not DEMOGRAPHICS:
        return stored.format("NULL::VARCHAR[]"), f"SELECT r.id, NULL::VARCHAR[] AS schools FROM final_{table.name} r"
    people = "SELECT r.id, r.orgSourcedIds AS schools FROM store_users r WHERE r.status = 'active'"
    coming = f"SELECT r.id, r.orgSourcedIds AS schools FROM {_coming(USERS, 'id, orgSourcedIds')} r"
    return people, f"{coming} UNION ALL ({people} AND r.id NOT IN (SELECT id FROM {_coming(USERS, 'id')}))"


def _lay_out_needs(context: Context) -> None:
    """Make `needs` (tbl, id, to_tbl, to_id): new records that a changed record brings along."""
    context.sql("CREATE OR REPLACE TEMP TABLE needs (tbl VARCHAR, id VARCHAR, to_tbl VARCHAR, to_id VARCHAR)")
    for table in context.tables:
        for attribute in (*followed(table), *optional_of(table)):
            # Somebody whose organisations were all left out would belong nowhere.
            always = attribute.required or attribute.name == "orgSourcedIds"
            only = "" if always else " AND list_has_all((SELECT list(id) FROM asked_schools), t.schools)"
            context.sql(f"""
                INSERT INTO needs SELECT {literal(table.name)}, n.id, t.tbl, t.id
                FROM ({_references(attribute, f"(FROM {_coming(table)} SEMI JOIN (SELECT id FROM changes_{table.name}) USING (id))")}) n
                JOIN changed t ON t.tbl = {literal(attribute.target)} AND t.change = 'Create' AND t.id = n.to_id{only}
            """)


def _references(attribute: Attribute, rows: str) -> str:
    """Query for (id, to_id): one reference of each of the rows."""
    value = f"unnest(r.{q(attribute.name)})" if attribute.kind is Kind.REFS else f"r.{q(attribute.name)}"
    return f"SELECT r.id, {value} AS to_id FROM {rows} r"


def _pull_in(context: Context) -> None:
    """Add to `kept` what its records bring along, and what that brings along."""
    context.sql("""
        INSERT INTO kept
        WITH RECURSIVE reached AS (
            SELECT tbl, id FROM kept WHERE change <> 'Delete'
            UNION SELECT n.to_tbl, n.to_id FROM reached r JOIN needs n ON n.tbl = r.tbl AND n.id = r.id)
        SELECT tbl, id, 'Create' FROM reached r
        WHERE NOT EXISTS (FROM kept k WHERE k.tbl = r.tbl AND k.id = r.id)
    """)


def _lay_out_leaning(context: Context) -> None:
    """Make `leaning` (tbl, id, from_tbl, from_id): changed records that refer to a deleted one in the store. And `because`
    (tbl, id, to_tbl, to_id): deletes that follow from another one, and that one.
    """
    context.sql("CREATE OR REPLACE TEMP TABLE leaning (tbl VARCHAR, id VARCHAR, from_tbl VARCHAR, from_id VARCHAR)")
    context.sql("CREATE OR REPLACE TEMP TABLE because (tbl VARCHAR, id VARCHAR, to_tbl VARCHAR, to_id VARCHAR)")
    for table in context.tables:
        stored = f"(SELECT s.* FROM store_{table.name} s SEMI JOIN changes_{table.name} c ON c.id = s.id WHERE s.status = 'active')"
        for attribute in (*followed(table), *optional_of(table)):
            refers = _references(attribute, stored)
            context.sql(f"""
                INSERT INTO leaning SELECT d.tbl, d.id, {literal(table.name)}, n.id FROM ({refers}) n
                JOIN changed d ON d.tbl = {literal(attribute.target)} AND d.change = 'Delete' AND d.id = n.to_id
            """)
            if attribute.required:
                context.sql(f"""
                    INSERT INTO because SELECT c.tbl, c.id, d.tbl, d.id FROM ({refers}) n
                    JOIN changed c ON c.tbl = {literal(table.name)} AND c.id = n.id
                      AND c.change = 'Delete' AND c.cause = 'Cascade'
                    JOIN changed d ON d.tbl = {literal(attribute.target)} AND d.change = 'Delete' AND d.id = n.to_id
                """)


def _drop_deletes(context: Context) -> bool:
    """Take deletes out of `kept` that something left out stands against. Returns whether there were any."""
    before = context.one("SELECT count(*) FROM kept")
    context.sql("""
        DELETE FROM kept k USING (
            SELECT l.tbl, l.id FROM leaning l ANTI JOIN kept o ON o.tbl = l.from_tbl AND o.id = l.from_id
            UNION
            SELECT b.tbl, b.id FROM because b LEFT JOIN kept o ON o.tbl = b.to_tbl AND o.id = b.to_id AND o.change = 'Delete'
            GROUP BY b.tbl, b.id HAVING count(o.id) = 0) s
        WHERE s.tbl = k.tbl AND s.id = k.id AND k.change = 'Delete'
    """)
    return bool(context.one("SELECT count(*) FROM kept") != before)


def _leave_out(context: Context, differing: frozenset[str]) -> None:
    """Make the records and changes anew, as if what is left out had not been found."""
    context.sql("""
        CREATE OR REPLACE TEMP TABLE left_out AS
        SELECT c.tbl, c.id, c.change FROM changed c ANTI JOIN kept k ON k.tbl = c.tbl AND k.id = c.id
    """)
    for table in context.tables:
        if table not in (ENROLLMENTS, DEMOGRAPHICS):
            mine = f"FROM left_out l WHERE l.tbl = {literal(table.name)} AND l.id = t.id"
            context.sql(f"UPDATE targets_{table.name} t SET there = FALSE {mine} AND l.change = 'Create'")
            context.sql(f"UPDATE targets_{table.name} t SET there = TRUE, gone = FALSE {mine} AND l.change = 'Delete'")
    resolve_again(context)
    compare(context, differing)
    for table in context.tables:
        context.sql(
            f"DELETE FROM changes_{table.name} WHERE id NOT IN (SELECT id FROM kept WHERE tbl = {literal(table.name)})"
        )
