"""An invented district of any size, day by day. Only its shape and who is absent are kept in memory: each row is
computed from seed, day and position, so that a page has the same rows whatever was asked for before.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from rostersync.simulator import seeded
from rostersync.simulator.classes import SESSIONS, Classes
from rostersync.simulator.events import COLLECTIONS, Events
from rostersync.simulator.filled_slots import FilledSlots
from rostersync.simulator.layout import Layout, Size
from rostersync.simulator.people import WITHOUT_DEMOGRAPHICS
from rostersync.simulator.population import Queue
from rostersync.simulator.records import Row
from rostersync.simulator.roster import PARTS


@dataclass(frozen=True)
class Section:
    """A part of a collection: rows of one kind, whose ids begin at `first_id`."""

    present: FilledSlots
    row: Callable[[Classes, int], Row]
    first_id: int = 0


class District:
    """A district by its size and seed. Ask it for a day."""

    def __init__(self, size: Size | int = 1000, seed: int = 1) -> None:
        self.size = size if isinstance(size, Size) else Size(size)
        self.seed = seed
        self.layout = Layout(self.size)
        self.queue = Queue(self.layout, seed)

    def day(self, day: int = 0, events: Events | tuple[str, ...] = ()) -> "DistrictDay":
        """The district on a day, after some events (named as in events.HELP)."""
        if day < 0:
            raise ValueError("days count from 0")
        if not isinstance(events, Events):
            befallen = Events()
            for text in events:
                befallen = befallen.with_event(text, len(self.layout.schools))
            events = befallen
        return DistrictDay(self, day, events)


class DistrictDay:
    """One day of a district, as a Roster."""

    def __init__(self, district: District, day: int, events: Events) -> None:
        self.district, self.day, self.events = district, day, events
        self._records = Classes(district.layout, district.queue, district.seed, day, events)
        self._bases: dict[str, Classes] = {"": self._records}
        self._sections: dict[str, list[Section]] = {}

    @property
    def name(self) -> str:
        """Size, seed and day."""
        return f"district of {self.district.size.students} students, seed {self.district.seed}, day {self.day}"

    def total(self, collection: str) -> int:
        """How many rows a collection has. Raises KeyError for an unknown one."""
        return sum(s.present.count for s in self._of(collection))

    def rows(self, collection: str, start: int, stop: int, base: str = "") -> Iterator[Row]:
        """Rows number start … stop-1, sorted by sourcedId."""
        records = self._with(base)
        for section in self._of(collection):
            row = section.row
            for slot in section.present.select(max(0, start), max(0, stop)):
                yield row(records, slot)
            start -= section.present.count
            stop -= section.present.count
            if stop <= 0:
                return

    def one(self, collection: str, sourced_id: str, base: str = "") -> Row | None:
        """The row with an id, found by the id's first digits."""
        records = self._with(base)
        slot = seeded.slot_of(sourced_id, self._ids[PARTS.get(collection, (collection,))[0]])
        if slot is None:
            return None
        for section in self._of(collection):
            at = slot - section.first_id
            if section.present.filled(at):
                row = section.row(records, at)
                if row["sourcedId"] == sourced_id:
                    return row
        return None

    @cached_property
    def _ids(self) -> dict[str, int]:
        layout = self.district.layout
        return {
            "orgs": len(layout.schools) + 1,
            "academicSessions": len(SESSIONS),
            "courses": layout.courses,
            "classes": layout.classes,
            "users": layout.users,
            "enrollments": layout.enrollments,
            "demographics": layout.users,
        }

    def _with(self, base: str) -> Classes:
        if base not in self._bases:
            if len(self._bases) > 8:  # requests under ever new host names must not fill the memory
                self._bases = {"": self._records}
            self._bases[base] = self._records.at(base)
        return self._bases[base]

    def _of(self, collection: str) -> list[Section]:
        if collection not in self._sections:
            if collection not in COLLECTIONS and collection not in PARTS:
                raise KeyError(collection)
            whole = PARTS.get(collection, (collection,))[0]
            self._sections[collection] = [] if whole in self.events.wiped else self._make(collection)
        return self._sections[collection]

    def _make(self, collection: str) -> list[Section]:
        layout, there = self.district.layout, self._records.population
        schools = [Section(self._orgs(), Classes.org)]
        students = Section(there.students, Classes.student)
        teachers = Section(there.teachers, Classes.teacher, layout.students + layout.contacts)
        match collection:
            case "orgs":
                return schools
            case "schools":
                return [Section(self._orgs().without([(0, 1)]), Classes.org)]
            case "academicSessions":
                return [Section(FilledSlots(len(SESSIONS)), Classes.session)]
            case "terms":
                return [Section(FilledSlots(len(SESSIONS), [(0, 1)]), Classes.session)]
            case "gradingPeriods":
                return []
            case "courses":
                return [Section(FilledSlots(layout.courses), Classes.course)]
            case "classes":
                return [Section(there.classes, Classes.class_)]
            case "users":
                closed = [s for s, to in there.moves.items() if to is None]
                return [
                    students,
                    Section(there.contacts, Classes.contact, layout.students),
                    teachers,
                    Section(
                        FilledSlots(layout.admins).without((s, s + 1) for s in closed),
                        Classes.admin,
                        layout.users - layout.admins,
                    ),
                ]
            case "students":
                return [students]
            case "teachers":
                return [teachers]
            case "enrollments":
                return [
                    Section(there.enrolled, Classes.enrollment),
                    Section(there.teachings, Classes.teaching, layout.student_enrollments),
                ]
            case _:
                every, without = WITHOUT_DEMOGRAPHICS
                lacking = ((s, s + 1) for s in range(without, layout.students, every))
                return [Section(there.students.without(lacking), Classes.demographics)]

    def _orgs(self) -> FilledSlots:
        gone = self.events.closed | self.events.vanished
        return FilledSlots(len(self.district.layout.schools) + 1).without((s + 1, s + 2) for s in gone)
