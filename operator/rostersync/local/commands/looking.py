"""runs, show, diff, issues: what there is and what it means."""

import sys
from typing import TYPE_CHECKING, Any

import click

from rostersync.execution import options
from rostersync.local.commands import common

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rostersync.local.state import State

TABLE_LIMIT = 100  # records in a table, so that a terminal is not flooded; csv and json have all


@click.command()
@click.option("--connection", metavar="NAME", help="Only runs of this connection, NAME or KIND/NAME.")
@common.state_option
@common.output_option("table", "json", "yaml")
@options.debug_option
def runs(connection: str | None, state: "State", output: str) -> None:
    """List connections and their runs, newest first."""
    from rostersync.api.kinds import Ref, key_of
    from rostersync.errors import Permanent
    from rostersync.render import objects, tables
    from rostersync.render.runs import page

    key = Ref.parse(connection).key if connection else None
    common.settled(state, key)
    found = state.runs(key)
    if connection is not None and not found:
        there = sorted({key_of(r) for r in state.runs()})
        has = f"There are runs of: {', '.join(there)}." if there else "There are no runs at all."
        raise Permanent(f"There is no run of a connection {connection}. {has}", reason="UnknownConnection")
    if output == "table":
        page(tables.console(), found)
    else:
        click.echo(objects.dump(objects.listing(found), output), nl=False)


@click.command(
    epilog="""\b
Examples:
  rostersync show
  rostersync show springfield-20261124t020709 --output json
"""
)
@click.argument("name", metavar="[RUN]", required=False)
@common.state_option
@common.output_option("table", "json", "yaml")
@options.debug_option
def show(name: str | None, state: "State", output: str) -> None:
    """Show a run (by default the newest): counts, why it is held, schools, causes, and what to do next."""
    from rostersync.api.kinds import key_of
    from rostersync.render import objects, tables
    from rostersync.render.run import page

    connection = key_of(state.latest(name))
    common.settled(state, connection)
    run = state.latest(name)
    if output != "table":
        click.echo(objects.dump(run, output), nl=False)
        return
    page(tables.console(), run, common.details_of(state, run["metadata"]["name"]))


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
@click.option("--change", "kinds", multiple=True, type=click.Choice(["Create", "Update", "Delete"], case_sensitive=False),
              help="Only such changes; repeatable.")  # fmt: skip
@click.option("--school", "schools", multiple=True, metavar="SCHOOL",
              help="Only of this school: its name, or its id in the store or in the source; repeatable.")  # fmt: skip
@click.option("--cause", "causes", multiple=True, metavar="CAUSE", help="SourceMissing, Cascade …; repeatable.")
@click.option("--rekeyed", is_flag=True, help="Only old id → new id of records that come back under another one.")
@click.option("--wide", is_flag=True, help="CSV for a spreadsheet: one row a record, with names; implies --output csv.")
@click.option(
    "--limit", type=click.IntRange(min=0), help=f"Records to show, 0 for all; default {TABLE_LIMIT} in a table."
)
@common.state_option
@common.output_option("table", "csv", "json")
@options.debug_option
def diff(
    name: str | None, entities: tuple[str, ...], kinds: tuple[str, ...], schools: tuple[str, ...],
    causes: tuple[str, ...], rekeyed: bool, wide: bool, limit: int | None, state: "State", output: str,
) -> None:  # fmt: skip
    """Show which records a run's plan changes, and how: old value → new value.

    The output holds records of people: treat it as such.
    """
    from itertools import islice

    from rostersync.model import Cause, Entity
    from rostersync.render import changes, orgs, tables
    from rostersync.render import rekeyed as pairs

    if wide and (rekeyed or output == "json"):
        raise click.UsageError("--wide is one row of CSV a record; leave out --rekeyed and --output json.")
    entities = _words(entities, [e.value for e in Entity], "--entity")
    causes = _words(causes, [c.value for c in Cause], "--cause")
    with common.opened_plan(state, name) as plan:
        if rekeyed:
            _print_pairs(pairs.read(plan), limit, output)
            return
        known = orgs.read(plan)
        found = changes.read(plan, changes.Filters(entities, kinds, known.ids(schools), causes))
        if output == "table" and not wide:
            changes.page(tables.console(), found, _limit(limit), known)
            return
        rows = islice(found, limit) if limit else found
        if output == "json":
            changes.write_json(sys.stdout, rows)
        else:
            (changes.write_wide if wide else changes.write_csv)(sys.stdout, rows, known)


def _print_pairs(found: "Iterator[dict[str, Any]]", limit: int | None, output: str) -> None:
    from itertools import islice

    from rostersync.render import rekeyed, tables

    if output == "table":
        rekeyed.page(tables.console(), found, _limit(limit))
        return
    rows = islice(found, limit) if limit else found
    (rekeyed.write_csv if output == "csv" else rekeyed.write_json)(sys.stdout, rows)


@click.command(
    epilog="""\b
Examples:
  rostersync issues springfield-20261124t020709
  rostersync issues RUN --records --output csv > issues.csv
"""
)
@click.argument("name", metavar="[RUN]", required=False)
@click.option("--records", is_flag=True, help="Each record by itself instead of groups.")
@click.option(
    "--limit", type=click.IntRange(min=0), help=f"Records to show, 0 for all; default {TABLE_LIMIT} in a table."
)
@common.state_option
@common.output_option("table", "csv", "json")
@options.debug_option
def issues(name: str | None, records: bool, limit: int | None, state: "State", output: str) -> None:
    """Show what is wrong with the source's data: missing, malformed, duplicate, dangling."""
    from itertools import islice

    from rostersync.plan import codec
    from rostersync.render import issues as rendering
    from rostersync.render import run as run_page
    from rostersync.render import tables

    with common.opened_plan(state, name) as plan:
        found = rendering.read(plan)
        if output == "table":
            rendering.page(tables.console(), found, records, _limit(limit), state.latest(name)["metadata"]["name"])
            run_page.missing(tables.console(), codec.read(plan).not_offered)
            return
        rows = islice(found, limit) if limit and records else found
        if output == "csv":
            rendering.write_csv(sys.stdout, rows)
        else:
            rendering.write_json(sys.stdout, rows, records)


def _limit(limit: int | None) -> int | None:
    return TABLE_LIMIT if limit is None else limit or None


def _words(given: tuple[str, ...], known: list[str], option: str) -> tuple[str, ...]:
    """Given words in the API's spelling, whatever their case."""
    spelled = {k.casefold(): k for k in known}
    for word in given:
        if word.casefold() not in spelled:
            raise click.UsageError(f"{option} {word} is none of {', '.join(known)}.")
    return tuple(spelled[w.casefold()] for w in given)
