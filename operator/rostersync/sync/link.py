"""Link: what stays, what goes, and what goes with it.

References are resolved against the resulting store, in dependency order. Reads `required_<table>`,
`duplicates_<table>` and the store; writes for every table

- `fates_<table>` (id, entity, fate, has_error, dangling): every pulled record; fate NULL is accepted, `dangling` names
  the required reference that finds nothing
- `deletes_<table>` (id, entity, cause, deferred): what leaves the store, and what would if nothing stood in the way
- `targets_<table>` (id, there, gone, deferred, taken): what a reference finds; `there` is: in the resulting store
- `final_<table>` (id, entity, attributes, metadata): accepted records as they will stand in the store
- `differing_<table>`, for enrolments and demographics only: accepted records that are new or other than the store's
- `trimmed_<table>`: records of the store that stay but lose an optional reference

Over 300 lines: what stays, what goes and what follows from it is one argument, and each step needs the one before.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from rostersync.model import Cause, Entity
from rostersync.roster import BY_ENTITY, CLASSES, DEMOGRAPHICS, ENROLLMENTS, ORGS, TABLES, USERS, Attribute, Kind, Table
from rostersync.tables.context import CONTRADICTORY, NOT_TAKEN, REMOVED, Context, literal, mark, progress_of, q

# What a delete leans on, besides the table itself: an incomplete pull of any of these defers it.
LEANS_ON: dict[str, tuple[str, ...]] = {
    "orgs": (),
    "academicSessions": ("orgs",),
    "courses": ("orgs", "classes"),
    "classes": ("orgs", "courses"),
    "users": ("orgs",),
    "enrollments": ("orgs", "users", "classes"),
    "demographics": ("orgs", "users"),
}
LINKED = ("users", "classes", "enrollments")  # besides those, for the tables that Include Linked decides


def leans_on(table: Table, links: Mapping[Entity, frozenset[Entity]]) -> tuple[str, ...]:
    """All collections that must be complete before a record of a table may leave the store for want of being seen.

    `links`: for each entity that Include Linked decides, the entities of those rules.
    """
    roots = sorted(BY_ENTITY[root].name for e in table.entities for root in links.get(e, ()))
    more = (*LINKED, *roots) if roots else ()
    return tuple(dict.fromkeys((table.name, *LEANS_ON[table.name], *more)))


def link(context: Context) -> None:
    """Resolve every table."""
    rules = context.spec.filterRules
    listed = {Entity(e) for r in rules for e in r.includeLinked}
    links = {e: frozenset(r.entity for r in rules if e in r.includeLinked) for e in listed}
    for table in context.tables:
        progress_of(context, "link", table)
        incomplete = [c for c in leans_on(table, links) if not context.complete(c)]
        _fates(context, table)
        _staying(context, table)
        seen = _seen(context, table)
        _deletes(context, table, seen, deferring=context.deferring or bool(incomplete))
        _targets(context, table)
        _final(context, table, seen)
        _trimmed(context, table)
        if table is USERS and context.vanished:
            _people_of_vanished(context)


def required_of(table: Table) -> tuple[Attribute, ...]:
    """References that a record cannot be without."""
    return tuple(a for a in table.references if a.required)


def optional_of(table: Table) -> tuple[Attribute, ...]:
    """References that are cut when what they point to is not there."""
    return tuple(a for a in table.references if not a.required)


def _fates(context: Context, table: Table) -> None:
    """`fates_<table>`, with `broken` (a required reference is gone with this plan) and `owed` (gone but deferred)."""
    joins, nowhere, gone, owed, silent, dangling = [], [], [], [], [], []
    for attribute in _followed(table):
        alias = "t_" + attribute.name
        joins.append(f"LEFT JOIN targets_{attribute.target} {alias} ON {alias}.id = r.{q(attribute.name)}")
        if any(e in context.taken for e in _entities_of(attribute)):
            nowhere.append(f"({alias}.there IS NOT TRUE)")
        dangling.append(f"WHEN {alias}.there IS NOT TRUE THEN {literal(attribute.name)}")
        gone.append(f"{alias}.gone")
        owed.append(f"{alias}.deferred")
        if attribute.target == "users":
            silent.append(f"NOT {alias}.taken")
    if table in (CLASSES, ENROLLMENTS):  # shape held it back for its school, before references are followed
        dangling.insert(0, "WHEN r.fate = 'DanglingReference' THEN 'schoolSourcedId'")
    held, nobody = "'DanglingReference'", ""
    if table is DEMOGRAPHICS:
        # Demographics of people who are not accepted are left out silently, whatever else is wrong with them.
        held = literal(NOT_TAKEN)
        nobody = f"""WHEN {_any(nowhere)} AND r.id NOT IN (
            SELECT id FROM store_demographics WHERE status = 'active') THEN {held}"""
    duplicate = f"WHEN r.id IN (SELECT id FROM duplicates_{table.name}) THEN 'Duplicate'"
    compared = mark(table, "r") if _goes_through_once(context, table) else "NULL"
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE fates_{table.name} AS
        SELECT r.id, r.entity, r.has_error, CASE
            {nobody}
            {f"WHEN {_any(silent)} AND r.fate IS DISTINCT FROM {literal(REMOVED)} THEN {literal(NOT_TAKEN)}" if silent else ""}
            WHEN r.fate IS NOT NULL THEN r.fate
            {duplicate if table.name in context.duplicated else ""}
            WHEN {_any(gone)} THEN 'Gone'
            WHEN {_any(nowhere)} THEN {held} END AS fate,
          {_any(owed)} AS owed, {compared} AS mark,
          {"CASE " + " ".join(dangling) + " END" if dangling else literal("orgSourcedIds" if table is USERS else None)} AS dangling
        FROM required_{table.name} r {" ".join(joins)}
    """)


