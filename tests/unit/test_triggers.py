"""What a connection asks for by itself: runs, Test Connection, and how many old runs history keeps."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostersync.api.kinds import Ref
from rostersync.lifecycle.names import LONGEST, triggered_name
from rostersync.lifecycle.observed import Window
from rostersync.lifecycle.timetable import Timetable
from rostersync.lifecycle.triggers import (
    CHECK_AGAIN,
    Answer,
    Asked,
    CheckDue,
    Checking,
    OldRun,
    Trigger,
    answer,
    check_due,
    over_limits,
)

NOW = datetime(2026, 7, 1, 2, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NIGHTLY = Timetable("30 2 * * *", ZoneInfo("UTC"))
QUIET = Asked(Ref("FocusConnection", "springfield"), "uid-1", 3, "hash3", handled_spec="hash3")
DUE = replace(QUIET, table=NIGHTLY, promised=NOW, changed_by="alex")
CHANGED = replace(QUIET, on_spec_change=True, handled_spec="hash2", changed_by="alex")
REQUESTED = replace(QUIET, requested_at="2026-07-01", requested_by="dana", changed_by="alex")
OPEN = (Window(NOW, NOW + HOUR),)
ALL = replace(CHANGED, table=NIGHTLY, promised=NOW, requested_at="now", requested_by="dana")

ANSWERS = {
    "nothing is asked": (QUIET, [], "", "hash3", None),
    "a start that is due": (DUE, [(Trigger.SCHEDULE, "alex")], "", "hash3", NOW + DAY),
    "a start that is not due": (replace(DUE, promised=NOW + HOUR), [], "", "hash3", NOW + DAY),
    "a schedule that is new makes nothing now": (replace(DUE, promised=None), [], "", "hash3", NOW + DAY),
    "a changed spec": (CHANGED, [(Trigger.SPEC_CHANGE, "alex")], "", "hash3", None),
    "a changed spec that nobody asked to run on": (
        replace(CHANGED, on_spec_change=False),
        [],
        "",
        "hash2",
        None,
    ),
    "a spec that had its run": (replace(CHANGED, handled_spec="hash3"), [], "", "hash3", None),
    "a new connection is a changed spec": (
        replace(CHANGED, handled_spec=""),
        [(Trigger.SPEC_CHANGE, "alex")],
        "",
        "hash3",
        None,
    ),
    "a request is made for who set it": (REQUESTED, [(Trigger.REQUEST, "dana")], "2026-07-01", "hash3", None),
    "a request that was answered": (
        replace(REQUESTED, handled_request="2026-07-01"),
        [],
        "2026-07-01",
        "hash3",
        None,
    ),
    "another request": (
        replace(REQUESTED, handled_request="2026-06-30"),
        [(Trigger.REQUEST, "dana")],
        "2026-07-01",
        "hash3",
        None,
    ),
    "a request taken away again asks for nothing and is remembered": (
        replace(QUIET, handled_request="2026-06-30"),
        [],
        "2026-06-30",
        "hash3",
        None,
    ),
    "all at once": (
        ALL,
        [(Trigger.SCHEDULE, "alex"), (Trigger.SPEC_CHANGE, "alex"), (Trigger.REQUEST, "dana")],
        "now",
        "hash3",
        NOW + DAY,
    ),
    "in a Suspend Import window all are left out, not put off": (
        replace(ALL, suspend_import=OPEN),
        [],
        "now",
        "hash3",
        NOW + DAY,
    ),
    "a window's end does not belong to it": (
        replace(DUE, suspend_import=(Window(NOW - HOUR, NOW),)),
        [(Trigger.SCHEDULE, "alex")],
        "",
        "hash3",
        NOW + DAY,
    ),
    "one that waits stands for those after it, by trigger": (
        replace(ALL, waiting=frozenset({Trigger.SCHEDULE, Trigger.REQUEST})),
        [(Trigger.SPEC_CHANGE, "alex")],
        "now",
        "hash3",
        NOW + DAY,
    ),
    "a connection that may not run makes nothing, keeps requests for later, and its schedule rests": (
        replace(ALL, may_run=False, handled_request="before"),
        [],
        "before",
        "hash2",
        None,
    ),
}


@pytest.mark.parametrize(("asked", "runs", "request_", "spec", "next_run"), ANSWERS.values(), ids=ANSWERS)
def test_answer(asked, runs, request_, spec, next_run):
    made = answer(asked, NOW)

    assert [(r.trigger, r.requested_by) for r in made.runs] == runs
    assert (made.handled_request, made.handled_spec, made.next_run) == (request_, spec, next_run)
    assert not made.missed


def remembered(asked, made):
    return replace(asked, promised=made.next_run, handled_request=made.handled_request, handled_spec=made.handled_spec)


@pytest.mark.parametrize("asked", [a for a, *_ in ANSWERS.values()], ids=ANSWERS)
def test_what_was_answered_and_remembered_is_not_made_again(asked):
    assert answer(remembered(asked, answer(asked, NOW)), NOW).runs == ()


@pytest.mark.parametrize("asked", [a for a, *_ in ANSWERS.values()], ids=ANSWERS)
def test_asked_again_without_memory_the_names_are_the_same(asked):
    assert answer(asked, NOW) == answer(asked, NOW + timedelta(minutes=3))


def test_a_request_while_suspended_is_answered_when_the_connection_may_run_again():
    waiting = remembered(REQUESTED, answer(replace(REQUESTED, may_run=False), NOW))

    assert [r.trigger for r in answer(waiting, NOW + DAY).runs] == [Trigger.REQUEST]


def test_a_schedule_that_rested_owes_nothing():
    rested = remembered(DUE, answer(replace(DUE, may_run=False), NOW))

    assert answer(rested, NOW + HOUR) == Answer((), NOW + DAY, handled_spec="hash3")


def test_a_missed_start_is_said():
    made = answer(replace(DUE, table=replace(NIGHTLY, deadline=HOUR)), NOW + 2 * HOUR)

    assert made.missed
    assert made.runs == ()


def test_names_differ_by_what_asked():
    each = [
        ALL,
        replace(ALL, uid="uid-2"),
        replace(ALL, generation=4),
        replace(ALL, requested_at="later"),
        replace(ALL, promised=NOW + DAY),
    ]
    names = [{r.name for r in answer(a, NOW + DAY).runs} for a in each]

    assert len(set.union(*names)) == 3 + 3 + 1 + 1 + 0  # the last start is that of the others: one schedule run made


def test_a_run_says_why_it_was_made():
    assert [r.reason for r in answer(ALL, NOW).runs] == [
        "schedule, 2026-07-01T02:30Z",
        "the connection's spec changed",
        "rostersync.dev/requestedAt",
    ]


@given(st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,98}[a-z0-9])?", fullmatch=True), st.text(max_size=300))
def test_a_name_is_one_that_the_api_takes(connection, token):
    for kind in ("FocusConnection", "ExampleConnection"):
        name = triggered_name(Ref(kind, connection), "uid", "20260701t023000", token)

        assert len(name) <= LONGEST
        assert name[0].isalnum()
        assert name[-1].isalnum()
        assert name == name.lower()


FINE = Checking(3, verified=True, checked_generation=3, ended_at=NOW)
FAILED = replace(FINE, verified=False)
CHECKS = {
    "before the first one": (Checking(1), CheckDue(True)),
    "once it is fine it is left alone": (FINE, CheckDue(False)),
    "after a change of the spec": (replace(FINE, generation=4), CheckDue(True)),
    "when somebody asks": (replace(FINE, requested="now"), CheckDue(True)),
    "when the one who asked was answered": (replace(FINE, requested="now", handled="now"), CheckDue(False)),
    "after a failure, not at once": (FAILED, CheckDue(False, NOW + timedelta(seconds=20))),
    "after a failure, when the pause is over": (
        replace(FAILED, ended_at=NOW - timedelta(seconds=20)),
        CheckDue(True, NOW),
    ),
    "after more failures, later": (replace(FAILED, failures=3), CheckDue(False, NOW + timedelta(seconds=160))),
    "after a thousand failures, within the hour": (
        replace(FAILED, failures=1000),
        CheckDue(False, NOW + CHECK_AGAIN),
    ),
    "after a failure that another process saw": (replace(FAILED, ended_at=None), CheckDue(True)),
    "a failure before the spec was mended is no reason to wait": (
        replace(FAILED, generation=4, failures=9),
        CheckDue(True),
    ),
}


@pytest.mark.parametrize(("seen", "expected"), CHECKS.values(), ids=CHECKS)
def test_check_due(seen, expected):
    assert check_due(seen, NOW) == expected


def run(name, successful=True, days=0, ours=True):
    return OldRun(name, successful, NOW - days * DAY, ours)


LIMITS = {
    "within the limits all stay": ([run("a"), run("b", days=1)], 2, 2, []),
    "the oldest go": ([run("a", days=1), run("b", days=3), run("c", days=2)], 1, 1, ["c", "b"]),
    "each kind by its own limit": (
        [run("a"), run("b", False), run("c", days=1), run("d", False, days=1)],
        1,
        2,
        ["c"],
    ),
    "runs of others count, and stay": (
        [run("a", ours=False), run("b", days=1), run("c", days=2, ours=False)],
        1,
        1,
        ["b"],
    ),
    "of one second the later name is the newer": ([run("a"), run("b")], 1, 1, ["a"]),
    "none": ([], 1, 1, []),
}


@pytest.mark.parametrize(("runs", "successful", "failed", "gone"), LIMITS.values(), ids=LIMITS)
def test_over_limits(runs, successful, failed, gone):
    assert over_limits(runs, successful, failed) == gone
