"""Full lists: what they say of the watches, and what is forgotten; and which watch of runs a server can give."""

import asyncio
from types import SimpleNamespace

import pytest

from rostersync.controller import process, sweep
from rostersync.controller.cluster import ApiError, Cluster
from rostersync.controller.options import Options
from rostersync.controller.process import Process
from rostersync.controller.store import RUNS


def run(version, outcome=None):
    meta = {"namespace": "rosters", "name": f"r{version}", "uid": f"u{version}", "resourceVersion": str(version)}
    return {
        "metadata": meta,
        "spec": {"connectionRef": {"name": "s"}},
        "status": {"outcome": outcome} if outcome else {},
    }


class Lists(Cluster):
    """An API server that has runs; asked for a path, it answers what is queued."""

    def __init__(self, *runs, answers=()):
        self.runs, self.answers = runs, list(answers)

    async def list(self, kind, namespace="", keep=lambda obj: obj, **query):
        return [keep(r) for r in self.runs if kind == RUNS], 99

    async def get(self, where, **query):
        status = self.answers.pop(0)
        if status != 200:
            raise ApiError(status, "", "")
        return {}


@pytest.mark.parametrize(("listed", "dead"), [(run(9), [RUNS]), (run(9, "Applied"), [])], ids=["open", "ended"])
def test_a_watch_of_runs_is_behind_only_when_it_has_not_shown_one_that_is_open(listed, dead, monkeypatch):
    monkeypatch.setattr(sweep, "_ECHO", 0.0)

    async def swept():
        made = Process(Options(image="rostersync:test"), Lists(listed))
        await made.sweep.once()
        await asyncio.sleep(0.01)
        return made

    made = asyncio.run(swept())
    assert list(made.sweep.dead) == dead
    assert made.shared.store.count(RUNS) == 1


def test_connections_that_no_run_needs_are_forgotten():
    made = Process(Options(image="rostersync:test"), Lists())
    made.shared.views._made = {"gone": SimpleNamespace(), "needed": SimpleNamespace()}
    made.shared.store.put(RUNS, {**run(3), "status": {"connectionUID": "needed"}})

    made.sweep.forget()

    assert list(made.shared.views._made) == ["needed"]


@pytest.mark.parametrize(("answers", "selects"), [((200,), True), ((400,), False), ((404, 0, 200), True)])
def test_a_server_that_cannot_select_by_outcome_is_asked_for_all_runs(answers, selects, monkeypatch):
    monkeypatch.setattr(process, "_PAUSE", 0.0)
    made = Process(Options(image="rostersync:test"), Lists(answers=answers))

    assert asyncio.run(made._selects()) is selects
