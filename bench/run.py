"""Measures rostersync against floors and peers, prints a table and writes operator/BENCHMARKS.md.

python bench/run.py [--size 10k|100k|1M] [--only postgres] [--rounds N] [--no-peers] [--keep] [--out PAGE]
"""

import argparse
import importlib.util
import json
import shutil
import subprocess
import sys
import urllib.request
from dataclasses import replace
from pathlib import Path

import postgres_run
from machine import busy, description, load
from meter import Failed
from pages import Pages
from render import rendered
from report import (
    FIRST,
    HEADER,
    NEXT,
    SAME,
    Row,
    engine_heading,
    postgres_heading,
    postgres_rows,
    rows,
    updated,
)
from rich.console import Console
from rich.table import Table
from runner import Runner, console, serving
from sizes import HERE, SIZES, WORK

PAGE_OF_FIGURES = HERE.parent / "operator" / "BENCHMARKS.md"
LATENCY, TOKEN_LIFE, CONCURRENCY = 0.2, 8.0, 4
BURST = 8  # of every hundred requests
REPLACED = 200_000  # wide rows


def stages(runner: Runner, today: str, tomorrow: str, work: Path) -> None:
    """rostersync: a first import, the same again, the next day."""
    store = work / "store" / "roster.duckdb"
    runner.run("extract", "stages.py", "extract", "--url", today, "--extract", work / "today")
    for day, url, staged in ((FIRST, today, "today"), (SAME, today, "today"), (NEXT, tomorrow, "tomorrow")):
        whole = work / f"whole-{staged}"
        runner.run(
            f"job {day}",
            "stages.py",
            "job",
            "--url",
            url,
            "--extract",
            whole,
            "--plan",
            work / "whole" / "plan",
            "--store",
            store,
        )
        shutil.rmtree(work / staged, ignore_errors=True)
        whole.rename(work / staged)
        runner.run(
            f"plan {day}", "stages.py", "plan", "--extract", work / staged, "--plan", work / "plan", "--store", store
        )
        if day != SAME:
            runner.run(f"apply {day}", "stages.py", "apply", "--plan", work / "plan", "--store", store)


def bundles(runner: Runner, work: Path) -> None:
    """The applied roster as a zip, and its floor."""
    store, tables = work / "run" / "store" / "roster.duckdb", work / "parquet"
    runner.run("parquet", "bundles.py", "parquet", "--store", store, "--out", tables, limited=False)
    runner.run("floor bundle", "bundles.py", "floor", "--store", tables, "--out", work / "zipped")
    runner.run("bundle", "bundles.py", "bundle", "--store", store, "--out", work / "bundle")


def slow(runner: Runner, pages: Path, work: Path) -> None:
    """Extract from a server that takes its time, with tokens that do not last."""
    with serving(pages, "--latency", str(LATENCY), "--token-life", str(TOKEN_LIFE)) as url:
        runner.run("extract slow", "stages.py", "extract", "--url", url, "--extract", work / "slow")
        stats = counted(url)
    got = runner.got["extract slow"]
    told = {"latency": LATENCY, "token_life": TOKEN_LIFE, "concurrency": CONCURRENCY}
    runner.got["extract slow"] = replace(
        got, result={**got.result, **told, **{k: stats[k] for k in ("tokens", "unauthorised")}}
    )


def bursts(runner: Runner, pages: Path, work: Path) -> None:
    """Extract from a server that fails for a while, again and again."""
    with serving(pages, "--burst", str(BURST)) as url:
        runner.run("extract bursts", "stages.py", "extract", "--url", url, "--extract", work / "bursts")
        failed = counted(url)["failed"]
    got = runner.got["extract bursts"]
    runner.got["extract bursts"] = replace(got, result={**got.result, "burst": BURST, "failed": failed})


def counted(url: str) -> dict[str, int]:
    """What a server of pages was asked so far."""
    with urllib.request.urlopen(url.split("/focus/")[0] + "/stats") as answer:
        found: dict[str, int] = json.load(answer)
        return found


def floors(runner: Runner, pages: Path, today: str, tomorrow: str, work: Path) -> None:
    """The same work by hand."""
    runner.run("floor decode", "floors.py", "decode", "--pages", pages, "--out", work / "decoded")
    empty, store = work / "empty.duckdb", work / "store.duckdb"
    runner.run("none", "floors.py", "keep", "--store", empty, limited=False)
    runner.run(
        "floor script " + FIRST, "floors.py", "script", "--url", today, "--out", work / "today", "--store", empty
    )
    runner.run("keep", "floors.py", "keep", "--folder", work / "today", "--store", store, limited=False)
    for day, url, out in ((SAME, today, "same"), (NEXT, tomorrow, "tomorrow")):
        runner.run(f"floor script {day}", "floors.py", "script", "--url", url, "--out", work / out, "--store", store)
    runner.run("floor join", "floors.py", "join", "--old", work / "today", "--new", work / "tomorrow", "--out", work)
    runner.run("floor replace", "floors.py", "replace", "--rows", REPLACED, "--out", work, limited=False)


