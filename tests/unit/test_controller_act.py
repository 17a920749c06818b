"""What is done once a run has ended, and what its claims must be, as requests to the API server."""

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from rostersync.api.kinds import Ref
from rostersync.controller.act import Actor
from rostersync.controller.cluster.cache import Cache
from rostersync.controller.cluster.client import ApiError
from rostersync.controller.connections import claims
from rostersync.controller.options import Options
from rostersync.controller.view import view
from rostersync.lifecycle.observed import Connection, Observed, Run, Work, WorkState
from rostersync.lifecycle.outcomes import Outcome
from rostersync.lifecycle.steps import Finish

SPEC = {
    "termsOfUse": {"accepted": True},
    "deliveryConfig": {"serviceURL": "https://focus.example/v1p1", "credentialsSecretRef": {"name": "focus"}},
}


def seen_connection(**spec):
    meta = {"name": "springfield", "namespace": "rosters", "uid": "c-uid", "generation": 3}
    return view(
        {
            "apiVersion": "rostersync.dev/v1alpha1",
            "kind": "FocusConnection",
            "metadata": meta,
            "spec": SPEC | spec,
        }
    )


class Server:
    """An API server that keeps what it is sent. `there`: claims by name."""

    def __init__(self, **there):
        self.made, self.there = [], there

    async def create(self, kind, namespace, obj):
        self.made.append(obj)
        return obj | {"metadata": obj["metadata"] | {"uid": "new", "resourceVersion": "1"}}

    async def get(self, path):
        try:
            return {"metadata": {"labels": self.there[path.rpartition("/")[2]]}}
        except KeyError:
            raise ApiError(404, "NotFound", "not there") from None


def ended(outcome):
    """The Jobs that are made when a run that had a plan ends."""
    server = Server()
    events = SimpleNamespace(note=lambda *_: None, warn=lambda *_: None)
    queue = SimpleNamespace(add=lambda *_: None)
    shared = SimpleNamespace(
        cluster=server,
        store=Cache(),
        events=events,
        queue=queue,
        options=Options("rostersync:test"),
        tell=lambda *_: None,
    )
    meta = {"name": "r", "namespace": "rosters", "uid": "u", "creationTimestamp": "2026-11-24T02:00:00Z"}
    run = {"metadata": meta, "spec": {"connectionRef": {"name": "springfield"}}}
    now = datetime(2026, 11, 24, 2, tzinfo=UTC)
    seen = Observed(now, Run("r"), Connection(Ref("FocusConnection", "springfield")), plan=Work(WorkState.SUCCEEDED))
    asyncio.run(Actor(shared).finished(run, seen, Finish(outcome, outcome.value, "over"), seen_connection()))
    return [job["spec"]["template"]["spec"]["containers"][0]["args"][:2] for job in server.made]


@pytest.mark.parametrize("outcome", ["Applied", "AppliedIncomplete", "NoChanges", "DryRun"])
def test_a_run_whose_last_job_drops_what_was_read_gets_no_purge(outcome):
    assert ended(Outcome(outcome)) == []


@pytest.mark.parametrize("outcome", ["Rejected", "Expired", "Superseded", "Cancelled", "SameAsHeld", "Failed"])
def test_a_run_that_ends_without_such_a_job_is_purged(outcome):
    assert ended(Outcome(outcome)) == [["job", "purge"]]


OURS = {"rostersync.dev/district": "springfield"}
ITS_PLANS = OURS | {"rostersync.dev/connection": "springfield"}
CLAIMS = {
    "a store's claim": (OURS, None),
    "one of no district": ({}, "ClaimNotLabelled"),
    "one where a connection keeps its plans": (ITS_PLANS, "ClaimHoldsArtifacts"),
}


@pytest.mark.parametrize(("labels", "wrong"), CLAIMS.values(), ids=CLAIMS)
def test_a_store_lies_on_no_claim_of_others(labels, wrong):
    seen = seen_connection(district="springfield", store={"embedded": {"existingClaim": "given"}})
    server = Server(given=labels, **{"rostersync-springfield-artifacts": ITS_PLANS})

    found, _ = asyncio.run(claims.ensure(server, seen))

    assert (found and found[0]) == wrong
