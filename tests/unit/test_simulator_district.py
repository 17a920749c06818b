"""A made-up district hangs together on every day and after every event, and is the same wherever one looks first."""

from datetime import date, timedelta
from typing import Any

import pytest

from rostersync.simulator.district import District, DistrictDay
from rostersync.simulator.events import COLLECTIONS
from rostersync.simulator.layout import Size
from rostersync.simulator.roster import PARTS
from support.simulated import everything, ids

SIZES = (1, 10, 26, 240, 1300, 3100)
DAYS: list[tuple[int, int, tuple[str, ...]]] = [
    *((students, 0, ()) for students in SIZES),
    (240, 200, ()),
    (3100, 3, ("school-closes", "mass-leave:30")),
    (240, 2, ("school-closes",)),
    (1300, 9, ("ids-reissued:all",)),
    (240, 1, ("mass-leave:100",)),
]


def table(day: DistrictDay, collection: str) -> dict[str, dict[str, Any]]:
    return {row["sourcedId"]: row for row in everything(day, collection)}


@pytest.mark.parametrize(("students", "day", "events"), DAYS)
def test_every_reference_is_answered(students: int, day: int, events: tuple[str, ...]) -> None:
    there = District(students, seed=5).day(day, events)
    tables = {c: table(there, c) for c in COLLECTIONS}
    of = {
        "org": "orgs",
        "academicSession": "academicSessions",
        "course": "courses",
        "class": "classes",
        "user": "users",
    }
    for collection, rows in tables.items():
        assert len(rows) == there.total(collection)
        assert list(rows) == sorted(rows)
        for row in rows.values():
            for value in row.values():
                for ref in value if isinstance(value, list) else [value]:
                    if isinstance(ref, dict) and "href" in ref:
                        assert ref["sourcedId"] in tables[of[ref["type"]]], (collection, ref["type"])
    students_there = {i for i, row in tables["users"].items() if row["role"] == "student"}
    assert set(tables["demographics"]) <= students_there
    for i, user in tables["users"].items():
        assert user["orgs"], "everybody belongs somewhere"
        for agent in user["agents"]:
            assert i in [a["sourcedId"] for a in tables["users"][agent["sourcedId"]]["agents"]], "agents are mutual"


@pytest.mark.parametrize("students", SIZES)
def test_day_0_has_the_students_asked_for_and_real_proportions(students: int) -> None:
    day = District(students, seed=2).day()
    assert day.total("students") == students
    assert day.total("schools") == max(1, round(students / 600))
    enrolled = [e["user"]["sourcedId"] for e in everything(day, "enrollments") if e["role"] == "student"]
    assert len(enrolled) == 8 * students
    assert set(enrolled) == set(ids(day, "students"))
    if students >= 240:
        classes = day.total("classes")
        assert 22 <= 8 * students / classes <= 34
        assert day.total("teachers") == pytest.approx(students / 15, rel=0.1)
        assert day.total("users") - day.total("students") - day.total("teachers") == pytest.approx(
            1.4 * students, rel=0.03
        )
    assert 0 < students - day.total("demographics") <= students * 0.06 + 1 or students < 8


def test_a_page_is_the_same_alone_and_in_any_order() -> None:
    whole = {c: everything(District(700, seed=9).day(4), c) for c in COLLECTIONS}
    for collection in (*COLLECTIONS, *PARTS):
        fresh = District(700, seed=9).day(4)
        total = fresh.total(collection)
        pages = {start: list(fresh.rows(collection, start, start + 97)) for start in reversed(range(0, total, 97))}
        rows = [row for start in sorted(pages) for row in pages[start]]
        if collection in whole:
            assert rows == whole[collection]
        else:
            collection, attribute, values = PARTS[collection]
            assert rows == [row for row in whole[collection] if row[attribute] in values]


def test_each_record_is_found_by_its_id_and_no_other() -> None:
    day = District(150, seed=3).day(11)
    for collection in (*COLLECTIONS, *PARTS):
        for row in everything(day, collection):
            assert day.one(collection, row["sourcedId"]) == row
            other = row["sourcedId"][:-1] + ("0" if row["sourcedId"][-1] != "0" else "1")
            assert day.one(collection, other) is None
    assert day.one("users", "no-such-thing") is None
    assert day.one("users", "ffffffff-0000-4000-a000-000000000000") is None


