"""Quirks of the records themselves, from the server to the staged Parquet."""

import logging
from pathlib import Path
from typing import Any

import pytest

from support.quirky import Quirky, Reply, Request, Staged, staged

MARK = "Zzyzx-Password"


def stage_one(folder: Path, collection: str, *rows: Any, metadata: Any = None) -> Staged:
    """Stage these rows of one collection, as a plain server sends them."""
    with Quirky({collection: list(rows)}, sorts=False) as server:
        return staged(server, folder, collection, metadata=metadata)


def one(folder: Path, collection: str, row: Any, metadata: Any = None) -> dict[str, Any]:
    """The single row as staged."""
    [staged_row] = stage_one(folder, collection, row, metadata=metadata).rows(collection).values()
    return staged_row


@pytest.mark.parametrize("missing", ["user", "class", "school"])
@pytest.mark.parametrize("value", [None, {}, {"href": None, "sourcedId": None, "type": None}, [], ""])
def test_enrollments_whose_references_are_null_are_staged_with_null(missing: str, value: Any, tmp_path: Path) -> None:
    """Quirk 15: user, class or school null, or an empty thing; never a failed page and never an invented id."""
    references = {"user": {"sourcedId": "u1"}, "class": {"sourcedId": "c1"}, "school": {"sourcedId": "s1"}}

    row = one(tmp_path, "enrollments", {"sourcedId": "e1", **references, missing: value})

    wanted = {"userSourcedId": "u1", "classSourcedId": "c1", "schoolSourcedId": "s1", f"{missing}SourcedId": None}
    assert {name: row[name] for name in wanted} == wanted


@pytest.mark.parametrize("status", [403, 404])
def test_demographics_that_are_not_there_are_not_offered_and_stop_nothing(status: int, tmp_path: Path) -> None:
    """Quirk 15: 404 for demographics (403 without the permission); agents that nobody knows stay as references."""

    def answer(request: Request) -> Reply | None:
        return Reply({}, status) if request.collection == "demographics" else None

    users = [{"sourcedId": "u1", "role": "student", "agents": [{"sourcedId": "gone"}, None]}]
    with Quirky({"users": users}, answer=answer) as server:
        result = staged(server, tmp_path, "users", "demographics")

    assert (result.proof["demographics"]["offered"], result.proof["demographics"]["complete"]) == (False, False)
    assert result.rows("users")["u1"]["agentSourcedIds"] == ["gone"]
    assert not (tmp_path / "demographics").exists()


def test_a_user_of_oneroster_1_1_has_one_role_and_several_orgs(tmp_path: Path) -> None:
    """Quirk 17: Focus sends the highest profile only."""
    orgs = [{"sourcedId": "s1"}, {"sourcedId": "s2", "href": "../orgs/s2", "type": "user"}, {"sourcedId": "s1"}]

    row = one(tmp_path, "users", {"sourcedId": "u1", "role": "teacher", "orgs": orgs})

    assert (row["role"], row["roles"], row["orgSourcedIds"]) == ("teacher", ["teacher"], ["s1", "s2"])


@pytest.mark.parametrize(
    ("roles", "role", "names", "orgs"),
    [
        ([("primary", "teacher", "s1"), ("secondary", "parent", "s2")], "teacher", ["teacher", "parent"], ["s1", "s2"]),
        ([("secondary", "teacher", "s1"), ("secondary", "parent", "s1")], None, ["teacher", "parent"], ["s1"]),
        ([("Primary", "student", "s1"), ("primary", "student", "s2")], "student", ["student"], ["s1", "s2"]),
        ([("primary", "teacher", "s1"), ("primary", "parent", "s2")], None, ["teacher", "parent"], ["s1", "s2"]),
    ],
    ids=["one primary", "no primary", "primary at each of two schools", "primaries that differ decide nothing"],
)
def test_a_user_of_oneroster_1_2_has_the_role_that_is_primary(
    roles: list[tuple[str, str, str]], role: str | None, names: list[str], orgs: list[str], tmp_path: Path
) -> None:
    """Quirk 17: roles[] with their own organisations."""
    sent = [{"roleType": t, "role": r, "org": {"sourcedId": o, "type": "org"}} for t, r, o in roles]

    row = one(tmp_path, "users", {"sourcedId": "u1", "roles": sent, "primaryOrg": {"sourcedId": orgs[0]}})

    assert (row["role"], row["roles"], row["orgSourcedIds"]) == (role, names, orgs)
    assert row["primaryOrgSourcedId"] == orgs[0]


