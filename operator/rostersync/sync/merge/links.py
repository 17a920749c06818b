"""Which records of several sources are one. Makes `grouped_<table>` from `members_<table>` and what records are known by.

Records that had one id in the roster stay together as long as they live. One leaves if it agrees with no other of them in a domain
any more, and with a record of another source elsewhere. What agrees across sources becomes one group, unless that would unite two
records of one source: then nothing is united, and those that agree are Duplicates.
"""

from collections.abc import Collection

from duckdb import ColumnExpression

from rostersync.roster import ORGS, Table
from rostersync.sync.expressions import const, domain_key
from rostersync.sync.merge.following import follow
from rostersync.sync.merge.words import Words
from rostersync.tables.context import Context
from rostersync.tables.sql import literal

_ALONE = -1  # a record that leaves is a unit with a number below this, which no other has


def link(context: Context, table: Table, words: Words, targets: Collection[str]) -> None:
    """Make `grouped_<table>`: n (of its member), and grp, a number that records of one group share.

    `targets`: ids in the roster that Schools Mapping names, which say which organisation a record is.
    """
    name = table.name
    if not _agreeing(context, table, words, targets):
        context.sql(f"CREATE OR REPLACE TEMP TABLE grouped_{name} AS SELECT n, unit AS grp FROM members_{name}")
        return
    _find_leaving(context, table)
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE merge_units AS
        SELECT m.n, m.age, CASE WHEN l.n IS NULL THEN m.unit ELSE {_ALONE} - m.n END AS unit
        FROM members_{name} m LEFT JOIN merge_leaving l USING (n)
    """)
    _find_components(context)
    context.sql("""
        CREATE OR REPLACE TEMP TABLE merge_ambiguous AS
        SELECT c.label FROM merge_units u JOIN merge_components c USING (unit)
        GROUP BY c.label HAVING count(*) > count(DISTINCT u.age)
    """)
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE grouped_{name} AS
        SELECT u.n, CASE WHEN a.label IS NULL THEN coalesce(c.label, u.unit) ELSE u.unit END AS grp
        FROM merge_units u LEFT JOIN merge_components c USING (unit) LEFT JOIN merge_ambiguous a ON a.label = c.label
    """)
    if context.exists("merge_ambiguous"):
        context.sql(f"""
            INSERT INTO merge_held
            SELECT DISTINCT {literal(name)}, m.source, m.id, 'Duplicate'
            FROM merge_borne b SEMI JOIN merge_edges USING (key) JOIN merge_units u USING (n)
            JOIN merge_components c ON c.unit = u.unit SEMI JOIN merge_ambiguous a ON a.label = c.label
            JOIN members_{name} m ON m.n = b.n
        """)


def _agreeing(context: Context, table: Table, words: Words, targets: Collection[str]) -> bool:
    """Find what records agree in: `merge_borne` (n, age, unit, key), and `merge_crossing` (key), what records of several sources
    have that are not one so far. Whether there is any: all others stay as they are.
    """
    by_id = table is ORGS and _lay_out_by_id(context, targets)
    if not by_id and not list(words.domains_of(table)):
        return False
    _find_keys(context, table, words, by_id=by_id)
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE merge_borne AS
        SELECT m.n, m.age, m.unit, k.key FROM merge_keys k JOIN members_{table.name} m USING (source, id)
    """)
    context.sql("""
        CREATE OR REPLACE TEMP TABLE merge_crossing AS
        SELECT key FROM merge_borne GROUP BY key HAVING min(age) <> max(age) AND min(unit) <> max(unit)
    """)
    return context.exists("merge_crossing")


def _find_leaving(context: Context, table: Table) -> None:
    """Make `merge_leaving` (n). Who leaves agrees with somebody outside, so only such records are looked at, and who has a key of theirs."""
    context.sql("CREATE OR REPLACE TEMP TABLE merge_leaving (n BIGINT)")
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE merge_asked AS
        SELECT DISTINCT n FROM merge_borne SEMI JOIN merge_crossing USING (key)
        SEMI JOIN (SELECT unit FROM members_{table.name} GROUP BY unit HAVING count(*) > 1) USING (unit)
    """)
    if not context.exists("merge_asked"):
        return
    context.sql("""
        INSERT INTO merge_leaving
        WITH seen AS (
          SELECT n,
            count(*) OVER (PARTITION BY key, unit) > 1 AS inside,
            count(*) OVER (PARTITION BY key) - count(*) OVER (PARTITION BY key, age)
              > count(*) OVER (PARTITION BY key, unit) - count(*) OVER (PARTITION BY key, unit, age) AS outside
          FROM merge_borne SEMI JOIN (SELECT key FROM merge_borne SEMI JOIN merge_asked USING (n)) USING (key))
        SELECT n FROM seen SEMI JOIN merge_asked USING (n) GROUP BY n HAVING bool_or(outside) AND NOT bool_or(inside)
    """)


