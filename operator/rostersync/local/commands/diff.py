"""diff: which records a plan changes, and how."""

import sys
from typing import TYPE_CHECKING, Any

import click

from rostersync.execution.options import debug_option
from rostersync.local.commands import options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rostersync.local.state import State


@click.command(
    epilog="""\b
Examples:
  rostersync diff springfield-20261124t020709
  rostersync diff RUN --entity Student --change Delete --school 1001
  rostersync diff RUN --school "Oak Hill Elementary School"
  rostersync diff RUN --wide > changes.csv
"""
)
@click.argument("name", metavar="[RUN]", required=False)
@click.option("--entity", "entities", multiple=True, metavar="ENTITY", help="Student, Class, Enrollment …; repeatable.")
@click.option(
    "--change",
    "kinds",
    multiple=True,
    type=click.Choice(["Create", "Update", "Delete"], case_sensitive=False),
    help="Only changes of this kind; repeatable.",
)
@click.option(
    "--school",
    "schools",
    multiple=True,
    metavar="SCHOOL",
    help="Only of this school: its name, or its id in the store or in the source; repeatable.",
)
@click.option("--cause", "causes", multiple=True, metavar="CAUSE", help="SourceMissing, Cascade …; repeatable.")
@click.option("--rekeyed", is_flag=True, help="Only old id → new id of records that come back under another id.")
@click.option(
    "--roster",
    is_flag=True,
    help="What it comes to in the roster that several sources make, whose each value is, and what it would be without that source.",
)
@click.option("--wide", is_flag=True, help="CSV for a spreadsheet: one row a record, with names; implies --output csv.")
@options.limit_option
@options.state_option
@options.output_option("table", "csv", "json")
@debug_option
def diff(
    name: str | None,
    entities: tuple[str, ...],
    kinds: tuple[str, ...],
    schools: tuple[str, ...],
    causes: tuple[str, ...],
    rekeyed: bool,
    roster: bool,
    wide: bool,
    limit: int | None,
    state: "State",
    output: str,
) -> None:
    """Show which records a run's plan changes, and how: old value → new value.

    The output holds records of people: treat it as such.
    """
    from itertools import islice

    from rostersync.local.plans import opened_plan
    from rostersync.model import Cause, Entity
    from rostersync.plan import codec
    from rostersync.render import changes, left_alone, orgs, tables
    from rostersync.render import rekeyed as pairs

    if wide and (rekeyed or output == "json"):
        raise click.UsageError("--wide is one row of CSV a record; leave out --rekeyed and --output json.")
    entities = options.words(entities, [e.value for e in Entity], "--entity")
    causes = options.words(causes, [c.value for c in Cause], "--cause")
    with opened_plan(state, name) as plan:
        if rekeyed:
            _print_pairs(pairs.read(plan), limit, output)
            return
        known = orgs.read(plan)
        wanted = (known.of_all_sources if roster else known).ids(schools)
        found = changes.read(plan, changes.Filters(entities, kinds, wanted, causes), roster=roster)
        if output == "table" and not wide:
            changes.page(tables.console(), found, options.table_limit(limit), known)
            left = sum(c.out_of_scope for c in codec.read(plan).entities)
            if left:
                tables.say(tables.console(), f"Not shown, since not of this run's schools alone: {left:,} changes.")
            left_alone.line(tables.console(), codec.read(plan))
            more = sum(c.created + c.updated + c.deleted for c in codec.read(plan).roster)
            if more and not roster:
                what = "1 change" if more == 1 else f"{more:,} changes"
                tables.say(
                    tables.console(),
                    f"In the roster of all sources: {what}; --roster shows them, with whose each value is.",
                )
            return
        rows = islice(found, limit) if limit else found
        if output == "json":
            changes.write_json(sys.stdout, rows)
        elif wide:
            changes.write_wide(sys.stdout, rows, known, sources=roster)
        else:
            changes.write_csv(sys.stdout, rows, known, sources=roster)


def _print_pairs(found: "Iterator[dict[str, Any]]", limit: int | None, output: str) -> None:
    from itertools import islice

    from rostersync.render import rekeyed, tables

    if output == "table":
        rekeyed.page(tables.console(), found, options.table_limit(limit))
        return
    rows = islice(found, limit) if limit else found
    (rekeyed.write_csv if output == "csv" else rekeyed.write_json)(sys.stdout, rows)
