"""The resulting store: what references find there, and the records that are accepted or stay, with references cut."""

from rostersync.fate import Fate
from rostersync.roster import DEMOGRAPHICS, ENROLLMENTS, USERS, Attribute, Kind, Table
from rostersync.sync.link.references import entities_of, optional_of, required_of
from rostersync.tables.context import Context
from rostersync.tables.sql import literal, q

NOT_THERE = "t.there IS NOT TRUE"  # what an accepted record may not keep
GONE = "coalesce(t.gone, FALSE)"  # what a record that merely stays loses


def lay_out_targets(context: Context, table: Table, *, unsure: bool = False) -> None:
    """Make `targets_<table>`: the ids of the resulting store, and those that leave with this plan.

    `unsure`: some accepted records would be held back if nothing were deferred. New ones of these are `absent`.
    """
    if table in (ENROLLMENTS, DEMOGRAPHICS):
        return  # nothing refers to them
    taken = context.taken_of(table)
    untaken = ""
    if table is USERS and not context.taken.issuperset(USERS.entities):
        untaken = f"UNION ALL SELECT id, FALSE, FALSE, FALSE FROM fates_users WHERE fate = {literal(Fate.NOT_TAKEN)}"
    known = f"SELECT id FROM store_{table.name} WHERE status = 'active'"
    absent = f"(owed OR unsure) AND id NOT IN ({known})" if unsure else "FALSE"
    united = "SELECT id, bool_and(taken) AS taken, bool_or(there) AS there, bool_or(absent) AS absent FROM present GROUP BY id"
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE targets_{table.name} AS
        WITH present AS (
            SELECT id, TRUE AS taken, TRUE AS there, {absent} AS absent FROM fates_{table.name} WHERE fate IS NULL
            UNION ALL SELECT id, entity IN {taken}, TRUE, FALSE FROM unmatched_{table.name}
            {untaken}),
        one AS ({united if untaken else "FROM present"})
        SELECT o.id, o.there AND (d.deferred IS DISTINCT FROM FALSE) AS there,
          coalesce(NOT d.deferred, FALSE) AS gone, coalesce(d.deferred, FALSE) AS deferred, o.taken, o.absent
        FROM one o LEFT JOIN deletes_{table.name} d ON d.id = o.id
    """)


def _cuts(context: Context, attribute: Attribute, rows: str, lost: str) -> str | None:
    """Make `cut_<rows>_<attribute>` (list, kept): lists that lose an element. Returns None if no list does."""
    name = f"cut_{rows}_{attribute.name}"
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE {name} AS
        WITH lists AS (SELECT DISTINCT {q(attribute.name)} AS list FROM {rows} WHERE {q(attribute.name)} IS NOT NULL),
             items AS (SELECT list, unnest(list) AS item FROM lists),
             judged AS (SELECT list, item, {lost} AS lost FROM items LEFT JOIN targets_{attribute.target} t ON t.id = item)
        SELECT list, list_sort(list(item) FILTER (NOT lost)) AS kept FROM judged GROUP BY list HAVING bool_or(lost)
    """)
    return name if context.exists(name) else None


def lay_out_final(context: Context, table: Table, *, refused: bool) -> None:
    """Make `final_<table>`: accepted records, their optional references cut to what the resulting store has."""
    among = ""
    if refused:
        among = f"SEMI JOIN (SELECT id FROM fates_{table.name} WHERE fate IS NULL) f ON f.id = r.id"
    context.sql(f"""
        CREATE OR REPLACE TEMP VIEW accepted_{table.name} AS SELECT r.* FROM required_{table.name} r {among}
    """)
    untaken = [a for a in required_of(table) if not any(e in context.taken for e in entities_of(a))]
    values, joins = _with_cuts(context, table, f"accepted_{table.name}", (*optional_of(table), *untaken), NOT_THERE)
    metadata, more = _metadata(context, table)
    context.sql(f"""
        CREATE OR REPLACE TEMP VIEW final_{table.name} AS
        SELECT r.raw_id, r.id, r.entity, {", ".join(values)}, {metadata} AS metadata
        FROM accepted_{table.name} r {" ".join([*joins, *more])}
    """)


def _with_cuts(
    context: Context, table: Table, rows: str, cut: tuple[Attribute, ...], lost: str
) -> tuple[list[str], list[str]]:
    """(the attributes of `rows` r with lost references cut, the joins needed for that)."""
    values, joins = [], []
    for attribute in table.attributes:
        value = f"r.{q(attribute.name)}"
        alias = f"k_{attribute.name}"
        if attribute in cut and attribute.kind is Kind.REF:
            lost_ids = f"(SELECT id, {lost} AS lost FROM targets_{attribute.target} t)"
            joins.append(f"LEFT JOIN {lost_ids} {alias} ON {alias}.id = {value}")
            value = f"CASE WHEN coalesce({alias}.lost, {'TRUE' if lost == NOT_THERE else 'FALSE'}) THEN NULL ELSE {value} END"
        elif attribute in cut:
            lists = _cuts(context, attribute, rows, lost)
            if lists:
                joins.append(f"LEFT JOIN {lists} {alias} ON {alias}.list = {value}")
                value = f"CASE WHEN {alias}.list IS NOT NULL THEN {alias}.kept ELSE {value} END"
        values.append(f"{value} AS {q(attribute.name)}")
    return values, joins


def _metadata(context: Context, table: Table) -> tuple[str, list[str]]:
    """(metadata of an accepted record r, joins). Keys that mappings no longer name stay as the store has them."""
    if not context.has_other_keys(table):
        return "r.metadata", []
    context.con.execute(
        "CREATE OR REPLACE TEMP TABLE named_keys AS SELECT unnest(?::VARCHAR[]) AS key",
        [context.metadata_to_keep(*table.entities)],
    )
    others = "list_filter(map_entries(m.metadata), lambda x: NOT list_contains(m.named, x.key))"
    both = f"list_sort(list_concat(coalesce({others}, []), coalesce(map_entries(r.metadata), [])))"
    named = "(SELECT coalesce(list(key), []) FROM named_keys) AS named"
    stored = f"(SELECT id, metadata, {named} FROM store_{table.name} WHERE status = 'active')"
    return f"CASE WHEN len({both}) > 0 THEN map_from_entries({both}) END", [f"LEFT JOIN {stored} m ON m.id = r.id"]


def lay_out_trimmed(context: Context, table: Table) -> None:
    """Make `trimmed_<table>`: records that stay as they are, except for optional references to records that leave."""
    refs = tuple(a for a in optional_of(table) if context.exists(f"(SELECT 1 FROM targets_{a.target} WHERE gone)"))
    if not refs:
        nothing = ", ".join(q(n) for n in (*table.names, "metadata"))
        context.sql(f"""
            CREATE OR REPLACE TEMP VIEW trimmed_{table.name} AS SELECT id, entity, {nothing} FROM store_{table.name} WHERE FALSE
        """)
        return
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE staying_{table.name} AS
        SELECT s.* FROM store_{table.name} s JOIN unmatched_{table.name} u ON u.id = s.id AND s.status = 'active'
        WHERE s.id NOT IN (SELECT id FROM deletes_{table.name} WHERE NOT deferred)
    """)
    values, joins = _with_cuts(context, table, f"staying_{table.name}", refs, GONE)
    context.sql(f"""
        CREATE OR REPLACE TEMP VIEW trimmed_{table.name} AS
        SELECT r.id, r.entity, {", ".join(values)}, r.metadata FROM staying_{table.name} r {" ".join(joins)}
    """)
