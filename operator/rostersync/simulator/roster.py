"""What the server needs of the data it serves: a made-up district on one day, or a bundle of CSV files."""

from collections.abc import Iterable
from typing import Any, Protocol

Row = dict[str, Any]


class Roster(Protocol):
    """Collections of OneRoster 1.1 rows, sorted by sourcedId, to be read from anywhere."""

    @property
    def name(self) -> str:
        """A short description."""
        ...

    def total(self, collection: str) -> int:
        """How many rows the collection has; KeyError for a collection that is none."""
        ...

    def rows(self, collection: str, start: int, stop: int, base: str) -> Iterable[Row]:
        """Rows number start … stop-1, their hrefs beginning with `base`."""
        ...

    def one(self, collection: str, sourced_id: str, base: str) -> Row | None:
        """The row with that id; None when there is none."""
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
    """A roster some of whose collections have come empty."""

    def __init__(self, roster: Roster, collections: Iterable[str]) -> None:
        self.roster = roster
        self.collections = frozenset(collections)

    @property
    def name(self) -> str:
        """The roster's, with what is wiped."""
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
