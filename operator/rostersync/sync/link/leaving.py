"""What leaves the store and why: first by what a record says itself, then by references to a record that leaves."""

from collections.abc import Mapping

from rostersync.fate import Fate
from rostersync.model import Cause, Entity
from rostersync.roster import BY_ENTITY, ENROLLMENTS, ORGS, USERS, Table
from rostersync.sync.link.fates import AnyFate, not_there
from rostersync.sync.link.references import any_of, followed, required_of
from rostersync.tables.context import Context
from rostersync.tables.sql import in_list, literal, q

# What a delete depends on, besides the table itself. An incomplete pull of any of these defers it.
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
    """All collections that must be complete before a record of a table may leave because it was not seen.

    `links`: for each entity that Include Linked decides, the entities of those rules.
    """
    roots = sorted(BY_ENTITY[root].name for e in table.entities for root in links.get(e, ()))
    more = (*LINKED, *roots) if roots else ()
    return tuple(dict.fromkeys((table.name, *LEANS_ON[table.name], *more)))


def lay_out_deletes(context: Context, table: Table, found: AnyFate, *, deferring: bool, vanished: bool) -> None:
    """Make `deletes_<table>`: direct causes first, then records that depend on one that leaves."""
    refs = followed(table)
    names = [a for a in dict.fromkeys([*(r.name for r in refs), *_scoping(table)]) if a != "id"]
    joins = [f"LEFT JOIN targets_{a.target} t_{a.name} ON t_{a.name}.id = s.{q(a.name)}" for a in refs]
    untaken = [f"NOT t_{a.name}.taken" for a in refs if a.target == "users"]
    direct, protected = direct_cause(context, table), _protected(table, vanished=vanished)
    explicit = "FALSE" if context.deferring else f"cause = {literal(Cause.SOURCE_DELETED)}"
    gone, cascade = literal(Fate.GONE), literal(Cause.CASCADE)
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE deletes_{table.name} AS
        WITH stored AS (
            SELECT s.id, {"".join(f"s.{q(n)}, " for n in names)} u.entity, u.fate, u.seen, u.taken
            FROM unmatched_{table.name} u JOIN store_{table.name} s ON s.id = u.id AND s.status = 'active'),
        judged AS (
            SELECT s.id, s.entity,
              CASE WHEN NOT s.taken OR {any_of(untaken)} THEN NULL
                WHEN {protected} THEN {_moved_away(table, direct, vanished=vanished)} ELSE {direct} END AS cause,
              (s.fate IS NOT DISTINCT FROM {gone} AND NOT {any_of(untaken)})
                OR (s.fate IS DISTINCT FROM {gone} AND {any_of([f"t_{a.name}.gone" for a in refs])}) AS falls,
              {any_of([f"t_{a.name}.deferred" for a in refs])} AS would_fall
            FROM stored s {" ".join(joins)}),
        decided AS (SELECT *, cause IS NOT NULL AND ({explicit} OR {"FALSE" if deferring else "TRUE"}) AS goes FROM judged)
        SELECT id, entity, CASE WHEN goes THEN cause WHEN falls THEN {cascade} ELSE coalesce(cause, {cascade}) END AS cause,
          NOT goes AND NOT falls AS deferred
        FROM decided WHERE cause IS NOT NULL OR falls OR would_fall
    """)
    if table is ORGS:  # those that stay for the sake of somebody are mapped no more all the same
        context.sql(f"""
            CREATE OR REPLACE TEMP TABLE unmapped_orgs AS
            SELECT id FROM deletes_orgs WHERE cause = {literal(Cause.SCHOOL_UNMAPPED)}
        """)
    if found.gone:
        context.sql(f"""
            UPDATE fates_{table.name} SET fate = {literal(not_there(table))}
            WHERE fate = {gone} AND id NOT IN (SELECT id FROM unmatched_{table.name})
        """)
    if found.owed:
        # Accepted records whose reference is to be deleted, but deferred. They are counted, and compared as usual.
        context.sql(f"""
            INSERT INTO deletes_{table.name}
            SELECT s.id, s.entity, {cascade}, TRUE
            FROM fates_{table.name} f JOIN store_{table.name} s ON s.id = f.id AND s.status = 'active'
            WHERE f.fate IS NULL AND f.owed
        """)
    if found.unsure and refs:
        # Accepted records that would be held back, and so stay as the store has them: then its references count.
        context.sql(f"""
            INSERT INTO deletes_{table.name}
            SELECT s.id, s.entity, {cascade}, TRUE
            FROM fates_{table.name} f JOIN store_{table.name} s ON s.id = f.id AND s.status = 'active' {" ".join(joins)}
            WHERE f.fate IS NULL AND f.unsure AND NOT f.owed
              AND {any_of([f"t_{a.name}.{how}" for a in refs for how in ("gone", "deferred")])}
        """)


def _scoping(table: Table) -> tuple[str, ...]:
    """The stored attributes that place a record in a school."""
    return tuple(
        a.name
        for a in table.references
        if a.target == "orgs" and a.name not in ("parentSourcedId", "primaryOrgSourcedId")
    )


def direct_cause(context: Context, table: Table) -> str:
    """The cause for which a record of the store that was not accepted leaves it, as an expression. NULL means none."""
    if not context.offered(table.name):
        return "NULL"
    cases = [
        f"WHEN s.fate = {literal(Fate.REMOVED)} THEN {literal(Cause.SOURCE_DELETED)}",
        f"WHEN s.fate = {literal(Fate.SCHOOL_UNMAPPED)} THEN {literal(Cause.SCHOOL_UNMAPPED)}",
        f"WHEN s.fate = {literal(Fate.FILTERED_OUT)} THEN {literal(Cause.FILTERED_OUT)}",
        f"WHEN s.fate = {literal(Fate.REQUIREMENT_REMOVE)} THEN {literal(Cause.REQUIREMENT_FAILED)}",
    ]
    unmapped = literal(Cause.SCHOOL_UNMAPPED)
    if table is ORGS:
        # What is held back does not leave, not even outside the mapping, since an unknown status decides nothing.
        known = f"(s.fate IS NULL OR s.fate NOT IN {in_list((Fate.UNKNOWN_STATUS, Fate.CONTRADICTORY))})"
        gone = f"s.entity = 'School' AND {known} AND s.id NOT IN (SELECT id FROM kept_schools)"
        cases.insert(0, f"WHEN {gone} THEN {unmapped}")
        cases.insert(1, "WHEN s.entity = 'School' THEN NULL")
    elif table is USERS:
        gone = "(SELECT coalesce(list(id), []) FROM unmapped_orgs)"
        cases.append(
            f"WHEN NOT s.seen AND len(s.orgSourcedIds) > 0 AND list_has_all({gone}, s.orgSourcedIds) THEN {unmapped}"
        )
    elif any(a.target == "orgs" for a in required_of(table)):
        cases.append(f"WHEN NOT s.seen AND s.schoolSourcedId IN (SELECT id FROM unmapped_orgs) THEN {unmapped}")
    if context.spec.bulkUploadMode:
        cases.append(f"WHEN NOT s.seen THEN {literal(Cause.SOURCE_MISSING)}")
    return "CASE " + " ".join(cases) + " END"


def _protected(table: Table, *, vanished: bool) -> str:
    """Whether a record of the store refers to a vanished school, and so stays whatever the pull says."""
    if not vanished:
        return "FALSE"
    schools = "(SELECT id FROM kept_schools WHERE vanished)"
    at = {
        "orgs": f"s.id IN {schools}",
        "courses": f"(s.orgSourcedId IN {schools} OR s.id IN (SELECT courseSourcedId FROM store_classes "
        f"WHERE status = 'active' AND schoolSourcedId IN {schools}))",
        "classes": f"s.schoolSourcedId IN {schools}",
        "users": "list_has_any(s.orgSourcedIds, (SELECT coalesce(list(id), []) FROM kept_schools WHERE vanished))",
        "enrollments": f"s.schoolSourcedId IN {schools}",
        "demographics": "s.id IN (SELECT id FROM people_of_vanished)",
    }.get(table.name, "FALSE")
    return f"coalesce({at}, FALSE)"


def _moved_away(table: Table, direct: str, *, vanished: bool) -> str:
    """Why a record leaves although its school has vanished, as an expression: enrolments of people sent elsewhere."""
    if table is not ENROLLMENTS or not vanished:
        return "NULL"
    elsewhere = "s.userSourcedId IN (SELECT id FROM people_elsewhere WHERE school = s.schoolSourcedId)"
    return f"CASE WHEN {elsewhere} AND ({direct}) IS NOT NULL THEN {literal(Cause.CASCADE)} END"


def lay_out_people_of_vanished(context: Context) -> None:
    """Make `people_of_vanished` (id) and `people_elsewhere` (id, school).

    The first are people who will still be at a vanished school. The second were enrolled at a vanished school and are
    sent without it.
    """
    schools = "(SELECT id FROM kept_schools WHERE vanished)"
    at_one = f"list_has_any(p.orgSourcedIds, (SELECT coalesce(list(id), []) FROM {schools}))"
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
        WHERE e.status = 'active' AND e.schoolSourcedId IN {schools}
          AND NOT list_contains(coalesce(p.orgSourcedIds, []), e.schoolSourcedId)
    """)