@dataclass(frozen=True)
class _Seen:
    """Whether any pulled record of a table is not accepted, refers to what goes, or to what would go."""

    refused: bool
    gone: bool
    owed: bool


def _seen(context: Context, table: Table) -> _Seen:
    found = context.con.execute(f"""
        SELECT coalesce(bool_or(fate IS NOT NULL), FALSE), coalesce(bool_or(fate = 'Gone'), FALSE),
          coalesce(bool_or(fate IS NULL AND owed), FALSE) FROM fates_{table.name}
    """).fetchall()
    return _Seen(*found[0])


def _followed(table: Table) -> tuple[Attribute, ...]:
    """Required references; demographics are a user's, by their own id."""
    if table is DEMOGRAPHICS:
        return (Attribute("id", Kind.REF, "users", required=True),)
    return required_of(table)


def _entities_of(attribute: Attribute) -> tuple[Entity, ...]:
    return next(t.entities for t in TABLES if t.name == attribute.target)


def _any(tests: list[str]) -> str:
    return "(" + " OR ".join(f"coalesce({t}, FALSE)" for t in tests) + ")" if tests else "FALSE"


def _goes_through_once(context: Context, table: Table) -> bool:
    """Whether accepted records need no second look: nothing refers to them, nothing of them is cut, and the store has
    some to compare them with. These are the largest tables, so their mark is made while their references are followed.
    """
    stored = context.stored[table.name].active
    return stored and table in (ENROLLMENTS, DEMOGRAPHICS) and not _has_other_keys(context, table)


def _staying(context: Context, table: Table) -> None:
    """`unmatched_<table>`: records of the store that this pull does not accept, with what the pull said of them.

    For the largest tables it comes out of one join of pull and store, which also leaves `differing_<table>`: the
    accepted records that are new or other than the store's.
    """
    entities = context.taken_of(table)
    if not _goes_through_once(context, table):
        context.sql(f"""
            CREATE OR REPLACE TEMP TABLE unmatched_{table.name} AS
            SELECT s.id, s.entity, f.fate, f.id IS NOT NULL AS seen, s.entity IN {entities} AS taken
            FROM store_{table.name} s LEFT JOIN fates_{table.name} f ON f.id = s.id
            WHERE s.status = 'active' AND (f.id IS NULL OR f.fate IS NOT NULL)
        """)
        return
    context.compared.add(table.name)
    # The join is as large as the store and may have to go to disk: it carries ids and marks alone, and what is not accepted
    # has no mark, so that it differs. The little that is odd is looked up afterwards.
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


