"""The counts of a plan for the gate and the report. Reads the tables that the stages left."""

from collections import Counter
from typing import Any

from rostersync.fate import DUPLICATES, HELD_BACK, Fate
from rostersync.hold.gate import BY_SCHOOL, Counted
from rostersync.model import Cause, Change, Entity, EntityCounts
from rostersync.roster import CLASSES, COURSES, ENROLLMENTS, ORGS, USERS, Table
from rostersync.tables.context import Context
from rostersync.tables.counts import Tallies, Tally
from rostersync.tables.of_schools import only_mine
from rostersync.tables.sql import in_list, literal, q

_SCHOOLS_OF = {
    USERS: "orgSourcedIds",
    CLASSES: "schoolSourcedId",
    ENROLLMENTS: "schoolSourcedId",
    COURSES: "orgSourcedId",
}
# Natural keys, over columns of the store and of the pull. Two ids with the same key stand for the same thing.
_NATURAL_KEYS = {
    ORGS: "r.identifier",
    COURSES: "r.courseCode",
    CLASSES: "r.classCode || chr(31) || r.schoolSourcedId",
    USERS: "coalesce('identifier ' || r.identifier, 'username ' || r.username, 'email ' || r.email)",
}

_Found = dict[Entity | None, Counter[str]]  # the counts of each entity, by the names of EntityCounts


def counts(context: Context, tallies: Tallies, *, mine: bool = False) -> list[EntityCounts]:
    """Counts of every entity that the source brings or the store holds, in dependency order.

    `mine`: only records of `mine_<table>`, as in `tallies`.
    """
    found: _Found = {}
    for table in context.tables:
        for entity in table.entities:
            found[entity] = Counter()
        _count_table(context, table, tallies[table.name], found, mine=mine)
    return [EntityCounts(e, **counted) for e, counted in found.items() if e in context.taken or any(counted.values())]


def _count_table(context: Context, table: Table, known: Tally, found: _Found, *, mine: bool) -> None:
    name = table.name
    for entity, number in known.population.items():
        _of(found, entity)["population"] += number
    for (entity, _, change, _), number in known.changes.items():
        field = {"Create": "created", "Update": "updated", "Delete": "deleted"}[change]
        _of(found, entity)[field] += number
    for (told, fate, has_error), number in known.fates.items():
        _of(found, told)["errors"] += number if has_error and fate != Fate.NOT_TAKEN else 0
    for entity, number in known.deferred.items():
        _of(found, entity)["deferred"] += number
    for entity, number in known.kept.items():
        _of(found, entity)["kept"] += number
    # A record counts under the entity that it has in the store. One that loses a reference is updated and not skipped.
    held = f"""
        SELECT coalesce(s.entity, f.entity), f.fate IN {in_list(DUPLICATES)}, count(*)
        FROM fates_{name} f LEFT JOIN (SELECT id, entity FROM store_{name} WHERE status = 'active') s ON s.id = f.id
        WHERE f.fate IN {in_list(HELD_BACK)} AND f.id NOT IN (SELECT id FROM changes_{name}) AND {only_mine(table, mine=mine, id_="f.id")}
        GROUP BY 1, 2"""
    for entity, duplicate, number in _rows(context, held) if known.fated(*HELD_BACK) else ():
        if duplicate:
            _of(found, entity)["duplicates"] += number
        else:
            _of(found, entity)["skipped"] += number
    _count_unchanged(context, table, known, found, mine=mine)


def _count_unchanged(context: Context, table: Table, known: Tally, found: _Found, *, mine: bool) -> None:
    """Accepted records that equal the store's, and records that are still sent while their delete is deferred."""
    name = table.name
    for (told, fate, _), number in known.fates.items():
        _of(found, told)["unchanged"] += number if fate in (None, Fate.KEPT) else 0
    for (_, new_entity, change, cause), number in known.changes.items():
        _of(found, new_entity)["unchanged"] -= number if change != "Delete" and cause != Cause.CASCADE else 0
    # A change by Cascade is of a record that was not accepted, except for a school that stays as it was first imported.
    kept = f"""
        SELECT new_entity, count(*) FROM changes_{name}
        WHERE change <> 'Delete' AND cause = {literal(Cause.CASCADE)} AND id IN (SELECT id FROM fates_{name} WHERE fate = {literal(Fate.KEPT)})
          AND {only_mine(table, mine=mine)} GROUP BY 1"""
    for entity, number in _rows(context, kept) if known.fated(Fate.KEPT) else ():
        _of(found, entity)["unchanged"] -= number
    still_sent = f"""
        SELECT d.entity, count(*) FROM deletes_{name} d JOIN fates_{name} f ON f.id = d.id
        WHERE d.deferred AND f.fate NOT IN {in_list((Fate.NOT_TAKEN, *HELD_BACK))}
          AND d.id NOT IN (SELECT id FROM changes_{name}) AND {only_mine(table, mine=mine, id_="d.id")} GROUP BY 1"""
    for entity, number in _rows(context, still_sent) if known.deferred else ():
        _of(found, entity)["unchanged"] += number


