"""show: one run, and what to do next."""

from typing import TYPE_CHECKING

import click

from rostersync.execution.options import debug_option
from rostersync.local.commands import options

if TYPE_CHECKING:
    from rostersync.local.state import State


@click.command(
    epilog="""\b
Examples:
  rostersync show
  rostersync show springfield-20261124t020709 --output json
"""
)
@click.argument("name", metavar="[RUN]", required=False)
@options.state_option
@options.output_option("table", "json", "yaml")
@debug_option
def show(name: str | None, state: "State", output: str) -> None:
    """Show a run (by default the newest): counts, why it is held, schools, causes, and what to do next."""
    from rostersync.api.kinds import key_of
    from rostersync.local.plans import details_of
    from rostersync.local.settling import settled
    from rostersync.render import objects, tables
    from rostersync.render.run import page

    connection = key_of(state.latest(name))
    settled(state, connection)
    run = state.latest(name)
    if output != "table":
        click.echo(objects.dump(run, output), nl=False)
        return
    page(tables.console(), run, details_of(state, run["metadata"]["name"]))
