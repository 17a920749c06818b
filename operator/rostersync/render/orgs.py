"""Names of organisations: for the ids that a plan has, and ids for the names that people type."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rostersync import spelling
from rostersync.errors import Permanent
from rostersync.plan.folder import ORGS

_LISTED = 20  # schools that an error names


@dataclass(frozen=True)
class Org:
    """An organisation.

    `id` is the store's, None for a school of the source that is not mapped; `sis_ids` are the source's, none for that of
    another source.
    """

    id: str | None
    sis_ids: tuple[str, ...]
    entity: str
    name: str | None
    students: int | None = None
    teachers: int | None = None


@dataclass(frozen=True)
class Orgs:
    """All organisations of the source that a plan knows, and by id those of other sources, too.

    Where a plan has no names, there are none, and ids are shown alone.
    """

    all: tuple[Org, ...] = ()
    by_id: Mapping[str, Org] = field(default_factory=dict)
    by_sis_id: Mapping[str, Org] = field(default_factory=dict)

    def name(self, id_: str) -> str:
        """The name for a store's id; the id itself if none is known."""
        found = self.by_id.get(id_)
        return (found and found.name) or id_

    def called(self, id_: str) -> str:
        """`Oak Hill (FOC-1001)`, by the store's id; the id alone if no name is known."""
        found = self.by_id.get(id_)
        return f"{found.name} ({id_})" if found and found.name else id_

    def called_by_source(self, sis_id: str) -> str:
        """`Oak Hill (1001)`, by the source's id."""
        found = self.by_sis_id.get(sis_id)
        return f"{found.name} ({sis_id})" if found and found.name else sis_id

    def ids(self, words: Iterable[str]) -> tuple[str, ...]:
        """The store's ids for what a person typed: an id of the store or the source, or a name in any case.

        Raises Permanent (UnknownSchool) that lists those there are.
        """
        return tuple(dict.fromkeys(self._id(word) for word in words))

    @property
    def of_all_sources(self) -> "Orgs":
        """With other sources' organisations among all, as the roster has them."""
        others = (o for o in self.by_id.values() if not o.sis_ids)
        return replace(self, all=(*self.all, *others))

    def mapped(self, word: str) -> tuple[str, ...]:
        """The store's ids of this source's mapped schools that a word may mean."""
        return tuple(o.id for o in self._meant(word) if o.id and o.sis_ids)

    def listed(self) -> str:
        """The schools, as `Oak Hill (FOC-1001)`, as far as an error may list them. Empty if there are none."""
        schools = [o for o in self.all if o.id and o.entity == "School"]
        there = ", ".join(f"{o.name} ({o.id})" if o.name else str(o.id) for o in schools[:_LISTED])
        return f"{there} and {len(schools) - _LISTED:,} more" if len(schools) > _LISTED else there

    def near(self, *words: str) -> str:
        """The mapped schools whose names or ids are spelled much like one of these words, as in `listed`."""
        schools = [o for o in self.all if o.id and o.entity == "School"]
        known = {word.casefold(): o for o in schools for word in (*o.sis_ids, str(o.id), o.name or "") if word}
        found = dict.fromkeys(str(known[n.casefold()].id) for word in words for n in spelling.near(word, known))
        return ", ".join(self.called(id_) for id_ in found)

    def _meant(self, word: str) -> list[Org]:
        """The schools of that id in the store, else in the source, else of that name."""
        by_id = [found for of in (self.by_id, self.by_sis_id) if (found := of.get(word)) and found.entity == "School"]
        called = word.strip().casefold()
        return by_id[:1] or [o for o in self.all if o.entity == "School" and (o.name or "").casefold() == called]

    def _id(self, word: str) -> str:
        found = self._meant(word)
        mapped = [o.id for o in found if o.id]
        if len(mapped) == 1:
            return mapped[0]
        if len(mapped) > 1:
            raise Permanent(
                f"Several schools are called {word}: {', '.join(mapped)}. Give an id.", reason="UnknownSchool"
            )
        if found:
            raise Permanent(f"School {word} is not mapped: the plan has nothing of it.", reason="UnknownSchool")
        listed = self.listed()
        others = self.of_all_sources.listed()
        none = "The source has no school" + ("; those of the roster count with --roster." if others else ".")
        has = f"There are: {listed}." if listed else none
        alike = f"Near: {near}. " if (near := self.near(word)) else ""
        raise Permanent(f"There is no school {word}. {alike}{has}", reason="UnknownSchool")


NAMELESS = Orgs()


def read(plan: Path) -> Orgs:
    """The organisations of a plan folder."""
    import pyarrow.parquet as pq

    path = plan / ORGS
    return orgs_of(pq.read_table(path).to_pylist() if path.exists() else ())


def orgs_of(rows: Iterable[Mapping[str, Any]]) -> Orgs:
    """Organisations from the rows of a plan's file."""
    found = tuple(
        Org(r["id"], tuple(r["sis_ids"] or ()), r["entity"], r["name"], r.get("students"), r.get("teachers"))
        for r in rows
    )
    return Orgs(
        tuple(o for o in found if o.sis_ids), {o.id: o for o in found if o.id}, {i: o for o in found for i in o.sis_ids}
    )
