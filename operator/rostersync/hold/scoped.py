"""What the gate sees of a plan of some schools: their populations, and what the store is to remember afterwards."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from rostersync.hold.vanishing import Vanishing
from rostersync.model import Entity, EntityCounts
from rostersync.stores.port import SourceMemory
from rostersync.tables.context import Context

PARTLY = "partly"  # in the safety that is remembered of a source of which only some schools were ever imported


def populations(context: Context, schools: Collection[str]) -> Mapping[Entity, int]:
    """The populations of these schools, by entity. Organisations above schools and terms belong to all of them."""
    context.con.execute("CREATE OR REPLACE TEMP TABLE asked AS SELECT unnest(?::VARCHAR[]) AS id", [sorted(schools)])
    people = """
        SELECT id, entity FROM store_users WHERE status = 'active'
          AND list_has_any(orgSourcedIds, (SELECT list(id) FROM asked))"""
    at = "status = 'active' AND schoolSourcedId IN (FROM asked)"
    rows = context.con.execute(f"""
        SELECT entity, count(*) FROM (
            SELECT entity FROM ({people})
            UNION ALL SELECT entity FROM store_classes WHERE {at}
            UNION ALL SELECT entity FROM store_enrollments WHERE {at}
            UNION ALL SELECT entity FROM store_courses WHERE status = 'active' AND (orgSourcedId IN (FROM asked)
              OR id IN (SELECT courseSourcedId FROM store_classes WHERE {at}))
            UNION ALL SELECT entity FROM store_demographics WHERE status = 'active' AND id IN (SELECT id FROM ({people}))
            UNION ALL SELECT entity FROM store_orgs WHERE status = 'active' AND (entity <> 'School' OR id IN (FROM asked))
            UNION ALL SELECT entity FROM store_academicSessions WHERE status = 'active')
        GROUP BY entity
    """).fetchall()
    return {Entity(name): number for name, number in rows}


def with_populations(counts: Iterable[EntityCounts], of: Mapping[Entity, int]) -> list[EntityCounts]:
    """The counts, with other populations."""
    return [replace(c, population=of.get(c.entity, 0) if c.entity else c.population) for c in counts]


def gone_of(
    gone: Vanishing, vanished: Mapping[str, str], known: Collection[str], schools: Collection[str]
) -> Vanishing:
    """Only those of these schools. What else has vanished is not told, so it is new to the next whole run.

    `vanished`: ids in the store by SIS id. `known`: SIS ids of schools that an applied plan found missing.
    """
    remembered = tuple(i for i in gone.remembered if i in known or vanished[i] in schools)
    return Vanishing(gone.newly & frozenset(schools), gone.before & frozenset(schools), remembered)


def memory_of_whole(memory: SourceMemory, last: SourceMemory | None) -> SourceMemory:
    """What the store remembers of a source after a plan of some schools.

    A changed configuration, prefix or server is still to come for all other schools. So the next whole plan is compared
    with the whole plan before, and is held for what it would have been held for.
    """
    if last is None:
        return replace(memory, safety={**memory.safety, PARTLY: True})
    return replace(last, vanished=memory.vanished)


def never_whole(last: SourceMemory | None) -> bool:
    """Whether no plan of the whole district was ever applied."""
    return last is None or bool(last.safety.get(PARTLY))
