"""Whom rules take, and what becomes of an entry. Pure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostersync.api.v1alpha1.directory_config import DirectoryAttributes, is_dn
from rostersync.sources.active_directory import records
from rostersync.sources.active_directory.membership import Rule, outermost, roles
from rostersync.sources.active_directory.records import Reader
from rostersync.sources.active_directory.wire import _result

UNIT = "ou=students,dc=x"
RULES = [
    Rule("Student", units=(UNIT,)),
    Rule("Teacher", groups=frozenset({"cn=teachers,dc=x"}), primary=frozenset({"1105"})),
    Rule("Admin", groups=frozenset({"cn=leaders,dc=x"})),
    Rule("Contact", groups=frozenset({"cn=parents,dc=x"})),
]
GUID = bytes.fromhex("653e3f4029518b4fad4073772c7c794b")


@pytest.mark.parametrize(
    ("dn", "groups", "primary", "expected"),
    [
        ("CN=a,OU=Students,DC=x", [], "513", ["student"]),
        ("CN=a,OU=deep,OU=STUDENTS,DC=X", [], "513", ["student"]),
        ("OU=Students,DC=x", [], "513", []),
        ("CN=a,OU=notstudents,DC=x", [], "513", []),
        ("CN=a,XOU=Students,DC=x", [], "513", []),
        ("CN=a,DC=x", ["CN=Teachers,DC=x"], "513", ["teacher"]),
        ("CN=a,DC=x", [], "1105", ["teacher"]),
        ("CN=a,DC=x", ["CN=Others,DC=x"], "513", []),
        ("CN=a,OU=Students,DC=x", ["CN=Leaders,DC=x", "CN=Teachers,DC=x"], "", ["administrator", "teacher", "student"]),
        ("CN=a,OU=Students,DC=x", ["CN=Parents,DC=x"], "", ["student", "guardian"]),
    ],
)
def test_whom_rules_take(dn: str, groups: list[str], primary: str, expected: list[str]) -> None:
    assert roles(RULES, dn, groups, primary) == expected


def test_bases_within_others() -> None:
    assert outermost(["DC=x", "OU=a,DC=x", "OU=a,DC=y", "DC=x"]) == ["DC=x", "OU=a,DC=y"]
    assert outermost(["OU=b,DC=x", "OU=a,OU=B,DC=X"]) == ["OU=b,DC=x"]


def test_a_group_is_named_by_dn_or_by_name() -> None:
    assert is_dn("CN=Teachers,DC=x")
    assert not is_dn("Grade 5 = all")


def row(**values: list[bytes]) -> dict[str, object]:
    reader = Reader(DirectoryAttributes(grades="extensionAttribute1"), RULES, "directory", ["department"])
    entry = "CN=a,OU=Students,DC=x", {"objectguid": [GUID], **{k.lower(): v for k, v in values.items()}}
    batch, without_id, left_out = reader.batch([entry, ("CN=b,DC=x", {}), ("CN=c,OU=Students,DC=x", {})])
    assert (batch.num_rows, without_id, left_out) == (1, 1, 1)
    found: dict[str, object] = batch.to_pylist()[0]
    return found


def test_a_person_in_staged_form() -> None:
    found = row(
        sAMAccountName=[b"ada"],
        sn=["Müller ß".encode()],
        userAccountControl=[b"514"],
        whenChanged=[b"20261128232755.0Z"],
        department=[b"b", b"a"],
        extensionAttribute1=[b"05", b"06"],
        mail=[b"\xff\xfe", b"ada@x"],
    )
    assert found["sourcedId"] == "403f3e65-5129-4f8b-ad40-73772c7c794b"
    assert (found["status"], found["enabledUser"]) == ("inactive", "false")
    assert (found["role"], found["roles"], found["orgSourcedIds"]) == ("student", ["student"], ["directory"])
    assert (found["familyName"], found["email"], found["givenName"]) == ("Müller ß", "ada@x", None)
    assert found["dateLastModified"] == "2026-11-28T23:27:55Z"
    assert (found["metadata"], found["grades"]) == ([("department", "a, b")], ["05", "06"])


@pytest.mark.parametrize(
    ("control", "status"), [([], "active"), ([b"512"], "active"), ([b"x"], "active"), ([b"66050"], "inactive")]
)
def test_who_is_active(control: list[bytes], status: str) -> None:
    assert row(userAccountControl=control)["status"] == status


@pytest.mark.parametrize("name", ["userPassword", "unicodePwd", "ms-Mcs-AdmPwd", "msLAPS-Password", "a b", "é", ""])
def test_what_is_never_read(name: str) -> None:
    assert not records.readable(name)
    assert records.readable("department")
    assert "userpassword" not in Reader(DirectoryAttributes(email="userPassword"), RULES, "d").wanted


@given(st.binary(max_size=40))
def test_any_answer_to_starttls_is_a_code_or_none(answer: bytes) -> None:
    _result(answer)
    _result(b"\x02\x01\x01\x78" + answer)