def test_seeds_differ_in_every_number_and_equal_seeds_in_none() -> None:
    one, same, other = (District(300, seed=s).day(6) for s in (1, 1, 2))
    for collection in ("users", "classes", "enrollments"):
        assert everything(one, collection) == everything(same, collection)
        assert not set(ids(one, collection)) & set(ids(other, collection))


def test_from_day_to_day_a_few_things_change() -> None:
    district = District(1300, seed=4)
    came = left = changed = moved = 0
    students, enrollments = (table(district.day(0), c) for c in ("students", "enrollments"))
    for number in range(1, 9):
        day = district.day(number)
        later, enrolled = (table(day, c) for c in ("students", "enrollments"))
        newcomers, leavers = later.keys() - students.keys(), students.keys() - later.keys()
        assert max(len(newcomers), len(leavers)) <= 0.01 * 1300
        came, left = came + len(newcomers), left + len(leavers)
        changed += sum(students[i] != later[i] for i in students.keys() & later.keys())
        gone = {i for i in enrollments.keys() - enrolled.keys() if enrollments[i]["user"]["sourcedId"] in later}
        assert len(gone) <= 0.01 * len(enrollments)
        moved += len(gone)
        today = f"{date(2026, 9, 1) + timedelta(days=number)}T04:00:00.000Z"
        assert {enrolled[i]["dateLastModified"] for i in enrolled.keys() - enrollments.keys()} == {today}
        students, enrollments = later, enrolled
    assert min(came, left, changed, moved) >= 8


def test_who_leaves_stays_away_and_a_newcomer_is_somebody_else() -> None:
    district = District(60, seed=8)
    gone: set[str] = set()
    numbers: dict[str, str] = {}
    before: set[str] = set()
    for day in range(120):  # long enough for every seat to be taken by somebody else
        students = table(district.day(day), "students")
        assert not gone & students.keys()
        gone |= before - students.keys()
        before = set(students)
        for i, row in students.items():
            assert numbers.setdefault(row["identifier"], i) == i
    assert len(gone) > 60


def test_events() -> None:
    district = District(3100, seed=6)
    plain = district.day(1)

    def after(*events: str) -> DistrictDay:
        return district.day(1, events)

    assert after("mass-leave:30").total("students") == pytest.approx(0.7 * plain.total("students"), abs=2)
    assert set(ids(after("mass-leave"), "students")) < set(ids(plain, "students"))

    wiped = after("wiped-table:users")
    assert wiped.total("users") == wiped.total("students") == 0
    assert everything(wiped, "users") == []
    assert wiped.total("enrollments") == plain.total("enrollments")

    reissued = after("ids-reissued")
    for collection in ("users", "courses", "classes", "enrollments", "demographics"):
        assert reissued.total(collection) == plain.total(collection)
        assert not set(ids(reissued, collection)) & set(ids(plain, collection))
    assert ids(reissued, "orgs") == ids(plain, "orgs")
    natural = [{u["identifier"] for u in everything(d, "users")} for d in (plain, reissued)]
    assert natural[0] == natural[1], "they are the same people"

    closed = after("school-closes:2")
    [lost] = set(ids(plain, "schools")) - set(ids(closed, "schools"))
    assert lost == ids(plain, "schools")[1]
    assert closed.total("students") == plain.total("students"), "its students went to another school"
    assert closed.total("enrollments") < plain.total("enrollments"), "its classes have no teachers any more"
    assert not any(o["sourcedId"] == lost for u in everything(closed, "users") for o in u["orgs"])
    assert not any(c["school"]["sourcedId"] == lost for c in everything(closed, "classes"))

    vanished = after("school-vanishes:2")
    assert lost not in ids(vanished, "schools")
    assert everything(vanished, "classes") == everything(plain, "classes")

    statuses = {row["sourcedId"]: row["status"] for row in everything(after("school-inactive:2"), "orgs")}
    assert [i for i, status in statuses.items() if status != "active"] == [lost]


@pytest.mark.parametrize("text", ["fire", "school-closes:9", "school-closes:x", "wiped-table:pupils", "mass-leave:101"])
def test_an_unknown_event_is_refused_with_what_is_possible(text: str) -> None:
    with pytest.raises(ValueError, match=text):
        District(3100).day(0, (text,))


def test_a_size_out_of_bounds_is_refused() -> None:
    for size in ({"students": 0}, {"guardians": -1}, {"guardians": 5}, {"classes_per_student": 0}):
        with pytest.raises(ValueError, match="must be from"):
            Size(**size)  # type: ignore[arg-type]
