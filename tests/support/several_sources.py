"""Generated districts of several sources: contributions that agree, drift, collide and leave, plan by plan."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Self

from rostersync.model import Entity
from rostersync.roster import BY_ENTITY, BY_NAME, DEMOGRAPHICS, ENROLLMENTS, TABLES, Kind
from support.reference_roster import District, Own, Record, Roster, Row

PEOPLE = {"Student": "student", "Teacher": "teacher", "Admin": "principal"}
DOMAINS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Student", ("email",)),
    ("Teacher", ("email",)),
    ("Student", ("identifier",)),
    ("Student", ("givenName", "familyName")),
    ("Admin", ("email",)),
    ("Teacher", ("metadata.badge",)),
    ("School", ("identifier",)),
    ("District", ("name",)),
    ("Calendar", ("title",)),
    ("Course", ("courseCode", "orgSourcedId")),
    ("Class", ("classCode", "schoolSourcedId")),
    ("Class", ("title", "termSourcedIds")),
    ("Enrollment", ("classSourcedId", "userSourcedId")),
)
MASTERED = {
    "Student": ["email", "username", "givenName", "role", "grades", "primaryOrgSourcedId", "metadata.badge"],
    "Teacher": ["email", "familyName", "metadata.room", "enabledUser"],
    "Class": ["title", "location", "courseSourcedId"],
    "School": ["name", "type"],
    "Demographics": ["birthDate"],
}


@dataclass(frozen=True)
class Words:
    """What districts have in common: sources, domains, Master Fields."""

    sources: list[str]
    brings: dict[str, bool]
    domains: list[dict[str, Any]]
    masters: list[dict[str, Any]]

    @classmethod
    def some(cls, rng: random.Random, sources: list[str], brings: dict[str, bool]) -> Self:
        """Random ones."""
        domains = [{"entity": e, "attributes": list(a)} for e, a in DOMAINS if rng.random() < 0.5]
        masters: list[dict[str, Any]] = []
        for entity, names in MASTERED.items():
            free = rng.sample(names, rng.randint(0, len(names)))
            while free:
                take, free = free[:2], free[2:]
                masters.append(_master(rng, sources, entity, take))
            if rng.random() < 0.3:
                masters.append(_master(rng, sources, entity, ["*"]))
        rng.shuffle(masters)
        return cls(sources, brings, domains, masters[: rng.randint(0, 6)])


def _master(rng: random.Random, sources: list[str], entity: str, names: list[str]) -> dict[str, Any]:
    mode = rng.choice(["Master", "DoNotOverride"])
    return {"entity": entity, "attributes": names, "source": rng.choice(sources), "mode": mode}


class SeveralSources:
    """A district that a random generator changes, one source at a time.

    Its ids and texts begin with `tag`, so that the engine can make the rosters of many such districts at once.
    """

    def __init__(self, rng: random.Random, words: Words, tag: str) -> None:
        self.rng = rng
        self.tag = tag
        self.prefixes = rng.random() < 0.7
        self.district = District(sources=words.sources, contributions={}, brings=words.brings)
        self.new_words = False
        self.take(words)

    def take(self, words: Words) -> None:
        """Other domains, other Master Fields."""
        self.district = replace(self.district, domains=words.domains, masters=words.masters)

    def propose(self, source: str) -> tuple[District, Own]:
        """The district as a plan of a source finds it, with what the source brings now."""
        rng = self.rng
        mine = {r: row for r, row in self.district.contributions.items() if r[1] == source}
        now = {r: row for r, row in mine.items() if rng.random() > 0.07}
        for r in list(now):
            if rng.random() < 0.15:
                now[r] = now[r] | self._some_of(self._row(r[0], now[r]["entity"], source, now))
        for _ in range(rng.randint(3, 14)):
            table, entity = rng.choice(_KINDS)
            if table == "demographics":
                ids = [r[2] for r in now if r[0] == "users"] or [f"{self.tag}nobody"]
            else:
                ids = [f"{self.tag}{source + '-' if self.prefixes else ''}{table[:2]}{rng.randint(0, 9)}"]
            for id_ in ids[:1]:
                if (table, source, id_) not in now:
                    now[table, source, id_] = self._row(table, entity, source, now)
        self._agree(source, now)
        self._swap(now)
        targets: frozenset[str] = frozenset()
        if rng.random() < 0.2:
            schools = sorted({r[2] for r in self.district.contributions if r[0] == "orgs" and r[1] != source})
            if schools:
                target = rng.choice(schools)
                targets = frozenset([target])
                now["orgs", source, target] = self._row("orgs", "School", source, now)
        return self.with_own(source, now, targets)

    def _agree(self, source: str, now: dict[Record, Row]) -> None:
        """Some records say what one of another source says."""
        others = [(r, row) for r, row in self.district.contributions.items() if r[1] != source]
        for r in sorted(now):
            alike = [row for o, row in others if o[0] == r[0] and row["entity"] == now[r]["entity"]]
            if alike and self.rng.random() < 0.3:
                of = self.rng.choice(alike)
                mine = [d["attributes"] for d in self.district.domains if d["entity"] == now[r]["entity"]]
                names = self.rng.choice(mine) if mine else ["title", "name", "email"]
                kept = {n: of[n] for n in names if of.get(n) is not None and not n.endswith(("Id", "Ids"))}
                badge = {"metadata": of["metadata"]} if "metadata.badge" in names else {}
                now[r] = now[r] | kept | badge

    def _swap(self, now: dict[Record, Row]) -> None:
        """Two records of one entity say what the other one said, as when a mix-up is corrected."""
        for r in sorted(now):
            alike = [o for o in sorted(now) if o[0] == r[0] and o != r and now[o]["entity"] == now[r]["entity"]]
            if alike and self.rng.random() < 0.12:
                other = self.rng.choice(alike)
                now[r], now[other] = now[other], now[r]

    def with_own(
        self, source: str, now: dict[Record, Row], targets: frozenset[str] = frozenset()
    ) -> tuple[District, Own]:
        """The district with these contributions of a source."""
        before = {r: row for r, row in self.district.contributions.items() if r[1] == source}
        causes = {}
        for r in before.keys() | now.keys():
            if before.get(r) != now.get(r):
                causes[r] = "SourceCreated" if r not in before else "SourceChanged" if r in now else "SourceMissing"
        others = {r: row for r, row in self.district.contributions.items() if r[1] != source}
        return replace(self.district, contributions=others | now), Own(source, causes, targets, self.new_words)

    def _some_of(self, row: Row) -> Row:
        kept = [n for n in row if n != "entity" and self.rng.random() < 0.4]
        return {n: row[n] for n in kept} | ({"entity": row["entity"]} if "role" in kept or "type" in kept else {})

    def _row(self, table: str, entity: str, source: str, now: dict[Record, Row]) -> Row:
        rng = self.rng
        row: Row = {"entity": entity}
        there = [*now, *(r for r in self.district.contributions if r[1] == source)]
        for a in BY_NAME[table].attributes:
            if a.target:
                ids = sorted({r[2] for r in there if r[0] == a.target})
                some = rng.sample(ids, min(len(ids), rng.randint(0, 2)))
                row[a.name] = (sorted(some) or None) if a.kind is Kind.REFS else (some[0] if some else None)
            elif rng.random() < 0.35 and a.name not in ("role", "type"):
                row[a.name] = None
            else:
                row[a.name] = self._value(a.kind, a.name, entity)
        keys = {k: self.tag + rng.choice(["x", "Y", "z"]) for k in ("badge", "room") if rng.random() < 0.3}
        row["metadata"] = dict(sorted(keys.items())) or None
        return row

    def _value(self, kind: Kind, name: str, entity: str) -> Any:
        rng = self.rng
        if name == "role":
            return PEOPLE.get(entity, "student")
        if name == "type" and entity in ("School", "District"):
            return "school" if entity == "School" else rng.choice(["district", "department"])
        letter = f"{self.tag}{rng.choice('abcdefghijklmnop')}{rng.choice(['', '1', '2'])}"
        if kind is Kind.DATE:
            return f"2026-0{rng.randint(1, 9)}-11"
        if kind is Kind.BOOLEAN:
            return rng.random() < 0.5
        if kind in (Kind.LIST, Kind.SET):
            return sorted({letter, self.tag + rng.choice("xyz")})
        if kind is Kind.USER_IDS:
            return [{"type": "sis", "identifier": letter}]
        return rng.choice([letter, letter.upper()])


_KINDS = [
    ("orgs", "School"),
    ("orgs", "District"),
    ("academicSessions", "Calendar"),
    ("courses", "Course"),
    *[("classes", "Class")] * 2,
    *[("users", "Student")] * 5,
    *[("users", "Teacher")] * 2,
    ("users", "Admin"),
    *[("enrollments", "Enrollment")] * 2,
    *[("demographics", "Demographics")] * 2,
]
assert {BY_ENTITY[Entity(e)].name for _, e in _KINDS} == {t.name for t in TABLES}, (DEMOGRAPHICS, ENROLLMENTS)


def taken_back(before: District, proposed: District, own: Own, held: set[Record]) -> dict[Record, Row]:
    """The source's contributions without the changes of records that are held back."""
    mine = {r: row for r, row in proposed.contributions.items() if r[1] == own.source}
    for r in held:
        if r in before.contributions:
            mine[r] = before.contributions[r]
        else:
            mine.pop(r, None)
    return mine


def together(districts: Iterable[District]) -> District:
    """Districts of the same words as one."""
    every = list(districts)
    made = replace(every[0])
    for name in ("contributions", "records", "roster", "owners"):
        setattr(made, name, {k: v for d in every for k, v in getattr(d, name).items()})
    made.tombstones = {key for d in every for key in d.tombstones}
    return made


def owns_together(owns: Iterable[Own]) -> Own:
    """What one source brings in each of them."""
    every = list(owns)
    causes = {r: cause for own in every for r, cause in own.causes.items()}
    return Own(every[0].source, causes, frozenset(t for own in every for t in own.targets), every[0].new_words)


def rosters_together(rosters: Iterable[Roster]) -> Roster:
    """Their rosters."""
    made = Roster()
    for roster in rosters:
        for name in ("rows", "told_by", "otherwise", "records", "owners", "held", "changes"):
            getattr(made, name).update(getattr(roster, name))
    return made
