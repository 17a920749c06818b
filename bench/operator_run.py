"""Measures the operator on a control plane against a bare client, prints a table and writes it to operator/BENCHMARKS.md.

PYTHONPATH=tests python bench/operator_run.py [--runs 1000] [--finished 10000] [--connections 1000] [--crowd 10000] [--out PAGE]
"""

import argparse
import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path

import operator_approve
import operator_burst
import operator_crowd
import operator_rest
from machine import busy, description
from operator_api import Refused, connected
from operator_load import Apis
from operator_page import placed
from operator_report import HEADER, Figures, Size, rows, section
from operator_server import Running, Server
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from support.cluster.operator import ACCOUNT
from support.cluster.plane import ControlPlane
from support.cluster.processes import own_folder
from support.cluster.product import NAMESPACE, install_product
from support.cluster.programs import programs

PAGE_OF_FIGURES = Path(__file__).parents[1] / "operator" / "BENCHMARKS.md"
console = Console(stderr=True)


def say(text: str) -> None:
    """Progress."""
    console.print(f"[dim]{text} …[/dim]")


@contextlib.asynccontextmanager
async def prepared(folder: Path) -> AsyncIterator[tuple[Apis, Server]]:
    """A control plane with the product's types, rights and policies."""
    with ControlPlane(folder / "plane") as plane:
        await asyncio.to_thread(install_product, plane)
        account = plane.service_account_kubeconfig(NAMESPACE, ACCOUNT)
        async with connected(plane.kubeconfig) as admin, connected(account) as operator:
            yield Apis(admin, operator), Server(plane, admin)


async def measured(options: argparse.Namespace, folder: Path) -> Figures:
    """Everything, one after the other."""
    figures = Figures(Size(options.runs, options.finished, options.connections))
    async with prepared(folder) as (apis, server):
        for number in range(1, options.rounds + 1):
            say(f"round {number} of {options.rounds}: a bare client makes {options.runs:,} runs, Jobs and statuses")
            figures.floors.append(await operator_burst.floor(apis, server, options.runs))
            say(f"round {number} of {options.rounds}: the operator takes {options.runs:,} runs on")
            running = Running(server.plane, folder / f"operator-{number}")
            figures.bursts.append(await operator_burst.operator(apis, server, running, options.runs, options.pause))
        say(f"making {options.crowd:,} runs of one connection, beside {options.beside} others")
        running = Running(server.plane, folder / "operator-crowd")
        figures.crowd = await operator_crowd.crowd(apis, server, running, options.crowd, options.beside)
        say(f"making {options.finished:,} finished runs of {options.connections:,} connections")
        running = Running(server.plane, folder / "operator-rest")
        held = await operator_approve.prepare(apis, options.held)
        names = await operator_rest.fill(apis, server, running, options.connections, options.finished)
        say("starting the operator again, and leaving it alone")
        figures.rest = await operator_rest.rest(
            apis, server, running, names, options.finished, options.idle, options.singles
        )
        say(f"holding and approving {options.held} runs")
        figures.approvals = await operator_approve.approve(apis, server.plane, held)
        await running.stop()
    return figures


def show(title: str, figures: Figures) -> None:
    """The table on the terminal."""
    shown = Table(*HEADER, title=title, title_justify="left", show_lines=True)
    for row in rows(figures):
        style = "dim" if row.work.startswith("floor") else "red" if row.met is False else ""
        shown.add_row(*row.cells(), style=style)
    Console(width=None if sys.stdout.isatty() else 180).print(shown)


def main() -> int:
    """Everything, for one size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000, help="SyncRuns made at once, each of its own connection")
    parser.add_argument("--finished", type=int, default=10_000, help="finished runs that an operator starts among")
    parser.add_argument("--connections", type=int, default=1000, help="connections that these belong to")
    parser.add_argument("--crowd", type=int, default=10_000, help="open runs of one connection, beside others")
    parser.add_argument("--beside", type=int, default=100, help="runs of other connections, without and beside these")
    parser.add_argument("--rounds", type=int, default=3, help="of floor and operator in turns")
    parser.add_argument("--singles", type=int, default=50, help="single runs on an idle system")
    parser.add_argument("--held", type=int, default=50, help="held runs that are approved")
    parser.add_argument("--pause", type=float, default=15, help="seconds that are looked at after each burst")
    parser.add_argument("--idle", type=float, default=30, help="seconds over which idle CPU is measured")
    parser.add_argument("--out", type=Path, default=PAGE_OF_FIGURES, help="the page to write")
    parser.add_argument("--figures", type=Path, help="write what was measured as JSON, too")
    options = parser.parse_args()
    if (
        min(
            options.runs,
            options.finished,
            options.connections,
            options.rounds,
            options.held,
            options.crowd,
            options.beside,
        )
        < 1
    ):
        parser.error("--runs, --finished, --connections, --rounds, --held, --crowd and --beside are at least 1")
    notes = [busy()]
    if notes[0]:
        console.print(f"[yellow]{notes[0]}[/yellow]")
    programs("control-plane")
    with own_folder("bench") as folder:
        (folder / "plane").mkdir()
        try:
            figures = asyncio.run(measured(options, folder))
        except Refused as refused:
            console.print(f"[red]{escape(str(refused))}[/red]", soft_wrap=True)
            return 1
    show(" ".join(filter(None, [f"operator, {description()}.", *notes])), figures)
    logged = [line for burst in figures.bursts for line in burst.complaints] + figures.rest.complaints
    logged += figures.crowd.complaints
    for line in logged[:20]:
        console.print(f"[yellow]logged: {escape(line)}[/yellow]", soft_wrap=True)
    if options.figures:
        options.figures.write_text(json.dumps(asdict(figures), indent=1))
    page = options.out.read_text(encoding="utf-8") if options.out.exists() else ""
    options.out.write_text(placed(page, section(figures, notes, description())), encoding="utf-8")
    console.print(f"written to {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
