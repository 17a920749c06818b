"""Names of runs, approvals and Jobs, and the windows of Data Rollover."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from rostersync.instants import instant
from rostersync.lifecycle.names import approval_name, job_name, run_name
from rostersync.lifecycle.observed import Window
from rostersync.lifecycle.windows import open_window

NOW = datetime(2026, 11, 24, 2, 7, 9, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")


def test_a_run_is_named_by_connection_and_second():
    assert run_name("springfield", NOW) == "springfield-20261124t020709"


def test_a_run_is_named_in_utc():
    assert run_name("springfield", NOW.astimezone(NEW_YORK)) == "springfield-20261124t020709"


def test_a_taken_name_is_counted_on():
    taken = {"s-20261124t020709", "s-20261124t020709-2"}

    assert run_name("s", NOW, taken) == "s-20261124t020709-3"


def test_names_fit_the_api():
    assert len(run_name("a" * 100, NOW, {"a" * 80 + "-20261124t020709"})) <= 100
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
