"""Ids, references and dates, which all rows of a day need."""

from copy import copy
from datetime import date, timedelta
from typing import Any, Self

from rostersync.simulator import seeded
from rostersync.simulator.events import COLLECTIONS, Events
from rostersync.simulator.layout import Layout
from rostersync.simulator.population import Population, Queue

SCHOOL_YEAR = 2026  # the year in which it starts
FIRST_DAY = date(2026, 9, 1)  # day 0
KINDS = ("student", "contact", "teacher", "hire", "admin", "demographics", "enrollment", "class", "move")
TURNOVER = seeded.rate(0.0005)  # a teacher is replaced about every ten years

PATHS = {
    "org": "orgs",
    "academicSession": "academicSessions",
    "course": "courses",
    "class": "classes",
    "user": "users",
}
Row = dict[str, Any]


class Records:
    """Ids and references of one day of a district. `base` is the URL that hrefs begin with."""

    year = SCHOOL_YEAR

    def __init__(self, layout: Layout, queue: Queue, seed: int, day: int, events: Events) -> None:
        self.layout, self.queue, self.day, self.events = layout, queue, day, events
        self.base = ""
        self.population = Population(layout, queue, day, events)
        # `keys` determine what people are like, `ids` their sourcedIds, since those can be reissued.
        self.keys = {kind: seeded.key(seed, kind) for kind in KINDS}
        self.ids = {c: seeded.key(seed, "id", c, *(["reissued"] if c in events.reissued else [])) for c in COLLECTIONS}

    def at(self, base: str) -> Self:
        """The same day with hrefs under another URL."""
        other = copy(self)
        other.base = base
        return other

    def modified(self, day: int) -> str:
        """The dateLastModified of something that last changed on a day."""
        return f"{FIRST_DAY + timedelta(days=day)}T04:00:00.000Z"

    def ref(self, kind: str, sourced_id: str, path: str | None = None) -> dict[str, str]:
        """A GUIDRef."""
        return {"href": f"{self.base}/{path or PATHS[kind]}/{sourced_id}", "sourcedId": sourced_id, "type": kind}

    def school_ref(self, school: int | None) -> dict[str, str]:
        """The reference to a school, or to the district for None."""
        if school is None:
            return self.ref("org", self.org_id(0))
        return self.ref("org", self.org_id(school + 1), "schools")

    def org_id(self, slot: int) -> str:
        """The id of an organisation: slot 0 is the district, slot n the school number n - 1."""
        return seeded.uuid(self.ids["orgs"], slot, len(self.layout.schools) + 1)

    def user_id(self, slot: int, generation: int) -> str:
        """The id of a slot of /users, which has students, contacts, teachers and admins in that order."""
        return seeded.uuid(self.ids["users"], slot, self.layout.users, generation)

    def student_id(self, slot: int) -> str:
        """The id of the student who is in the slot now."""
        return self.user_id(slot, self.queue.number(slot, self.population.left))

    def contact_id(self, slot: int) -> str:
        """The id of a contact of the student who is in the slot now."""
        student = self.layout.student_of_contact(slot)
        number = self.queue.number(student, self.population.left)
        return self.user_id(self.layout.students + slot, number)

    def teacher_id(self, slot: int) -> str:
        """The id of whoever holds the teacher's post now."""
        return self.user_id(self.layout.students + self.layout.contacts + slot, self.hires(slot))

    def admin_id(self, slot: int) -> str:
        """The id of an administrator."""
        return self.user_id(self.layout.students + self.layout.contacts + self.layout.teachers + slot, 0)

    def hires(self, slot: int) -> int:
        """How often the teacher's post has been refilled."""
        return seeded.times(seeded.mix(self.keys["hire"], slot), TURNOVER, self.day)

    def hired_on(self, slot: int, hires: int) -> int:
        """The day on which the teacher's post was last filled."""
        return seeded.day_of(seeded.mix(self.keys["hire"], slot), TURNOVER, hires)

    def class_id(self, slot: int) -> str:
        """The id of a class."""
        return seeded.uuid(self.ids["classes"], slot, self.layout.classes)

    def course_id(self, grade: str, period: int) -> str:
        """The id of a course: one for each grade and subject of the district."""
        slot = self.layout.grades.index(grade) * self.layout.per_student + period
        return seeded.uuid(self.ids["courses"], slot, self.layout.courses)

    def session_id(self, slot: int) -> str:
        """The id of an academic session."""
        return seeded.uuid(self.ids["academicSessions"], slot, 7)
