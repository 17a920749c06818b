"""approve, reject, and what becomes of runs that wait: bound to the digest, once, in time."""

import json

import pytest

from support.cli import Bench, name_of, reason_of
from support.simulated import simulated

WHY = ("--reason", "end of term")


@pytest.fixture
def bench(tmp_path):
    with simulated(60) as simulator:
        yield Bench(tmp_path, simulator)


def approval(bench, run):
    return json.loads((bench.state / "approvals" / f"{run}.json").read_text())


def test_an_approved_run_is_applied_at_once(bench):
    held = name_of(bench.held())

    result = bench.call("approve", held, *WHY, "--by", "dana", "--output", "json")

    run = json.loads(result.stdout)
    assert (reason_of(run), run["status"]["revision"]) == ("Applied", 2)
    assert run["status"]["approval"] == run["status"]["approval"] | {
        "state": "Approved",
        "decidedBy": "dana",
        "reason": "end of term",
    }
    assert approval(bench, held)["spec"]["planDigest"] == run["status"]["plan"]["digest"]
    assert reason_of(bench.run()) == "NoChanges"


def test_a_rejected_run_changes_nothing_and_is_final(bench):
    held = name_of(bench.held())

    bench.call("reject", held, *WHY)

    assert bench.show(held)["status"]["outcome"] == "Rejected"
    assert "Rejected" in bench.call("approve", held, *WHY, code=1).stderr
    assert bench.call("apply", held, code=1)
    assert bench.run(code=3)["status"]["plan"]["baseRevision"] == 1


def test_a_decision_needs_a_reason(bench):
    held = name_of(bench.held())

    assert "--reason" in bench.call("approve", held, code=2).stderr
    assert "--reason" in bench.call("reject", held, "--reason", "  ", code=2).stderr
    assert reason_of(bench.show(held)) == "AwaitingApproval"


def test_an_approval_for_another_digest_does_nothing(bench):
    held = name_of(bench.held())

    result = bench.call("approve", held, *WHY, "--digest", "sha256:" + "0" * 64, code=1)

    assert "look at it again" in result.stderr
    assert reason_of(bench.show(held)) == "AwaitingApproval"


def test_approved_without_applying_is_applied_by_its_name(bench):
    held = name_of(bench.held())
    bench.call("approve", held, *WHY, "--no-apply")
    assert "revision" not in bench.show(held)["status"]

    bench.call("apply", held)

    assert bench.show(held)["status"]["revision"] == 2


def test_approved_without_applying_is_applied_by_the_next_equal_run(bench):
    held = name_of(bench.held())
    bench.call("approve", held, *WHY, "--no-apply")

    run = bench.run()

    assert (run["status"]["outcome"], run["status"]["revision"]) == ("Applied", 2)
    assert bench.show(held)["status"]["outcome"] == "Applied"


def test_approving_the_same_as_held_approves_the_run_that_holds(bench):
    held = name_of(bench.held())
    same = bench.run(code=3)
    assert (same["status"]["outcome"], same["status"]["sameAs"]) == ("SameAsHeld", held)

    bench.call("approve", name_of(same), *WHY)

    assert bench.show(held)["status"]["outcome"] == "Applied"


def test_without_a_run_the_only_one_that_waits_is_meant(bench):
    held = name_of(bench.held())

    bench.call("approve", *WHY)

    assert bench.show(held)["status"]["outcome"] == "Applied"
    assert "No run waits for a decision." in bench.call("reject", *WHY, code=1).stderr


def test_of_several_that_wait_nobody_guesses(bench):
    held = [name_of(bench.held())]
    other = bench.connection()
    other["metadata"]["name"], other["spec"]["previewDataUpload"] = "shelbyville", True
    other["spec"]["district"] = "shelbyville"
    held.append(name_of(bench.run(manifests=bench.manifests_of(other), code=3)))

    error = bench.call("approve", *WHY, code=1).stderr

    assert all(name in error for name in held)
    assert [reason_of(bench.show(name)) for name in held] == ["AwaitingApproval"] * 2


@pytest.mark.parametrize("then", ["mass-leave:0", "mass-leave:40"], ids=["no changes", "other changes"])
def test_a_later_plan_supersedes_a_held_one(bench, then):
    held = name_of(bench.held())
    bench.simulator.add_event(then)

    later = bench.run(code=0 if then.endswith(":0") else 3)

    status = bench.show(held)["status"]
    assert (status["outcome"], status["supersededBy"]) == ("Superseded", name_of(later))
    assert approval(bench, held)["status"]["state"] == "Superseded"
    bench.call("approve", held, *WHY, code=1)


def test_nobody_can_decide_after_the_expiry(bench):
    held = name_of(bench.held())
    path = bench.state / "approvals" / f"{held}.json"
    path.write_text(json.dumps(late(approval(bench, held))))

    assert "Expired" in bench.call("approve", held, *WHY, code=1).stderr
    assert bench.show(held)["status"]["outcome"] == "Expired"


def late(pending):
    return {**pending, "spec": {**pending["spec"], "expiresAt": "2020-01-01T00:00:00Z"}}


def test_four_eyes_are_said_not_to_be_enforced(bench):
    manifests = {"approval": {"requireDistinctApprover": True}}
    bench.run(manifests=bench.manifests(**manifests))
    bench.simulator.add_event("mass-leave:30")
    held = name_of(bench.run(manifests=bench.manifests(**manifests), code=3))

    result = bench.call("approve", held, *WHY, "--quiet")

    assert "four eyes were not enforced" in result.stderr
    assert bench.show(held)["status"]["approval"]["fourEyesEnforced"] is False


def test_a_store_that_moved_and_came_back_keeps_the_approval(bench):
    """Another state folder on the same store imports a day and takes it back: other revision, same records."""
    held = name_of(bench.held())
    other = Bench(bench.folder / "other", bench.simulator)
    other.state.mkdir(parents=True)
    (other.state / "store").symlink_to(bench.state / "store")
    bench.simulator.clear_events()
    for day in (2, 0):
        bench.simulator.set_day(day)
        assert other.run()["status"]["outcome"] == "Applied"

    run = json.loads(bench.call("approve", held, *WHY, "--output", "json").stdout)

    assert (run["status"]["outcome"], run["status"]["plan"]["baseRevision"], run["status"]["revision"]) == (
        "Applied",
        3,
        4,
    )


def test_a_store_that_moved_elsewhere_needs_a_new_approval(bench):
    held = name_of(bench.held())
    first = bench.show(held)["status"]["plan"]["digest"]
    other = Bench(bench.folder / "other", bench.simulator)
    other.state.mkdir(parents=True)
    (other.state / "store").symlink_to(bench.state / "store")
    bench.simulator.clear_events()
    bench.simulator.set_day(2)
    other.run()

    run = json.loads(bench.call("approve", held, *WHY, "--output", "json", code=3).stdout)

    assert reason_of(run) == "AwaitingApproval"
    assert run["status"]["plan"]["digest"] != first
    assert approval(bench, held)["spec"]["planDigest"] == run["status"]["plan"]["digest"]
    bench.call("approve", held, *WHY)
    assert bench.show(held)["status"]["outcome"] == "Applied"
