"""What a plan's folder has beyond the counts of a status: names of schools, and a summary of the changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from rostersync.api.objects import RunStatus
from rostersync.model import OF_ROSTER, Entity, EntityCounts, RosterCounts
from rostersync.plan import codec
from rostersync.plan.manifest import Usual
from rostersync.plan.manifest import roster_of as roster_in
from rostersync.render import orgs as organisations
from rostersync.render import rekeyed, summary, whose
from rostersync.render.orgs import Orgs
from rostersync.render.summary import NO_SCHOOL, Follow, Summary
from rostersync.render.tables import say, table
from rostersync.render.whose import Whose
from rostersync.render.words import number, some
from rostersync.render.words_to_type import LOCAL

WORST = 10  # schools that `run` lists; `show` lists all
_VERBS = {"Create": "created", "Update": "updated", "Delete": "deleted"}
_HOW = {"leave": "the {} who leave", "new": "the {} who are added", "move": "the {} who change school"}
_HOW_ONE = {"leave": "the {} who leaves", "new": "the {} who is added", "move": "the {} who changes school"}
_THINGS = {"leave": "the {} that go", "new": "the {} that are added"}


@dataclass(frozen=True)
class Details:
    """Details of a plan.

    `rekeyed`: records that come back under new ids. `usual`: medians of earlier runs, by entity and change.
    `unproved`: why collections are not proved complete. `unconfirmed`: why not all was asked by id.
    `left_out`: people of the source whom no rule of deliveryConfig.entities takes. `roster`: what it does to the roster, where
    several sources make it. `whose`: of which sources its changed values are.
    """

    orgs: Orgs = field(default_factory=Orgs)
    summary: Summary = field(default_factory=Summary)
    rekeyed: int = 0
    usual: Usual = field(default_factory=Usual)
    unproved: Mapping[str, str] = field(default_factory=dict)
    unconfirmed: Mapping[str, str] = field(default_factory=dict)
    left_out: int = 0
    roster: RosterCounts | None = None
    whose: tuple[Whose, ...] = ()


NOTHING = Details()


def read(plan: Path) -> Details:
    """Read the details of a plan folder."""
    orgs = organisations.read(plan)
    manifest = codec.read(plan)
    ids = f" (their ids: `{LOCAL.issues.format(run=manifest.run)} --records`)"
    unproved = {name: why + (ids if name in manifest.repeated else "") for name, why in manifest.unproved.items()}
    return Details(
        orgs,
        summary.read(plan, orgs),
        rekeyed.count(plan),
        manifest.usual,
        unproved,
        manifest.unconfirmed,
        manifest.left_out,
        roster_in(manifest),
        whose.read(plan),
    )


def roster_of(status: RunStatus, details: Details) -> RosterCounts | None:
    """The plan has all of it; a status what its Job's report had room for. None if the district has one source."""
    told = status.get("roster")
    return details.roster or (RosterCounts.from_dict(told) if told else None)


def roster(out: Console, found: RosterCounts | None, command: str = "") -> None:
    """What a plan does to the roster that several sources make together. None: the district has one. `command` shows records."""
    if found is None:
        return
    if not _changing(found.total):
        say(out, "In the roster of all sources: nothing changes.\n")
        return
    counts = [*(c for c in found.entities if _changing(c)), found.total]
    rows = [(c.entity or "Total", *(getattr(c, key) for key in OF_ROSTER)) for c in counts]
    numbers = [key.capitalize() for key in OF_ROSTER]
    table(out, ("Entity", *numbers), rows, numbers, "In the roster of all sources", drop=("Unchanged", "Population"))
    because = ", ".join(f"{number(n)} {cause}" for cause, n in found.causes.items())
    if command:
        say(out, f"`{command}` shows the records, and whose each value is.")
    say(out, f"Because of: {because}.\n" if because else "")


def _changing(counts: EntityCounts) -> bool:
    return bool(counts.created or counts.updated or counts.deleted)


def schools(out: Console, details: Details, most: int | None = None) -> None:
    """A table of at most `most` schools. What belongs to none, such as a district's administrators, stands below them."""
    found = details.summary.schools
    if not found:
        return
    if all(s.org is NO_SCHOOL for s in found):
        say(out, "None of what it changes belongs to a school.\n")
        return
    columns: Sequence[str] = ("School", "Students", "Teachers", "Created", "Updated", "Deleted", "Id")
    rows: list[tuple[object, ...]] = [
        (s.org.name or s.org.id, _people(s.students), _people(s.teachers), s.created, s.updated, s.deleted, s.org.id)
        for s in found[:most]
    ]
    if all(row[1] == row[2] == "" for row in rows):
        columns, rows = ("School", *columns[3:]), [(r[0], *r[3:]) for r in rows]
    table(
        out,
        columns,
        rows,
        ("Students", "Teachers", "Created", "Updated", "Deleted"),
        "By school",
        drop=("Id", "Teachers", "Students"),
    )
    if len(found) > len(rows):
        say(out, f"… and {number(len(found) - len(rows))} more schools; these have the most deletes.\n")


def attributes(out: Console, details: Details) -> None:
    """Which attributes updates change."""
    rows = [
        (entity, ", ".join(f"{name} {number(n)}" for name, n in found)) for entity, found in details.summary.attributes
    ]
    if rows:
        table(out, ("Entity", "Attributes"), rows, title="What updates change", fold="Attributes")


def follows(out: Console, details: Details) -> None:
    """Which changes follow from others, one sentence per line."""
    for follow in details.summary.follows:
        say(out, follows_sentence(follow))
    if details.summary.follows:
        say(out)


def follows_sentence(f: Follow) -> str:
    """`2,912 of 3,260 deleted Enrollments belong to the 364 Students who leave.`"""
    part = number(f.part) if f.part == f.whole else f"{number(f.part)} of {number(f.whole)}"
    every = "All " if f.part == f.whole and f.part > 1 else ""
    told = some(f.whole, f.entity).removeprefix(f"{number(f.whole)} ")
    words = _THINGS if f.of is Entity.CLASS else _HOW_ONE if f.subjects == 1 else _HOW
    whose = words[f.how].format(some(f.subjects, f.of))
    return f"{every}{part} {_VERBS[f.change]} {told} belong{'s' if f.part == 1 else ''} to {whose}."


def _people(numbers: tuple[int, int] | None) -> str:
    if numbers is None:
        return ""
    before, after = numbers
    return number(before) if before == after else f"{number(before)} → {number(after)}"
