"""Attributes Mapping: what fills an attribute, and that nothing else is touched."""

from typing import Any

from rostersync.roster import USERS
from support.days import Roster, district


def to(attribute: str, entity: str = "Student", **entry: Any) -> dict[str, Any]:
    """An entry of attributesMapping; `source` is its from."""
    if "source" in entry:
        entry["from"] = entry.pop("source")
    return {"entity": entity, "attribute": attribute, **entry}


def test_each_transform_does_its_own_and_several_act_in_their_order(roster: Roster) -> None:
    cases = {
        "Trim": ("username", ["Trim"], "anne o.  LEE"),
        "Lower": ("familyName", ["Lower"], "éva smith-jones"),
        "Upper": ("familyName", ["Upper"], "ÉVA SMITH-JONES"),
        "Title": ("familyName", ["Title"], "Éva Smith-jones"),
        "StripAccents": ("familyName", ["StripAccents"], "eva SMITH-Jones"),
        "Digits": ("phone", ["Digits"], "15550123"),
        "Before": ("email", ["Before@"], "E.S"),
        "After": ("email", ["After@"], "X.Example"),
        "None": ("familyName", [], "éva SMITH-Jones"),
        "BeforeThenLower": ("email", ["Before@", "Lower"], "e.s"),
        "AfterThenAfter": ("email", ["After@", "After@"], None),
        "DigitsOfNone": ("familyName", ["Digits"], None),
        "OfNothing": ("sms", ["Lower", "Digits", "Title", "Before@"], None),
    }
    day = district().change(
        "users",
        "s1",
        username="anne o.  LEE",
        familyName="éva SMITH-Jones",
        phone="+1 (555) 01-23",
        email="E.S@X.Example",
    )
    entries = [to(f"metadata.{n}", source=s, transforms=t) for n, (s, t, _) in cases.items()]
    plan = roster.plan(day, attributesMapping=entries)
    assert plan.after("s1", "metadata") == {n: v for n, (_, _, v) in sorted(cases.items()) if v is not None}


def test_a_value_may_come_from_an_attribute_the_id_metadata_a_user_id_or_a_template(roster: Roster) -> None:
    ids = [
        {"type": "StateID", "identifier": "77"},
        {"type": "StateID", "identifier": "11"},
        {"type": "Lunch", "identifier": "5"},
    ]
    cases: dict[str, tuple[dict[str, str], str | None]] = {
        "attribute": ({"source": "email"}, "s1@x.example"),
        "list": ({"source": "grades"}, "09,10"),
        "own": ({"source": "sourcedId"}, "s1"),
        "reference": ({"source": "orgSourcedIds"}, "1001"),
        "role": ({"source": "role"}, "student"),
        "key": ({"source": "metadata.home.room"}, "A 1"),
        "noKey": ({"source": "metadata.none"}, None),
        "userId": ({"source": "userIds[type=StateID].identifier"}, "11"),
        "noUserId": ({"source": "userIds[type=Badge].identifier"}, None),
        "template": ({"template": "{givenName}.{metadata.home.room}/{sourcedId}"}, "Given s1.A 1/s1"),
        "templateOfUserId": ({"template": "x{userIds[type=Lunch].identifier}"}, "x5"),
        "templateOfList": ({"template": "{grades}!"}, "09,10!"),
        "templateWithBraces": ({"template": "{{{sourcedId}}}"}, "{s1}"),
        "templateOfMissing": ({"template": "{givenName}.{familyName}"}, None),
        "templateOfText": ({"template": "fixed"}, "fixed"),
    }
    day = district().change(
        "users", "s1", userIds=ids, grades=["09", "10"], metadata={"home.room": "A 1", "other": "x"}
    )
    entries = [to(f"metadata.{n}", **c) for n, (c, _) in cases.items()]
    plan = roster.plan(day, sisIDPrefix="F-", attributesMapping=entries)
    assert plan.after("F-s1", "metadata") == {n: v for n, (_, v) in sorted(cases.items()) if v is not None}


def test_value_maps_come_after_transforms_and_a_default_after_both(roster: Roster) -> None:
    entries = [
        to("grades", source="grades", transforms=["Upper"], values={"9": "09", "K": "KG", "X": ""}),
        to("username", source="email", transforms=["Before@"], values={"s2": "second"}),
        to("phone", source="sms", default="none"),
        to("identifier", source="familyName", values={"gone": ""}, default="0"),
        to("middleName", source="familyName", transforms=["Upper"], values={"default": "never"}, default="default"),
    ]
    day = (
        district().change("users", "s1", grades=["x", "k", "9", "11"], sms="5").change("users", "s2", familyName="gone")
    )
    day = day.change("users", "s3", grades=["x"])
    plan = roster.plan(day, attributesMapping=entries)
    names = ("grades", "username", "phone", "identifier", "middleName")
    assert plan.after("s1", *names) == (["09", "11", "KG"], "s1", "5", "0", "default")
    assert plan.after("s2", *names) == (["10"], "second", "none", "0", "GONE")
    assert plan.after("s3", "grades") is None


