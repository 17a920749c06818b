"""issues: what is wrong with the source's data."""

import sys
from typing import TYPE_CHECKING

import click

from rostersync.execution.options import debug_option
from rostersync.local.commands import options

if TYPE_CHECKING:
    from rostersync.local.state import State


@click.command(
    epilog="""\b
Examples:
  rostersync issues springfield-20261124t020709
  rostersync issues RUN --records --output csv > issues.csv
"""
)
@click.argument("name", metavar="[RUN]", required=False)
@click.option("--records", is_flag=True, help="Show each record instead of groups.")
@options.limit_option
@options.state_option
@options.output_option("table", "csv", "json")
@debug_option
def issues(name: str | None, records: bool, limit: int | None, state: "State", output: str) -> None:
    """Show what is wrong with the source's data: missing, malformed, duplicate, dangling."""
    from itertools import islice

    from rostersync.local.plans import opened_plan
    from rostersync.plan import codec
    from rostersync.render import issues as rendering
    from rostersync.render import not_offered, tables

    with opened_plan(state, name) as plan:
        found = rendering.read(plan)
        if output == "table":
            rendering.page(
                tables.console(), found, records, options.table_limit(limit), state.latest(name)["metadata"]["name"]
            )
            not_offered.page(tables.console(), codec.read(plan).not_offered)
            return
        rows = islice(found, limit) if limit and records else found
        if output == "csv":
            rendering.write_csv(sys.stdout, rows)
        else:
            rendering.write_json(sys.stdout, rows, records)
