"""A day and the next, for tests of restores: people, values of every type, and what follows from them."""

from datetime import timedelta
from typing import Any

from rostersync.roster import TABLES
from support.days import AS_OF, Day, Planned, Roster, Row, district

FREE: dict[str, Any] = {
    "bulkUploadMode": True,
    "entities": [
        "School",
        "District",
        "Calendar",
        "Course",
        "Class",
        "Student",
        "Teacher",
        "Contact",
        "Admin",
        "Enrollment",
        "Demographics",
    ],
    "syncHoldThreshold": {"rules": [{"entity": "*", "change": "Any", "percent": 10000}]},
    "attributesMapping": [
        {"entity": "Student", "attribute": "metadata.house", "from": "metadata.house"},
        {"entity": "Student", "attribute": "metadata.lunch.code", "from": "metadata.lunch.code"},
    ],
}
LATER = {"at": AS_OF + timedelta(days=1)}


def full() -> Day:
    """The district with demographics, and with values of every type."""
    day = district().add("demographics", "s1", birthDate="2010-02-03", sex="female", asian="true")
    return day.change(
        "users", "s1", metadata={"house": "red", "lunch.code": "7"}, userIds=[{"type": "State", "identifier": "77"}]
    )


def changed() -> Day:
    """The next day: people who come, go and change, at one school, and what follows from it."""
    day = full().without("users", "s2", "p1").without("enrollments", "e2")
    day = day.change(
        "users",
        "s1",
        email=None,
        grades=["10"],
        metadata={"lunch.code": "8"},
        userIds=None,
        agentSourcedIds=None,
        enabledUser="false",
    )
    day = day.change("users", "s3", role="teacher").change("demographics", "s1", birthDate="2010-03-02", asian=None)
    day = day.add("users", "s9", givenName="New").add("enrollments", "e9", userSourcedId="s9")
    day = day.change("academicSessions", "y1", endDate="2026-02-01").without("courses", "c2").without("classes", "k2")
    return day.without("enrollments", "e3", "e5").change("classes", "k1", termSourcedIds=None, title="Mathematics")


def everything(roster: Roster) -> dict[str, dict[str, Row]]:
    """Every active record with every attribute and its hash."""
    return {t.name: roster.stored(t.name) for t in TABLES}


def back(roster: Roster, planned: Planned, *entities: str, **more: Any) -> Planned:
    """A restore that was approved and applied."""
    return roster.apply(roster.restore(planned, *entities, **{**LATER, **more}, **FREE))
