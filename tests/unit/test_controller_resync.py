"""Lists of what is open and of what has ended: what they say of the store and the watches, and what waits for them."""

import asyncio
from types import SimpleNamespace

import msgspec
import pytest

from rostersync.controller import act, process, resync
from rostersync.controller.cluster.cache import JOBS, RUNS, over
from rostersync.controller.cluster.client import ApiError, Cluster
from rostersync.controller.cluster.slim import slim
from rostersync.controller.options import Options
from rostersync.controller.process import Process
from support.remembering import CONNECTIONS

ENDED = {
    "completionTime": "2026-11-26T02:00:00Z",
    "revision": 3,
    "schools": {"found": 1},
    "connectionUID": "c",
    "plan": {"digest": "sha256:1", "noChanges": False, "holds": []},
    "entities": [{}],
}


def run(version, outcome=None, uid=None, name=None):
    meta = {
        "namespace": "rosters",
        "name": name or f"r{version}",
        "uid": uid or f"u{version}",
        "resourceVersion": str(version),
        "managedFields": [{"manager": "somebody"}],
        "labels": {"mine": "yes"},
    }
    return {
        "metadata": meta,
        "spec": {"connectionRef": {"name": "s"}},
        "status": {**ENDED, "outcome": outcome} if outcome else {},
    }


class Server(Cluster):
    """An API server that has runs; whether it can select by outcome is what is queued, asked for with one object."""

    def __init__(self, *runs, answers=(200,), at=99):
        self.runs, self.answers, self.at, self.asked = list(runs), list(answers), at, []

    async def _send(self, method, where, body=None, content="", params=None, read=msgspec.json.decode):
        query = dict(params or {})
        if query.get("limit") == "1":
            return self._answer(self.answers.pop(0))
        if not where.endswith(f"/{RUNS}") and f"/{RUNS}/" in where:
            self.asked.append(where.rpartition("/")[2])
            found = [r for r in self.runs if r["metadata"]["name"] == self.asked[-1]]
            return found[0] if found else self._answer(404)
        fits = {resync.OPEN: lambda r: not over(r), resync.ENDED: over}.get(query.get("fieldSelector"), lambda r: True)
        items = [r for r in self.runs if where.endswith(RUNS) and fits(r)]
        return read(msgspec.json.encode({"metadata": {"resourceVersion": str(self.at)}, "items": items}))

    def _answer(self, status):
        if status != 200:
            raise ApiError(status, "", "")
        return {}


def operator_of(*runs, **how):
    return Process(Options(image="rostersync:test"), Server(*runs, **how))


def stored(made):
    return {obj["metadata"]["name"]: over(obj) for obj in made.shared.store.all(RUNS)}


def test_open_runs_come_first_and_those_that_have_ended_after_them():
    made = operator_of(run(3), run(4, "Applied"))

    asyncio.run(made.sweep.once())
    assert (stored(made), made.shared.listed, made.sweep.done.is_set()) == ({"r3": False}, False, True)

    asyncio.run(made.sweep.ended())
    assert (stored(made), made.shared.listed) == ({"r3": False, "r4": True}, True)


def test_a_server_that_cannot_select_shows_all_at_once():
    made = operator_of(run(3), run(4, "Applied"), answers=(400,))

    asyncio.run(made.sweep.once())
    asyncio.run(made.sweep.ended())

    assert (stored(made), made.shared.listed) == ({"r3": False, "r4": True}, True)


def test_of_a_run_that_has_ended_the_same_is_kept_however_it_was_read():
    made, obj = operator_of(run(4, "Applied")), run(4, "Applied")

    asyncio.run(made.sweep.ended())

    assert next(made.shared.store.all(RUNS)) == slim(RUNS, obj)


MISSING = {  # what the store has, what the server has, what is known afterwards
    "it ended unseen": (run(5, name="one", uid="u"), run(7, "Applied", name="one", uid="u"), {"one": True}),
    "it was deleted unseen": (run(5, name="one", uid="u"), None, {}),
    "it was made again unseen": (run(5, name="one", uid="u"), run(8, name="one", uid="v"), {"one": False}),
    "it is newer than the list": (run(120, name="one", uid="u"), None, {"one": False}),
}


@pytest.mark.parametrize(("known", "there", "after"), MISSING.values(), ids=MISSING)
def test_an_open_run_that_a_list_does_not_show(known, there, after):
    made = operator_of(*([there] if there else []))
    made.shared.store.put(RUNS, known)

    asyncio.run(made.sweep.once())

    assert stored(made) == after


def test_a_run_that_has_ended_goes_only_by_a_list_of_those():
    made = operator_of()
    for obj in (run(4, "Applied"), run(120, "Applied")):
        made.shared.store.put(RUNS, obj)

    asyncio.run(made.sweep.once())
    assert stored(made) == {"r4": True, "r120": True}

    asyncio.run(made.sweep.ended())
    assert stored(made) == {"r120": True}


@pytest.mark.parametrize("told", [True, False], ids=["a watch began with a listing", "a watch began with nothing"])
def test_what_went_before_the_watches_began_is_found_by_a_second_list(told, monkeypatch):
    monkeypatch.setattr(resync, "_FIRST", 60.0 if told else 0.01)
    monkeypatch.setattr(resync, "_DEBOUNCE", 0.01)

    async def swept():
        made = operator_of(run(3), run(4))
        await made.sweep.once()
        made.shared.cluster.runs.pop()  # it is deleted, and no watch was there to see it
        if told:
            made.router.event(RUNS, None, run(3))
        sweeping = asyncio.create_task(made.sweep.run())
        async with asyncio.timeout(5):
            while len(stored(made)) > 1:
                await asyncio.sleep(0.01)
        sweeping.cancel()
        return stored(made)

    assert asyncio.run(swept()) == {"r3": False}