def peers(runner: Runner, pages: Path, work: Path) -> None:
    """Other tools on the same pages, from an environment of their own."""
    python = peer_environment()
    for peer in ("arrow", "dicts"):
        runner.run(
            f"peer {peer}",
            "peers.py",
            peer,
            "--pages",
            pages,
            "--rows",
            runner.bench.peer_rows,
            "--out",
            work / "peer",
            limited=False,
            python=python,
        )


def peer_environment() -> str:
    """A Python that has the peers: this one, else .bench/venv, installed from requirements-bench.txt when it is new."""
    if importlib.util.find_spec("dlt"):
        return sys.executable
    python = WORK / "venv" / "bin" / "python"
    requirements = HERE.parent / "requirements-bench.txt"
    installed = WORK / "venv" / "installed"
    if not installed.exists() or installed.read_bytes() != requirements.read_bytes():
        console.print("[dim]installing the peers into .bench/venv …[/dim]")
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(WORK / "venv")], check=True)
        quiet = ["--quiet", "--disable-pip-version-check"]
        install = [str(python), "-m", "pip", "install", *quiet, "--require-hashes", "-r", str(requirements)]
        subprocess.run(install, check=True)
        installed.write_bytes(requirements.read_bytes())
    return str(python)


def show(title: str, table: list[Row]) -> None:
    """The table on the terminal."""
    shown = Table(*HEADER, title=title, title_justify="left")
    for column in shown.columns[1:5]:
        column.justify = "right"
    for row in table:
        style = "dim" if row.work.startswith(("floor", "peer")) else "red" if row.met is False else ""
        shown.add_row(*row.cells(), style=style)
    Console(width=None if sys.stdout.isatty() else 200).print(shown)


def main() -> int:
    """Everything, for one size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="10k", type=lambda text: text.replace("m", "M"))
    parser.add_argument("--only", choices=["postgres"], help="measure that part alone, and leave the others' figures")
    parser.add_argument("--rounds", type=int, help="of PostgreSQL; 3, and 1 with 1M users, unless given")
    parser.add_argument("--no-peers", action="store_true", help="leave dlt out, which takes minutes")
    parser.add_argument("--keep", action="store_true", help="keep the work folders")
    parser.add_argument("--out", type=Path, default=PAGE_OF_FIGURES, help="the page to write")
    options = parser.parse_args()
    bench = SIZES[options.size]
    work = bench.folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    console.print("[dim]rendering pages …[/dim]")
    today, tomorrow = rendered(bench, 0), rendered(bench, 1)
    runner, begin = Runner(bench), load()
    console.print(f"[yellow]{busy()}[/yellow]")
    try:
        if not options.only:
            engine(runner, today, tomorrow, work, peers_too=not options.no_peers)
        postgres_run.measured(runner, today, tomorrow, work / "run", options.rounds)
    except Failed as failed:
        console.print(f"[red]{failed}[/red]")
        return 1
    finally:
        if not options.keep:
            shutil.rmtree(work, ignore_errors=True)
    holds = _holds(Pages(today).totals, runner.got[f"pg plan {NEXT}"].result["changes"])
    notes = [busy(begin)]
    if not runner.got[f"pg plan {NEXT}"].enforced:
        notes.append("Memory was only measured: no cgroup could be made here.")
    holds = " ".join(filter(None, [holds, *notes]))
    if not options.only:
        write(options.out, engine_heading(bench.name), holds, list(rows(bench, runner.got)))
    write(options.out, postgres_heading(bench.name), holds, list(postgres_rows(bench, runner.got)))
    console.print(f"written to {options.out}")
    return 0


def engine(runner: Runner, today: Path, tomorrow: Path, work: Path, *, peers_too: bool) -> None:
    """All but PostgreSQL."""
    with serving(today) as url, serving(tomorrow) as next_url:
        floors(runner, today, url, next_url, work / "floor")
        stages(runner, url, next_url, work / "run")
    bundles(runner, work)
    if runner.bench.name != "1M":
        slow(runner, today, work)
        bursts(runner, today, work)
    if peers_too:
        peers(runner, today, work)


def write(page: Path, heading: str, holds: str, table: list[Row]) -> None:
    """A section, on the terminal and into the page."""
    show(f"{heading}: {holds}", table)
    before = page.read_text(encoding="utf-8") if page.exists() else ""
    page.write_text(updated(before, heading, holds, table, description()), encoding="utf-8")


def _holds(totals: dict[str, int], changes: int) -> str:
    return (
        f"{totals['users']:,} users, {totals['classes']:,} classes, {totals['enrollments']:,} enrolments, "
        f"{sum(totals.values()):,} records; next day: {changes:,} changes."
    )


if __name__ == "__main__":
    sys.exit(main())
