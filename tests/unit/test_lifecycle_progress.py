"""Progress as JSON lines: every stage, every collection, and a sign of life."""

import json

from rostersync.local.progress import EVERY, Lines


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


def test_an_unknown_total_is_left_out(capsys):
    Lines()("apply", "begin", 0, None)

    assert "total" not in json.loads(capsys.readouterr().err)
