"""Merge: the roster of a district out of the contributions of all its sources, after this plan's.

Reads `contributed_<table>` (every source's active records as they will be: source, id, entity, attributes, metadata),
`former_<table>` (source, id, record_id: the record of the roster that each stored contribution is in), `roster_<table>` (the roster as it
is stored), `owners_<table>` (id, attribute, source) and `changes_<table>`. Writes, by table: `named_` (what each contribution is in the
roster), `united_` (the roster's records that this plan touches, and what is different in them), `owned_`, `roster_changes_`; and `merge_held`.

Tables are done in the order of their dependencies, since references are part of what records are recognised by.
"""

from collections.abc import Collection

from rostersync.roster import DEMOGRAPHICS, ORGS, TABLES, Table
from rostersync.sync.merge import changes, ids, links, values
from rostersync.sync.merge.words import Words
from rostersync.tables.context import Context
from rostersync.tables.sql import literal


def merge(
    context: Context, words: Words, *, targets: Collection[str] = (), new_words: bool = False
) -> tuple[Table, ...]:
    """Make the roster. Returns the tables that have `united_`, `owned_` and `roster_changes_`: nothing of others can have changed.

    `targets`: ids that Schools Mapping names. `new_words`: the district's words differ from the last ones.
    """
    context.con.execute("SET VARIABLE own_source = ?", [context.source])
    context.sql("CREATE OR REPLACE TEMP TABLE merge_held (tbl VARCHAR, source VARCHAR, id VARCHAR, why VARCHAR)")
    for table in TABLES:
        context.begin("merge", table)
        _lay_out_members(context, table, words)
        if table is DEMOGRAPHICS:
            ids.name_as_people(context)
        else:
            links.link(context, table, words, targets)
            ids.name_groups(context, table)
        if table is not ORGS:  # whose organisations are only there for its own records
            _hold_unmatched(context, table)
        changes.lay_out_renamed(context, table)
    touched = []
    for table in TABLES:
        changes.touch(context, table, everything=new_words)
        if context.exists(f"touched_{table.name}"):
            touched.append(table)
            values.unite(context, table, words)
            changes.compare(context, table, new_words=new_words)
    return tuple(touched)


def some_held(context: Context) -> bool:
    """Whether records of the plan's own source must be held back, which `merge_held` names."""
    return context.exists("(SELECT 1 FROM merge_held WHERE source = getvariable('own_source'))")


def _lay_out_members(context: Context, table: Table, words: Words) -> None:
    """Make `members_<table>`: each contribution with what is known of its source and what record of the roster it was in.

    `n` numbers them. `unit` is a number that those have in common which were one record, and else a contribution's own.
    """
    order = words.order(table)
    context.sql("CREATE OR REPLACE TEMP TABLE merge_sources (source VARCHAR, age BIGINT, brings BOOLEAN, rank BIGINT)")
    for age, source in enumerate(words.sources):
        row = [source.source, age, source.brings, order[source.source]]
        context.con.execute("INSERT INTO merge_sources VALUES (?, ?, ?, ?)", row)
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE merge_members AS
        SELECT c.source, c.id, s.age, s.brings, s.rank, f.record_id AS former
        FROM contributed_{table.name} c JOIN merge_sources s USING (source)
        LEFT JOIN former_{table.name} f ON f.source = c.source AND f.id = c.id
    """)
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE members_{table.name} AS
        SELECT m.*, m.rowid AS n, coalesce(first.n, m.rowid) AS unit FROM merge_members m LEFT JOIN (
          SELECT former, min(rowid) AS n FROM merge_members WHERE former IS NOT NULL GROUP BY former) first USING (former)
    """)


def _hold_unmatched(context: Context, table: Table) -> None:
    """Records of sources that bring none of their own, without a partner that does."""
    name = literal(table.name)
    context.sql(f"""
        INSERT INTO merge_held
        SELECT {name}, source, id, 'Unmatched' FROM named_{table.name} n
        ANTI JOIN (SELECT source, id FROM merge_held WHERE tbl = {name}) USING (source, id)
        WHERE n.record_id IS NULL
    """)