def _rows(context: Context, sql: str) -> list[tuple[Any, ...]]:
    return context.con.execute(sql).fetchall()


def _of(found: _Found, name: str | None) -> Counter[str]:
    return found.setdefault(Entity(name) if name else None, Counter())


def resulting(tallies: Tallies, counted: list[EntityCounts]) -> dict[Entity, int]:
    """How many records of each entity there will be after the plan."""
    result = Counter({c.entity: c.population + c.created - c.deleted for c in counted if c.entity})
    for known in tallies.values():
        for (old, new, change, _), number in known.changes.items():
            if change == "Update" and old != new:
                result[Entity(old)] -= number
                result[Entity(new)] += number
    return dict(result)


def judged(tallies: Tallies, counted: list[EntityCounts]) -> dict[Entity, Counted]:
    """The counts that limits use. A record that changes its entity is deleted from the old, created in the new."""
    numbers = {
        c.entity: Counter({Change.CREATE: c.created, Change.UPDATE: c.updated, Change.DELETE: c.deleted})
        for c in counted
        if c.entity
    }
    population = {c.entity: c.population for c in counted}
    for known in tallies.values():
        for (old, new, change, _), number in known.changes.items():
            if change == "Update" and old != new:
                numbers[Entity(old)].update({Change.UPDATE: -number, Change.DELETE: number})
                numbers.setdefault(Entity(new), Counter()).update({Change.CREATE: number})
    return {e: Counted(dict(n), population.get(e, 0)) for e, n in numbers.items()}


def lay_out_schools(context: Context, tallies: Tallies, *, every: bool) -> None:
    """Fill `moves` (entity, change, id, school, side): each change, with the schools of the record before and after it.

    A record that changes its entity is deleted where it was, and created where it will be. Unless `every` entity is
    asked for, it has only entities whose loss can empty a school, and only if anything leaves.
    """
    context.sql(
        "CREATE OR REPLACE TEMP TABLE moves (entity VARCHAR, change VARCHAR, id VARCHAR, school VARCHAR, side VARCHAR)"
    )
    context.sql("""
        CREATE OR REPLACE TEMP TABLE school_ids AS
        SELECT id FROM store_orgs WHERE entity = 'School' AND status = 'active'
        UNION SELECT id FROM final_orgs WHERE entity = 'School'
    """)
    for table, column in _SCHOOLS_OF.items():
        known = tallies[table.name]
        leaves = known.changed("Update", "Delete")
        if not every and (table not in (USERS, CLASSES) or not leaves):
            continue
        value = f"unnest(r.{q(column)})" if table is USERS else f"r.{q(column)}"
        stored = f"(SELECT * FROM store_{table.name} WHERE status = 'active')"
        coming = f"(FROM final_{table.name} UNION ALL BY NAME FROM trimmed_{table.name})"
        for side, rows, which, any_ in (
            ("before", stored, "change <> 'Create'", leaves),
            ("after", coming, "change <> 'Delete'", known.changed("Create", "Update")),
        ):
            if not any_:
                continue
            entity, left_or_came = ("c.entity", "'Delete'") if side == "before" else ("c.new_entity", "'Create'")
            context.sql(f"""
                INSERT INTO moves SELECT * FROM (
                    SELECT {entity} AS entity, CASE WHEN c.change = 'Update' AND c.entity <> c.new_entity
                        THEN {left_or_came} ELSE c.change END AS change, c.id, {value} AS school, {literal(side)} AS side
                    FROM changes_{table.name} c JOIN {rows} r ON r.id = c.id WHERE {which.replace("change", "c.change")})
                WHERE school IN (SELECT id FROM school_ids)
            """)


def by_school(context: Context, only: frozenset[str]) -> dict[Entity, dict[str, Counted]]:
    """Changes and population of each entity in each school that a change touches. `only`: of these schools, if any.

    Updates and deletes count where the record was, creates where it will be.
    """
    changes: dict[Entity, dict[str, dict[Change, int]]] = {}
    touched = """
        SELECT entity, school, change, count(DISTINCT id) FROM moves
        WHERE side = CASE WHEN change = 'Create' THEN 'after' ELSE 'before' END GROUP BY 1, 2, 3"""
    for entity, school, change, number in _rows(context, touched):
        if only and school not in only:
            continue
        changes.setdefault(Entity(entity), {}).setdefault(school, {})[Change(change)] = number
    population = school_population(context)
    return {
        e: {s: Counted(c, population.get((e, s), 0)) for s, c in schools.items()}
        for e, schools in changes.items()
        if e in BY_SCHOOL
    }


