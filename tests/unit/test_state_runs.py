"""Runs of a state folder, in the order in which they were made."""

from datetime import UTC, datetime

from rostersync.api.kinds import Ref
from rostersync.local.state import State

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
SPRINGFIELD = Ref("FocusConnection", "springfield")
SPEC = {"connectionRef": {"name": "springfield"}, "mode": "Import"}


def test_runs_of_one_second_are_listed_newest_first(tmp_path):
    state = State(tmp_path)
    made = [state.create(SPRINGFIELD, None, SPEC, name, NOW) for name in ("b", "c", "a")]
    assert [run["metadata"]["name"] for run in state.runs()] == ["a", "c", "b"]
    assert [run["metadata"]["annotations"] for run in made] == [{"rostersync.dev/runNumber": n} for n in "123"]


def test_runs_that_carry_the_former_annotation_keep_their_place(tmp_path):
    state = State(tmp_path)
    former = state.create(SPRINGFIELD, None, SPEC, "former", NOW)
    former["metadata"]["annotations"] = {"rostersync.dev/number": "7"}
    state.save(former)
    state.create(SPRINGFIELD, None, SPEC, "newer", NOW)
    assert [run["metadata"]["name"] for run in state.runs()] == ["newer", "former"]
    assert state.run("newer")["metadata"]["annotations"] == {"rostersync.dev/runNumber": "8"}
