"""What a connection's status says of its deliveries: what arrived last, what fails, and what their test found."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from rostersync.controller.connections.claims import claims, ensure
from rostersync.controller.view import view
from rostersync.lifecycle.connection_status import Checked, Known, RunSeen, of, of_probes
from rostersync.lifecycle.triggers import Answer
from rostersync.model import Probe
from support.remembering import Remembering

NOW = datetime(2026, 11, 26, 2, 0, tzinfo=UTC)
ERROR = {"reason": "LoginRefused", "message": "The receiver refused the login."}
OLD = {"name": "feed", "state": "Delivered", "revision": 4, "time": "2026-11-24T02:00:00Z", "place": "a folder"}
NEW = OLD | {"revision": 5, "time": "2026-11-25T02:00:00Z"}
LOST = {"name": "feed", "state": "Failed", **ERROR}


def deliveries(
    *runs: dict[str, Any], before: tuple[dict[str, Any], ...] = (), names: tuple[str, ...] = ("feed",)
) -> Any:
    seen = [RunSeen(f"r{n}", deliveries=(each,)) for n, each in enumerate(runs)]
    known = Known(3, {"deliveries": list(before)}, None, False, None, None, seen, Answer(), "", NOW, deliveries=names)
    return of(known).get("deliveries")


def test_the_newest_that_arrived_is_kept_while_a_newer_one_fails() -> None:
    assert deliveries(OLD, NEW) == [NEW]
    assert deliveries(NEW, OLD) == [NEW]
    assert deliveries(NEW, LOST) == [NEW | {"state": "Failed"} | ERROR]
    assert deliveries(LOST, NEW) == [NEW]
    assert deliveries(LOST) == [LOST]


def test_the_state_is_that_of_the_run_that_tried_last_not_of_the_one_that_was_made_last() -> None:
    again = RunSeen("made-first", deliveries=(LOST,), tried="2026-11-25T02:00:02Z")
    between = RunSeen("made-last", completed="2026-11-25T02:00:01Z", deliveries=(NEW,))
    known = Known(3, {}, None, False, None, None, [again, between], Answer(), "", NOW, deliveries=("feed",))

    assert of(known)["deliveries"] == [NEW | {"state": "Failed"} | ERROR]

    runs = [between, replace(again, tried="2026-11-25T02:00:00Z")]
    assert of(replace(known, runs=runs))["deliveries"] == [NEW]


def test_what_history_has_removed_is_still_known_and_what_the_spec_lacks_is_not() -> None:
    assert deliveries(before=(OLD,)) == [OLD]
    assert deliveries(LOST, before=(OLD,)) == [OLD | {"state": "Failed"} | ERROR]
    assert deliveries(NEW, names=()) is None


def test_the_test_of_deliveries_has_a_condition_of_its_own() -> None:
    good = [Probe("feed", "a folder"), Probe("other", "a server")]
    assert of_probes([]) is None
    assert of_probes(good) == ("True", "Verified", "Can be delivered to: feed, other.")
    one = of_probes([good[0], Probe("other", "a server", ERROR)])
    assert one == ("False", "LoginRefused", "other: The receiver refused the login.")
    two = of_probes([Probe("feed", "", {"reason": "DiskFull", "message": "Full"}), Probe("other", "", ERROR)])
    assert two == ("False", "DeliveriesFail", "feed: Full. other: The receiver refused the login.")
    assert [Checked(True, "Verified", "", deliveries=each).good for each in (None, of_probes(good), one)] == [
        True,
        True,
        False,
    ]


def connection(claim: str) -> dict[str, Any]:
    folder = {"name": "feed", "oneRosterCSV": {}, "directory": {"existingClaim": claim}}
    spec = {
        "termsOfUse": {"accepted": True},
        "deliveryConfig": {"serviceURL": "https://focus.example", "credentialsSecretRef": {"name": "focus"}},
        "deliveries": [folder, folder | {"name": "again", "directory": {"existingClaim": claim, "path": "again"}}],
    }
    meta = {"name": "springfield", "namespace": "rosters", "uid": "c-uid", "generation": 1}
    return {"apiVersion": "rostersync.dev/v1alpha1", "kind": "FocusConnection", "metadata": meta, "spec": spec}


def problem(claim: str, **marks: str) -> tuple[str, str] | None:
    """What is wrong with a delivery's claim that has these labels, where the others are as they should be."""
    api, seen = Remembering(), view(connection(claim))
    for each in reversed(claims(seen)):
        found = marks if each.delivery else each.labels
        api.put_in("persistentvolumeclaims", "rosters", each.name, {"metadata": {"labels": found}})
    return asyncio.run(ensure(api, seen))[0]


def test_a_delivery_s_claim_is_looked_at_once_and_must_be_the_district_s_and_nothing_else_s() -> None:
    district = {"rostersync.dev/district": "springfield"}
    assert [c.name for c in claims(view(connection("passport"))) if c.delivery] == ["passport"]
    assert problem("passport", **district) is None
    for marks, reason in (
        ({}, "ClaimNotLabelled"),
        (district | {"rostersync.dev/connection": "x"}, "ClaimHoldsArtifacts"),
    ):
        found = problem("passport", **marks)
        assert found is not None
        assert found[0] == reason
        assert "passport (spec.deliveries[0].directory)" in found[1]
    for taken in ("rostersync-springfield-store", "rostersync-springfield-artifacts"):
        found = problem(taken, **district)
        assert found is not None
        assert found[0] == "ClaimHoldsRoster"