@pytest.mark.parametrize(("listed", "dead"), [(run(9), [RUNS]), (run(9, "Applied"), [])], ids=["open", "ended"])
def test_a_watch_of_runs_is_behind_only_when_it_has_not_shown_one_that_is_open(listed, dead, monkeypatch):
    monkeypatch.setattr(resync, "_ECHO", 0.0)

    async def swept():
        made = operator_of(listed)
        await made.sweep.once()
        await asyncio.sleep(0.01)
        return made

    assert list(asyncio.run(swept()).sweep.dead) == dead


def test_a_list_is_no_sign_of_life_of_a_watch(monkeypatch):
    monkeypatch.setattr(resync, "_ECHO", 0.0)

    async def swept():
        made = operator_of(run(6), run(9, "Applied", name="one", uid="u"))
        made.shared.store.put(RUNS, run(5, name="one", uid="u"))
        await made.sweep.once()
        await asyncio.sleep(0.01)
        return made

    assert list(asyncio.run(swept()).sweep.dead) == [RUNS]


def test_connections_wait_for_the_runs_that_have_ended(monkeypatch):
    made, looked = operator_of(), []
    key = (CONNECTIONS, "rosters", "springfield")

    async def reconcile(key):
        looked.append(key[2])

    made.connections.reconcile = reconcile
    made.shared.store.put(
        CONNECTIONS,
        {"kind": "FocusConnection", "metadata": {"namespace": "rosters", "name": "springfield", "uid": "c"}},
    )

    asyncio.run(made._reconcile(key))
    assert looked == []

    asyncio.run(made.sweep.ended())
    assert asyncio.run(asyncio.wait_for(made.shared.queue.get(), 5)) == key
    asyncio.run(made._reconcile(key))
    assert looked == ["springfield"]


def test_a_connection_that_went_before_that_is_seen_to_afterwards():
    made, seen = operator_of(), []
    meta = {"namespace": "rosters", "name": "springfield", "uid": "c", "resourceVersion": "2"}
    connection = {"kind": "FocusConnection", "metadata": meta}

    async def deleted(obj):
        seen.append(obj["metadata"]["name"])

    made.connections.deleted = deleted
    made.shared.store.put(CONNECTIONS, connection)
    made.router.event(CONNECTIONS, "DELETED", connection)

    async def look():
        key = await asyncio.wait_for(made.shared.queue.get(), 5)
        await made._reconcile(key)
        made.shared.queue.done(key)

    asyncio.run(look())
    assert seen == []
    asyncio.run(made.sweep.ended())
    asyncio.run(look())
    assert seen == ["springfield"]


@pytest.mark.parametrize("listed", [True, False])
def test_a_plan_clears_up_only_when_all_runs_are_known(listed, monkeypatch):
    made, jobs = operator_of(), []
    made.shared.listed = listed
    made.shared.store.put(RUNS, run(3, "Applied"))
    made.shared.store.put(RUNS, run(4))
    monkeypatch.setattr(act.jobs, "plan_job", lambda run, view, options, step, finished, known: (finished, known))

    async def job(of, job):
        jobs.append(job)

    made.runs.actor.job = job
    asyncio.run(made.runs.actor.start_plan(run(4), None, None))

    assert jobs == [(["r3=ok"], ["r3", "r4"]) if listed else ([], [])]


def test_connections_that_no_run_needs_are_forgotten():
    made = operator_of()
    made.shared.views._made = {"gone": SimpleNamespace(), "needed": SimpleNamespace()}
    made.shared.store.put(RUNS, {**run(3), "status": {"connectionUID": "needed"}})

    made.sweep.forget()

    assert list(made.shared.views._made) == ["needed"]


@pytest.mark.parametrize(("answers", "selects"), [((200,), True), ((400,), False), ((404, 0, 200), True)])
def test_a_server_that_cannot_select_by_outcome_is_asked_for_all_runs(answers, selects, monkeypatch):
    monkeypatch.setattr(process, "_PAUSE", 0.0)
    made = operator_of(answers=answers)

    assert asyncio.run(made._selects()) is selects
    assert asyncio.run(made.sweep.selects()) is selects, "it is asked once"


def test_runs_that_may_not_be_listed_are_no_silence():
    with pytest.raises(ApiError, match="403"):
        asyncio.run(operator_of(answers=(403,)).sweep.once())


STANDS = {  # status, age in seconds, what the server has, whether it stands, what is known afterwards
    "new and young: it is not asked for": ({}, 5, None, True, "u1"),
    "new and old": ({}, 60, None, False, None),
    "as it was": ({"stage": "extract"}, 5, ("u1", 5), True, "u1"),
    "it has moved on": ({"stage": "extract"}, 5, ("u1", 6), False, "u1"),
    "it is gone": ({"stage": "extract"}, 5, None, False, None),
    "another has its name": ({"stage": "extract"}, 5, ("u2", 9), False, None),
}


@pytest.mark.parametrize(("status", "age", "there", "stands", "after"), STANDS.values(), ids=STANDS)
def test_a_run_is_asked_for_before_a_job_is_made(status, age, there, stands, after):
    current = run(there[1], name="one", uid=there[0]) if there else None
    made = operator_of(*([current] if current else []))
    now = made.shared.clock()
    known = run(5, name="one", uid="u1")
    known["metadata"]["creationTimestamp"] = (now - resync.timedelta(seconds=age)).isoformat()
    known["status"] = status
    made.shared.store.put(RUNS, known)

    assert asyncio.run(made.runs.lookups.stands(known)) is stands

    found = made.shared.store.get(RUNS, "rosters", "one")
    assert (found and found["metadata"]["uid"]) == after
    assert made.shared.store.count(JOBS) == 0