def test_entries_lie_over_all_standard_attributes_and_drop_none(roster: Roster) -> None:
    full = {
        "username": "u",
        "familyName": "F",
        "middleName": "M",
        "identifier": "I",
        "sms": "1",
        "phone": "2",
        "userMasterIdentifier": "m",
        "preferredGivenName": "pg",
        "preferredMiddleName": "pm",
        "preferredFamilyName": "pf",
        "pronouns": "p",
        "primaryOrgSourcedId": "1001",
        "userIds": [{"type": "A", "identifier": "1"}],
        "roles": ["student"],
    }
    day = district().change("users", "s1", **full)
    entries = [
        to("username", source="email"),
        to("phone", source="sms"),
        to("givenName", template="{familyName} {givenName}"),
    ]
    plan = roster.plan(day, attributesMapping=entries)
    expected = {
        **full,
        "enabledUser": True,
        "orgSourcedIds": ["1001"],
        "role": "student",
        "agentSourcedIds": ["p1"],
        "grades": ["09"],
        "email": "s1@x.example",
        "username": "s1@x.example",
        "phone": "1",
        "givenName": "F Given s1",
    }
    assert dict(zip(USERS.names, plan.after("s1", *USERS.names), strict=True)) == expected


def test_one_attribute_may_feed_many_and_entries_read_what_the_sis_sends_not_each_other(roster: Roster) -> None:
    entries = [to("email", source="givenName"), to("givenName", source="email"), to("phone", source="email")]
    plan = roster.plan(district(), attributesMapping=entries)
    assert plan.after("s1", "email", "givenName", "phone") == ("Given s1", "s1@x.example", "s1@x.example")


def test_only_the_named_entity_is_touched(roster: Roster) -> None:
    day = district().change("users", "s1", "t1", metadata={"room": "1"})
    entries = [
        to("email", template="x@y.example"),
        to("metadata.room", source="metadata.room"),
        to("title", "Class", template="T"),
    ]
    plan = roster.plan(day, attributesMapping=entries)
    assert [plan.after(i, "email") for i in ("s1", "t1", "p1", "a1")] == [
        "x@y.example",
        "t1@x.example",
        "p1@x.example",
        "a1@x.example",
    ]
    assert (plan.after("s1", "metadata"), plan.after("t1", "metadata")) == ({"room": "1"}, None)
    assert (plan.after("k1", "title"), plan.after("c1", "title")) == ("T", "Maths")


def test_metadata_comes_only_when_it_is_named_and_is_never_an_empty_map(roster: Roster) -> None:
    day = (
        district()
        .change("users", "s1", metadata={"b": "2", "a": "1", "c": "3"})
        .change("users", "s2", metadata={"c": "3"})
    )
    entries = [to("metadata.b", source="metadata.b"), to("metadata.a", source="metadata.a")]
    plan = roster.begin(day, attributesMapping=entries).plan(
        day.change("users", "s1", metadata={"b": "9", "c": "4"}), attributesMapping=entries
    )
    stored = roster.stored("users")
    assert (list(stored["s1"]["metadata"].items()), stored["s2"]["metadata"]) == ([("a", "1"), ("b", "2")], None)
    assert plan.changed("s1") == {"metadata.a": "1", "metadata.b": "2"}
    assert plan.after("s1", "metadata") == {"b": "9"}
    assert plan.ids("Update") == {"s1"}


def test_keys_that_no_mapping_names_any_more_stay_as_they_are_and_are_not_compared(roster: Roster) -> None:
    day = district().change("users", "s1", metadata={"a": "1", "b": "2"})
    a, b = to("metadata.a", source="metadata.a"), to("metadata.b", source="metadata.b")
    roster.begin(day, attributesMapping=[a, b])
    plan = roster.plan(day.change("users", "s1", metadata={"a": "1", "b": "9"}), attributesMapping=[a])
    assert plan.changes == set()
    plan = roster.plan(day.change("users", "s1", metadata={"a": "5", "b": "9"}), attributesMapping=[a])
    assert plan.after("s1", "metadata") == {"a": "5", "b": "2"}


def test_mapped_texts_become_the_type_of_their_target(roster: Roster) -> None:
    entries = [
        to("enabledUser", source="metadata.on"),
        to("grades", source="metadata.grade"),
        to("startDate", "Calendar", template="{schoolYear}-02-29"),
        to("endDate", "Calendar", source="title"),
    ]
    day = (
        district()
        .change("users", "s1", metadata={"on": "FALSE", "grade": "7"})
        .change("users", "s2", metadata={"on": "maybe"})
    )
    day = day.change("academicSessions", "y1", schoolYear="2024").add(
        "academicSessions", "y2", schoolYear="2023", title="2023-06-30"
    )
    plan = roster.plan(day, attributesMapping=entries)
    assert plan.after("s1", "enabledUser", "grades") == (False, ["7"])
    assert plan.after("s2", "enabledUser", "grades") == (None, None)
    assert plan.after("y1", "startDate", "endDate") == ("2024-02-29", None)
    assert plan.after("y2", "startDate", "endDate") == (None, "2023-06-30")
    assert {i[:5] for i in plan.issues} == {
        ("Student", "s2", "Error", "Malformed", "enabledUser"),
        ("Calendar", "y1", "Error", "Malformed", "endDate"),
        ("Calendar", "y2", "Error", "Malformed", "startDate"),
    }
    assert plan.counts("Calendar") == {"created": 2, "errors": 2}


def test_configured_text_is_data_and_never_code(roster: Roster) -> None:
    nasty = """'; DROP TABLE x; -- " {{ }} \\ $1 %s"""
    entries = [
        to("username", template=nasty, values={nasty: "no"}),
        to("phone", source="sms", default="'||(SELECT 1)||'"),
        to("metadata.a'b".replace("'", "-"), template=nasty.replace("{{", "").replace("}}", "")),
    ]
    plan = roster.plan(district(), attributesMapping=entries)
    assert plan.after("s1", "username", "phone") == (nasty.replace("{{ }}", "{ }"), "'||(SELECT 1)||'")
