"""Shape: the part of the pull that belongs to this district, in the district's terms.

Schools Mapping → Attributes Mapping → Filter Rules → SIS ID prefix. Reads `staged_<table>`, writes
`shaped_<table>`: raw_id, id, entity, fate, the attributes as staged with references resolved to ids of the store,
metadata. References stay raw until the last step, so that configuration always uses the SIS's own ids.
"""

from collections.abc import Sequence

from rostersync.fate import Fate
from rostersync.model import Entity
from rostersync.roster import (
    CLASSES,
    DEMOGRAPHICS,
    ENROLLMENTS,
    ORGS,
    USERS,
    Kind,
    Table,
)
from rostersync.sync import filters, mapping
from rostersync.sync.schools import REMOVED, Org, Reading, SchoolRules, StoredOrg, decide
from rostersync.sync.scope import Scope
from rostersync.tables.context import Context
from rostersync.tables.entities import deciding_role, entity_of
from rostersync.tables.sql import PREFIX, first_fate, in_list, literal, q


def shape(context: Context, contradictory: frozenset[str]) -> Scope:
    """Make `shaped_<table>` for every table. Returns the result of Schools Mapping.

    `contradictory` names the tables that have ids whose rows contradict each other.
    """
    scope = _schools(context, contradictory)
    for table in context.tables:
        context.begin("shape", table)
        mapping.apply(context, table, _named(context, table, torn=table.name in contradictory))
    _scopes(context, vanished=bool(scope.vanished_targets))
    filters.apply(context)
    for table in context.tables:
        _resolve(context, table)
    return scope


def _schools(context: Context, contradictory: frozenset[str]) -> Scope:
    """Decide Schools Mapping and write it to `org_scope` (raw_id, target, home, state, own)."""
    con = context.con
    status = "status"
    if ORGS.name in contradictory:  # such rows say neither that it exists nor that it is removed
        torn = "sourcedId IN (SELECT sourcedId FROM contradictory_orgs)"
        status = f"CASE WHEN {torn} THEN {literal(Fate.CONTRADICTORY)} ELSE status END"
    pulled = con.execute(
        f"SELECT sourcedId, {entity_of(ORGS)} = 'School', {status}, parentSourcedId FROM staged_orgs"
    ).fetchall()
    remembered = dict(con.execute("SELECT sis_id, target_id FROM store_schools").fetchall())
    known = con.execute("""
        SELECT id, entity = 'School', parentSourcedId, status <> 'active' FROM store_orgs
        WHERE status = 'active' OR entity <> 'School'
    """).fetchall()
    stored = {i: StoredOrg(is_school, parent, left) for i, is_school, parent, left in known}
    scope = decide((Org(*row) for row in pulled), SchoolRules.of(context.spec), remembered, stored, _reading(context))
    context.sql(
        "CREATE TEMP TABLE org_scope (raw_id VARCHAR, target VARCHAR, home VARCHAR, state VARCHAR, own VARCHAR)"
    )
    context.sql("CREATE TEMP TABLE leaving_orgs (raw_id VARCHAR)")
    context.sql("CREATE TEMP TABLE kept_schools (id VARCHAR, vanished BOOLEAN)")
    context.sql("CREATE TEMP TABLE school_names (id VARCHAR, name VARCHAR)")
    names: dict[str, str] = {}
    for school in context.spec.schoolsMapping.schools:
        if school.target and school.target.name:
            names.setdefault(SchoolRules.of(context.spec).target(school.sourcedId), school.target.name)
    places = [(i, p.leads_to, p.home, str(p.state), str(p.own)) for i, p in scope.places.items()]
    _insert(context, "org_scope", places)
    _insert(context, "leaving_orgs", [(i,) for i in sorted(scope.leaving)])
    _insert(context, "kept_schools", [(i, i in scope.vanished_targets) for i in sorted(scope.kept_targets)])
    _insert(context, "school_names", list(names.items()))
    return scope


def _reading(context: Context) -> Reading:
    """What this pull of organisations can remove from the store, as `link` will judge it."""
    go = Entity.DISTRICT in context.taken and context.offered(ORGS.name) and not context.deferring
    whole = context.complete(ORGS.name)
    return Reading(whole, unsent_go=go and whole and bool(context.spec.bulkUploadMode), removed_go=go)


def _insert(context: Context, table: str, rows: Sequence[tuple[object, ...]]) -> None:
    """Insert in one statement, since binding one row at a time takes a hundred times as long."""
    if rows:
        columns = ", ".join(f"unnest(${n})" for n in range(1, len(rows[0]) + 1))
        context.con.execute(f"INSERT INTO {table} SELECT {columns}", [list(c) for c in zip(*rows, strict=True)])


