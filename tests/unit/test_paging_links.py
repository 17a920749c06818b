"""Links to the next page, in every spelling met."""

import pytest

from rostersync.sources.oneroster.links import Next, cursor, from_body, from_header, offset_of

BASE = "https://sis.example/focus/v1p1/users"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, Next()),
        ("", Next()),
        ("no link at all", Next()),
        ('<https://a/x>; rel="self"', Next()),
        ('<https://a/x?offset=5>; rel="next"', Next(True, "https://a/x?offset=5")),
        ("<https://a/x?offset=5>; rel=next", Next(True, "https://a/x?offset=5")),
        ('<https://a/x?offset=5>;rel="NEXT";title="a, b"', Next(True, "https://a/x?offset=5")),
        ('<https://a/x?f=1,2&offset=5>; rel="prev next"', Next(True, "https://a/x?f=1,2&offset=5")),
        ('<https://a/x>; rel="first", <https://a/x?offset=5>; rel="next"', Next(True, "https://a/x?offset=5")),
        ('<https://a/x>; rel="first", <https://a/x?offset=5>; rel="last"', Next(True, None)),
        (
            'https://a/x?limit=100&offset=101; rel="next", https://a/x; rel="prev"',
            Next(True, "https://a/x?limit=100&offset=101"),
        ),
        ('https://a/x; rel="prev", https://a/x; rel="first"', Next(True, None)),
        ('<>; rel="next"', Next(True, None)),
    ],
)
def test_link_headers(header: str | None, expected: Next) -> None:
    assert from_header(header) == expected


@pytest.mark.parametrize(
    ("value", "url"), [("", None), ("  ", None), (None, None), (False, None), ("/a?b=1", "/a?b=1")]
)
def test_next_in_the_body(value: object, url: str | None) -> None:
    assert from_body(value) == Next(True, url)


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("https://sis.example/focus/v1p1/users?limit=5&offset=5", None),
        ("?OFFSET=5", None),
        ("?cursor=a%20b", BASE + "?cursor=a%20b"),
        ("https://sis.example/page/2?t=1", "https://sis.example/page/2?t=1"),
        ("/page/2", "https://sis.example/page/2"),
        ("http://sis.internal:8080/users?t=1", BASE + "?t=1"),
        ("//evil.example/users?t=1", BASE + "?t=1"),
        ("http://sis.example/focus/v1p1/users?t=1", BASE + "?t=1"),
        ("https://evil.example/focus/v1p1/users", None),
    ],
)
def test_only_the_query_of_a_link_elsewhere_is_used(link: str, expected: str | None) -> None:
    assert cursor(Next(True, link), BASE) == expected


def test_without_a_link_there_is_no_cursor() -> None:
    assert cursor(Next(), BASE) is None
    assert cursor(Next(True, None), BASE) is None


@pytest.mark.parametrize(
    ("link", "offset"), [("?limit=1&offset=7", 7), ("?offset=x", None), ("?a=1", None), (None, None)]
)
def test_the_offset_of_a_link(link: str | None, offset: int | None) -> None:
    assert offset_of(Next(True, link)) == offset
