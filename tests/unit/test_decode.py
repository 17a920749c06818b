"""Pages to columns: the fast and the lenient way agree, and what is no page is told."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rostersync.roster import TABLES
from rostersync.sources.oneroster import lenient_decode
from rostersync.sources.oneroster.columns import wanted_metadata
from rostersync.sources.oneroster.decode import Decoded, Decoder
from rostersync.sources.oneroster.envelope import open_envelope
from rostersync.sources.oneroster.records import Form, shape
from rostersync.sources.oneroster.request_errors import TryAgain
from rostersync.sources.staged import schema

WORDS = st.sampled_from(["a", " b ", "", "é", "e\u0301", "2026-08-15", "2026-08-15T01:02:03Z", "true", "x,y", "7"])
SCALARS = st.one_of(st.none(), WORDS, st.booleans(), st.integers(-5, 2**40), st.sampled_from([1.5, 2.0]))
IDS = st.one_of(WORDS, st.integers(0, 99))
REFS = st.fixed_dictionaries({"sourcedId": IDS, "type": WORDS})
VALUES: dict[Form, st.SearchStrategy[Any]] = {
    Form.SCALAR: SCALARS,
    Form.REF: st.one_of(st.none(), REFS, WORDS),
    Form.REFS: st.one_of(st.none(), st.lists(st.one_of(st.none(), REFS, IDS), max_size=3)),
    Form.LIST: st.one_of(st.none(), WORDS, st.lists(SCALARS, max_size=3)),
    Form.USER_IDS: st.one_of(
        st.none(), st.lists(st.fixed_dictionaries({"identifier": SCALARS, "type": SCALARS}), max_size=3)
    ),
    Form.ROLES: st.one_of(
        st.none(),
        st.lists(
            st.fixed_dictionaries({"role": WORDS, "roleType": WORDS, "org": st.one_of(st.none(), REFS)}), max_size=3
        ),
    ),
    Form.ANY: st.one_of(st.none(), st.dictionaries(st.sampled_from("abc"), SCALARS, max_size=3)),
}


@st.composite
def pages(draw: st.DrawFn) -> tuple[str, list[dict[str, Any]]]:
    """A collection and rows of it that the fast way can read."""
    collection = draw(st.sampled_from([table.name for table in TABLES]))
    forms = shape(collection, True).forms
    row = st.fixed_dictionaries(
        {"sourcedId": IDS}, optional={k: VALUES[f] for k, f in forms.items() if k != "sourcedId"}
    )
    return collection, draw(st.lists(row, max_size=5))


@given(pages())
@settings(max_examples=150, deadline=None)
def test_the_fast_and_the_tolerant_way_read_the_same(page: tuple[str, list[dict[str, Any]]]) -> None:
    collection, rows = page
    fast, slow = Decoder(collection, None), Decoder(collection, None)
    slow._odd = True
    body = json.dumps({collection: rows}).encode()

    one, other = fast.page(body), slow.page(body)

    assert one.batch.schema.equals(schema(collection))
    assert one.batch.to_pylist() == other.batch.to_pylist()
    assert (one.rows, one.without_id) == (other.rows, other.without_id)


@given(pages())
@settings(max_examples=100, deadline=None)
def test_what_is_staged_is_canonical(page: tuple[str, list[dict[str, Any]]]) -> None:
    collection, rows = page
    for row in Decoder(collection, None).page(json.dumps({collection: rows}).encode()).batch.to_pylist():
        for value in row.values():
            for text in value if isinstance(value, list) else [value]:
                if isinstance(text, str):
                    assert text == text.strip() != ""
                assert value != []


def page_of(collection: str, body: dict[str, Any], wanted: frozenset[str] | None = frozenset()) -> Decoded:
    return Decoder(collection, wanted).page(json.dumps(body).encode())


def test_focus_says_next_and_total_beside_the_collection() -> None:
    body = {"request_id": 311, "orgs": [], "total": "12", "pagination": {"next": "/x?offset=5", "total": 12}}

    said = page_of("orgs", body).said

    assert (said.total, said.next.url, said.doubt) == (12, "/x?offset=5", None)
    assert page_of("orgs", {"orgs": [], "pagination": {"next": "", "total": 7}}).said.total == 7


@pytest.mark.parametrize("pagination", [None, [], "x", {}, {"other": 1}])
def test_pagination_without_a_next_says_nothing(pagination: Any) -> None:
    assert not page_of("orgs", {"orgs": [], "pagination": pagination}).said.next.said


def test_a_page_with_one_odd_record_is_read_whole() -> None:
    rows = [
        {"sourcedId": "u1", "agents": [{"sourcedId": "g"}]},
        {"sourcedId": "u2", "agents": {"0": {"sourcedId": "h"}}},
    ]

    found = page_of("users", {"users": rows}).batch.to_pylist()

    assert [row["agentSourcedIds"] for row in found] == [["g"], ["h"]]


def test_a_list_that_php_wrote_as_an_object_is_a_list() -> None:
    found = page_of("orgs", {"orgs": {"0": {"sourcedId": "a"}, "2": {"sourcedId": "b"}}})

    assert found.batch.column("sourcedId").to_pylist() == ["a", "b"]


def test_a_byte_order_mark_is_passed_over() -> None:
    assert Decoder("orgs", frozenset()).page(b'\xef\xbb\xbf{"orgs": [{"sourcedId": "a"}]}').rows == 1


def test_pages_with_the_same_ids_have_the_same_fingerprint() -> None:
    one = page_of("orgs", {"orgs": [{"sourcedId": "a"}, {"sourcedId": "b"}]}).fingerprint

    assert one == page_of("orgs", {"orgs": [{"sourcedId": "a", "name": "x"}, {"sourcedId": "b"}]}).fingerprint
    assert one != page_of("orgs", {"orgs": [{"sourcedId": "b"}, {"sourcedId": "a"}]}).fingerprint


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "an empty body"),
        (b"  <!DOCTYPE html>", "a web page"),
        (b"<error/>", "XML or HTML"),
        (b'{"orgs": [', "JSON that breaks off or is broken"),
        (b"Bad gateway", "not JSON"),
        (b"[]", "its JSON has no envelope"),
        (b"5", "its JSON has no envelope"),
        (b'{"orgs": 5}', "orgs is not a list"),
        (b'{"orgs": {}}', "orgs is not a list"),
        (b'{"error": "x", "list": [{"sourcedId": "a"}]}', "an error in place of the collection"),
        (b'{"list": [{"id": "a"}]}', "no orgs in it"),
        (b'{"list": []}', "no orgs in it"),
        (b'{"orgs": [{"name": "\xff"}]}', "text that is not UTF-8"),
    ],
)
def test_what_is_no_page_is_told_in_our_own_words(body: bytes, what: str) -> None:
    with pytest.raises(TryAgain) as error:
        Decoder("orgs", frozenset()).page(body)

    assert error.value.what == what


@pytest.mark.parametrize("key", ["schools", "Orgs", "ORGS", "list"])
def test_one_list_of_records_under_another_key_is_the_collection(key: str) -> None:
    body = json.dumps({"warnings_count": 0, key: [{"sourcedId": "a"}], "total": 1}).encode()

    assert len(open_envelope(body, "orgs").rows) == 1


@pytest.mark.parametrize("key", ["schools", "Orgs"])
def test_only_a_known_key_stands_for_an_empty_collection(key: str) -> None:
    assert open_envelope(json.dumps({key: []}).encode(), "orgs").rows == []


@pytest.mark.parametrize(
    ("value", "wanted", "found"),
    [
        ({"a": 1, "b": 2}, {"a"}, {"a": 1}),
        ({"a.b": 1, "a": {"b": 2}}, {"a.b"}, {"a.b": 1}),
        ({"a": {"b": {"c": 2}}}, {"a.b.c"}, {"a.b.c": 2}),
        ({"a": "text"}, {"a.b"}, {}),
        ({"a": None}, {"a"}, {}),
        ({}, {"a"}, None),
        ([], {"a"}, None),
        ({"b": 1, "a": 2, "c": None}, None, {"a": 2, "b": 1}),
    ],
)
def test_wanted_metadata(value: Any, wanted: set[str] | None, found: dict[str, Any] | None) -> None:
    assert wanted_metadata(value, None if wanted is None else frozenset(wanted)) == found


def test_a_password_is_not_even_decoded() -> None:
    """The lenient way meets the key and leaves its value as it came: not JSON, and nobody minds."""
    row = msgspec.Raw(b'{"SourcedId": "u1", "Password": 12}')

    [record], _ = lenient_decode.records([row], shape("users", False))

    assert "password" not in str(msgspec.structs.asdict(record)).lower()
    assert not any("password" in key.lower() for table in TABLES for key in shape(table.name, False).forms)


@pytest.mark.parametrize("odd", [False, True])
def test_a_role_that_has_ended_decides_nothing(odd: bool) -> None:
    def role(name: str, end: object, kind: str = "secondary") -> dict[str, object]:
        return {
            "role": name,
            "roleType": kind,
            "org": {"sourcedId": f"at {name}"},
            "ENDDATE" if odd else "endDate": end,
        }

    people = {
        "ended": [role("teacher", "2026-11-28", "primary"), role("student", None)],
        "not yet": [role("teacher", "2026-11-29", "primary"), role("student", "2026-11-27T00:00:00Z")],
        "all": [role("teacher", "2020-01-01", "primary")],
        "no date": [role("teacher", "soon", "primary")],
        "no time": [role("teacher", "2020-01-01T99:99", "primary")],
        "no day": [role("teacher", "2020-01-32", "primary")],
    }
    rows = [{"sourcedId": name, "roles": roles} for name, roles in people.items()]
    page = Decoder("users", None, odd=odd, today="2026-11-28").page(json.dumps({"users": rows}).encode())
    found = {r["sourcedId"]: (r["role"], r["roles"], r["orgSourcedIds"]) for r in page.batch.to_pylist()}
    assert found == {
        "ended": (None, ["student"], ["at student"]),
        "not yet": ("teacher", ["teacher"], ["at teacher"]),
        "all": (None, None, None),
        "no date": ("teacher", ["teacher"], ["at teacher"]),
        "no time": ("teacher", ["teacher"], ["at teacher"]),
        "no day": ("teacher", ["teacher"], ["at teacher"]),
    }


def test_a_nul_character_is_dropped_and_an_escaped_backslash_stays() -> None:
    body = rb"""{"users": [{"sourcedId": "u\u00001", "givenName": "A\u0000nn\u0000", "familyName": "\\u0000 \\\u0000x"}]}"""
    page = Decoder("users", None).page(body)
    (row,) = page.batch.to_pylist()
    assert (row["sourcedId"], row["givenName"], row["familyName"]) == ("u1", "Ann", r"\u0000 \x")


@pytest.mark.parametrize(
    ("sent", "staged"),
    [
        (rb"Lee \ud83d", "Lee \ufffd"),
        (rb"\uDE00Lee", "\ufffdLee"),
        (rb"\ude00\ud83d", "\ufffd\ufffd"),
        (rb"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        (rb"\\ud83d \ud83d", "\\ud83d \ufffd"),
        (rb"\\\ud83d", "\\\ufffd"),
    ],
)
def test_half_a_letter_is_told_and_its_record_is_read(sent: bytes, staged: str) -> None:
    """A SIS that cuts a name in the middle of an emoji must not stop a district."""
    body = b'{"users": [{"sourcedId": "a", "givenName": "%s"}, {"sourcedId": "b", "givenName": "\xc3\xa9"}]}' % sent
    batch = Decoder("users", frozenset()).page(body).batch

    assert batch.column("givenName").to_pylist() == [staged, "é"]
