"""Runs of a state folder, in the order in which they were made."""

from datetime import UTC, datetime

from rostersync.api.kinds import Ref
from rostersync.local.state import State

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
SPRINGFIELD = Ref("FocusConnection", "springfield")
SPEC = {"connectionRef": {"name": "springfield"}, "mode": "Import"}


def numbered(number):
    return {"rostersync.dev/runNumber": number, "rostersync.dev/number": number}


def test_runs_of_one_second_are_listed_newest_first(tmp_path):
    state = State(tmp_path)
    made = [state.create(SPRINGFIELD, None, SPEC, name, NOW) for name in ("b", "c", "a")]
    assert [run["metadata"]["name"] for run in state.runs()] == ["a", "c", "b"]
    assert [run["metadata"]["annotations"] for run in made] == [numbered(n) for n in "123"]


def test_a_run_carries_on_the_numbers_that_are_in_the_folder(tmp_path):
    """Earlier versions number by one annotation alone: after a rollback, a run without it would be taken for the oldest."""
    state = State(tmp_path)
    earlier = state.create(SPRINGFIELD, None, SPEC, "earlier", NOW)
    earlier["metadata"]["annotations"] = {"rostersync.dev/number": "7"}
    state.save(earlier)
    newer = state.create(SPRINGFIELD, None, SPEC, "newer", NOW)
    assert newer["metadata"]["annotations"] == numbered("8")
    assert [run["metadata"]["name"] for run in state.runs()] == ["newer", "earlier"]