def school_population(context: Context) -> dict[tuple[Entity, str], int]:
    """How many records of each entity each touched school has in the store."""
    found: dict[tuple[Entity, str], int] = {}
    for table, column in _SCHOOLS_OF.items():
        value = f"unnest({q(column)})" if table is USERS else q(column)
        populated = f"""
            SELECT entity, school, count(*) FROM (
                SELECT entity, {value} AS school FROM store_{table.name} WHERE status = 'active')
            WHERE school IN (SELECT school FROM moves) GROUP BY 1, 2"""
        for entity, school, number in _rows(context, populated):
            found[(Entity(entity), school)] = number
    return found


def emptied_schools(context: Context, besides: frozenset[str]) -> tuple[tuple[Entity, str, int], ...]:
    """Schools that stay and lose their last Student, Teacher or Class: (entity, school, how many there were).

    `besides`: ids of schools to leave out.
    """
    deltas = """
        SELECT entity, school, sum(CASE side WHEN 'after' THEN 1 ELSE -1 END) FROM moves
        WHERE entity IN ('Student', 'Teacher', 'Class') AND school NOT IN (
            SELECT id FROM deletes_orgs WHERE NOT deferred)
        GROUP BY 1, 2 HAVING sum(CASE side WHEN 'after' THEN 1 ELSE -1 END) < 0"""
    losing = [row for row in _rows(context, deltas) if row[1] not in besides]
    if not losing:
        return ()
    population = school_population(context)
    return tuple(
        (Entity(entity), school, population[(Entity(entity), school)])
        for entity, school, delta in sorted(losing)
        if population.get((Entity(entity), school), 0) > 0 and population[(Entity(entity), school)] + delta == 0
    )


def rekeyed(context: Context, counted: list[EntityCounts], least: int) -> dict[Entity, tuple[int, int]]:
    """Fill `rekeyed` with pairs of delete and create that share a natural key. Returns (pairs, deletes) by entity."""
    context.sql("CREATE OR REPLACE TEMP TABLE rekeyed (entity VARCHAR, old_id VARCHAR, new_id VARCHAR)")
    found: dict[Entity, tuple[int, int]] = {}
    numbers = {c.entity: c for c in counted}
    for table, key in _NATURAL_KEYS.items():
        for entity in table.entities:
            c = numbers.get(entity)
            if c is None or c.deleted < least or c.created == 0 or entity is Entity.DISTRICT:
                continue
            side = f"""
                SELECT key, any_value(id) AS id FROM (
                    SELECT r.id, {key} AS key FROM changes_{table.name} c JOIN {{rows}} r ON r.id = c.id
                    WHERE c.change = {{change}} AND c.entity = {literal(entity.value)})
                WHERE key IS NOT NULL GROUP BY key HAVING count(*) = 1"""
            gone = side.format(rows=f"(SELECT * FROM store_{table.name} WHERE status = 'active')", change="'Delete'")
            come = side.format(rows=f"final_{table.name}", change="'Create'")
            context.sql(
                f"INSERT INTO rekeyed SELECT {literal(entity.value)}, g.id, n.id FROM ({gone}) g JOIN ({come}) n USING (key)"
            )
            pairs = int(context.one(f"SELECT count(*) FROM rekeyed WHERE entity = {literal(entity.value)}") or 0)
            found[entity] = (pairs, c.deleted)
    return found


def renamed_by_prefix(context: Context) -> None:
    """Fill `rekeyed` for a changed SIS ID prefix, with deleted and created ids that differ only by the prefix."""
    context.sql("CREATE OR REPLACE TEMP TABLE rekeyed (entity VARCHAR, old_id VARCHAR, new_id VARCHAR)")
    for table in context.tables:
        context.sql(f"""
            INSERT INTO rekeyed
            SELECT n.entity, o.id, n.id FROM changes_{table.name} n
            JOIN fates_{table.name} f ON f.id = n.id
            JOIN changes_{table.name} o ON o.change = 'Delete' AND o.id = getvariable('old_prefix') ||
              substr(n.id, length(getvariable('sis_id_prefix')) + 1)
            WHERE n.change = 'Create'
        """)


def causes(tallies: Tallies) -> dict[str, int]:
    """How many changes each cause has, the most frequent first."""
    found: Counter[str] = Counter()
    for known in tallies.values():
        for (_, _, _, cause), number in known.changes.items():
            found[cause] += number
    return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))


def blast_radius(context: Context, tallies: Tallies) -> dict[str, int]:
    """Distinct students and teachers that cascades touch: their own records, or their enrolments."""
    sql = f"""
        SELECT count(DISTINCT s.userSourcedId) FILTER (u.entity = 'Student'),
               count(DISTINCT s.userSourcedId) FILTER (u.entity = 'Teacher')
        FROM changes_enrollments c JOIN store_enrollments s ON s.id = c.id AND s.status = 'active'
        LEFT JOIN store_users u ON u.id = s.userSourcedId WHERE c.cause = {literal(Cause.CASCADE)}"""
    if not any(cause == Cause.CASCADE for _, _, _, cause in tallies[ENROLLMENTS.name].changes):
        return {"students": 0, "teachers": 0}
    students, teachers = _rows(context, sql)[0]
    return {"students": students, "teachers": teachers}
