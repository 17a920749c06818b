"""Test Connection against a real server."""

from rostersync.sources.port import Filled, SchoolFound
from support.quirky import Quirky, enrollments, orgs, source

USERS = [
    {"sourcedId": "u1", "role": "student", "givenName": "A", "metadata": {"homeroom": "1"},
     "userIds": [{"type": "StateID", "identifier": "7"}]},
    {"sourcedId": "u2", "role": "student", "givenName": "", "metadata": {"homeroom": None}},
    {"sourcedId": "u3", "roles": [{"roleType": "secondary", "role": "aide", "org": {"sourcedId": "s0000"}}]},
    {"sourcedId": "u4", "role": "ext:mentor", "email": "m@x.example"},
]  # fmt: skip
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
    data = {"orgs": [], "classes": [], "users": [], "enrollments": enrollments(300)}
    with Quirky(data) as server, source(server) as client:
        client.check()

    assert [r.offset for r in server.asked("enrollments")] == [0, 100, 200]