def _deletes(context: Context, table: Table, seen: _Seen, *, deferring: bool) -> None:
    """`deletes_<table>`: direct causes first, then what leans on a record that goes."""
    refs = _followed(table)
    names = [a for a in dict.fromkeys([*(r.name for r in refs), *_scoping(table)]) if a != "id"]
    joins = [f"LEFT JOIN targets_{a.target} t_{a.name} ON t_{a.name}.id = s.{q(a.name)}" for a in refs]
    untaken = [f"NOT t_{a.name}.taken" for a in refs if a.target == "users"]
    direct, protected = _direct(context, table), _protected(context, table)
    explicit = "FALSE" if context.deferring else f"cause = {literal(Cause.SOURCE_DELETED.value)}"
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE deletes_{table.name} AS
        WITH stored AS (
            SELECT s.id, {"".join(f"s.{q(n)}, " for n in names)} u.entity, u.fate, u.seen, u.taken
            FROM unmatched_{table.name} u JOIN store_{table.name} s ON s.id = u.id AND s.status = 'active'),
        judged AS (
            SELECT s.id, s.entity,
              CASE WHEN NOT s.taken OR {_any(untaken)} THEN NULL
                WHEN {protected} THEN {_moved_away(context, table, direct)} ELSE {direct} END AS cause,
              (s.fate IS NOT DISTINCT FROM 'Gone' AND NOT {_any(untaken)})
                OR (s.fate IS DISTINCT FROM 'Gone' AND {_any([f"t_{a.name}.gone" for a in refs])}) AS falls,
              {_any([f"t_{a.name}.deferred" for a in refs])} AS would_fall
            FROM stored s {" ".join(joins)}),
        decided AS (SELECT *, cause IS NOT NULL AND ({explicit} OR {"FALSE" if deferring else "TRUE"}) AS goes FROM judged)
        SELECT id, entity, CASE WHEN goes THEN cause WHEN falls THEN 'Cascade' ELSE coalesce(cause, 'Cascade') END AS cause,
          NOT goes AND NOT falls AS deferred
        FROM decided WHERE cause IS NOT NULL OR falls OR would_fall
    """)
    if seen.gone:
        context.sql(f"""
            UPDATE fates_{table.name} SET fate = {literal("DanglingReference" if table is not DEMOGRAPHICS else NOT_TAKEN)}
            WHERE fate = 'Gone' AND id NOT IN (SELECT id FROM unmatched_{table.name})
        """)
    if seen.owed:
        # Accepted records whose reference is owed a delete that is deferred: counted, and compared as usual.
        context.sql(f"""
            INSERT INTO deletes_{table.name}
            SELECT s.id, s.entity, 'Cascade', TRUE
            FROM fates_{table.name} f JOIN store_{table.name} s ON s.id = f.id AND s.status = 'active'
            WHERE f.fate IS NULL AND f.owed
        """)


def _scoping(table: Table) -> tuple[str, ...]:
    """The stored attributes that place a record in a school."""
    return tuple(
        a.name
        for a in table.references
        if a.target == "orgs" and a.name not in ("parentSourcedId", "primaryOrgSourcedId")
    )


def _direct(context: Context, table: Table) -> str:
    """The cause by which a record of the store that was not accepted leaves it, as an expression; NULL is none."""
    if not context.offered(table.name):
        return "NULL"
    cases = [
        f"WHEN s.fate = {literal(REMOVED)} THEN {literal(Cause.SOURCE_DELETED.value)}",
        "WHEN s.fate IN ('SchoolUnmapped', 'FilteredOut') THEN s.fate",
        f"WHEN s.fate = 'RequirementRemove' THEN {literal(Cause.REQUIREMENT_FAILED.value)}",
    ]
    unmapped = literal(Cause.SCHOOL_UNMAPPED.value)
    if table is ORGS:
        # What is held back is no candidate, not even outside the mapping: an unknown status decides nothing.
        known = f"(s.fate IS NULL OR s.fate NOT IN ('UnknownStatus', {literal(CONTRADICTORY)}))"
        gone = f"s.entity = 'School' AND {known} AND s.id NOT IN (SELECT id FROM kept_schools)"
        cases.insert(0, f"WHEN {gone} THEN {unmapped}")
        cases.insert(1, "WHEN s.entity = 'School' THEN NULL")
    elif table is USERS:
        gone = "(SELECT coalesce(list(id), []) FROM deletes_orgs)"
        cases.append(
            f"WHEN NOT s.seen AND len(s.orgSourcedIds) > 0 AND list_has_all({gone}, s.orgSourcedIds) THEN {unmapped}"
        )
    elif any(a.target == "orgs" for a in required_of(table)):
        gone = "SELECT id FROM deletes_orgs WHERE cause = 'SchoolUnmapped'"
        cases.append(f"WHEN NOT s.seen AND s.schoolSourcedId IN ({gone}) THEN {unmapped}")
    if context.spec.bulkUploadMode:
        cases.append(f"WHEN NOT s.seen THEN {literal(Cause.SOURCE_MISSING.value)}")
    return "CASE " + " ".join(cases) + " END"


def _protected(context: Context, table: Table) -> str:
    """Whether a record of the store refers to a vanished school, and so stays whatever the pull says."""
    if not context.vanished:
        return "FALSE"
    vanished = "(SELECT id FROM kept_schools WHERE vanished)"
    at = {
        "orgs": f"s.id IN {vanished}",
        "courses": f"(s.orgSourcedId IN {vanished} OR s.id IN (SELECT courseSourcedId FROM store_classes "
        f"WHERE status = 'active' AND schoolSourcedId IN {vanished}))",
        "classes": f"s.schoolSourcedId IN {vanished}",
        "users": "list_has_any(s.orgSourcedIds, (SELECT coalesce(list(id), []) FROM kept_schools WHERE vanished))",
        "enrollments": f"s.schoolSourcedId IN {vanished}",
        "demographics": "s.id IN (SELECT id FROM people_of_vanished)",
    }.get(table.name, "FALSE")
    return f"coalesce({at}, FALSE)"


def _moved_away(context: Context, table: Table, direct: str) -> str:
    """Why a record goes although its school has vanished, as an expression: enrolments of people who are sent elsewhere."""
    if table is not ENROLLMENTS or not context.vanished:
        return "NULL"
    elsewhere = "s.userSourcedId IN (SELECT id FROM people_elsewhere WHERE school = s.schoolSourcedId)"
    return f"CASE WHEN {elsewhere} AND ({direct}) IS NOT NULL THEN {literal(Cause.CASCADE.value)} END"


def _people_of_vanished(context: Context) -> None:
    """`people_of_vanished` (id): who will still be at a vanished school. `people_elsewhere` (id, school): who was enrolled
    at a vanished school and is sent without it."""
    vanished = "(SELECT id FROM kept_schools WHERE vanished)"
    at_one = f"list_has_any(p.orgSourcedIds, (SELECT coalesce(list(id), []) FROM {vanished}))"
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE people_of_vanished AS
        SELECT p.id FROM store_users p JOIN unmatched_users u ON u.id = p.id
        WHERE p.status = 'active' AND {at_one} AND p.id NOT IN (SELECT id FROM deletes_users WHERE NOT deferred)
        UNION ALL SELECT p.id FROM required_users p JOIN fates_users f ON f.id = p.id WHERE f.fate IS NULL AND {at_one}
    """)
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE people_elsewhere AS
        SELECT DISTINCT p.id, e.schoolSourcedId AS school
        FROM store_enrollments e JOIN required_users p ON p.id = e.userSourcedId
        JOIN fates_users f ON f.id = p.id AND f.fate IS NULL
        WHERE e.status = 'active' AND e.schoolSourcedId IN {vanished}
          AND NOT list_contains(coalesce(p.orgSourcedIds, []), e.schoolSourcedId)
    """)


def _targets(context: Context, table: Table) -> None:
    """`targets_<table>`: the ids of the resulting store, and of what goes with this plan."""
    if table in (ENROLLMENTS, DEMOGRAPHICS):
        return  # nothing refers to them
    taken = context.taken_of(table)
    untaken = ""
    if table is USERS and not context.taken.issuperset(USERS.entities):
        untaken = f"UNION ALL SELECT id, FALSE, FALSE FROM fates_users WHERE fate = {literal(NOT_TAKEN)}"
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE targets_{table.name} AS
        WITH present AS (
            SELECT id, TRUE AS taken, TRUE AS there FROM fates_{table.name} WHERE fate IS NULL
            UNION ALL SELECT id, entity IN {taken}, TRUE FROM unmatched_{table.name}
            {untaken}),
        one AS ({"SELECT id, bool_and(taken) AS taken, bool_or(there) AS there FROM present GROUP BY id" if untaken else "FROM present"})
        SELECT o.id, o.there AND (d.deferred IS DISTINCT FROM FALSE) AS there,
          coalesce(NOT d.deferred, FALSE) AS gone, coalesce(d.deferred, FALSE) AS deferred, o.taken
        FROM one o LEFT JOIN deletes_{table.name} d ON d.id = o.id
    """)


