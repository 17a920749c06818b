"""What a page may be before and while it is decoded: never a crash, never minutes, never gigabytes."""

import ast
import gzip
import json
import time
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import pytest

import rostersync.sources.oneroster
from rostersync.sources.oneroster import bounds, columns, json_texts
from rostersync.sources.oneroster.bounds import MAX_DEPTH, MAX_ROWS, check_depth, check_page, unpacked
from rostersync.sources.oneroster.decode import Decoded, Decoder
from rostersync.sources.oneroster.links import from_header
from rostersync.sources.oneroster.request_errors import Failure, TryAgain

QUICK = 2.0  # seconds; what goes back over a text takes minutes


def page(rows: Any, collection: str = "users", **beside: Any) -> Decoded:
    return Decoder(collection, None).page(json.dumps({collection: rows, **beside}).encode())


def user(**fields: Any) -> dict[str, Any]:
    return {"sourcedId": "u1", "status": "active", **fields}


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize("depth", [1, 7, MAX_DEPTH])
def test_json_as_deep_as_the_limit_is_read(depth: int) -> None:
    check_depth(nested(depth))
    check_depth(b'{"a":' * depth + b"1" + b"}" * depth)


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 999, 100_000])
@pytest.mark.parametrize("close", [True, False])
def test_json_that_is_deeper_is_no_answer(depth: int, close: bool) -> None:
    with pytest.raises(TryAgain) as error:
        check_depth(b"[" * depth + (b"]" * depth if close else b""))

    assert error.value.failure is Failure.UNREADABLE


@pytest.mark.parametrize("text", ["[" * 500, "]" * 500 + "[" * 500, "[" * 500 + "]" * 500, '\\"[' * 300])
def test_brackets_in_texts_do_not_count(text: str) -> None:
    check_depth(json.dumps({"name": text}).encode())


@pytest.mark.parametrize("field", ["metadata", "orgs", "userIds", "givenName", "roles", "sourcedId", "notOneRoster"])
@pytest.mark.parametrize("depth", [150, 5000])
def test_a_field_that_is_nested_without_end_is_no_page(field: str, depth: int) -> None:
    body = b'{"users":[{"sourcedId":"u1","%s":%s}]}' % (field.encode(), nested(depth))

    with pytest.raises(TryAgain) as error:
        Decoder("users", None).page(body)

    assert error.value.failure is Failure.UNREADABLE


def test_depth_that_texts_hide_is_no_crash() -> None:
    hidden = b'["]",' * 5000 + b'"["' + b',"["]' * 5000
    page = b'{"users":[{"sourcedId":"u1","metadata":{"a":%s}}]}' % hidden
    try:
        assert Decoder("users", None).page(page).rows == 1  # how deep is too deep differs between versions of Python
    except TryAgain as error:
        failure = error.failure
    else:
        return
    assert failure is Failure.UNREADABLE


@pytest.mark.parametrize("element", [b"{}", b"[]", b'{"sourcedId":"u1"}'])
def test_a_page_of_more_rows_than_any_has_is_too_large(element: bytes) -> None:
    check_page(b'{"users":[' + b",".join([element] * MAX_ROWS) + b"]}")
    if element != b"[]":
        with pytest.raises(TryAgain) as error:
            check_page(b'{"users":[' + b",".join([element] * (MAX_ROWS + 1)) + b"]}")
        assert error.value.failure is Failure.TOO_LARGE


def test_objects_within_rows_are_no_rows() -> None:
    row = b'{"sourcedId":"u1","orgs":[{"sourcedId":"a"},{"sourcedId":"b"},{"sourcedId":"c"}]}'
    check_page(b'{"users":[' + b",".join([row] * 10_000) + b"]}")


