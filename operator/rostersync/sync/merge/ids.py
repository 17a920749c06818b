"""The id of each group in the roster: one that its records had or bring, and that nobody claims with more right.

Each record claims the id that it had, else its own. It goes to who brought it, then to who had it, then to the older source. A group
keeps an id that stands rather than take a new one. Where several of its ids stand, they become one: that of the first source in Master
Fields' order. Who gets none is IdTaken.
"""

from rostersync.roster import Table
from rostersync.tables.context import Context
from rostersync.tables.sql import literal


def name_groups(context: Context, table: Table) -> None:
    """Make `named_<table>`: source, id, brings, age, former, record_id (null: it is in no record of the roster)."""
    name = table.name
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE merge_alive AS
        SELECT m.source, m.id, m.brings, m.age, m.rank, m.former, g.grp,
          CASE WHEN m.brings OR m.former IS NOT NULL THEN coalesce(m.former, m.id) END AS home
        FROM members_{name} m JOIN grouped_{name} g USING (n) SEMI JOIN (
          SELECT grp FROM members_{name} JOIN grouped_{name} USING (n) WHERE brings) b ON b.grp = g.grp
    """)
    context.sql("""
        CREATE OR REPLACE TEMP TABLE merge_homes AS
        SELECT home, min(grp) AS grp, max(grp) <> min(grp) AS contested, bool_and(former IS NULL) AS is_new, min(rank) AS rank
        FROM merge_alive WHERE home IS NOT NULL GROUP BY home
    """)
    context.sql("""
        CREATE OR REPLACE TEMP TABLE merge_won AS
        SELECT grp, home AS record_id, is_new, rank FROM merge_homes WHERE NOT contested
    """)
    others = "SELECT NULL::BIGINT AS grp, NULL::VARCHAR AS record_id WHERE FALSE"
    if contested := context.exists("merge_homes WHERE contested"):
        _contest(context)
        others = """
          SELECT grp, arg_min(source || ':' || id, rank) AS record_id FROM merge_alive
          WHERE brings AND grp NOT IN (SELECT grp FROM merge_won) GROUP BY grp"""
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE named_{name} AS
        WITH chosen AS (
          SELECT grp, min({{is_new: is_new, rank: rank, id: record_id}}).id AS record_id FROM merge_won GROUP BY grp),
        others AS ({others})
        SELECT m.source, m.id, m.brings, m.age, m.former, c.record_id
        FROM members_{name} m LEFT JOIN grouped_{name} g USING (n)
        LEFT JOIN (FROM chosen UNION ALL FROM others) c ON c.grp = g.grp
    """)
    if contested:
        _hold_back(context, table)


def _contest(context: Context) -> None:
    """Add to `merge_won` who of several groups gets the id that they claim."""
    context.sql("""
        INSERT INTO merge_won
        WITH claims AS (SELECT a.* FROM merge_alive a SEMI JOIN (FROM merge_homes WHERE contested) USING (home)),
        winners AS (
          SELECT home, grp FROM claims
          QUALIFY row_number() OVER (PARTITION BY home ORDER BY home <> id, former IS NULL, age, id) = 1)
        SELECT w.grp, w.home, bool_and(a.former IS NULL), min(a.rank)
        FROM winners w JOIN claims a ON a.grp = w.grp AND a.home = w.home GROUP BY ALL
    """)
    # Who won nothing takes an id of its own that nobody claims.
    context.sql("""
        INSERT INTO merge_won
        SELECT grp, id, TRUE, rank FROM (
          SELECT * FROM merge_alive
          WHERE brings AND grp NOT IN (SELECT grp FROM merge_won) AND id NOT IN (SELECT record_id FROM merge_won))
        QUALIFY row_number() OVER (PARTITION BY id ORDER BY rank) = 1
    """)


def name_as_people(context: Context) -> None:
    """The same for demographics, which have the ids of their people. Without a person, they are in no record."""
    context.sql("""
        CREATE OR REPLACE TEMP TABLE named_demographics AS
        SELECT m.source, m.id, m.brings, m.age, m.former,
          CASE WHEN bool_or(m.brings) OVER (PARTITION BY u.record_id) THEN u.record_id END AS record_id
        FROM members_demographics m LEFT JOIN named_users u ON u.source = m.source AND u.id = m.id
    """)


def _hold_back(context: Context, table: Table) -> None:
    """Who got no id, and whoever has the ids that they want: neither is guessed to be the right one."""
    name = table.name
    losers = "SELECT * FROM merge_alive WHERE grp NOT IN (SELECT grp FROM merge_won)"
    if context.one(f"SELECT 1 FROM ({losers}) LIMIT 1") is None:
        return
    context.sql(f"""
        INSERT INTO merge_held
        SELECT {literal(name)}, source, id, 'IdTaken' FROM (
          SELECT source, id FROM ({losers})
          UNION
          SELECT n.source, n.id FROM named_{name} n SEMI JOIN (
            SELECT home AS record_id FROM ({losers}) UNION SELECT id FROM ({losers})) USING (record_id))
        ANTI JOIN (SELECT source, id FROM merge_held WHERE tbl = {literal(name)}) USING (source, id)
    """)