def _find_components(context: Context) -> None:
    """Make `merge_components` (unit, label): units that keys connect have one label, the least of their numbers."""
    context.sql("""
        CREATE OR REPLACE TEMP TABLE merge_edges AS
        SELECT DISTINCT u.unit, b.key FROM merge_borne b SEMI JOIN merge_crossing USING (key) JOIN merge_units u USING (n)
    """)
    context.sql("""
        CREATE OR REPLACE TEMP TABLE merge_components AS
        WITH of_key AS (SELECT key, min(unit) AS label FROM merge_edges GROUP BY key)
        SELECT e.unit, min(k.label) AS label FROM merge_edges e JOIN of_key k USING (key) GROUP BY e.unit
    """)
    while context.exists("""
        (SELECT key FROM merge_edges e JOIN merge_components c USING (unit) GROUP BY key HAVING min(c.label) <> max(c.label))
    """):
        context.sql("""
            CREATE OR REPLACE TEMP TABLE merge_next AS
            WITH of_key AS (
              SELECT e.key, min(c.label) AS label FROM merge_edges e JOIN merge_components c USING (unit) GROUP BY e.key)
            SELECT e.unit, min(k.label) AS label FROM merge_edges e JOIN of_key k USING (key) GROUP BY e.unit
        """)
        # A label that itself has a lower one is replaced by that, so that long chains take few rounds.
        context.sql("""
            CREATE OR REPLACE TEMP TABLE merge_components AS
            SELECT n.unit, least(n.label, m.label) AS label FROM merge_next n JOIN merge_next m ON m.unit = n.label
        """)


def _lay_out_by_id(context: Context, targets: Collection[str]) -> bool:
    """Make `merge_by_id` (source, id): organisations of which somebody said, now or before, which ones they are.

    Before: their id is that of a record of another source, with which they are one.
    """
    context.con.execute(
        "CREATE OR REPLACE TEMP TABLE merge_targets AS SELECT unnest(?::VARCHAR[]) AS id", [sorted(targets)]
    )
    context.sql("""
        CREATE OR REPLACE TEMP TABLE merge_by_id AS
        SELECT source, id FROM members_orgs WHERE source = getvariable('own_source') AND id IN (FROM merge_targets)
        UNION
        SELECT m.source, m.id FROM members_orgs m JOIN members_orgs o
        ON o.former = m.former AND o.id = m.id AND o.source <> m.source
    """)
    return context.exists("merge_by_id")


def _find_keys(context: Context, table: Table, words: Words, *, by_id: bool) -> None:
    """Make `merge_keys` (source, id, key): what each record can be recognised by."""
    context.sql("CREATE OR REPLACE TEMP TABLE merge_keys (source VARCHAR, id VARCHAR, key VARCHAR)")
    domains = list(words.domains_of(table))
    wanted = {a for _, domain in domains for a in domain.attributes}
    needed = tuple(a for a in table.references if a.name in wanted and a.target != table.name)
    followed = follow(context, f"contributed_{table.name}", needed)
    context.sql(f"CREATE OR REPLACE TEMP VIEW merge_read AS {followed}")
    for number, domain in domains:
        rows = context.con.view("merge_read").filter(ColumnExpression("entity") == const(domain.entity.value))
        names = [f"k{i}" for i in range(len(domain.attributes))]
        keys = [domain_key(table, a).alias(n) for n, a in zip(names, sorted(domain.attributes), strict=True)]
        rows.project(ColumnExpression("source"), ColumnExpression("id"), *keys).create_view(
            "merge_values", replace=True
        )
        present = " AND ".join(f"{n} IS NOT NULL" for n in names)
        context.sql(f"""
            INSERT INTO merge_keys SELECT source, id, to_json([{int(number)}::VARCHAR, {", ".join(names)}])::VARCHAR
            FROM merge_values WHERE {present}
        """)
    if by_id:
        context.sql("DELETE FROM merge_keys WHERE (source, id) IN (SELECT (source, id) FROM merge_by_id)")
        context.sql("""
            INSERT INTO merge_keys
            SELECT source, id, to_json(['id', id])::VARCHAR FROM merge_by_id
            UNION
            SELECT source, id, to_json(['id', former])::VARCHAR FROM members_orgs
            WHERE former IN (FROM merge_targets) AND (source, id) NOT IN (SELECT (source, id) FROM merge_by_id)
        """)
