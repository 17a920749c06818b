"""What the server needs from the data that it serves: an invented district on one day, or a bundle of CSV files."""

from collections.abc import Iterable
from typing import Any, Protocol

Row = dict[str, Any]


class Roster(Protocol):
    """Collections of OneRoster 1.1 rows, sorted by sourcedId, with access by position."""

    @property
    def name(self) -> str:
        """A short description."""
        ...

    def total(self, collection: str) -> int:
        """How many rows the collection has. Raises KeyError for an unknown one."""
        ...

    def rows(self, collection: str, start: int, stop: int, base: str) -> Iterable[Row]:
        """The rows with the numbers start … stop-1. Their hrefs begin with `base`."""
        ...

    def one(self, collection: str, sourced_id: str, base: str) -> Row | None:
        """The row with an id; None when there is none."""
        ...


# /schools, /students … are parts of a collection: (collection, attribute, values).
PARTS = {
    "schools": ("orgs", "type", ("school",)),
    "terms": ("academicSessions", "type", ("term", "semester")),
    "gradingPeriods": ("academicSessions", "type", ("gradingPeriod",)),
    "students": ("users", "role", ("student",)),
    "teachers": ("users", "role", ("teacher", "aide")),
}
SINGULAR = {
    "orgs": "org",
    "academicSessions": "academicSession",
    "courses": "course",
    "classes": "class",
    "users": "user",
    "enrollments": "enrollment",
    "demographics": "demographics",
}


class Wiped:
    """A roster in which some collections are empty."""

    def __init__(self, roster: Roster, collections: Iterable[str]) -> None:
        self.roster = roster
        self.collections = frozenset(collections)

    @property
    def name(self) -> str:
        """The roster's name, and what is missing."""
        return f"{self.roster.name}, without {', '.join(sorted(self.collections))}"

    def _empty(self, collection: str) -> bool:
        return PARTS.get(collection, (collection,))[0] in self.collections

    def total(self, collection: str) -> int:
        """0 for what is wiped."""
        return 0 if self._empty(collection) else self.roster.total(collection)

    def rows(self, collection: str, start: int, stop: int, base: str) -> Iterable[Row]:
        """Nothing of what is wiped."""
        return () if self._empty(collection) else self.roster.rows(collection, start, stop, base)

    def one(self, collection: str, sourced_id: str, base: str) -> Row | None:
        """None for what is wiped."""
        return None if self._empty(collection) else self.roster.one(collection, sourced_id, base)


class Hiding:
    """A roster whose collections are served without some of their rows, spread evenly. Single rows are all there."""

    def __init__(self, roster: Roster, rows: int) -> None:
        self.roster, self.hidden = roster, rows

    @property
    def name(self) -> str:
        """The roster's name, and how much is hidden."""
        return f"{self.roster.name}, {self.hidden} rows hidden"

    def total(self, collection: str) -> int:
        """What is left."""
        return max(0, self.roster.total(collection) - self.hidden)

    def rows(self, collection: str, start: int, stop: int, base: str) -> Iterable[Row]:
        """The rows with these numbers among those that are left."""
        total = self.roster.total(collection)
        gone = {total * n // self.hidden for n in range(self.hidden)} if self.hidden else set()
        for number in [n for n in range(total) if n not in gone][start:stop]:
            yield from self.roster.rows(collection, number, number + 1, base)

    def one(self, collection: str, sourced_id: str, base: str) -> Row | None:
        """The row, hidden or not."""
        return self.roster.one(collection, sourced_id, base)
