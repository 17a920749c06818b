"""Names of runs, approvals and Jobs, and the windows of Data Rollover."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rostersync.api.kinds import Ref
from rostersync.instants import instant
from rostersync.lifecycle.names import (
    approval_name,
    artifacts_claim,
    connection_label,
    job_name,
    run_name,
    triggered_name,
)
from rostersync.lifecycle.observed import Window
from rostersync.lifecycle.windows import open_window
from rostersync.stores.embedded.kind import claim_name

SPRINGFIELD = Ref("FocusConnection", "springfield")
NOW = datetime(2026, 11, 24, 2, 7, 9, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")


def test_a_run_is_named_by_connection_and_second():
    assert run_name(SPRINGFIELD, NOW) == "springfield-20261124t020709"


def test_a_run_is_named_in_utc():
    assert run_name(SPRINGFIELD, NOW.astimezone(NEW_YORK)) == "springfield-20261124t020709"


def test_a_taken_name_is_counted_on():
    taken = {"s-20261124t020709", "s-20261124t020709-2"}

    assert run_name(Ref("FocusConnection", "s"), NOW, taken) == "s-20261124t020709-3"


@pytest.mark.parametrize("kind", ["FocusConnection", "ExampleConnection"])
def test_names_fit_the_api(kind):
    assert len(run_name(Ref(kind, "a" * 100), NOW, {"a" * 80 + "-20261124t020709"})) <= 100
    assert len(approval_name("a" * 100, "sha256:" + "b" * 64)) <= 100


def test_a_job_name_is_short_and_a_valid_label():
    name = job_name("springfield.north-" + "x" * 80, "plan", 2, "uid")

    assert len(name) <= 63
    assert name.startswith("springfield-north-")
    assert name != job_name("springfield.north-" + "x" * 80, "plan", 2, "other")


@pytest.mark.parametrize(
    ("hour", "inside"), [(3, False), (4, True), (27, True), (28, False)], ids=["before", "start", "last hour", "end"]
)
def test_a_window_includes_its_start_and_excludes_its_end(hour, inside):
    july = Window(*(instant(datetime(2026, 7, d), NEW_YORK) for d in (1, 2)))
    at = datetime(2026, 7, 1 + hour // 24, hour % 24, tzinfo=UTC)

    assert open_window((july,), at) == (july if inside else None)


NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,98}[a-z0-9])?", fullmatch=True)
ENDS = st.sampled_from(
    ["exampleconnection", "artifacts", "store", "20261124t020709", "2", "0a1b2c3d", "artifacts-exampleconnection"]
)


@given(NAMES | st.tuples(NAMES, ENDS).map("-".join), NAMES | st.tuples(NAMES, ENDS).map("-".join))
@example("springfield", "springfield")
@example("exampleconnection-springfield", "springfield")
@example("springfield-exampleconnection", "springfield")
@example("springfield-artifacts-exampleconnection", "springfield")
@example("springfield.exampleconnection", "springfield")
def test_nothing_of_a_focus_connection_of_any_name_has_the_name_of_something_of_another_kind(focus, other):
    ours, theirs = Ref("FocusConnection", focus), Ref("ExampleConnection", other)

    assert artifacts_claim(theirs) not in (artifacts_claim(ours), claim_name(focus))
    assert connection_label(theirs) != connection_label(ours)
    assert len(connection_label(theirs)) <= 63
    for theirs_run in (
        run_name(theirs, NOW),
        run_name(theirs, NOW, {run_name(theirs, NOW)}),
        triggered_name(theirs, "u", "g2", "t"),
    ):
        assert theirs_run not in (
            run_name(ours, NOW),
            run_name(ours, NOW, {run_name(ours, NOW)}),
            triggered_name(ours, "u", "g2", "t"),
        )


def test_what_a_focus_connection_has_is_named_as_ever():
    assert artifacts_claim(SPRINGFIELD) == "rostersync-springfield-artifacts"
    assert connection_label(SPRINGFIELD) == "springfield"
    assert triggered_name(SPRINGFIELD, "uid", "g2", "token") == "springfield-g2-91bd94c7"


def test_what_another_kind_has_says_so():
    ref = Ref("ExampleConnection", "springfield")
    assert artifacts_claim(ref) == "rostersync-springfield-artifacts-exampleconnection"
    assert connection_label(ref) == "ExampleConnection_springfield"
    assert run_name(ref, NOW) == "springfield-20261124t020709-exampleconnection"
