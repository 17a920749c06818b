"""Who asked for a run: the maker and the last editor are never forgotten, and what is cut is said."""

from itertools import pairwise

import pytest

from rostersync.lifecycle.requesters import MOST, Requesters, requesters

EIGHT = tuple(f"editor-{i}" for i in range(MOST))


def test_all_are_listed_in_the_order_in_which_they_came():
    assert requesters(Requesters(), "alice", ("", "bob")) == Requesters(("alice", "bob"))
    assert requesters(Requesters(("alice", "bob")), "alice", ("carol", "bob")) == Requesters(("alice", "bob", "carol"))


def test_nobody_is_nobody():
    assert requesters(Requesters(), "", ("", "")) == Requesters()


def test_the_ninth_is_there_and_it_is_said_that_another_is_not():
    found = requesters(Requesters(EIGHT), EIGHT[0], ("", "bob"))
    assert len(found.names) == MOST
    assert {EIGHT[0], "bob"} <= set(found.names)
    assert found.more


@pytest.mark.parametrize("editors", [MOST, MOST + 1, 3 * MOST])
def test_however_many_edit_the_maker_and_the_last_two_are_listed(editors):
    known, names = Requesters(), [f"editor-{i}" for i in range(editors)]
    for asked_again, changed in pairwise(["alice", *names]):
        known = requesters(known, "alice", (asked_again, changed))
        assert {"alice", asked_again, changed} <= set(known.names)
        assert len(known.names) <= MOST
    assert known.more == (editors + 1 > MOST)


def test_what_was_cut_stays_cut():
    assert requesters(Requesters(("alice",), True), "alice", ()).more


def test_eight_fit():
    assert requesters(Requesters(EIGHT), EIGHT[0], (EIGHT[3], EIGHT[7])) == Requesters(EIGHT)
