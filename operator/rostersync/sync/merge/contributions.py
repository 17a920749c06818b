"""What merge reads, laid out over the store and the tables of this plan's own stages."""

from rostersync.roster import TABLES, Table
from rostersync.stores.port import StoreReader, StoreState
from rostersync.stores.several import ROSTER, Several
from rostersync.sync.merge.words import Words, sources_of
from rostersync.tables.context import Context
from rostersync.tables.sql import literal, q


def taken_from(state: StoreState) -> str:
    """The source whose contributions are the roster so far. "" where several have made one together."""
    return "" if state.several is not None else state.other_sources[0]


def sources_after(context: Context, state: StoreState, *, brings: bool) -> Several:
    """The district's sources with the plan's own, in order of age, and with what it is known to bring now."""
    known = state.several or Several(((taken_from(state), True),))
    own = {context.source: brings}
    return Several(tuple((known.brings | own).items()), since=known.since or state.revision + 1)


def attach(context: Context, reader: StoreReader, state: StoreState) -> None:
    """Make `roster_`, `others_` and `owners_<table>`, and `former_<table>`, which hold for the whole plan."""
    reader.attach_others(context.con, taken_from(state) or ROSTER)
    context.sql("CREATE OR REPLACE TEMP TABLE bringing (source VARCHAR)")
    for source, brings in (state.several or Several(((taken_from(state), True),))).sources:
        if brings:
            context.con.execute("INSERT INTO bringing VALUES (?)", [source])
    context.con.execute("SET VARIABLE own_source = ?", [context.source])
    for table in TABLES:
        name = table.name
        context.sql(f"""
            CREATE OR REPLACE TEMP VIEW owners_{name} AS
            SELECT id, attribute, source FROM store_owners WHERE tbl = {literal(name)}
        """)
        context.sql(f"""
            CREATE OR REPLACE TEMP VIEW links_{name} AS
            SELECT source, id, record_id FROM store_links WHERE tbl = {literal(name)}
        """)
        # Without a roster of several, only the one source's records are in it.
        own = f"UNION ALL SELECT getvariable('own_source'), id FROM store_{name} WHERE status = 'active'"
        context.sql(f"""
            CREATE OR REPLACE TEMP VIEW former_{name} AS
            SELECT s.source, s.id, coalesce(l.record_id, s.id) AS record_id
            FROM (SELECT source, id FROM others_{name} {own if state.several else ""}) s
            LEFT JOIN links_{name} l ON l.source = s.source AND l.id = s.id
            WHERE l.record_id IS NOT NULL OR s.source IN (FROM bringing)
        """)


def lay_out(context: Context) -> None:
    """Make `contributed_<table>`: every source's active records as they will be after this plan."""
    for table in TABLES:
        if table in context.tables:
            _with_own(context, table)
            continue
        # Nothing of it is taken, and the store has none of this source.
        columns = ", ".join(f"{c} VARCHAR" for c in ("id", "entity", "new_entity", "change", "cause"))
        context.sql(f"CREATE OR REPLACE TEMP TABLE changes_{table.name} ({columns}, before_hash UHUGEINT)")
        context.sql(f"CREATE OR REPLACE TEMP VIEW contributed_{table.name} AS FROM others_{table.name}")


def _with_own(context: Context, table: Table) -> None:
    name = table.name
    columns = ", ".join(["id", "entity", *(q(n) for n in table.names), "metadata"])
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE coming_{name} AS
        SELECT {columns} FROM (SELECT {columns} FROM final_{name} UNION ALL SELECT {columns} FROM trimmed_{name})
        SEMI JOIN (SELECT id FROM changes_{name} WHERE change <> 'Delete') USING (id)
    """)
    context.sql(f"""
        CREATE OR REPLACE TEMP VIEW contributed_{name} AS
        SELECT source, {columns} FROM others_{name}
        UNION ALL
        SELECT getvariable('own_source'), {columns} FROM store_{name} ANTI JOIN changes_{name} USING (id) WHERE status = 'active'
        UNION ALL SELECT getvariable('own_source'), {columns} FROM coming_{name}
    """)


def hold_back(context: Context, held: frozenset[str]) -> frozenset[str]:
    """Add what merge holds back of this source to `held_back_<table>` (id, why). Returns the tables that got more.

    `held`: the tables that have one already.
    """
    more = set()
    for table in TABLES:
        mine = f"FROM merge_held WHERE tbl = {literal(table.name)} AND source = getvariable('own_source')"
        if not context.exists(f"(SELECT 1 {mine})"):
            continue
        if table.name not in held:
            context.sql(f"CREATE OR REPLACE TEMP TABLE held_back_{table.name} (id VARCHAR, why VARCHAR)")
        new = f"SELECT id, why {mine} AND id NOT IN (SELECT id FROM held_back_{table.name})"
        if context.exists(f"({new})"):
            context.sql(f"INSERT INTO held_back_{table.name} {new}")
            more.add(table.name)
    return frozenset(more)


def words_of(context: Context, several: Several) -> Words:
    """The district's words, as the plan's own connection has them."""
    spec = context.spec
    return Words(
        sources_of((name for name, _ in several.sources), several.brings), spec.domainsOfUniqueness, spec.masterFields
    )
