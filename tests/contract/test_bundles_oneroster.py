"""OneRoster bundles of deliveries, 1.1 and 1.2, in bulk and as deltas: what a strict importer and a small reader make of them.

A few lines over 300, since all of it is about one district written by hand.
"""

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from rostersync.deliveries.bundle import make_bundle
from rostersync.deliveries.narrowed import Narrowing
from rostersync.deliveries.oneroster_csv import Wanted, write_files
from rostersync.deliveries.port import Edition, Exported
from rostersync.errors import Permanent
from rostersync.model import Entity
from rostersync.plan.apply import apply
from rostersync.stores import as_of
from rostersync.stores.embedded.store import EmbeddedStore
from rostersync.stores.engine import connect
from support.oneroster_checks import manifest, problems, read
from support.oneroster_reader import Reader
from support.plans import Row, create, delete, update, write_plan

AT = datetime(2026, 11, 2, 2, 30, 5, 250_000, tzinfo=UTC)
STUDENT = {"role": "student", "username": "ann", "givenName": "Ann", "familyName": "Lee", "orgSourcedIds": ["N"]}
TEACHER = {"role": "teacher", "username": "tim", "givenName": "Tim", "familyName": "Ray"}
PARENT = {"role": "parent", "username": "pat", "givenName": "Pat", "familyName": "Lee", "orgSourcedIds": ["S"]}


def enrollment(number: str, user: str, place: str, role: str) -> Row:
    values = {"classSourcedId": f"K{place}", "schoolSourcedId": place, "userSourcedId": user, "role": role}
    return create(Entity.ENROLLMENT, number, **values)


def session(number: str, kind: str, **values: Any) -> Row:
    begins = {"startDate": date(2026, 8, 15), "endDate": date(2027, 6, 10), "schoolYear": "2027"}
    return create(Entity.CALENDAR, number, title=number, type=kind, **begins, **values)


def a_class(place: str) -> Row:
    values = {"courseSourcedId": "C", "schoolSourcedId": place, "termSourcedIds": ["T"]}
    return create(Entity.CLASS, f"K{place}", title=place, classType="scheduled", **values)


DISTRICT = [
    create(Entity.DISTRICT, "D", name="District", type="district"),
    create(Entity.DISTRICT, "ND", name="Maths at North", type="department", parentSourcedId="N"),
    create(Entity.SCHOOL, "N", name="North", type="school", parentSourcedId="D", metadata={"city": "Rivers"}),
    create(Entity.SCHOOL, "S", name="South", type="school", parentSourcedId="D"),
    session("Y", "schoolYear"),
    session("T", "term", parentSourcedId="Y"),
    session("T2", "term", parentSourcedId="Y"),
    create(Entity.COURSE, "C", title="Maths", orgSourcedId="D", schoolYearSourcedId="Y"),
    a_class("N"),
    a_class("S"),
    create(Entity.STUDENT, "s1", **STUDENT, roles=["student"], agentSourcedIds=["p1"]),
    create(Entity.STUDENT, "s2", **STUDENT | {"orgSourcedIds": ["S"], "agentSourcedIds": ["p2"]}),
    create(Entity.TEACHER, "t1", **TEACHER, orgSourcedIds=["S"], roles=["principal", "teacher"]),
    create(Entity.TEACHER, "t2", **TEACHER, orgSourcedIds=["ND"]),
    create(Entity.CONTACT, "p1", **PARENT, agentSourcedIds=["s1", "s2"]),
    create(Entity.CONTACT, "p2", **PARENT),
    create(Entity.ADMIN, "a1", **TEACHER | {"role": "administrator", "orgSourcedIds": ["D", "N"]}),
    enrollment("e1", "s1", "N", "student"),
    enrollment("e2", "t1", "N", "teacher"),
    enrollment("e3", "s2", "S", "student"),
    enrollment("e4", "t2", "N", "aide"),
    create(Entity.DEMOGRAPHICS, "s1", sex="other", birthDate=date(2012, 3, 4), white=True),
    create(Entity.DEMOGRAPHICS, "s2", sex="female"),
]


