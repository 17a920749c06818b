"""Test Connection against a real server."""

from typing import Any

import pytest

from rostersync.errors import Permanent
from rostersync.sources.oneroster.check import MOST_SAMPLES
from rostersync.sources.port import Filled, SchoolFound
from support.quirky import Quirky, Reply, Request, enrollments, orgs, source

USERS = [
    {
        "sourcedId": "u1",
        "role": "student",
        "givenName": "A",
        "metadata": {"homeroom": "1"},
        "userIds": [{"type": "StateID", "identifier": "7"}],
    },
    {"sourcedId": "u2", "role": "student", "givenName": "", "metadata": {"homeroom": None}},
    {"sourcedId": "u3", "roles": [{"roleType": "secondary", "role": "aide", "org": {"sourcedId": "s0000"}}]},
    {"sourcedId": "u4", "role": "ext:mentor", "email": "m@x.example"},
]
DISTRICT = {"sourcedId": "d1", "name": "District", "type": "district"}


def test_it_lists_schools_totals_and_what_is_not_offered() -> None:
    data = {"orgs": [DISTRICT, *orgs(12)], "classes": [], "users": USERS, "enrollments": enrollments(45)}
    with Quirky(data) as server, source(server) as client:
        result = client.check()

    assert result.message == "Connection is OK"
    assert result.schools == tuple(SchoolFound(f"s{i:04}", f"School {i}") for i in range(12))
    assert result.totals == {"orgs": 13, "classes": 0, "users": 4, "enrollments": 45}
    assert result.not_offered == ("academicSessions", "courses", "demographics")


def test_it_counts_how_often_each_attribute_of_each_entity_is_filled() -> None:
    data = {"orgs": orgs(1), "classes": [], "users": USERS, "enrollments": []}
    with Quirky(data) as server, source(server) as client:
        attributes = client.check().attributes

    assert Filled("Student", "givenName", 1, 2) in attributes
    assert Filled("Student", "metadata.homeroom", 1, 2) in attributes
    assert Filled("Student", "userIds[type=StateID].identifier", 1, 2) in attributes
    assert Filled("Teacher", "roles", 1, 1) in attributes
    assert Filled("users", "email", 1, 1) in attributes
    assert Filled("School", "name", 1, 1) in attributes
    assert not [a for a in attributes if a.attribute == "password"]


def test_it_looks_at_pages_all_over_a_large_collection() -> None:
    data = {"orgs": orgs(1), "classes": [], "users": USERS, "enrollments": enrollments(300)}
    with Quirky(data) as server, source(server) as client:
        client.check()

    assert [r.offset for r in server.asked("enrollments")] == [0, 100, 200]


def test_people_who_are_sorted_by_role_are_all_in_the_sample() -> None:
    roles = ["student"] * 170 + ["parent"] * 60 + ["teacher"] * 9 + ["administrator"]
    users = [{"sourcedId": f"u{i:04}", "role": role, "givenName": "A"} for i, role in enumerate(roles)]
    data = {"orgs": orgs(1), "classes": [], "users": users, "enrollments": []}
    with Quirky(data) as server, source(server) as client:
        sampled = {f.entity for f in client.check().attributes}

    assert {"Student", "Contact", "Teacher", "Admin"} <= sampled


def test_a_large_collection_of_people_is_not_read_to_its_end() -> None:
    users = [{"sourcedId": f"u{i:05}", "role": "student"} for i in range(2000)]
    data = {"orgs": orgs(1), "classes": [], "users": users, "enrollments": []}
    with Quirky(data) as server, source(server) as client:
        client.check()

    assert len(server.asked("users")) == MOST_SAMPLES


EMPTY: dict[str, tuple[list[Any], list[Any], str]] = {
    "nothing at all": ([], [], "neither organisations nor users"),
    "no people": (orgs(2), [], "no users"),
    "no organisations": ([], USERS, "no orgs"),
}


@pytest.mark.parametrize(("organisations", "users", "said"), EMPTY.values(), ids=EMPTY)
def test_a_source_that_shows_nobody_is_not_ok(organisations: list[Any], users: list[Any], said: str) -> None:
    data = {"orgs": organisations, "classes": [], "users": users, "enrollments": []}
    with Quirky(data) as server, source(server) as client, pytest.raises(Permanent, match=said) as error:
        client.check()

    assert error.value.reason == "NothingToSee"
    assert "credential probably sees nothing" in str(error.value)


def test_what_is_not_taken_is_not_looked_at() -> None:
    data = {"orgs": orgs(1), "classes": [], "users": USERS, "enrollments": [], "demographics": [{"sourcedId": "u1"}]}
    with Quirky(data) as server, source(server) as client:
        result = client.check(frozenset({"demographics"}))

    assert server.asked("demographics") == []
    assert "demographics" not in {*result.totals, *result.not_offered}


@pytest.mark.parametrize(("version", "release"), [("1.1", "v1p1"), ("1.2", "v1p2")])
def test_a_forbidden_collection_names_the_scope_that_may_be_missing(version: str, release: str) -> None:
    def forbids(request: Request) -> Reply | None:
        return Reply({}, 403) if request.collection == "users" else None

    data = {"orgs": orgs(1), "classes": [], "users": USERS, "enrollments": []}
    with (
        Quirky(data, answer=forbids) as server,
        source(server, version=version) as client,
        pytest.raises(Permanent) as error,
    ):
        client.check()

    assert f"https://purl.imsglobal.org/spec/or/{release}/scope/roster-core.readonly" in str(error.value)


def test_a_server_that_sends_organisations_without_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rostersync.sources.oneroster.check.MOST_ORGS", 1000)

    def endless(request: Request) -> Reply | None:
        if request.collection != "orgs":
            return None
        first = request.offset
        rows = [{"sourcedId": f"s{i:09}", "name": "S", "type": "school"} for i in range(first, first + request.limit)]
        return Reply({"orgs": rows})

    data = {"classes": [], "users": USERS, "enrollments": []}
    with Quirky(data, answer=endless) as server, source(server) as client, pytest.raises(Permanent) as error:
        client.check()

    assert error.value.reason == "WithoutEnd"
    assert "more than 1,000 organisations" in str(error.value)
    assert len(server.asked("orgs")) < 200
    assert server.asked("users") == []


@pytest.mark.parametrize(("version", "release"), [("1.1", "v1p1"), ("1.2", "v1p2")])
def test_an_optional_collection_that_is_forbidden_names_the_scope_too(version: str, release: str) -> None:
    def forbids(request: Request) -> Reply | None:
        return Reply({}, 403) if request.collection in ("courses", "demographics") else None

    data = {"orgs": orgs(1), "academicSessions": [], "classes": [], "users": USERS, "enrollments": []}
    with Quirky(data, answer=forbids) as server, source(server, version=version) as client:
        result = client.check()

    scopes = "https://purl.imsglobal.org/spec/or/{}/scope/roster-{}.readonly"
    assert result.not_offered == ("courses", "demographics")
    assert result.scopes == (scopes.format(release, "core"), scopes.format(release, "demographics"))


def test_what_is_not_there_names_no_scope() -> None:
    with (
        Quirky({"orgs": orgs(1), "classes": [], "users": USERS, "enrollments": []}) as server,
        source(server) as client,
    ):
        assert client.check().scopes == ()