@pytest.mark.parametrize("element", [b"{}", b"1", b"null", b'"a"', b'{"a":1}'])
def test_thirty_mebibytes_of_tiny_records_take_no_gigabytes(element: bytes) -> None:
    body = b'{"users":[' + b",".join([element] * (30 * 2**20 // (len(element) + 1))) + b"]}"
    tracemalloc.start()
    began = time.monotonic()
    try:
        with pytest.raises(TryAgain) as error:
            Decoder("users", None).page(body)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert error.value.failure is Failure.TOO_LARGE
    assert peak < 4 * len(body)
    assert time.monotonic() - began < QUICK


def test_an_answer_that_unpacks_to_more_than_the_limit_is_given_up_on_the_way() -> None:
    bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join([*(bomb.compress(b" " * 2**20) for _ in range(100)), bomb.flush()])
    tracemalloc.start()
    try:
        with pytest.raises(TryAgain) as error:
            unpacked([packed], "gzip")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert error.value.failure is Failure.TOO_LARGE
    assert peak < 3 * bounds.MAX_BODY


@pytest.mark.parametrize("packing", ["gzip, gzip", "br", "zstd", "snappy"])
def test_a_packing_that_was_not_asked_for_is_not_unpacked(packing: str) -> None:
    with pytest.raises(TryAgain, match="not asked for"):
        unpacked([gzip.compress(gzip.compress(b"{}"))], packing)


def test_packed_answers_are_unpacked_whatever_the_pieces() -> None:
    body = json.dumps({"users": [user()]}).encode()
    for packing, packed in {"gzip": gzip.compress(body), "deflate": zlib.compress(body), "": body}.items():
        assert unpacked([packed[i : i + 3] for i in range(0, len(packed), 3)], packing) == body
    assert unpacked([], "gzip") == b""
    with pytest.raises(TryAgain, match="broke off"):
        unpacked([gzip.compress(body)[:-9]], "gzip")
    with pytest.raises(TryAgain, match="broken"):
        unpacked([b"no gzip at all"], "gzip")


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("sourcedId", "x" * columns.MAX_ID, True),
        ("sourcedId", "x" * (columns.MAX_ID + 1), False),
        ("givenName", "x" * columns.MAX_TEXT, True),
        ("givenName", "x" * (columns.MAX_TEXT + 1), False),
        ("grades", ["x" * (columns.MAX_TEXT + 1)], False),
        ("orgs", [{"sourcedId": "x" * (columns.MAX_TEXT + 1)}], False),
        ("userIds", [{"type": "x", "identifier": "x" * (columns.MAX_TEXT + 1)}], False),
        ("metadata", {"k": "x" * (columns.MAX_TEXT + 1)}, False),
        ("givenName", "a" + "\u0301" * 20, True),
        ("givenName", "a" + "\u0301\u0316" * 200_000, False),
        ("grades", ["a" + "\u0301\u0316" * 200_000], False),
    ],
)
def test_a_row_that_no_roster_has_counts_as_one_that_cannot_be_read(field: str, value: Any, kept: bool) -> None:
    """It is not in the page, so nothing is changed by it; and it is counted, so nothing is deleted for its absence."""
    rows = [user(sourcedId=f"u{i}") for i in range(2, 9)]
    began = time.monotonic()

    found = page([*rows[:3], user(**{field: value}), *rows[3:]])

    assert time.monotonic() - began < QUICK
    assert (found.rows, found.without_id) == (8, 0 if kept else 1)
    assert found.batch.num_rows == (8 if kept else 7)
    assert (found.first, found.last) == (("u2", "u8") if kept else (None, None))


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 5000])
@pytest.mark.parametrize("field", ["sourcedId", "givenName", "metadata", "orgs"])
def test_a_number_that_nothing_can_read_loses_its_row_alone(number: str, field: str) -> None:
    value = {"metadata": '{"k":%s}', "orgs": "[%s]"}.get(field, "%s") % number
    body = f'{{"users":[{{"sourcedId":"u1"}},{{"sourcedId":"u2","{field}":{value}}}],"total":{number}}}'

    found = Decoder("users", None).page(body.encode())

    assert (found.rows, found.without_id, found.said.total) == (2, 1, None)
    assert found.said.doubt == "named a total that cannot be read"
    assert found.batch.column(0).to_pylist() == ["u1"]


@pytest.mark.parametrize("total", ["9" * 5000, 10**40, -1, "1" * 16, "٣" * 5000])
def test_a_total_that_no_collection_has_is_not_said(total: Any) -> None:
    said = page([user()], total=total).said

    assert said.total is None
    assert (said.doubt is None) == (total == -1)


@pytest.mark.parametrize(
    "text",
    [" " * 300_000, ":" * 300_000, "{" * 300_000, "{" + " " * 300_000 + ":", " " * 150_000 + "a" + " " * 150_000],
)
def test_user_ids_of_blanks_are_read_in_no_time(text: str) -> None:
    began = time.monotonic()
    page([user(userIds=text), user(sourcedId="u2", userIds=[text])])

    assert time.monotonic() - began < QUICK


@pytest.mark.parametrize(
    "piece", ["<", ">", '"', ",", ";", " ", "a", "<a>;", 'rel="', "<>;rel=,", "rel =", "\t ", '<a>;x="', "a;b ,"]
)
def test_a_long_link_header_is_read_in_no_time(piece: str) -> None:
    began = time.monotonic()
    from_header(piece * (200_000 // len(piece)))

    assert time.monotonic() - began < QUICK


def test_no_expression_that_can_go_back_reads_what_a_server_sends() -> None:
    """Expressions of Python only where they are possessive or of a fixed length; those of Arrow never go back."""
    folder = Path(rostersync.sources.oneroster.__file__).parent
    having = {
        file.name
        for file in folder.parent.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Import) and any(n.name == "re" for n in node.names)
    }
    assert having == {"bounds.py", "json_texts.py"}
    assert not set("*+?") & set(json_texts._SURROGATES.pattern.decode().replace("(?P", ""))
    assert bounds._STRING.pattern == rb'"(?:[^"\\]++|\\.)*+(?:"|\Z)'
