"""Events that change a whole district, by name. They last until they are cleared."""

from dataclasses import dataclass, replace

PEOPLE_AND_CLASSES = ("users", "courses", "classes", "enrollments")
COLLECTIONS = ("orgs", "academicSessions", "courses", "classes", "users", "enrollments", "demographics")

HELP = {
    "school-closes[:N]": "school number N (default 1) is gone; its people go to the next school of its level, "
    "or leave when there is none",
    "school-vanishes[:N]": "school number N is no longer sent, while everything still refers to it",
    "school-inactive[:N]": "school number N is sent with the status inactive",
    "ids-reissued[:KIND]": "every sourcedId of people, courses, classes and enrolments is a new one "
    "(KIND: one collection, or all)",
    "wiped-table:COLLECTION": "the collection is empty",
    "mass-leave[:PERCENT]": "PERCENT (default 30) percent of the students are gone",
}


@dataclass(frozen=True)
class Events:
    """The events so far. Schools are numbered from 0."""

    closed: frozenset[int] = frozenset()
    vanished: frozenset[int] = frozenset()
    inactive: frozenset[int] = frozenset()
    reissued: frozenset[str] = frozenset()
    wiped: frozenset[str] = frozenset()
    mass_leave: int = 0

    def with_event(self, text: str, schools: int | None = None) -> "Events":
        """These events and one more, written as NAME or NAME:VALUE. Raises ValueError that says what is possible."""
        name, _, value = text.partition(":")
        match name:
            case "school-closes":
                return replace(self, closed=self.closed | {_school(text, value, schools)})
            case "school-vanishes":
                return replace(self, vanished=self.vanished | {_school(text, value, schools)})
            case "school-inactive":
                return replace(self, inactive=self.inactive | {_school(text, value, schools)})
            case "ids-reissued":
                if value not in ("", "all", *COLLECTIONS):
                    raise ValueError(f"{text}: ids are reissued for all or one of {', '.join(COLLECTIONS)}")
                kinds = {"": PEOPLE_AND_CLASSES, "all": COLLECTIONS}.get(value, (value,))
                return replace(self, reissued=self.reissued | set(kinds))
            case "wiped-table":
                if value not in COLLECTIONS:
                    raise ValueError(f"{text}: a table to wipe is one of {', '.join(COLLECTIONS)}")
                return replace(self, wiped=self.wiped | {value})
            case "mass-leave":
                percent = int(value or 30) if (value or "30").isdecimal() else -1
                if not 0 <= percent <= 100:
                    raise ValueError(f"{text}: percent is a whole number from 0 to 100")
                return replace(self, mass_leave=percent)
        raise ValueError(f"{text}: no such event; events are {', '.join(HELP)}")


def _school(text: str, value: str, schools: int | None) -> int:
    number = int(value or 1) if (value or "1").isdecimal() else 0
    if number < 1 or (schools is not None and number > schools):
        raise ValueError(f"{text}: a school is a number from 1 to {schools or '…'}")
    return number - 1
