"""Who is in the district on a day. Students stand in one endless queue: each day some leave at its front and newcomers
join at its end. A student's number in the queue determines the slot."""

from array import array
from bisect import bisect_right

from rostersync.simulator import seeded
from rostersync.simulator.events import Events
from rostersync.simulator.filled_slots import FilledSlots
from rostersync.simulator.layout import Layout, coprime


class Queue:
    """How many students have left and joined by a day, and which slot the n-th student of the queue has."""

    def __init__(self, layout: Layout, seed: int) -> None:
        self.size, self.slots = layout.size.students, layout.students
        self._seed = seeded.key(seed, "queue")
        self._step = coprime(self.slots)
        self._back = pow(self._step, -1, self.slots)
        self._offset = seeded.mix(self._seed, 0) % self.slots
        self._left, self._joined = array("q", [0]), array("q", [0])

    def left(self, day: int) -> int:
        """How many students have left by a day."""
        self._reach(day)
        return self._left[day]

    def joined(self, day: int) -> int:
        """How many newcomers there are by a day."""
        self._reach(day)
        return self._joined[day]

    def joined_on(self, number: int) -> int:
        """The day on which a student joined, by number; 0 for those who were there from the start."""
        return 0 if number < self.size else bisect_right(self._joined, number - self.size)

    def slot(self, number: int) -> int:
        """The slot of the student with a number in the queue."""
        return (number * self._step + self._offset) % self.slots

    def number(self, slot: int, left: int) -> int:
        """The number in the queue of the student who has a slot, or will have it next, once `left` students have left."""
        first = (slot - self._offset) * self._back % self.slots
        return first + max(0, -(-(left - first) // self.slots)) * self.slots

    def _reach(self, day: int) -> None:
        usual = max(1 if self.size >= 40 else 0, self.size // 500)
        while len(self._left) <= day:
            drawn = seeded.mix(self._seed, len(self._left))
            there = self.size + self._joined[-1] - self._left[-1]
            leaves = min(usual + drawn % (usual // 2 + 1), max(0, there - self.size * 95 // 100))
            joins = min(usual + (drawn >> 48) % (usual // 2 + 1), max(0, self.slots - 1 - there))
            self._left.append(self._left[-1] + leaves)
            self._joined.append(self._joined[-1] + joins)


class Population:
    """One day: who is present, and at which school."""

    def __init__(self, layout: Layout, queue: Queue, day: int, events: Events) -> None:
        self.layout, self.queue = layout, queue
        self.left = queue.left(day) + queue.size * events.mass_leave // 100
        self.end = queue.size + queue.joined(day)
        # The school that people of a closed one go to; None: they leave the district.
        self.moves = {s: layout.successor(s, events.closed) for s in events.closed}
        gone = sorted(queue.slot(n) for n in range(max(self.left, self.end), self.left + layout.students))
        leaving = [layout.schools[s] for s, to in self.moves.items() if to is None]
        self.students = FilledSlots(layout.students, ((slot, slot + 1) for slot in gone)).without(
            (school.first, school.end) for school in leaving
        )
        self.contacts = self.students.mapped(layout.contacts, layout.first_contact)
        self.enrolled = self.students.mapped(layout.student_enrollments, lambda s: s * layout.per_student)
        self.teachers = FilledSlots(layout.teachers).without(
            (school.first_teacher, school.first_teacher + school.teachers) for school in leaving
        )
        self.classes = FilledSlots(layout.classes).without(
            (c.first_class, c.first_class + c.sections * layout.per_student)
            for c in layout.cohorts
            if c.school in events.closed
        )
        self.teachings = self.classes.mapped(layout.teacher_enrollments, layout.first_teaching)

    def school(self, number: int) -> int | None:
        """The school at which the people of this one are today."""
        return self.moves.get(number, number)
