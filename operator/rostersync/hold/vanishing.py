"""Schools that have vanished: which ones a plan finds missing for the first time, and how many people they had.

What belongs to such a school is kept until the school is back or is taken out of the mapping. It no longer counts as a
member of the school: a school of which nothing is sent is empty, however much is kept.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rostersync.model import Entity
from rostersync.roster import CLASSES, USERS
from rostersync.tables.context import Context
from rostersync.tables.sql import in_list


@dataclass(frozen=True)
class Vanishing:
    """Vanished schools by their ids in the store: `newly` found missing, or found missing `before` and not replaced."""

    newly: frozenset[str]
    before: frozenset[str]
    remembered: tuple[str, ...]  # SIS ids, for the store to remember with the plan


def vanishing(
    vanished: Mapping[str, str], gone: frozenset[str], mapped: frozenset[str], known: Iterable[str]
) -> Vanishing:
    """Which of the vanished schools are new.

    `vanished`: their ids in the store by SIS id. `gone`: those that the pull proves to be missing. `mapped`: ids that a
    school of the pull maps to. `known`: SIS ids of schools that an applied plan found missing.
    """
    told = set(known) & vanished.keys()
    newly = frozenset(vanished[i] for i in gone - told)
    before = frozenset(vanished[i] for i in told) - newly - mapped
    return Vanishing(newly, before, tuple(sorted(told | gone)))


def members(context: Context, schools: frozenset[str]) -> dict[str, int]:
    """How many people and classes the store has in each of these schools. Schools without any are left out."""
    counted = """
        SELECT school, count(*) FROM (
            SELECT unnest(orgSourcedIds) AS school FROM store_users WHERE status = 'active'
            UNION ALL SELECT schoolSourcedId FROM store_classes WHERE status = 'active')
        WHERE school IN (SELECT unnest($1)) GROUP BY 1"""
    return dict(context.con.execute(counted, [sorted(schools)]).fetchall()) if schools else {}


def emptied(context: Context, schools: frozenset[str]) -> tuple[tuple[Entity, str, int], ...]:
    """Those of the schools that lost every Student, Teacher or Class: (entity, school, how many there were)."""
    found: list[tuple[Entity, str, int]] = []
    entities = in_list(sorted({Entity.STUDENT, Entity.TEACHER, Entity.CLASS} & context.taken))
    for table, school in ((USERS, "unnest(orgSourcedIds)"), (CLASSES, "schoolSourcedId")):
        if not schools or entities == "()":
            break
        sides = f"""
            SELECT entity, school, count(*) FILTER (stored) FROM (
                SELECT entity, {school} AS school, TRUE AS stored FROM store_{table.name} WHERE status = 'active'
                UNION ALL SELECT entity, {school}, FALSE FROM final_{table.name})
            WHERE entity IN {entities} AND school IN (SELECT unnest($1))
            GROUP BY 1, 2 HAVING bool_and(stored)"""
        rows = context.con.execute(sides, [sorted(schools)]).fetchall()
        found += [(Entity(entity), where, had) for entity, where, had in rows]
    return tuple(found)
