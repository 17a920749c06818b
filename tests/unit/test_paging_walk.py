"""The way through a collection: property tests against servers that are told by a few numbers."""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rostersync.sources.oneroster.links import Next
from rostersync.sources.oneroster.page_size import GROW_LATEST, SMALLEST, PageSize, whole
from rostersync.sources.oneroster.paging import Ask, Seen, Walk
from rostersync.sources.port import End


@dataclass(frozen=True)
class Server:
    """Rows 0 … rows-1, pages of at most `clamp`, and what it tells of the whole."""

    rows: int
    clamp: int
    total: bool
    next: bool

    def page(self, offset: int, limit: int) -> tuple[Seen, list[int]]:
        found = list(range(self.rows))[offset : offset + min(limit, self.clamp)]
        after = offset + len(found)
        link = f"?offset={after}" if found and after < self.rows else None
        total = self.rows if self.total else None
        return Seen(len(found), total, Next(True, link) if self.next else Next(), None, hash(tuple(found))), found


SERVERS = st.builds(Server, st.integers(0, 60), st.integers(1, 25), st.booleans(), st.booleans())


@given(SERVERS, st.integers(1, 30))
def test_page_by_page_every_row_comes_once_and_the_end_is_seen(server: Server, limit: int) -> None:
    walk, step, received, asked = Walk(), Ask(0), [], 0
    while isinstance(step, Ask):
        seen, rows = server.page(step.offset, limit)
        step = walk.after(step, seen)
        received += rows if walk.fresh else []
        asked += 1

    assert received == list(range(server.rows))
    assert step is (End.NEXT if server.next else End.EMPTY)
    assert asked <= server.rows + 2


@given(SERVERS, st.integers(1, 30), st.randoms())
@settings(max_examples=50)
def test_side_by_side_the_windows_hold_every_row_once(server: Server, limit: int, random: object) -> None:
    walk = Walk()
    first, rows = server.page(0, limit)
    if not isinstance(walk.after(Ask(0), first), Ask) or walk.probing:
        return
    windows = list(walk.windows(min(limit, first.rows)))

    received = rows + [row for start, count in windows for row in range(start, start + count)]
    assert received == (list(range(server.rows)) if server.total else rows)
    if windows:
        end = walk.after_windows(len(received) - len(rows))
        assert (end, walk.probing, walk.received) == (Ask(server.rows), True, server.rows)


def seen(rows: int = 10, print_: int | None = None, **more: object) -> Seen:
    return Seen(rows, None, more.get("next", Next()), more.get("cursor"), print_ or 0)  # type: ignore[arg-type]


def test_a_page_that_repeats_three_times_is_stuck() -> None:
    walk, step = Walk(), Ask(0)
    ends = []
    for _ in range(4):
        result = walk.after(step, seen(print_=7))
        ends.append(result)
        step = result if isinstance(result, Ask) else step

    assert [isinstance(e, Ask) for e in ends] == [True, True, True, False]
    assert ends[-1] is End.STUCK


def test_a_cursor_that_repeats_is_stuck_at_once() -> None:
    walk = Walk()
    link = Next(True, "?cursor=a")
    step = walk.after(Ask(0), seen(print_=1, next=link, cursor="u?cursor=a"))

    assert step == Ask(10, "u?cursor=a")
    assert walk.after(Ask(10, "u?cursor=a"), seen(print_=2, next=link, cursor="u?cursor=a")) is End.STUCK


def test_a_total_of_a_million_million_makes_no_list_of_windows() -> None:
    walk = Walk()
    walk.after(Ask(0), Seen(500, 10**12, Next(), None, 1))

    windows = walk.windows(499)
    assert [next(windows), next(windows)] == [(500, 499), (999, 499)]
    assert walk.left == 10**12 - 500


