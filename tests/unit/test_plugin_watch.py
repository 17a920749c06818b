"""Watching: until it is done, through an API server's restart, and told when nobody answers. Time is made up."""

import pytest

from rostersync.errors import Permanent, Retryable
from rostersync.plugin import watch
from rostersync.plugin.status import is_final, is_held

LOST = Retryable("The cluster cannot be reached.", reason="Unreachable")
NOT_YET = Permanent("You may not get syncruns.", reason="Forbidden")
GONE = Permanent("There is no SyncRun r.", reason="NotFound")


def run(reason="", outcome=None, uid="u", **more):
    conditions = [{"type": "Succeeded", "status": "Unknown", "reason": reason, "message": "Why."}] if reason else []
    status = {"conditions": conditions, **({"outcome": outcome} if outcome else {}), **more}
    return {"metadata": {"name": "r", "uid": uid}, **({"status": status} if reason else {})}


class Scripted:
    """A cluster that answers what a script says, the last word for ever; each look takes a second."""

    def __init__(self, *script):
        self.script, self.time = list(script), 0.0

    def get(self, kind, name):
        assert (kind, name) == ("SyncRun", "r")
        said = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(said, BaseException):
            raise said
        return said

    def pause(self, seconds):
        self.time += seconds


def wait(*script, timeout=None, quiet=False):
    cluster = Scripted(*script)
    awaited = watch.Awaited(
        "SyncRun",
        "r",
        done=lambda r: is_final(r) or is_held(r),
        line=watch.run_line,
        taken_up=lambda r: bool(r.get("status")),
        goes_on="Run r goes on.",
        uid="u",
        timeout=timeout,
    )
    try:
        return watch.wait(cluster, awaited, watch.Progress(quiet), lambda: cluster.time, cluster.pause)
    finally:
        wait.took = cluster.time


APPLIED = run("Applied", "Applied")


def test_every_stage_is_told_once(capsys):
    planning = [run("Planning", stage="extract")] * 3 + [run("Planning", stage="compare")]

    assert wait(run(), *planning, run("Applying"), APPLIED) == APPLIED

    assert capsys.readouterr().err.splitlines() == [
        "r: New",
        "r: Planning (extract)",
        "r: Planning (compare)",
        "r: Applying",
        "r: Applied",
    ]


def test_a_held_run_is_not_waited_for():
    held = run("AwaitingApproval")

    assert wait(run("Planning"), held) == held


def test_why_a_run_is_queued_is_told(capsys):
    wait(run("Queued"), APPLIED)

    assert "r: Queued: Why." in capsys.readouterr().err


def test_quiet_says_nothing(capsys):
    wait(run("Planning"), APPLIED, quiet=True)

    assert capsys.readouterr().err == ""


def test_ctrl_c_stops_watching_and_says_what_goes_on():
    with pytest.raises(watch.Stopped, match=r"^Stopped watching\. Run r goes on\.$"):
        wait(run("Planning"), KeyboardInterrupt())


def test_a_timeout_says_what_goes_on():
    with pytest.raises(Retryable, match=r"^60 seconds were not enough\. Run r goes on\.$"):
        wait(run("Planning"), timeout=60.0)
    assert wait.took == pytest.approx(60, abs=2)


@pytest.mark.parametrize("error", [LOST, NOT_YET])
def test_a_restart_of_the_api_server_is_sat_out(error, capsys):
    assert wait(run("Planning"), *[error] * 100, APPLIED) == APPLIED
    assert "still trying" in capsys.readouterr().err


@pytest.mark.parametrize("error", [LOST, NOT_YET])
def test_an_api_server_that_stays_away_is_an_error(error):
    with pytest.raises(type(error)):
        wait(run("Planning"), error)
    assert wait.took == pytest.approx(watch.PATIENCE, abs=3)


def test_a_run_that_is_deleted_is_not_waited_for():
    with pytest.raises(Permanent, match="There is no SyncRun r"):
        wait(run("Planning"), GONE)


def test_a_run_of_the_same_name_is_another_run():
    with pytest.raises(Retryable, match="deleted and created again"):
        wait(run("Planning"), run("Planning", uid="other"))


def test_who_waits_for_an_operator_that_does_not_answer_is_told_once(capsys):
    wait(*[run()] * 60, APPLIED)

    assert capsys.readouterr().err.count("does the operator run?") == 1


def test_a_run_that_is_taken_up_needs_no_warning(capsys):
    wait(*[run("Queued")] * 60, APPLIED)

    assert "does the operator run?" not in capsys.readouterr().err


def test_a_terminal_has_one_line_that_changes(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)

    wait(run("Planning", stage="gate"), APPLIED)

    shown = capsys.readouterr().err
    assert "\n" not in shown
    assert "r: Planning (gate)  0:00" in shown
    assert shown.endswith("\r\x1b[2K")


def test_who_waits_for_a_delivery_hears_that_it_fails():
    under_way = run("Delivering")
    assert watch.run_line(under_way) == "r: Delivering"
    under_way["status"]["conditions"].append({"type": "Delivered", "status": "False", "reason": "X", "message": "X."})
    assert watch.run_line(under_way) == "r: Delivering: Why."


def test_escape_sequences_of_others_are_not_obeyed():
    assert "\x1b" not in watch.run_line(run("Queued\x1b[2J"))
