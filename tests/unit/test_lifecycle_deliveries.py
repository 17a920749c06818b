"""What follows an apply, as a truth table: a roster is delivered, again after a failure, until patience ends."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rostersync.attempts import DELIVER
from rostersync.lifecycle import status
from rostersync.lifecycle.decide import next_step
from rostersync.lifecycle.delivering import GRACE
from rostersync.lifecycle.observed import Connection, Observed, Run, Words, Work, WorkState
from rostersync.lifecycle.outcomes import ENDINGS, Outcome, changed_the_store
from rostersync.lifecycle.steps import Finish, StartDeliver, Wait
from rostersync.model import ApplyReport, Entity, EntityCounts, Mode, Phase, PlanReport
from rostersync.sent import DeliverReport, DeliveryReport

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
DIGEST = "sha256:" + "a" * 64
RETRY_FOR = timedelta(hours=24)
DELIVERIES = {"feed": RETRY_FOR, "quick": timedelta(hours=2)}
SENT = DeliverReport(
    "r", "done", 5, [DeliveryReport("feed", "a place", 5, 1, 1, 12_345, "ab" * 32, "2026-11-24T02:00:00Z")]
)


def planned(no_changes=False, pending=False):
    counts = [EntityCounts(Entity.STUDENT, deleted=0 if no_changes else 3, population=9)]
    report = PlanReport("r", "done", DIGEST, 4, counts, no_changes=no_changes, outbox_pending=pending)
    return Work(WorkState.SUCCEEDED, 1, report, ended_at=NOW - HOUR, job="r-plan")


def applied(ago=HOUR):
    report = ApplyReport("r", "done", DIGEST, 5, outbox_pending=True)
    return Work(WorkState.SUCCEEDED, 1, report, ended_at=NOW - ago, job="r-apply")


def failed(number=1, ago=HOUR, names=("feed",)):
    said = "The server refused the login."
    error = {"reason": "LoginRefused", "message": said}
    report = DeliverReport("r", "send", deliveries=[DeliveryReport(name, error=error) for name in names])
    return Work(WorkState.FAILED, number, report, "LoginRefused", said, ended_at=NOW - ago, job="r-deliver")


def seen(deliver=None, connection=None, ago=HOUR, **more):
    known = Connection("springfield", **({"deliveries": DELIVERIES} | (connection or {})))
    base = Observed(NOW, Run("r"), known, plan=planned(), apply=applied(ago), deliver=deliver)
    return replace(base, **more)


def without_changes(pending, deliver=None):
    return seen(deliver, plan=planned(no_changes=True, pending=pending), apply=None)


def only(deliver=None, **more):
    """A run that plans nothing, and delivers what earlier runs have left."""
    run = Run("r", mode=Mode.DELIVER, created_at=NOW - HOUR)
    return seen(deliver, **({"run": run, "plan": None, "apply": None} | more))


BY_ITSELF = Words(by_itself=True)
LOST, RUNNING = Work(WorkState.LOST, 3), Work(WorkState.RUNNING, 1, message="Secret feed is not in this namespace.")
DONE = Work(WorkState.SUCCEEDED, 2, SENT)

# what is known -> the step: StartDeliver, or the reason of a Wait or of an end
STEPS = {
    "nobody delivers": (seen(connection={"deliveries": {}}), "Applied"),
    "what is applied is delivered": (seen(), StartDeliver(1)),
    "it waits for its turn": (seen(may_deliver=False, queued="Waiting."), "Queued"),
    "a suspended connection delivers nothing": (seen(connection={"suspended": True}), "Queued"),
    "a Job is at work": (seen(RUNNING), "Delivering"),
    "it was delivered": (seen(DONE), "Applied"),
    "a cancel comes too late": (seen(DONE, run=Run("r", cancel=True)), "Applied"),
    "its Job was taken away": (seen(LOST), StartDeliver(4)),
    "its Job was taken away again and again": (seen(replace(LOST, number=DELIVER.tries, started_at=NOW)), "Delivering"),
    "and the pause is over": (
        seen(replace(LOST, number=DELIVER.tries, started_at=NOW - HOUR), ago=2 * HOUR),
        StartDeliver(DELIVER.tries + 1),
    ),
    "and the time": (seen(replace(LOST, number=DELIVER.tries, started_at=NOW), ago=RETRY_FOR), "JobsLost"),
    "it failed a moment ago": (seen(failed(ago=MINUTE / 2)), "Delivering"),
    "it failed, and the pause is over": (seen(failed(ago=MINUTE)), StartDeliver(2)),
    "pauses grow": (seen(failed(4, ago=26 * MINUTE)), "Delivering"),
    "and end": (seen(failed(4, ago=27 * MINUTE)), StartDeliver(5)),
    "never above an hour": (seen(failed(30, ago=HOUR), ago=2 * HOUR), StartDeliver(31)),
    "the last try is made when the time is over": (seen(failed(6, ago=MINUTE), ago=RETRY_FOR), StartDeliver(7)),
    "there is no time for another try": (seen(failed(6, ago=MINUTE), ago=RETRY_FOR + MINUTE), "LoginRefused"),
    "the last try has its turn a bit late": (
        seen(failed(6, ago=HOUR), ago=RETRY_FOR + HOUR / 2, may_deliver=False, words=BY_ITSELF),
        "Queued",
    ),
    "but not much": (
        seen(failed(6, ago=2 * HOUR), ago=RETRY_FOR + GRACE, may_deliver=False, words=BY_ITSELF),
        "NotBegun",
    ),
    "who only looks sees a failure": (seen(failed(ago=HOUR), may_deliver=False), "Delivering"),
    "until it is over": (seen(failed(6, ago=2 * HOUR), ago=RETRY_FOR + GRACE, may_deliver=False), "LoginRefused"),
    "an impatient delivery ends alone": (
        seen(failed(3, ago=MINUTE, names=["quick"]), ago=2 * HOUR + MINUTE),
        "LoginRefused",
    ),
    "a patient one carries on": (seen(failed(3, ago=MINUTE, names=["quick", "feed"]), ago=3 * HOUR), "Delivering"),
    "nobody knows which one failed": (seen(failed(3, ago=MINUTE, names=[]), ago=3 * HOUR), "Delivering"),
    "a cancel ends the tries": (seen(failed(ago=MINUTE / 2), run=Run("r", cancel=True)), "Cancelled"),
    "a cancel waits for what is at work": (seen(RUNNING, run=Run("r", cancel=True)), "Delivering"),
    "its turn never came": (seen(may_deliver=False, ago=RETRY_FOR), "NotBegun"),
    "a Job that is at work when patience ends is waited for": (seen(RUNNING, ago=RETRY_FOR), "Delivering"),
    "its connection is gone": (seen(connection={"deleted": True}), "ConnectionDeleted"),
    "its connection went while a Job was at work": (seen(RUNNING, connection={"deleted": True}), "Delivering"),
    "nothing to change, and nothing to deliver": (without_changes(False), "NoChanges"),
    "nothing to change, and an earlier run could not deliver": (without_changes(True), StartDeliver(1)),
    "nothing to change, and it is delivered now": (without_changes(True, DONE), "NoChanges"),
    "nothing to change, and it fails again": (without_changes(True, failed(ago=MINUTE / 2)), "Delivering"),
    "what failed was taken out of the connection": (seen(failed(names=("gone",), ago=MINUTE / 2)), StartDeliver(2)),
    "that, when its time is over": (seen(failed(3, names=("gone",)), ago=RETRY_FOR + HOUR), StartDeliver(4)),
    "that, while the connection is suspended": (
        seen(failed(names=("gone",), ago=MINUTE / 2), connection={"deliveries": DELIVERIES, "suspended": True}),
        "Queued",
    ),
    "all deliveries were taken out": (seen(failed(ago=MINUTE / 2), connection={"deliveries": {}}), "Applied"),
    "they were mended, so no pause is kept": (seen(failed(5, ago=MINUTE / 2), deliver_now=True), StartDeliver(6)),
    "a run that only delivers": (only(), StartDeliver(1)),
    "one that waits for its turn": (only(may_start=False, may_deliver=False), "Queued"),
    "one whose connection delivers nothing": (only(connection={"deliveries": {}}), "NoDeliveries"),
    "one that failed": (only(failed(ago=MINUTE / 2)), "Delivering"),
    "one that has delivered": (only(DONE), "Delivered"),
    "one that had nothing to deliver": (only(Work(WorkState.SUCCEEDED, 1, DeliverReport("r", "done"))), "NoChanges"),
    "one that was cancelled before it began": (only(run=Run("r", mode=Mode.DELIVER, cancel=True)), "Cancelled"),
}


@pytest.mark.parametrize(("known", "expected"), STEPS.values(), ids=STEPS)
def test_next_step(known, expected):
    step = next_step(known)

    if isinstance(expected, StartDeliver):
        assert step == expected
    else:
        assert isinstance(step, Finish | Wait)
        assert step.reason == expected


def test_every_wait_ends_by_itself():
    waits = [step for known, _ in STEPS.values() if isinstance(step := next_step(known), Wait)]

    assert len(waits) > 4
    assert all(wait.until or wait.turn or wait.reason == Phase.DELIVERING for wait in waits)


def test_a_delivery_that_is_given_up_fails_the_run_and_not_the_apply():
    end = next_step(seen(failed(10), ago=RETRY_FOR + 2 * HOUR))

    assert isinstance(end, Finish)
    assert end.outcome == Outcome.DELIVERY_FAILED
    assert ENDINGS[end.outcome].exit == 1
    assert end.message == (
        "Applied, but not delivered: The server refused the login. Tried 10 times. The next run delivers it; "
        "to do it before that: `rostersync deliver -f …`."
    )


def test_a_wait_says_how_often_it_was_tried_since_when_and_what_to_do():
    first = next_step(
        seen(failed(1, ago=MINUTE / 2), words=Words(by_itself=True, deliver="`kubectl roster deliver x`"))
    )
    known = {"conditions": [{"type": "Delivered", "status": "False", "lastTransitionTime": "2026-11-23T22:10:00Z"}]}
    later = next_step(
        seen(failed(4, ago=MINUTE), run=Run("r", status=known), words=Words(by_itself=True, deliver="`d`"))
    )

    assert first.message == (
        "Applied, but not delivered: The server refused the login. Tried once, at 2026-11-24T01:59Z. Next try: "
        "2026-11-24T02:00Z, the last one by 2026-11-25T01:00Z. To try at once: `kubectl roster deliver x`."
    )
    assert "Tried 4 times; failing since 2026-11-23T22:10Z. Next try: 2026-11-24T02:26Z" in later.message


def test_a_status_says_what_the_format_left_out_of_what_arrived_last():
    left_out = {"students.Grade": 2}
    newer = DeliverReport("r", "done", 6, [DeliveryReport("feed", "a place", 6, 1, 1, 9, "", "2026-11-24T02:09:00Z")])
    more = replace(SENT, deliveries=[replace(SENT.deliveries[0], left_out=left_out)])
    end = Finish(Outcome.APPLIED, "Applied", "")
    first = status.of(seen(Work(WorkState.SUCCEEDED, 1, more)), end)["deliveries"]
    failing = status.of(seen(failed(2), run=Run("r", status={"deliveries": first})), end)["deliveries"]
    last = status.of(seen(Work(WorkState.SUCCEEDED, 3, newer), run=Run("r", status={"deliveries": failing})), end)

    assert first[0]["leftOut"] == failing[0]["leftOut"] == [{"what": "students.Grade", "count": 2}]
    assert last["deliveries"] == [
        {"name": "feed", "state": "Delivered", "revision": 6, "place": "a place", "time": "2026-11-24T02:09:00Z"}
        | {"files": 1, "bytes": 9}
    ]


def test_what_was_taken_out_of_the_connection_does_not_count_as_delivered():
    known = [{"name": "feed", "state": "Failed", "reason": "LoginRefused"}, {"name": "gone", "state": "Failed"}]
    made = status.of(seen(DONE, run=Run("r", status={"deliveries": known})), Finish(Outcome.APPLIED, "Applied", ""))

    assert [(d["name"], d["state"]) for d in made["deliveries"]] == [("feed", "Delivered")]


before = {
    "conditions": [
        {
            "type": "Delivered",
            "status": "False",
            "reason": "LoginRefused",
            "message": "No.",
            "lastTransitionTime": "2026-11-24T01:00:00Z",
        }
    ]
}
again = seen(replace(RUNNING, number=2), run=Run("r", status=before))
CANCELLED = Run("r", cancel=True)
GIVEN_UP = Run("r", mode=Mode.DELIVER, created_at=NOW - 2 * RETRY_FOR)
CONDITIONS = {
    "to be begun": (seen(), ("Unknown", "Delivering")),
    "waits for its turn": (seen(may_deliver=False), ("Unknown", "Delivering")),
    "at work": (seen(RUNNING), ("Unknown", "Delivering")),
    "failed, and tried again": (seen(failed(ago=MINUTE / 2)), ("False", "LoginRefused")),
    "given up": (seen(failed(10), ago=RETRY_FOR + 2 * HOUR), ("False", "LoginRefused")),
    "tried again, and false until it succeeds": (again, ("False", "LoginRefused")),
    "delivered": (seen(DONE), ("True", "Delivered")),
    "nobody delivers": (seen(connection={"deliveries": {}}), None),
    "nothing to change or to deliver": (without_changes(False), None),
    "nothing to change, delivered": (without_changes(True, DONE), ("True", "Delivered")),
    "not applied yet": (seen(apply=None), None),
    "nothing to change, given up": (replace(without_changes(True, failed()), run=CANCELLED), ("False", "Cancelled")),
    "only delivers, given up": (only(failed(10), run=GIVEN_UP), ("False", "LoginRefused")),
    "only delivers, delivered": (only(DONE), ("True", "Delivered")),
}


@pytest.mark.parametrize(("known", "expected"), CONDITIONS.values(), ids=CONDITIONS)
def test_the_condition_delivered(known, expected):
    made = status.of(known, next_step(known))
    found = {c["type"]: (c["status"], c["reason"]) for c in made["conditions"]}

    assert found.get("Delivered") == expected
    assert (found.get("Applied") == ("True", "Applied")) is bool(known.apply)
    assert changed_the_store(made) is bool(known.apply)


def test_a_status_says_whether_something_is_still_to_be_delivered():
    def pending(known):
        return status.of(known, next_step(known)).get("outboxPending", False)

    assert [pending(seen(work)) for work in (None, RUNNING, failed(), DONE)] == [True, True, True, False]
    assert pending(without_changes(True))


def test_a_status_has_the_job():
    made = status.of(seen(failed(3)), next_step(seen(failed(3))))

    assert [job["type"] for job in made["jobs"]] == ["Plan", "Apply", "Deliver"]
    assert made["jobs"][2]["attempts"] == 3


def test_the_status_says_what_became_of_each_delivery():
    known = seen(failed(2, names=["quick"]))
    known.deliver.report.deliveries.append(SENT.deliveries[0])
    made = status.of(known, next_step(known))["deliveries"]

    assert [(d["name"], d["state"], d.get("reason"), d.get("revision")) for d in made] == [
        ("quick", "Failed", "LoginRefused", None),
        ("feed", "Delivered", None, 5),
    ]
    assert (made[1]["place"], made[1]["bytes"], made[1]["sha256"]) == ("a place", 12_345, "ab" * 32)

    later = seen(Work(WorkState.SUCCEEDED, 3, DeliverReport("r", "done")), run=Run("r", status={"deliveries": made}))
    after = status.of(later, next_step(later))["deliveries"]
    assert [(d["state"], d.get("reason"), d.get("revision")) for d in after] == [
        ("Delivered", None, None),
        ("Delivered", None, 5),
    ]