@pytest.mark.parametrize(
    ("following", "ends"),
    [
        (None, End.EMPTY),  # nothing was named
        ("?offset=5", End.EMPTY),  # leads back
        ("?offset=10", End.EMPTY),  # leads nowhere
        ("?offset=20", Ask(20, jump=True)),
    ],
)
def test_an_empty_page_that_names_a_next_one_which_leads_on_is_followed_and_doubted(
    following: str | None, ends: object
) -> None:
    walk = Walk()
    walk.after(Ask(0), seen(print_=1))

    assert walk.after(Ask(10), seen(rows=0, next=Next(following is not None, following))) == ends
    assert bool(walk.doubts) == (ends is not End.EMPTY)


def test_three_empty_pages_in_a_row_are_followed_and_no_more() -> None:
    walk, step, followed = Walk(), Ask(0), 0
    walk.after(step, seen(print_=1))
    step = Ask(10)
    while isinstance(step, Ask) and followed < 9:
        step = walk.after(step, seen(rows=0, next=Next(True, f"?offset={step.offset + 10}")))  # type: ignore[assignment]
        followed += isinstance(step, Ask)

    assert (followed, step) == (3, End.CUT)


@pytest.mark.parametrize("said", [Next(True, None), Next()])
def test_an_empty_page_that_a_cursor_led_to_is_doubted(said: Next) -> None:
    walk = Walk()
    walk.after(Ask(0), seen(print_=1, next=Next(True, "?cursor=a"), cursor="u?cursor=a"))

    assert walk.after(Ask(10, "u?cursor=a"), seen(rows=0, next=said)) is End.NEXT
    assert walk.doubts == ["the page that was named as the next one after 10 rows was empty"]


def test_a_link_that_stops_coming_is_the_end_of_the_links() -> None:
    walk = Walk()
    walk.after(Ask(0), seen(print_=1, next=Next(True, "?offset=10")))
    walk.after(Ask(10), seen(print_=2))

    assert walk.probing
    assert walk.after(Ask(20), seen(rows=0)) is End.NEXT


def test_a_page_that_fails_once_makes_no_smaller_pages() -> None:
    size = PageSize(500)
    for _ in range(8):
        size.failed(500, again=False)
    assert size.current == 500


def test_page_size_is_halved_once_for_threads_that_fail_together() -> None:
    size = PageSize(500)
    size.failed(500, again=True)
    size.failed(500, again=True)
    assert size.current == 250


def test_page_size_is_never_below_the_smallest_nor_raised_by_failures() -> None:
    size, small = PageSize(500), PageSize(4)
    for _ in range(20):
        size.failed(size.current, again=True)
    small.failed(4, again=True)
    assert (size.current, small.current) == (SMALLEST, 4)


def test_page_size_comes_back_quickly() -> None:
    size = PageSize(500)
    size.failed(500, again=True)
    sizes = []
    for _ in range(3):
        size.good(size.current)
        sizes.append(size.current)
    assert sizes == [250, 500, 500]


def test_larger_pages_that_fail_whenever_they_are_tried_are_tried_ever_more_rarely() -> None:
    size, tried = PageSize(500), 0
    size.failed(500, again=True)
    for _ in range(1000):
        if size.current == 500:
            tried += 1
            size.failed(500, again=False)
        size.good(size.current)
    assert (size.current, tried < 25) == (250, True)


@pytest.mark.parametrize(
    ("rows", "offset", "most", "asked"),
    [(500, 500, 500, 500), (500, 1000, 250, 250), (500, 1000, 124, 100), (7, 14, 6, 1), (500, 250, 500, 250)],
)
def test_whole_pages_stay_multiples_of_what_is_asked_for(rows: int, offset: int, most: int, asked: int) -> None:
    assert whole(rows, offset, most) == asked


def test_a_page_size_that_was_refused_is_never_asked_for_again() -> None:
    size = PageSize(500)
    size.limit(500)
    for _ in range(GROW_LATEST * 3):
        size.good(250)
    assert size.current == 250
