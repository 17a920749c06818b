"""The fate of every pulled record, and the records of the store that this pull does not accept."""

from dataclasses import dataclass

from rostersync.fate import Fate
from rostersync.roster import CLASSES, DEMOGRAPHICS, ENROLLMENTS, ORGS, USERS, Table
from rostersync.sync.link.references import any_of, entities_of, followed
from rostersync.tables.context import Context
from rostersync.tables.sql import first_fate, literal, mark, q

# Why records are held back because of other sources' records, as `held_back_<table>` says.
_BESIDE_OTHERS = (Fate.DUPLICATE, Fate.ID_TAKEN, Fate.UNMATCHED)


def lay_out_fates(context: Context, table: Table, *, duplicates: bool, held: bool = False) -> None:
    """Make `fates_<table>`, with `owed`: a required reference would leave, but that is deferred. And with `unsure`: a
    reference finds only what would not be there if nothing were deferred.

    `held`: there is a `held_back_<table>`.
    """
    joins, nowhere, gone, owed, unsure, silent, dangling = [], [], [], [], [], [], []
    for attribute in followed(table):
        alias = "t_" + attribute.name
        joins.append(f"LEFT JOIN targets_{attribute.target} {alias} ON {alias}.id = r.{q(attribute.name)}")
        if any(e in context.taken for e in entities_of(attribute)):
            nowhere.append(f"({alias}.there IS NOT TRUE)")
            unsure.append(f"{alias}.absent")
        dangling.append(f"WHEN {alias}.there IS NOT TRUE THEN {literal(attribute.name)}")
        gone.append(f"{alias}.gone")
        owed.append(f"{alias}.deferred")
        if attribute.target == "users":
            silent.append(f"NOT {alias}.taken")
    if table is USERS and _some_belong_nowhere(context):
        joins.append("LEFT JOIN nowhere_lists n ON n.list = r.orgSourcedIds")
        nowhere.append("coalesce(n.now, FALSE)")
        unsure.append("(n.list IS NOT NULL)")
    if table in (CLASSES, ENROLLMENTS):  # shape held it back because of its school, before references are followed
        dangling.insert(0, f"WHEN r.fate = {literal(Fate.DANGLING_REFERENCE)} THEN 'schoolSourcedId'")
    own = {Fate.GONE: any_of(gone)}
    if duplicates:
        own[Fate.DUPLICATE] = f"r.id IN (SELECT id FROM duplicates_{table.name})"
    for fate_ in _BESIDE_OTHERS if held else ():
        here = f"r.id IN (SELECT id FROM held_back_{table.name} WHERE why = {literal(fate_)})"
        own[fate_] = f"({own[fate_]} OR {here})" if fate_ in own else here
    # What is about people who are not taken is left out silently, unless the source itself removes it. Demographics of
    # people who are not accepted are left out, too, whatever else is wrong with them.
    silently = [f"{any_of(silent)} AND r.fate IS DISTINCT FROM {literal(Fate.REMOVED)}"] if silent else []
    if table is DEMOGRAPHICS:
        known = "SELECT id FROM store_demographics WHERE status = 'active'"
        silently.append(f"{any_of(nowhere)} AND r.id NOT IN ({known})")
    fate = f"coalesce({first_fate(own, 'r.fate')}, CASE WHEN {any_of(nowhere)} THEN {literal(not_there(table))} END)"
    if silently:
        fate = f"CASE WHEN {any_of(silently)} THEN {literal(Fate.NOT_TAKEN)} ELSE {fate} END"
    missing = (
        "CASE " + " ".join(dangling) + " END" if dangling else literal("orgSourcedIds" if table is USERS else None)
    )
    compared = mark(table, "r") if goes_through_once(context, table) else "NULL"
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE fates_{table.name} AS
        SELECT r.id, r.entity, r.has_error, {fate} AS fate, {any_of(owed)} AS owed, {any_of(unsure)} AS unsure,
          {compared} AS mark, {missing} AS dangling
        FROM required_{table.name} r {" ".join(joins)}
    """)


def _some_belong_nowhere(context: Context) -> bool:
    """Make `nowhere_lists` (list, now): organisation lists of pulled people, none of whose organisations is there (`now`),
    or would be if nothing were deferred.

    Returns whether there are any. If only some organisations are taken, a list says nothing about the others.
    """
    missing = """(
        SELECT 1 FROM (SELECT DISTINCT unnest(targets) AS id FROM org_lists) o LEFT JOIN targets_orgs t ON t.id = o.id
        WHERE t.there IS NOT TRUE OR t.deferred)"""
    if not context.taken.issuperset(ORGS.entities) or not context.exists(missing):
        return False
    context.sql("""
        CREATE OR REPLACE TEMP TABLE nowhere_lists AS
        WITH lists AS (SELECT DISTINCT orgSourcedIds AS list FROM required_users WHERE fate IS NULL)
        SELECT i.list, bool_and(t.there IS NOT TRUE) AS now
        FROM (SELECT list, unnest(list) AS id FROM lists) i LEFT JOIN targets_orgs t ON t.id = i.id
        GROUP BY i.list HAVING bool_and(t.there IS NOT TRUE OR t.deferred)
    """)
    return context.exists("nowhere_lists")


def not_there(table: Table) -> Fate:
    """The fate of a record whose required reference finds nothing."""
    return Fate.NOT_TAKEN if table is DEMOGRAPHICS else Fate.DANGLING_REFERENCE


@dataclass(frozen=True)
class AnyFate:
    """Whether any pulled record of a table is not accepted, refers to what leaves, to what would leave, or is `unsure`."""

    refused: bool
    gone: bool
    owed: bool
    unsure: bool


def any_fate(context: Context, table: Table) -> AnyFate:
    """Read `fates_<table>` once to find out."""
    found = context.con.execute(f"""
        SELECT coalesce(bool_or(fate IS NOT NULL), FALSE), coalesce(bool_or(fate = {literal(Fate.GONE)}), FALSE),
          coalesce(bool_or(fate IS NULL AND owed), FALSE), coalesce(bool_or(fate IS NULL AND unsure), FALSE)
        FROM fates_{table.name}
    """).fetchall()
    return AnyFate(*found[0])


def goes_through_once(context: Context, table: Table) -> bool:
    """Whether accepted records need to be read only once.

    That is so if nothing refers to them, none of their references is cut, and the store has some to compare them with.
    These are the largest tables, so their mark is computed while their references are followed.
    """
    stored = context.stored[table.name].active
    return stored and table in (ENROLLMENTS, DEMOGRAPHICS) and not context.has_other_keys(table)


def lay_out_unmatched(context: Context, table: Table) -> None:
    """Make `unmatched_<table>`: records of the store that this pull does not accept, with what the pull said of them.

    For the largest tables it comes from one join of pull and store, which also makes `differing_<table>`: the accepted
    records that are new or differ from the store's.
    """
    entities = context.taken_of(table)
    if not goes_through_once(context, table):
        context.sql(f"""
            CREATE OR REPLACE TEMP TABLE unmatched_{table.name} AS
            SELECT s.id, s.entity, f.fate, f.id IS NOT NULL AS seen, s.entity IN {entities} AS taken
            FROM store_{table.name} s LEFT JOIN fates_{table.name} f ON f.id = s.id
            WHERE s.status = 'active' AND (f.id IS NULL OR f.fate IS NOT NULL)
        """)
        return
    # The join is as large as the store and may spill, so it has only ids and marks. Records that are not accepted have
    # no mark, so they differ. The few that differ are read afterwards.
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE odd_{table.name} AS
        SELECT coalesce(f.id, s.id) AS id, f.id IS NOT NULL AS seen, s.id IS NOT NULL AS stored
        FROM (SELECT id, CASE WHEN fate IS NULL THEN mark END AS mark FROM fates_{table.name}) f
        FULL JOIN (SELECT id, {mark(table)} AS mark FROM store_{table.name} WHERE status = 'active') s ON s.id = f.id
        WHERE f.mark IS DISTINCT FROM s.mark
    """)
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE joined_{table.name} AS
        SELECT o.*, f.entity AS new_entity, s.entity, f.fate, s.hash AS before_hash
        FROM odd_{table.name} o LEFT JOIN fates_{table.name} f ON f.id = o.id
        LEFT JOIN store_{table.name} s ON s.id = o.id AND s.status = 'active'
    """)
    context.sql(f"""
        CREATE OR REPLACE TEMP VIEW unmatched_{table.name} AS
        SELECT id, entity, fate, seen, entity IN {entities} AS taken
        FROM joined_{table.name} WHERE stored AND (NOT seen OR fate IS NOT NULL)
    """)
    context.sql(f"""
        CREATE OR REPLACE TEMP VIEW differing_{table.name} AS
        SELECT id, coalesce(entity, new_entity) AS entity, new_entity, before_hash
        FROM joined_{table.name} WHERE seen AND fate IS NULL
    """)
