"""Measures PostgreSQL beside the same work by hand and the embedded store: in turns, medians."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import database
from meter import Measured
from report import FIRST, NEXT
from runner import Runner, serving

ROUNDS = 3


def measured(runner: Runner, today: Path, tomorrow: Path, work: Path, rounds: int | None) -> None:
    """PostgreSQL, with the extracts that are there or are made now."""
    for pages, staged in ((today, work / "today"), (tomorrow, work / "tomorrow")):
        if not staged.exists():
            with serving(pages) as url:
                runner.run(f"extract {staged.name}", "stages.py", "extract", "--url", url, "--extract", staged)
    _rounds(runner, work, rounds or (1 if runner.bench.name == "1M" else ROUNDS))


def _rounds(runner: Runner, work: Path, rounds: int) -> None:
    """The same extracts over PostgreSQL, beside the same work by hand and the embedded store: in turns, medians."""
    with database.serving(work / "database") as place:
        os.environ |= place.environment
        made = [_round(runner, work, place) for _ in range(rounds)]
    for name in made[0]:
        taken = sorted((one[name] for one in made), key=lambda measured: float(measured.result["wall"]))
        runner.got[name] = taken[len(taken) // 2]


def _round(runner: Runner, work: Path, place: database.Place) -> dict[str, Measured]:
    took: dict[str, Measured] = {}

    def run(name: str, *arguments: object, limited: bool = True) -> None:
        before = database.server_cpu()
        runner.run(name, *map(str, arguments), limited=limited)
        got = runner.got.pop(name)
        took[name] = replace(got, result={"server": database.server_cpu() - before, **got.result})

    place.begin()
    shutil.rmtree(work / "again", ignore_errors=True)
    for day, staged in ((FIRST, "today"), (NEXT, "tomorrow")):
        for kind, store in (("pg", place.secrets), ("again", work / "again" / "roster.duckdb")):
            plan = work / kind / "plan"
            run(f"{kind} plan {day}", "stages.py", "plan", "--extract", work / staged, "--plan", plan, "--store", store)
            run(f"{kind} apply {day}", "stages.py", "apply", "--plan", plan, "--store", store)
        by_hand = "copy" if day == FIRST else "next"
        run(f"pg floor {day}", "database.py", by_hand, "--place", place.folder, limited=False)
        place.overnight()
    run("pg floor read", "database.py", "out", "--place", place.folder, limited=False)
    run("pg read", "database.py", "read", "--place", place.folder)
    return took
