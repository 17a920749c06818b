"""Filter Rules: allow-lists per entity, and Include Linked.

Reads `scoped_<table>`, whose `fate` it extends by FilteredOut, and replaces it under the same name. Conditions of a
rule are ANDed, rules of an entity ORed. With Include Linked the listed entities are kept only when linked to a kept
record of the rule's entity: class ← enrolment → user; contact ← agents ← student; course ← class.
"""

from functools import reduce

from duckdb import ColumnExpression, Expression

from rostersync.api.v1alpha1.filters import FilterRule
from rostersync.fate import Fate
from rostersync.model import Entity
from rostersync.roster import BY_ENTITY, USERS, Table
from rostersync.sync.expressions import condition, is_list, read, today
from rostersync.tables.context import Context
from rostersync.tables.sql import first_fate, in_list, literal

PEOPLE = frozenset(USERS.entities)


def apply(context: Context) -> None:
    """Mark what the rules leave out, first by each record itself, then by its links."""
    rules = context.spec.filterRules
    for table in {BY_ENTITY[r.entity].name: BY_ENTITY[r.entity] for r in rules}.values():
        _filter(context, table)
    links = context.links
    if links:
        context.sql("CREATE OR REPLACE TEMP TABLE linked (entity VARCHAR, raw_id VARCHAR)")
        for entity, roots in links.items():
            for root in sorted(roots):
                context.sql(_linked_to(entity, root))
        for name in {BY_ENTITY[e].name for e in links}:
            _keep_linked(context, name, [e for e in links if BY_ENTITY[e].name == name])


def _filter(context: Context, table: Table) -> None:
    """Replace `scoped_<table>`, with FilteredOut where no rule of the record's entity lets it pass."""
    now = today(context.as_of, context.spec.timeZone)
    rows = _materialise(context, table.name)
    passes: list[Expression] = []
    for entity in table.entities:
        rules = [r for r in context.spec.filterRules if r.entity is entity]
        of_entity = ColumnExpression("entity") == entity.value
        if rules:
            passes.append(of_entity & reduce(lambda a, b: a | b, [_rule(table, r, now) for r in rules]))
        else:
            passes.append(of_entity)
    passing = rows.filter(reduce(lambda a, b: a | b, passes)).project("raw_id")
    passing.create_view("filter_passing", replace=True)
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE filtered_{table.name} AS
        SELECT r.* REPLACE ({first_fate({Fate.FILTERED_OUT: "p.raw_id IS NULL"}, "r.fate")} AS fate)
        FROM scoped_rows_{table.name} r LEFT JOIN (SELECT DISTINCT raw_id FROM filter_passing) p USING (raw_id)
    """)
    context.sql(f"CREATE OR REPLACE TEMP VIEW scoped_{table.name} AS SELECT * FROM filtered_{table.name}")


def _materialise(context: Context, name: str):  # type: ignore[no-untyped-def]
    context.sql(f"CREATE OR REPLACE TEMP TABLE scoped_rows_{name} AS SELECT * FROM scoped_{name}")
    return context.con.table(f"scoped_rows_{name}")


def _rule(table: Table, rule: FilterRule, now: str) -> Expression:
    """All conditions of a rule."""
    tests = [
        condition(read(table, c.attribute), is_list(table, c.attribute), c.condition, c.values, now)
        for c in rule.conditions
    ]
    return reduce(lambda a, b: a & b, tests)


# The classes of each kind of record, by raw ids: (class, record).
_CLASSES_OF = {
    "people": "SELECT classSourcedId AS class, userSourcedId AS record FROM scoped_enrollments WHERE fate IS NULL",
    Entity.CLASS: "SELECT raw_id AS class, raw_id AS record FROM scoped_classes WHERE fate IS NULL",
    Entity.COURSE: "SELECT raw_id AS class, courseSourcedId AS record FROM scoped_classes WHERE fate IS NULL",
    Entity.CALENDAR: "SELECT raw_id AS class, unnest(termSourcedIds) AS record FROM scoped_classes WHERE fate IS NULL",
    Entity.ENROLLMENT: "SELECT classSourcedId AS class, raw_id AS record FROM scoped_enrollments WHERE fate IS NULL",
    Entity.CONTACT: """SELECT e.classSourcedId AS class, a.contact AS record
        FROM scoped_enrollments e JOIN (
            SELECT raw_id, unnest(agentSourcedIds) AS contact FROM scoped_users WHERE entity = 'Student' AND fate IS NULL
        ) a ON a.raw_id = e.userSourcedId WHERE e.fate IS NULL""",
}


def _classes_of(entity: Entity) -> str:
    if entity in _CLASSES_OF:
        return _CLASSES_OF[entity]
    return _CLASSES_OF["people"]


def _linked_to(entity: Entity, root: Entity) -> str:
    """Insert the raw ids of `entity` that are linked to a kept record of `root`."""
    kept = f"SELECT raw_id FROM scoped_{BY_ENTITY[root].name} WHERE entity = {literal(root.value)} AND fate IS NULL"
    agents = (
        "SELECT raw_id, unnest(agentSourcedIds) AS contact FROM scoped_users WHERE entity = 'Student' AND fate IS NULL"
    )
    if root is Entity.STUDENT and entity is Entity.CONTACT:
        found = f"SELECT contact FROM ({agents}) WHERE raw_id IN ({kept})"
    elif root is Entity.CONTACT and entity is Entity.STUDENT:
        found = f"SELECT raw_id FROM ({agents}) WHERE contact IN ({kept})"
    elif root in (Entity.ENROLLMENT, Entity.DEMOGRAPHICS) and entity in PEOPLE:
        people = kept
        if root is Entity.ENROLLMENT:
            people = f"SELECT userSourcedId FROM scoped_enrollments WHERE raw_id IN ({kept})"
        found = people
        if entity is Entity.CONTACT:
            found = f"SELECT contact FROM ({agents}) WHERE raw_id IN ({people})"
    else:
        in_classes = f"SELECT class FROM ({_classes_of(root)}) WHERE record IN ({kept})"
        found = f"SELECT record FROM ({_classes_of(entity)}) WHERE class IN ({in_classes})"
    return f"INSERT INTO linked SELECT DISTINCT {literal(entity.value)}, x FROM ({found}) t(x) WHERE x IS NOT NULL"


def _keep_linked(context: Context, name: str, entities: list[Entity]) -> None:
    """Replace `scoped_<table>`, with FilteredOut where a listed entity's record has no link to a kept one."""
    unlinked = f"r.entity IN {in_list(e.value for e in entities)} AND l.raw_id IS NULL"
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE kept_linked_{name} AS
        SELECT r.* REPLACE ({first_fate({Fate.FILTERED_OUT: unlinked}, "r.fate")} AS fate)
        FROM scoped_{name} r LEFT JOIN (SELECT DISTINCT entity, raw_id FROM linked) l
          ON l.entity = r.entity AND l.raw_id = r.raw_id
    """)
    context.sql(f"CREATE OR REPLACE TEMP VIEW scoped_{name} AS SELECT * FROM kept_linked_{name}")