def test_ids_that_the_sis_issued_anew_are_read_as_they_are(tmp_path: Path) -> None:
    """Quirk 18: another id for the same person is another record, in a pull that is complete; the gate judges it."""
    person = {"role": "student", "identifier": "4711", "username": "a.b"}
    first = stage_one(tmp_path / "one", "users", {"sourcedId": "1", **person})
    second = stage_one(tmp_path / "two", "users", {"sourcedId": "sis:1", **person})

    assert list(first.rows("users")) == ["1"]
    assert list(second.rows("users")) == ["sis:1"]
    assert second.proof["users"]["complete"]
    assert first.rows("users")["1"] | {"sourcedId": "sis:1"} == second.rows("users")["sis:1"]


@pytest.mark.parametrize("year", ["2025-2026", {"sourcedId": "2025-2026", "type": "academicSession"}])
def test_a_school_year_may_be_a_span_or_a_reference(year: Any, tmp_path: Path) -> None:
    """Quirk 20: kept as sent."""
    assert one(tmp_path, "academicSessions", {"sourcedId": "a1", "schoolYear": year})["schoolYear"] == "2025-2026"


def test_a_school_year_may_be_a_number(tmp_path: Path) -> None:
    """Quirk 20."""
    assert one(tmp_path, "academicSessions", {"sourcedId": "a1", "schoolYear": 2026})["schoolYear"] == "2026"


@pytest.mark.parametrize("year", ["y26", {"sourcedId": "y26", "href": "y26"}])
def test_a_courses_school_year_may_be_a_reference_or_its_id(year: Any, tmp_path: Path) -> None:
    """Quirk 20."""
    assert one(tmp_path, "courses", {"sourcedId": "c1", "schoolYear": year})["schoolYearSourcedId"] == "y26"


@pytest.mark.parametrize(
    ("sent", "staged_as"),
    [
        (1, "true"),
        (0, "false"),
        (True, "true"),
        (False, "false"),
        ("true", "true"),
        ("False", "false"),
        ("1", "true"),
        ("0", "false"),
        (" TRUE ", "true"),
        ("yes", "true"),
        ("no", "false"),
        (None, None),
        ("", None),
        ("maybe", "maybe"),
    ],
)
def test_enabled_user_may_be_a_number_or_a_word(sent: Any, staged_as: str | None, tmp_path: Path) -> None:
    """Quirk 20: enabledUser 1."""
    assert one(tmp_path, "users", {"sourcedId": "u1", "enabledUser": sent})["enabledUser"] == staged_as


