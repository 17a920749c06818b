"""Progress as JSON lines: every stage, every collection, and a sign of life."""

import json

import pytest

from rostersync.execution.progress import EVERY, Lines, _bars
from rostersync.sources.oneroster.request_errors import Failure, TryAgain


def told(capsys, *steps):
    now = [0.0]
    lines = Lines(lambda: now[0])
    for at, *step in steps:
        now[0] = at
        lines(*step)
    return [(d["stage"], d["what"], d["done"]) for d in map(json.loads, capsys.readouterr().err.splitlines())]


def test_a_stage_is_told_once_and_pages_only_now_and_then(capsys):
    assert told(
        capsys,
        (0, "extract", "users", 500, 2000),
        (0.1, "extract", "users", 1000, 2000),
        (0.1 + EVERY, "extract", "users", 1500, 2000),
        (0.2 + EVERY, "extract", "users", 2000, 2000),
        (0.3 + EVERY, "shape", "orgs", 0, 7),
        (0.4 + EVERY, "shape", "users", 4, 7),
    ) == [("extract", "users", 500), ("extract", "users", 1500), ("extract", "users", 2000), ("shape", "orgs", 0)]


def test_the_end_of_a_collection_is_said_once_whatever_the_server_told(capsys):
    assert told(
        capsys,
        (0, "extract", "users", 500, None),
        (0.1, "extract", "users", 700, None),
        (0.2, "extract", "users", 700, 700),
        (0.3, "extract", "enrollments", 90, 90),
        (0.4, "extract", "enrollments", 90, 90),
    ) == [("extract", "users", 500), ("extract", "users", 700), ("extract", "enrollments", 90)]


def test_an_unknown_total_is_left_out(capsys):
    Lines()("apply", "begin", 0, None)

    assert "total" not in json.loads(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (TryAgain(Failure.CONNECTION, "connection refused"), "token request: connection refused"),
        (TryAgain(Failure.FAILED, "503"), "token request failed (503)"),
    ],
)
def test_what_is_waited_for_fits_a_narrow_terminal_beside_its_time(monkeypatch, capsys, what, said):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FORCE_COLOR", "1")

    with _bars() as bars:
        bars("waiting", what.briefly("the token request"), 3, 600)

    line = next(line for line in capsys.readouterr().err.splitlines() if "waiting" in line)
    assert said in line
    assert "/600" in line
    assert "0:00:0" in line
