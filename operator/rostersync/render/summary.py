"""A summary of a plan beyond its counts: by school, by attribute, and which changes follow from others.

It is counted from the plan's files when a person looks, so that planning does not take longer for it.
"""

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rostersync.model import Entity
from rostersync.plan.folder import changes_of
from rostersync.render.orgs import Org, Orgs

if TYPE_CHECKING:
    import duckdb

_PEOPLE = (Entity.STUDENT, Entity.TEACHER, Entity.CONTACT, Entity.ADMIN)
_NONE = "NULL::VARCHAR[]"
NO_SCHOOL = Org("", (), "", "no school")  # of records whose organisations are others, such as a district


@dataclass(frozen=True)
class SchoolLine:
    """The changes at one school, or at none (NO_SCHOOL). A person who moves counts at both schools."""

    org: Org
    created: int
    updated: int
    deleted: int
    students: tuple[int, int] | None  # before, after
    teachers: tuple[int, int] | None


@dataclass(frozen=True)
class Follow:
    """`part` of `whole` changes of an entity follow from `subjects` others.

    Each is counted with the first that fits.
    """

    entity: Entity
    change: str
    part: int
    whole: int
    subjects: int
    of: Entity
    how: str  # leave | new | move


@dataclass(frozen=True)
class Summary:
    """The whole summary. `attributes`: how many updates of an entity change each attribute, most frequent first."""

    schools: tuple[SchoolLine, ...] = ()
    attributes: tuple[tuple[str, tuple[tuple[str, int], ...]], ...] = ()
    follows: tuple[Follow, ...] = ()


def read(plan: Path, orgs: Orgs) -> Summary:
    """Summarize a plan folder."""
    from rostersync.stores.engine import connect

    files = {e: f for e in Entity if (f := plan / changes_of(e)).exists()}
    if not files:
        return Summary()
    with closing(connect(None, None, plan.parent / "scratch", [plan])) as con:
        _lay_out(con, files)
        return Summary(tuple(_schools(con, orgs)), tuple(_attributes(con)), tuple(_follows(con)))


def _lay_out(con: "duckdb.DuckDBPyConnection", files: dict[Entity, Path]) -> None:
    """Make the view `c`: every change with its organisations before and after, and the records that it depends on."""
    parts = []
    for entity, file in files.items():
        relation = con.read_parquet(str(file))
        relation.create_view(f"of_{entity.value}")
        before, after, user, class_, agents = "schools", "schools", "NULL::VARCHAR", "NULL::VARCHAR", _NONE
        if entity in _PEOPLE:
            moved = "change = 'Update' AND list_contains(changed, 'orgSourcedIds')"
            after = f"CASE WHEN {moved} THEN orgSourcedIds ELSE schools END"
            agents = "CASE WHEN change = 'Delete' THEN before->>'$.agentSourcedIds[*]' END"
        if entity is Entity.ENROLLMENT:
            user = "CASE WHEN change = 'Create' THEN userSourcedId ELSE before->>'userSourcedId' END"
            class_ = "CASE WHEN change = 'Create' THEN classSourcedId ELSE before->>'classSourcedId' END"
        if entity is Entity.DEMOGRAPHICS:
            user = "id"
        parts.append(f"""
            SELECT entity, new_entity, id, change, cause, changed, {user} AS person, {class_} AS class, {agents} AS agents,
              CASE WHEN change <> 'Create' THEN {before} END AS was, CASE WHEN change <> 'Delete' THEN {after} END AS will
            FROM of_{entity.value}""")  # noqa: S608 - names and expressions of ours
    con.execute(f"CREATE TEMP VIEW c AS {' UNION ALL '.join(parts)}")