def _named(context: Context, table: Table, *, torn: bool) -> str:
    """A query: staged columns, the entity of each record, and the fate that follows from the record itself."""
    role = f" REPLACE ({deciding_role()} AS role)" if table is USERS else ""
    rows = (
        f"SELECT * RENAME (sourcedId AS raw_id), {entity_of(table)} AS entity, FALSE AS torn FROM staged_{table.name}"
    )
    if torn:
        # Rows of several entities have none, except for organisations, which must have a place.
        entity = f"coalesce(c.entity, {entity_of(table)})" if table is ORGS else "c.entity"
        rows = f"""
            SELECT s.* RENAME (sourcedId AS raw_id), c.sourcedId IS NOT NULL AS torn,
              CASE WHEN c.sourcedId IS NOT NULL THEN {entity} ELSE {entity_of(table)} END AS entity
            FROM staged_{table.name} s LEFT JOIN contradictory_{table.name} c ON c.sourcedId = s.sourcedId"""
    said = first_fate(
        {
            Fate.NOT_TAKEN: f"entity IS NOT NULL AND entity NOT IN {context.taken_of(table)}",
            Fate.CONTRADICTORY: "torn",
            Fate.REMOVED: f"lower(status) IN {in_list(REMOVED)}",
            Fate.UNKNOWN_STATUS: "lower(status) <> 'active'",
            Fate.UNKNOWN_ROLE: "entity IS NULL",
        }
    )
    return f"SELECT * EXCLUDE (torn){role}, {said} AS said FROM ({rows})"


def _scopes(context: Context, *, vanished: bool) -> None:
    """Make `scoped_<table>`: mapped columns, with `fate` as far as status, role and school decide it."""
    _org_scopes(context)
    _session_scopes(context)
    _school_scopes(context, CLASSES, vanished=vanished)
    _user_scopes(context, vanished=vanished)
    _school_scopes(context, ENROLLMENTS, vanished=vanished)
    _course_scopes(context)
    if DEMOGRAPHICS in context.tables:
        context.sql(
            "CREATE OR REPLACE TEMP VIEW scoped_demographics AS SELECT *, said AS fate FROM mapped_demographics"
        )


def _org_scopes(context: Context) -> None:
    # A School that the source removes, or sends as something else, has vanished. Its row no longer counts, so that a
    # status cannot empty a school.
    vanished = f"(m.said = {literal(Fate.REMOVED)} AND m.entity = 'School' OR o.own = 'vanished')"
    otherwise = first_fate({Fate.SCHOOL_UNMAPPED: "o.own = 'unmapped'"}, "m.said")
    context.sql(f"""
        CREATE OR REPLACE TEMP VIEW scoped_orgs AS
        SELECT m.*, o.target, CASE WHEN {vanished} THEN {literal(Fate.NOT_TAKEN)} ELSE {otherwise} END AS fate
        FROM mapped_orgs m LEFT JOIN org_scope o USING (raw_id)
    """)


def _session_scopes(context: Context) -> None:
    context.sql("""
        CREATE OR REPLACE TEMP VIEW scoped_academicSessions AS SELECT *, said AS fate FROM mapped_academicSessions
    """)


def _school_scopes(context: Context, table: Table, *, vanished: bool) -> None:
    """Classes and enrolments, scoped by their school. At a vanished school, only those accepted before pass."""
    known = "FALSE"
    if vanished:
        known = f"{PREFIX} || m.raw_id IN (SELECT id FROM store_{table.name} WHERE status = 'active')"
    fate = first_fate(
        {
            Fate.SCHOOL_UNMAPPED: "o.state = 'unmapped'",
            Fate.DANGLING_REFERENCE: f"o.state IS NULL OR o.state = 'vanished' AND NOT ({known})",
        },
        "m.said",
    )
    context.sql(f"""
        CREATE OR REPLACE TEMP VIEW scoped_{table.name} AS
        SELECT m.*, o.home AS school, {fate} AS fate
        FROM mapped_{table.name} m LEFT JOIN org_scope o ON o.raw_id = m.schoolSourcedId
    """)


