"""Which run is decided about when nobody names one: the only one that waits, and never a guess."""

import pytest

from rostersync.errors import Permanent
from rostersync.lifecycle.held import is_held, only_held


def run(name, reason="AwaitingApproval", connection="springfield", **status):
    conditions = [{"type": "Succeeded", "status": "Unknown", "reason": reason, "message": ""}]
    return {
        "metadata": {"name": name},
        "spec": {"connectionRef": {"name": connection}},
        "status": {"conditions": conditions} | status,
    }


NEW = {"metadata": {"name": "new"}, "spec": {"connectionRef": {"name": "springfield"}}}
OVER = run("over", outcome="Rejected")
PLANNING = run("planning", "Planning")


def test_a_run_is_held_while_it_waits_for_a_person_and_has_not_ended():
    assert [is_held(r) for r in (run("held"), NEW, OVER, PLANNING)] == [True, False, False, False]


def test_the_only_run_that_waits_is_meant():
    assert only_held([NEW, OVER, run("held"), PLANNING]) == "held"


def test_when_none_waits_it_is_said_of_what():
    with pytest.raises(Permanent, match=r"^No run in namespace rosters waits for a decision\.$"):
        only_held([NEW, OVER, PLANNING], " in namespace rosters")


def test_when_several_wait_they_are_listed_and_none_is_chosen():
    with pytest.raises(Permanent) as told:
        only_held([run("b", connection="shelbyville"), run("a"), NEW])
    assert str(told.value) == "2 runs wait for a decision. Name one of them: a (of springfield), b (of shelbyville)."
