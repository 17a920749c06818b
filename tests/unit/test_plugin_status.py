"""What statuses say: whether a check is done or can never be, and which run is the newest."""

import pytest

from rostersync.plugin import status


def connection(asked, handled, verified):
    conditions = [{"type": "ConnectionVerified", "status": verified, "reason": "X"}] if verified else []
    key = "rostersync.dev/checkRequestedAt"
    return {
        "metadata": {"annotations": {key: asked} if asked else {}},
        "status": {"lastHandledCheckRequestedAt": handled, "conditions": conditions},
    }


CHECKS = [
    ("2", "2", "True", True),
    ("2", "2", "False", True),
    ("2", "1", "True", False),
    ("2", "2", "Unknown", False),
    ("2", "2", None, False),
    ("2", None, "True", False),
]


@pytest.mark.parametrize(("asked", "handled", "verified", "done"), CHECKS)
def test_a_check_is_done_when_the_newest_request_is_answered(asked, handled, verified, done):
    assert status.check_is_done(connection(asked, handled, verified), "rostersync.dev/checkRequestedAt") == done


def ready(reason, generation=3):
    return {"type": "Ready", "status": "False", "reason": reason, "observedGeneration": generation}


SPECS = {
    "a spec that cannot run": ([ready("NotYetSupported")], True),
    "one that could before": (
        [ready("NotYetSupported"), {"type": "ConnectionVerified", "status": "True", "reason": "Verified"}],
        True,
    ),
    "a spec that is mended meanwhile": ([ready("NotYetSupported", 2)], False),
    "a test that failed before": (
        [ready("Refused"), {"type": "ConnectionVerified", "status": "False", "reason": "Refused"}],
        False,
    ),
    "ready": ([{"type": "Ready", "status": "True", "reason": "Ready", "observedGeneration": 3}], False),
    "not seen yet": ([], False),
}


@pytest.mark.parametrize(("conditions", "hopeless"), SPECS.values(), ids=SPECS)
def test_a_check_is_not_waited_for_that_is_never_made(conditions, hopeless):
    key = "rostersync.dev/checkRequestedAt"
    known = {"metadata": {"generation": 3, "annotations": {key: "2"}}, "status": {"conditions": conditions}}

    assert status.check_is_done(known, key) == hopeless
    assert (status.not_testable(known) is not None) == hopeless


def test_runs_are_newest_first_also_within_a_second():
    made = [("s-t1", "01"), ("s-t2", "02"), ("s-t2-2", "02"), ("s-t2-10", "02")]
    runs = [{"metadata": {"name": name, "creationTimestamp": at}} for name, at in made]

    ordered = [r["metadata"]["name"] for r in status.newest_first(runs)]

    assert ordered == ["s-t2-10", "s-t2-2", "s-t2", "s-t1"]