def _user_scopes(context: Context, *, vanished: bool) -> None:
    """Users, scoped by all their organisations.

    Lists of organisations repeat, so each is decided once. No mapping can change them.
    """
    known = "FALSE"
    if vanished:
        known = f"{PREFIX} || m.raw_id IN (SELECT id FROM store_users WHERE status = 'active')"
    context.sql("""
        CREATE OR REPLACE TEMP TABLE org_lists AS
        WITH lists AS (SELECT DISTINCT orgSourcedIds AS list FROM staged_users WHERE orgSourcedIds IS NOT NULL),
             items AS (SELECT list, unnest(list) AS raw_id FROM lists)
        SELECT list,
          coalesce(bool_or(state IN ('mapped', 'passing')), FALSE) AS passes,
          coalesce(bool_or(state = 'vanished'), FALSE) AS vanished,
          coalesce(bool_or(state = 'unmapped') AND NOT bool_or(raw_id IN (FROM leaving_orgs)), FALSE) AS unmapped,
          list_sort(list_distinct(list(home) FILTER (state <> 'unmapped'))) AS targets
        FROM items LEFT JOIN org_scope USING (raw_id) GROUP BY list
    """)
    passes = f"(l.passes IS TRUE OR l.vanished AND ({known}))"
    unmapped = f"NOT {passes} AND NOT l.vanished AND l.unmapped"
    fate = first_fate({Fate.SCHOOL_UNMAPPED: unmapped, Fate.DANGLING_REFERENCE: f"{passes} IS NOT TRUE"}, "m.said")
    context.sql(f"""
        CREATE OR REPLACE TEMP VIEW scoped_users AS
        SELECT m.*, l.targets, {fate} AS fate
        FROM mapped_users m LEFT JOIN org_lists l ON l.list = m.orgSourcedIds
    """)


def _course_scopes(context: Context) -> None:
    """Courses pass if their organisation does, or if a class in scope uses them."""
    context.sql("""
        CREATE OR REPLACE TEMP TABLE used_courses AS
        SELECT DISTINCT courseSourcedId AS raw_id FROM scoped_classes WHERE fate IS NULL AND courseSourcedId IS NOT NULL
    """)
    fate = first_fate({Fate.SCHOOL_UNMAPPED: "o.state = 'unmapped' AND u.raw_id IS NULL"}, "m.said")
    context.sql(f"""
        CREATE OR REPLACE TEMP VIEW scoped_courses AS
        SELECT m.*, {fate} AS fate
        FROM mapped_courses m
        LEFT JOIN org_scope o ON o.raw_id = m.orgSourcedId
        LEFT JOIN used_courses u ON u.raw_id = m.raw_id
    """)


def _resolve(context: Context, table: Table) -> None:
    """Make `shaped_<table>`: the prefix on ids and references, and organisations by Schools Mapping."""
    prefix = PREFIX
    values, joins = [], []
    for attribute in table.attributes:
        name, value = q(attribute.name), f"s.{q(attribute.name)}"
        if table is USERS and attribute.name == "orgSourcedIds":
            value = "s.targets"
        elif attribute.target == "orgs" and attribute.required:
            value = "s.school"
        elif attribute.target == "orgs":
            alias = f"o_{attribute.name}"
            joins.append(f"LEFT JOIN org_scope {alias} ON {alias}.raw_id = {value} AND {alias}.state <> 'unmapped'")
            value = f"{alias}.{'target' if table is ORGS else 'home'}"
        elif attribute.kind is Kind.REF:
            value = f"{prefix} || {value}"
        elif attribute.kind is Kind.REFS:
            value = f"list_sort(list_distinct(list_transform({value}, lambda r: {prefix} || r)))"
        elif attribute.kind in (Kind.SET, Kind.USER_IDS):
            value = f"list_sort(list_distinct({value}))"
        values.append(f"{value} AS {name}")
    own_id = f"{prefix} || s.raw_id"
    if table is ORGS:
        own_id = f"CASE WHEN s.entity = 'School' THEN coalesce(s.target, {own_id}) ELSE {own_id} END"
    # Enrolments and demographics are read once, so they are a view. Several stages read everything else.
    passing = table in (ORGS, ENROLLMENTS, DEMOGRAPHICS)
    context.sql(f"""
        CREATE OR REPLACE TEMP {f"VIEW shaped_{table.name}" if passing else f"TABLE shaped_rows_{table.name}"} AS
        SELECT s.raw_id, {own_id} AS id, s.entity, s.fate, {", ".join(values)}, s.metadata
        FROM scoped_{table.name} s {" ".join(joins)}
    """)
    if table is ORGS:
        _unite_schools(context)
    elif not passing:
        context.sql(f"CREATE OR REPLACE TEMP VIEW shaped_{table.name} AS SELECT * FROM shaped_rows_{table.name}")


def _unite_schools(context: Context) -> None:
    """Unite SIS schools: the smallest SIS id in scope gives the attributes, `target.name` the name."""
    context.sql("""
        CREATE OR REPLACE TEMP TABLE shaped_rows_orgs AS
        SELECT s.* REPLACE (coalesce(n.name, s.name) AS name)
        FROM shaped_orgs s LEFT JOIN school_names n ON n.id = s.id AND s.entity = 'School'
        QUALIFY row_number() OVER (PARTITION BY s.id ORDER BY s.fate IS NOT NULL, s.raw_id) = 1
    """)
    context.sql("CREATE OR REPLACE TEMP VIEW shaped_orgs AS SELECT * FROM shaped_rows_orgs")
