"""Two sources of one district: what each of them sends, and the import of both."""

from typing import Any

from support.days import Day, Planned, Roster, district

DOMAINS = [
    {"entity": "Student", "attributes": ["email"]},
    {"entity": "Teacher", "attributes": ["email"]},
    {"entity": "School", "attributes": ["identifier"]},
    {"entity": "Student", "attributes": ["identifier"]},
]
WORDS: dict[str, Any] = {
    "multipleDataSources": True,
    "compareByDomainsOfUniqueness": True,
    "domainsOfUniqueness": DOMAINS,
    "bulkUploadMode": True,
    "syncHoldThreshold": {"rules": [{"entity": "*", "change": "Any", "percent": 100}]},
}
FIRST = WORDS
SECOND = WORDS | {"name": "campus", "district": "rivers", "sisIDPrefix": "ic-"}


def ours() -> Day:
    """What the first source sends: schools have identifiers, and classes their codes."""
    day = district().change("orgs", "1001", identifier="N").change("orgs", "1002", identifier="S")
    return day.change("users", "s1", phone="111", username="s.one")


def theirs() -> Day:
    """What the second one sends: both schools, s1 and t1 under ids of its own, somebody new, and a class of s1."""
    day = Day({name: {} for name in district().rows})
    day = day.add("orgs", "70", type="district", name="Campus", parentSourcedId=None)
    day = day.add("orgs", "71", name="North High", identifier="n", parentSourcedId="70")
    day = day.add("orgs", "72", name="Far High", identifier="F", parentSourcedId="70")
    day = day.add("users", "91", email="S1@x.example", orgSourcedIds=["71"], givenName="Sam", phone="999", sms="5")
    day = day.add("users", "92", email="t1@x.example", orgSourcedIds=["72"], role="teacher", givenName="Tess")
    day = day.add("users", "93", email="new@x.example", orgSourcedIds=["72"], givenName="Nora")
    day = day.add("courses", "81", title="Art", orgSourcedId="71")
    day = day.add("classes", "82", title="Art 1", courseSourcedId="81", schoolSourcedId="71")
    return day.add("enrollments", "83", userSourcedId="91", classSourcedId="82", schoolSourcedId="71")


def both(roster: Roster, second: Day | None = None, **more: Any) -> Planned:
    """Import the first source, then the second one."""
    roster.begin(ours(), **FIRST | more)
    return roster.run(second or theirs(), **SECOND | more)