def _schools(con: "duckdb.DuckDBPyConnection", orgs: Orgs) -> Iterable[SchoolLine]:
    changes: dict[str, dict[str, int]] = {}
    others = [id_ for id_, org in orgs.by_id.items() if org.entity not in ("", Entity.SCHOOL)]
    for org, change, number in _rows(
        con,
        """
        WITH o AS (SELECT change, list_distinct(list_concat(coalesce(was, []), coalesce(will, []))) AS orgs FROM c),
        s AS (SELECT change, orgs, list_filter(orgs, lambda org: NOT list_contains(?, org)) AS schools FROM o)
        SELECT org, change, count(*) FROM (
            SELECT change, unnest(CASE WHEN len(schools) = 0 AND len(orgs) > 0 THEN [''] ELSE schools END) AS org FROM s)
        GROUP BY ALL""",
        others,
    ):
        changes.setdefault(org, {})[change] = number
    moves = {
        (org, entity): number
        for org, entity, number in _rows(
            con,
            """
        SELECT org, entity, sum(n) FROM (
            SELECT entity, unnest(was) AS org, -1 AS n FROM c WHERE entity IN ('Student', 'Teacher')
            UNION ALL SELECT new_entity, unnest(will), 1 FROM c WHERE new_entity IN ('Student', 'Teacher'))
        GROUP BY ALL""",
        )
    }
    lines = []
    for id_, by in changes.items():
        org = orgs.by_id.get(id_) or (Org(id_, (), "", None) if id_ else NO_SCHOOL)
        people = [
            None if there is None else (there, there + int(moves.get((id_, entity), 0)))
            for there, entity in ((org.students, "Student"), (org.teachers, "Teacher"))
        ]
        created, updated, deleted = (by.get(c, 0) for c in ("Create", "Update", "Delete"))
        lines.append(SchoolLine(org, created, updated, deleted, people[0], people[1]))
    return sorted(
        lines, key=lambda s: (s.org is NO_SCHOOL, -s.deleted, -s.updated - s.created, s.org.name or "", s.org.id or "")
    )


def _attributes(con: "duckdb.DuckDBPyConnection") -> Iterable[tuple[str, tuple[tuple[str, int], ...]]]:
    found: dict[str, list[tuple[str, int]]] = {}
    for entity, attribute, number in _rows(
        con,
        """
        SELECT entity, attribute, count(*) FROM (SELECT entity, unnest(changed) AS attribute FROM c WHERE change = 'Update')
        GROUP BY ALL ORDER BY 3 DESC, 2""",
    ):
        found.setdefault(entity, []).append((attribute, number))
    return [(e.value, tuple(found[e.value])) for e in Entity if e.value in found]


def _follows(con: "duckdb.DuckDBPyConnection") -> Iterable[Follow]:
    con.execute("""
        CREATE TEMP TABLE who AS
        SELECT id, coalesce(new_entity, entity) AS entity,
          CASE change WHEN 'Delete' THEN 'leave' WHEN 'Create' THEN 'new' ELSE 'move' END AS how
        FROM c WHERE entity IN ('Student', 'Teacher', 'Contact', 'Admin', 'Class')
          AND (change <> 'Update' OR list_contains(changed, 'orgSourcedIds'))""")
    con.execute("""
        CREATE TEMP TABLE pairs AS
        SELECT c.entity, c.change, c.id, w.entity AS of, w.how, 1 AS rank FROM c JOIN who w ON w.id = c.person
        WHERE w.entity <> 'Class'
        UNION ALL SELECT c.entity, c.change, c.id, w.entity, w.how, 2 FROM c JOIN who w ON w.id = c.class
        WHERE w.entity = 'Class' AND w.how <> 'move'
        UNION ALL SELECT c.entity, c.change, c.id, w.entity, w.how, 1
        FROM (SELECT *, unnest(agents) AS agent FROM c WHERE change = 'Delete' AND entity = 'Contact') c
        JOIN who w ON w.id = c.agent WHERE w.entity = 'Student'""")
    rows = _rows(
        con,
        """
        WITH one AS (
          SELECT entity, change, id, of, how FROM pairs
          WHERE (change = 'Delete' AND how IN ('leave', 'move')) OR (change = 'Create' AND how IN ('new', 'move'))
          QUALIFY row_number() OVER (PARTITION BY entity, id ORDER BY rank, of, how) = 1),
        whole AS (SELECT entity, change, count(*) AS n FROM c GROUP BY ALL),
        subjects AS (SELECT entity, how, count(*) AS n FROM who GROUP BY ALL)
        SELECT o.entity, o.change, count(*), any_value(w.n), any_value(s.n), o.of, o.how
        FROM one o JOIN whole w ON w.entity = o.entity AND w.change = o.change
        JOIN subjects s ON s.entity = o.of AND s.how = o.how
        GROUP BY o.entity, o.change, o.of, o.how ORDER BY 2 DESC, 3 DESC, 1, 6, 7""",
    )
    for entity, change, part, whole, subjects, of, how in rows:
        yield Follow(Entity(entity), change, part, whole, subjects, Entity(of), how)


def _rows(con: "duckdb.DuckDBPyConnection", sql: str, *values: Any) -> list[tuple[Any, ...]]:
    return con.execute(sql, list(values) or None).fetchall()
