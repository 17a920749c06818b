"""Runs that the operator made and whose connection is gone: kept for a day, since somebody may ask what happened."""

import asyncio
from datetime import timedelta

import pytest

from rostersync.controller.cluster.cache import RUNS
from rostersync.controller.options import Options
from rostersync.controller.process import Process
from support.remembering import CONNECTIONS, Remembering


def operator():
    return Process(Options("rostersync:test"), Remembering())


def run(outcome=None):
    meta = {
        "namespace": "rosters",
        "name": "run",
        "uid": "u",
        "resourceVersion": "4",
        "creationTimestamp": "2026-11-26T02:00:00Z",
    }
    return {
        "metadata": meta,
        "spec": {"connectionRef": {"name": "s"}},
        "status": {"outcome": outcome} if outcome else {},
    }


def noted(made, deleted):
    """Requests to delete are only listed. Those that fail are tried later, and would not fail a test."""

    async def delete(kind, gone):
        deleted.append((kind, gone["metadata"]["name"]))

    made.shared.cluster.delete = delete


ORPHANS = {  # who made it, how long it has been over in hours, whether its connection is there, whether it goes
    "a day after its end": ("Schedule", 25, False, True),
    "on the day of its end": ("Schedule", 23, False, False),
    "with its connection there": ("Schedule", 25, True, False),
    "made by a person": (None, 25, False, False),
}


@pytest.mark.parametrize(("trigger", "hours", "connected", "goes"), ORPHANS.values(), ids=ORPHANS)
def test_a_run_whose_connection_is_gone_goes_a_day_after_its_end(trigger, hours, connected, goes):
    made, deleted = operator(), []
    obj = run("Applied")
    obj["metadata"]["labels"] = {"rostersync.dev/trigger": trigger} if trigger else {}
    obj["status"]["completionTime"] = (made.shared.clock() - timedelta(hours=hours)).isoformat()
    made.shared.store.put(RUNS, obj)
    if connected:
        meta = {"namespace": "rosters", "name": "s", "uid": "c"}
        made.shared.store.put(CONNECTIONS, {"kind": "FocusConnection", "metadata": meta, "spec": {}})
    noted(made, deleted)

    asyncio.run(made.sweep.orphans())

    assert deleted == ([(RUNS, "run")] if goes else [])


def test_a_run_of_a_kind_that_only_another_version_knows_is_no_orphan():
    made, deleted = operator(), []
    noted(made, deleted)
    obj = run("Applied")
    obj["spec"]["connectionRef"]["kind"] = "LaterConnection"
    obj["metadata"]["labels"] = {"rostersync.dev/trigger": "Schedule"}
    obj["status"]["completionTime"] = (made.shared.clock() - timedelta(days=9)).isoformat()
    made.shared.store.put(RUNS, obj)

    asyncio.run(made.sweep.orphans())

    assert deleted == []


def test_an_open_run_whose_connection_is_gone_is_no_orphan_yet():
    made, deleted = operator(), []
    noted(made, deleted)
    obj = run()
    obj["metadata"]["labels"] = {"rostersync.dev/trigger": "Schedule"}
    made.shared.store.put(RUNS, obj)

    asyncio.run(made.sweep.orphans())

    assert deleted == []