@pytest.mark.parametrize(
    ("sent", "staged_as"),
    [
        ("2026-08-15", "2026-08-15"),
        ("2026-08-15T00:00:00Z", "2026-08-15"),
        ("2026-08-15 00:00:00", "2026-08-15"),
        ("2026-08-15T00:00:00.000-05:00", "2026-08-15"),
        ("2026-08-15 23:59", "2026-08-15"),
        ("2026-08-15T23:30:00-05:00", "2026-08-15T23:30:00-05:00"),
        ("2026-08-15T00:00:00+14:00", "2026-08-15"),
        ("2026-08-15T00:00:00+1400", "2026-08-15"),
        ("2026-08-15T00:00:00-13:45", "2026-08-15"),
        ("2026-08-15T00:00:00+14:01", "2026-08-15T00:00:00+14:01"),
        ("2026-08-15T00:00:00+25:00", "2026-08-15T00:00:00+25:00"),
        ("2026-08-15T00:00:00-05:60", "2026-08-15T00:00:00-05:60"),
        ("2026-08-15T99:99", "2026-08-15T99:99"),
        ("2026-08-15T24:00:00", "2026-08-15T24:00:00"),
        ("2026-08-15 23:60", "2026-08-15 23:60"),
        ("2026-08-15 23:59:99.9", "2026-08-15 23:59:99.9"),
        ("2026-08-15 or so", "2026-08-15 or so"),
        ("2026-08-155", "2026-08-155"),
        ("08/15/2026", "08/15/2026"),
        ("", None),
        (None, None),
        (20260815, "20260815"),
    ],
)
def test_dates_may_have_a_time(sent: Any, staged_as: str | None, tmp_path: Path) -> None:
    """Quirk 20: a time without a zone, and midnight, are only a date's dress; what is no date stays as sent,
    also where the day is one and no clock shows the time, or no zone is as far from UTC."""
    assert one(tmp_path, "enrollments", {"sourcedId": "e1", "beginDate": sent})["beginDate"] == staged_as


@pytest.mark.parametrize("sent", [None, [], {}, "", {"homeroom": None}, {"homeroom": " "}, {"other": "x"}])
def test_metadata_may_be_null_or_empty(sent: Any, tmp_path: Path) -> None:
    """Quirk 20: also PHP's empty list in place of an empty object."""
    row = {"sourcedId": "c1", "title": "Algebra", "metadata": sent}

    result = one(tmp_path, "classes", row, metadata={"classes": frozenset({"homeroom"})})

    assert (result["title"], result["metadata"]) == ("Algebra", None)


def test_of_metadata_only_the_wanted_keys_are_staged(tmp_path: Path) -> None:
    """Quirk 20: values of every kind become text; keys with dots are keys first, paths second."""
    sent = {"gg4l.primaryGrade": "09", "homeroom": True, "a": {"b": 7, "c": ["x"]}, "secret": MARK}
    wanted = frozenset({"gg4l.primaryGrade", "homeroom", "a.b", "a.c", "absent"})

    row = one(tmp_path, "classes", {"sourcedId": "c1", "metadata": sent}, metadata={"classes": wanted})

    assert row["metadata"] == [("a.b", "7"), ("a.c", '["x"]'), ("gg4l.primaryGrade", "09"), ("homeroom", "true")]


def test_passwords_are_neither_stored_nor_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Quirk 21: in the user itself and in 1.2's userProfiles; the fast and the tolerant way alike."""
    caplog.set_level(logging.DEBUG)
    user = {"password": MARK, "role": "student", "userProfiles": [{"credentials": [{"password": MARK}]}]}

    stage_one(tmp_path / "fast", "users", {"sourcedId": "u1", **user})
    stage_one(tmp_path / "tolerant", "users", {"SourcedId": "u1", "Password": MARK, **user})

    for file in tmp_path.rglob("*"):
        assert not file.is_file() or MARK.encode() not in file.read_bytes()
    assert (tmp_path / "tolerant" / "users" / "part-00000.parquet").exists()
    assert MARK not in caplog.text


@pytest.mark.parametrize("name", ["sourceId", "SourceId", "SourcedID", "sourcedid"])
def test_names_may_be_spelt_in_another_case(name: str, tmp_path: Path) -> None:
    """Quirk 22: sourceId, SourceId and sourcedId; the same for every other name and in references."""
    sent = {name: "e1", "User": {name: "u1"}, "class": {name: "c1"}, "Role": "student", "BeginDate": "2026-08-15"}

    row = one(tmp_path, "enrollments", sent)

    wanted = {"sourcedId": "e1", "userSourcedId": "u1", "classSourcedId": "c1", "role": "student"}
    assert row | wanted | {"beginDate": "2026-08-15"} == row


