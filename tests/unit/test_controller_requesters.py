"""Four eyes on a cluster: the last editor is known when a decision is looked at, and nobody falls off a full list."""

import asyncio
from types import SimpleNamespace

from rostersync.controller.cluster.cache import APPROVALS, RUNS
from rostersync.controller.connections.policy_check import Guard
from rostersync.controller.options import CHANGED_BY, Options
from rostersync.controller.process import Process
from rostersync.controller.runs.lookups import Facts, Lookups
from rostersync.controller.runs.observe import observed
from rostersync.lifecycle import status
from rostersync.lifecycle.requesters import MOST
from rostersync.lifecycle.steps import Wait
from support.remembering import CONNECTIONS

UID = "8a4f7b1e-0000-4000-8000-000000000001"
EDITORS = [f"editor-{i}" for i in range(MOST - 1)]


def connection(version, editor):
    meta = {
        "name": "springfield",
        "namespace": "rosters",
        "uid": "c1",
        "generation": version,
        "resourceVersion": str(version),
        "annotations": {CHANGED_BY: editor},
    }
    spec = {
        "termsOfUse": {"accepted": True},
        "approval": {"requireDistinctApprover": True},
        "deliveryConfig": {"serviceURL": "https://focus.example/x", "credentialsSecretRef": {"name": "focus"}},
    }
    return {"apiVersion": "rostersync.dev/v1alpha1", "kind": "FocusConnection", "metadata": meta, "spec": spec}


def run(**written):
    meta = {"name": "one", "namespace": "rosters", "uid": UID, "creationTimestamp": "2026-11-24T01:00:00Z"}
    return {
        "metadata": meta,
        "spec": {"connectionRef": {"name": "springfield"}, "requestedBy": "alice"},
        "status": written,
    }


def operator(of, editor="bob"):
    made = Process(Options(image="rostersync:test"), None)
    made.shared.store.put(CONNECTIONS, connection(1, editor))
    made.shared.store.put(RUNS, of)
    return made.shared


def seen_of(of, editor="bob"):
    return observed(operator(of, editor), of, Facts((), frozenset(), Guard((), True, ())))[0]


def test_the_ninth_who_changed_the_connection_is_among_the_requesters_and_the_status_says_that_one_is_missing():
    seen = seen_of(run(requestedBy=["alice", *EDITORS]))
    assert {"alice", "bob"} <= set(seen.run.requested_by)
    written = status.of(seen, Wait("AwaitingApproval", "Held."))
    assert written["moreRequesters"] is True
    assert len(written["requestedBy"]) == MOST
    assert seen_of(run(**written), editor="alice").run.more_requesters  # also when it is looked at again


def test_eight_are_all():
    seen = seen_of(run(requestedBy=["alice", *EDITORS]), editor=EDITORS[0])
    assert not seen.run.more_requesters
    assert "moreRequesters" not in status.of(seen, Wait("AwaitingApproval", "Held."))


def test_whoever_decides_is_held_against_the_connection_as_it_is_and_not_as_its_watch_has_shown_it():
    """Bob changes the connection and approves at once; the watch of approvals is the faster one."""
    shared = operator(run(), editor="alice")
    held = {"metadata": {"name": "a", "namespace": "rosters", "uid": "a1"}, "status": {"state": "Pending"}}
    facts = {"runRef": {"name": "one", "uid": UID}, "planDigest": "sha256:1", "expiresAt": "2030-01-01T00:00:00Z"}
    decided = held | {"spec": facts | {"requestedBy": ["alice"], "decision": "Approved", "decidedBy": "bob"}}

    async def get(where):
        assert where.endswith("/focusconnections/springfield")
        return connection(2, "bob")

    async def guard(fresh=False):
        return Guard((), True, ())

    shared.cluster, shared.guards.look = SimpleNamespace(get=get), guard
    asyncio.run(Lookups(shared).facts(run()))
    assert "bob" not in observed(shared, run(), Facts((), frozenset(), None))[0].run.requested_by  # nothing was decided
    shared.store.put(APPROVALS, decided)
    asyncio.run(Lookups(shared).facts(run()))
    assert "bob" in observed(shared, run(), Facts((), frozenset(), None))[0].run.requested_by