class District:
    """A store whose revisions are written by hand, and the editions of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = EmbeddedStore(folder / "store" / "roster.duckdb", memory_limit=200_000_000)
        self.revision = 0
        self.out = folder / "out"
        self.out.mkdir()
        self.numbers = itertools.count()
        self.exported = Exported()

    def applies(self, *rows: Row) -> None:
        plan = write_plan(
            self.folder / f"plan-{self.revision}", list(rows), base=self.revision, run=f"run-{self.revision}"
        )
        apply(plan, self.store.writer())
        self.revision += 1

    def writes(self, wanted: Wanted, since: int | None = None, threads: int = 2) -> Path:
        """The newest revision, or what changed since."""
        con = self.opened(threads)
        try:
            if since is not None:
                as_of.as_of(con, since, "before_")
                wanted = replace(wanted, reader_has="before_", at=AT)
            folder = self.out / str(next(self.numbers))
            folder.mkdir()
            self.exported = write_files(con, folder, wanted)
            return folder
        finally:
            con.close()

    def opened(self, threads: int = 2) -> duckdb.DuckDBPyConnection:
        con = connect(None, threads, self.folder / "scratch", [self.store.path.parent, self.out])
        self.store.reader().attach(con, "springfield", None)
        return con


@pytest.fixture
def district(tmp_path: Path) -> District:
    made = District(tmp_path)
    made.applies(*DISTRICT)
    return made


def cells(folder: Path, name: str, *columns: str) -> list[tuple[str, ...]]:
    return [tuple(row[c] for c in columns) for row in read(folder, name)[1]]


def ids(folder: Path, name: str) -> list[str]:
    return [i for (i,) in cells(folder, name, "sourcedId")]


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_a_strict_importer_takes_the_bundle(district: District, version: str) -> None:
    bundle = district.writes(Wanted(version))

    assert problems(bundle) == []
    assert manifest(bundle)["file.demographics"] == "bulk"
    assert manifest(bundle).get("file.roles") == (None if version == "1.1" else "bulk")


def test_roles_of_1_2_are_a_file_of_their_own(district: District) -> None:
    bundle = district.writes(Wanted("1.2"))

    found = sorted(cells(bundle, "roles", "userSourcedId", "roleType", "role", "orgSourcedId"))
    assert found == [
        ("a1", "primary", "districtAdministrator", "D"),
        ("a1", "primary", "siteAdministrator", "N"),
        ("p1", "primary", "parent", "S"),
        ("p2", "primary", "parent", "S"),
        ("s1", "primary", "student", "N"),
        ("s2", "primary", "student", "S"),
        ("t1", "primary", "teacher", "S"),
        ("t1", "secondary", "principal", "S"),
        ("t2", "primary", "teacher", "ND"),
    ]
    assert cells(bundle, "enrollments", "sourcedId", "role")[3] == ("e4", "ext:aide")
    assert cells(bundle, "demographics", "sex") == [("other",), ("female",)]


def test_the_id_of_a_role_stays_while_the_role_does(district: District) -> None:
    def roles(folder: Path) -> dict[tuple[str, ...], str]:
        return {key[1:]: key[0] for key in cells(folder, "roles", "sourcedId", "userSourcedId", "role", "orgSourcedId")}

    before = roles(district.writes(Wanted("1.2")))
    was = {**STUDENT, "roles": ["student"], "agentSourcedIds": ["p1"]}
    district.applies(update(Entity.STUDENT, "s1", was, orgSourcedIds=["N", "S"], givenName="Anna"))
    after = roles(district.writes(Wanted("1.2")))

    assert before.items() < after.items()
    assert after.keys() - before.keys() == {("s1", "student", "S")}


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_a_delta_has_what_changed_and_nothing_else(district: District, version: str) -> None:
    before = district.writes(Wanted(version))
    was = {**STUDENT, "roles": ["student"], "agentSourcedIds": ["p1"]}
    district.applies(
        update(Entity.STUDENT, "s1", was, givenName="Anna"),
        update(Entity.SCHOOL, "N", dict(DISTRICT[2].values), names=None, metadata=None),
        delete(Entity.ENROLLMENT, "e3", dict(DISTRICT[19].values)),
        create(Entity.STUDENT, "s3", **STUDENT),
    )
    reader = Reader()
    reader.take(before)
    delta = district.writes(Wanted(version), since=1)

    assert problems(delta, reader.ids) == []
    stamp = "2026-11-02T02:30:05.250Z"
    assert cells(delta, "users", "sourcedId", "status", "dateLastModified", "givenName") == [
        ("s1", "active", stamp, "Anna"),
        ("s3", "active", stamp, "Ann"),
    ]
    assert cells(delta, "enrollments", "sourcedId", "status", "userSourcedId") == [("e3", "tobedeleted", "s2")]
    assert cells(delta, "orgs", "sourcedId", "metadata.city") == [("N", "")]
    modes = {k.removeprefix("file."): v for k, v in manifest(delta).items() if v in ("delta", "bulk")}
    assert modes == dict.fromkeys(["enrollments", "orgs", "users", *(["roles"] if version == "1.2" else [])], "delta")
    reader.take(delta)
    newest = Reader()
    newest.take(district.writes(Wanted(version)))
    assert reader.content == newest.content


def test_a_delta_without_changes_is_a_manifest(district: District) -> None:
    district.applies(create(Entity.SCHOOL, "X", name="Far", type="school"))

    delta = district.writes(Wanted(narrowing=Narrowing(schools=["N"])), since=1)

    assert [path.name for path in delta.iterdir()] == ["manifest.csv"]
    assert problems(delta) == []


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_a_school_has_its_records_and_what_they_refer_to(district: District, version: str) -> None:
    bundle = district.writes(Wanted(version, Narrowing(schools=["N"])))

    assert problems(bundle) == []
    assert ids(bundle, "orgs") == ["D", "N", "ND", "S"]  # the teacher who visits belongs to S alone
    assert ids(bundle, "classes") == ["KN"]
    assert ids(bundle, "courses") == ["C"]
    assert ids(bundle, "academicSessions") == ["T", "Y"]
    assert ids(bundle, "users") == ["a1", "p1", "s1", "t1", "t2"]
    assert ids(bundle, "enrollments") == ["e1", "e2", "e4"]
    assert ids(bundle, "demographics") == ["s1"]
    assert dict(cells(bundle, "users", "sourcedId", "agentSourcedIds"))["p1"] == "s1"


def test_schools_that_are_not_there_are_no_empty_bundle(district: District) -> None:
    with pytest.raises(Permanent) as refused:
        district.writes(Wanted(narrowing=Narrowing(schools=["FOC-N"])))

    assert refused.value.reason == "NoSuchSchool"
    assert ids(district.writes(Wanted(narrowing=Narrowing(schools=["FOC-N", "N"]))), "classes") == ["KN"]


def test_entities_that_were_not_asked_for_stay_out_but_for_what_others_need(district: District) -> None:
    asked = [Entity.CLASS, Entity.STUDENT, Entity.ENROLLMENT]
    bundle = district.writes(Wanted(narrowing=Narrowing(asked)))

    assert problems(bundle) == []
    assert ids(bundle, "users") == ["s1", "s2"]
    assert ids(bundle, "enrollments") == ["e1", "e3"]
    assert (ids(bundle, "courses"), ids(bundle, "orgs")) == (["C"], ["D", "N", "S"])
    assert ids(bundle, "academicSessions") == ["T", "Y"]
    assert {agents for (agents,) in cells(bundle, "users", "agentSourcedIds")} == {""}


def test_what_leaves_the_school_is_deleted_and_what_comes_is_sent_whole(district: District) -> None:
    narrowing = Narrowing(schools=["N"])
    reader = Reader()
    reader.take(district.writes(Wanted(narrowing=narrowing)))
    was = {**STUDENT, "roles": ["student"], "agentSourcedIds": ["p1"]}
    other = {**STUDENT, "orgSourcedIds": ["S"], "agentSourcedIds": ["p2"]}
    district.applies(
        update(Entity.STUDENT, "s1", was, orgSourcedIds=["S"]),
        delete(Entity.ENROLLMENT, "e1", dict(DISTRICT[17].values)),
        update(Entity.STUDENT, "s2", other, orgSourcedIds=["N"]),
    )
    delta = district.writes(Wanted(narrowing=narrowing), since=1)

    assert problems(delta, reader.ids) == []
    assert cells(delta, "users", "sourcedId", "status") == [
        ("p1", "tobedeleted"),  # was there as a contact of s1
        ("p2", "active"),
        ("s1", "tobedeleted"),
        ("s2", "active"),
    ]
    assert cells(delta, "demographics", "sourcedId", "status") == [("s1", "tobedeleted"), ("s2", "active")]
    reader.take(delta)
    newest = Reader()
    newest.take(district.writes(Wanted(narrowing=narrowing)))
    assert reader.content == newest.content


def test_the_bytes_depend_on_the_roster_alone(district: District, tmp_path: Path, edition: Callable[..., Any]) -> None:
    many = [create(Entity.STUDENT, f"m{i}", **STUDENT | {"username": f"m{i}"}) for i in range(3000)]
    district.applies(*many)
    zips = []
    for number, threads in enumerate((1, 2, 4)):
        con = district.opened(threads)
        scratch = district.out / f"scratch-{number}"
        scratch.mkdir()
        zips.append(make_bundle(edition(con), scratch).files[0].read_bytes())
        con.close()

    assert len(set(zips)) == 1


@pytest.fixture
def edition() -> Callable[..., Edition]:
    from rostersync.api.v1alpha1.deliveries import Delivery

    asked = Delivery.model_validate({"name": "d", "oneRosterCSV": {}, "directory": {"existingClaim": "c"}})
    return lambda con: Edition(con, asked, "springfield", 2, AT)


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_what_must_refer_to_a_school_year_or_a_role_is_blank_and_counted(district: District, version: str) -> None:
    district.applies(
        create(Entity.COURSE, "C2", title="Music", orgSourcedId="D", schoolYearSourcedId="T"),
        *(create(Entity.STUDENT, f"s{org}", **STUDENT, primaryOrgSourcedId=org) for org in "NS"),
    )
    bundle, lost = district.writes(Wanted(version)), district.exported.not_expressible

    assert problems(bundle) == []
    assert (cells(bundle, "courses", "schoolYearSourcedId"), lost["courses.schoolYearSourcedId"]) == (
        [("Y",), ("",)],
        1,
    )
    if version == "1.2":
        homes = dict(cells(bundle, "users", "sourcedId", "primaryOrgSourcedId"))
        assert (homes["sN"], homes["sS"], lost["users.primaryOrgSourcedId"]) == ("N", "", 1)