def test_other_attributes_may_be_spelt_in_another_case_although_the_id_is_not(tmp_path: Path) -> None:
    """Quirk 22: a name that the fast way would take for absent."""
    assert one(tmp_path, "users", {"sourcedId": "u1", "givenname": "Ada"})["givenName"] == "Ada"


def test_a_birth_date_may_be_spelt_as_focus_does(tmp_path: Path) -> None:
    """Quirk 22: `birthdate` beside `birthDate`, also when the first page has only the one."""
    rows = [{"sourcedId": "u1", "birthDate": "2010-01-02"}, {"sourcedId": "u2", "birthdate": "2010-01-03"}]

    with Quirky({"demographics": rows}) as server:
        result = staged(server, tmp_path, "demographics", page_size=1)

    dates = {id_: row["birthDate"] for id_, row in result.rows("demographics").items()}
    assert dates == {"u1": "2010-01-02", "u2": "2010-01-03"}


@pytest.mark.parametrize("district", [True, False])
def test_organisations_may_be_schools_only_or_have_a_district(district: bool, tmp_path: Path) -> None:
    """Quirk 23: no parent at all, or a parent that is null."""
    top = [{"sourcedId": "d1", "name": "District", "type": "district", "parent": None}] if district else []
    school = {"sourcedId": "s1", "name": "School", "type": "school"}

    rows = stage_one(tmp_path, "orgs", *top, school | ({"parent": {"sourcedId": "d1"}} if district else {})).rows(
        "orgs"
    )

    assert rows["s1"]["parentSourcedId"] == ("d1" if district else None)
    assert set(rows) == ({"d1", "s1"} if district else {"s1"})


@pytest.mark.parametrize("sent", ["1,2", ["1", "2"], [1, None, " 2 ", ""], {"0": "1", "1": "2"}])
def test_periods_may_be_one_text_or_a_list(sent: Any, tmp_path: Path) -> None:
    assert one(tmp_path, "classes", {"sourcedId": "c1", "periods": sent})["periods"] == ["1", "2"]


@pytest.mark.parametrize("sent", ["c1", 1, {"sourcedId": 1}, {"sourcedId": "c1", "href": "c1"}])
def test_references_may_be_plain_ids(sent: Any, tmp_path: Path) -> None:
    row = one(tmp_path, "enrollments", {"sourcedId": "e1", "class": sent})

    assert row["classSourcedId"] in ("c1", "1")


def test_text_is_trimmed_composed_and_null_when_empty(tmp_path: Path) -> None:
    row = one(tmp_path, "users", {"sourcedId": " u1 ", "givenName": "  Zoe\u0301 ", "familyName": " ", "email": ""})

    assert (row["sourcedId"], row["givenName"], row["familyName"], row["email"]) == ("u1", "Zoé", None, None)


def test_unknown_keys_and_enumeration_values_are_survived_and_kept(tmp_path: Path) -> None:
    row = one(tmp_path, "users", {"sourcedId": "u1", "status": "Archived", "role": "ext:mentor", "x": {"y": [1]}})

    assert (row["status"], row["role"]) == ("Archived", "ext:mentor")


@pytest.mark.parametrize(
    "sent",
    [
        [{"type": "LDAP", "identifier": "a"}, {"type": "x", "identifier": None}],
        ["{LDAP:a}"],
        {"Type": "LDAP", "Identifier": "a"},
    ],
)
def test_user_ids_may_be_formed_in_several_ways(sent: Any, tmp_path: Path) -> None:
    assert one(tmp_path, "users", {"sourcedId": "u1", "userIds": sent})["userIds"] == [
        {"type": "LDAP", "identifier": "a"}
    ]


def test_the_names_of_1_2_and_of_its_csv_are_both_known(tmp_path: Path) -> None:
    row = one(tmp_path, "users", {"sourcedId": "u1", "preferredFirstName": "Ada", "preferredFamilyName": "King"})

    assert (row["preferredGivenName"], row["preferredFamilyName"]) == ("Ada", "King")