def _cuts(context: Context, table: Table, attribute: Attribute, rows: str, lost: str) -> str | None:
    """`cut_<rows>_<attribute>` (list, kept): lists that lose an element; None where no list does."""
    name = f"cut_{rows}_{attribute.name}"
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE {name} AS
        WITH lists AS (SELECT DISTINCT {q(attribute.name)} AS list FROM {rows} WHERE {q(attribute.name)} IS NOT NULL),
             items AS (SELECT list, unnest(list) AS item FROM lists),
             judged AS (SELECT list, item, {lost} AS lost FROM items LEFT JOIN targets_{attribute.target} t ON t.id = item)
        SELECT list, list_sort(list(item) FILTER (NOT lost)) AS kept FROM judged GROUP BY list HAVING bool_or(lost)
    """)
    return name if context.exists(name) else None


NOT_THERE = "t.there IS NOT TRUE"  # what an accepted record may not keep
GONE = "coalesce(t.gone, FALSE)"  # what a record that merely stays loses


def _final(context: Context, table: Table, seen: _Seen) -> None:
    """`final_<table>`: accepted records, their optional references cut to what the resulting store has."""
    among = ""
    if seen.refused:
        among = f"SEMI JOIN (SELECT id FROM fates_{table.name} WHERE fate IS NULL) f ON f.id = r.id"
    context.sql(f"""
        CREATE OR REPLACE TEMP VIEW accepted_{table.name} AS SELECT r.* FROM required_{table.name} r {among}
    """)
    untaken = [a for a in required_of(table) if not any(e in context.taken for e in _entities_of(a))]
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
    """(the attributes of `rows` r with lost references cut, the joins that this takes)."""
    values, joins = [], []
    for attribute in table.attributes:
        value = f"r.{q(attribute.name)}"
        alias = f"k_{attribute.name}"
        if attribute in cut and attribute.kind is Kind.REF:
            lost_ids = f"(SELECT id, {lost} AS lost FROM targets_{attribute.target} t)"
            joins.append(f"LEFT JOIN {lost_ids} {alias} ON {alias}.id = {value}")
            value = f"CASE WHEN coalesce({alias}.lost, {'TRUE' if lost == NOT_THERE else 'FALSE'}) THEN NULL ELSE {value} END"
        elif attribute in cut:
            lists = _cuts(context, table, attribute, rows, lost)
            if lists:
                joins.append(f"LEFT JOIN {lists} {alias} ON {alias}.list = {value}")
                value = f"CASE WHEN {alias}.list IS NOT NULL THEN {alias}.kept ELSE {value} END"
        values.append(f"{value} AS {q(attribute.name)}")
    return values, joins


def _has_other_keys(context: Context, table: Table) -> bool:
    """Whether the store holds metadata keys of this table that no mapping names now: they stay, uncompared."""
    return not context.stored[table.name].keys.issubset(context.metadata_to_keep(*table.entities))


def _metadata(context: Context, table: Table) -> tuple[str, list[str]]:
    """(metadata of an accepted record r, joins): keys that no mapping names now stay as the store has them."""
    if not _has_other_keys(context, table):
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


def _trimmed(context: Context, table: Table) -> None:
    """`trimmed_<table>`: records that stay as they are, but for optional references to what goes with this plan."""
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
        WHERE u.taken AND s.id NOT IN (SELECT id FROM deletes_{table.name} WHERE NOT deferred)
    """)
    values, joins = _with_cuts(context, table, f"staying_{table.name}", refs, GONE)
    context.sql(f"""
        CREATE OR REPLACE TEMP VIEW trimmed_{table.name} AS
        SELECT r.id, r.entity, {", ".join(values)}, r.metadata FROM staying_{table.name} r {" ".join(joins)}
    """)
