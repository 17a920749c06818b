"""runs: which runs there are."""

from typing import TYPE_CHECKING

import click

from rostersync.execution.options import debug_option
from rostersync.local.commands import options

if TYPE_CHECKING:
    from rostersync.local.state import State


@click.command(
    epilog="""\b
Examples:
  rostersync runs
  rostersync runs --connection springfield -o json
"""
)
@click.option("--connection", metavar="NAME", help="Only runs of this connection, NAME or KIND/NAME.")
@options.state_option
@options.output_option("table", "json", "yaml")
@debug_option
def runs(connection: str | None, state: "State", output: str) -> None:
    """List connections and their runs, newest first."""
    from rostersync.api.kinds import Ref, key_of
    from rostersync.errors import Permanent
    from rostersync.local.settling import settled
    from rostersync.render import objects, tables
    from rostersync.render.runs import page

    key = Ref.parse(connection).key if connection else None
    settled(state, key)
    found = state.runs(key)
    if connection is not None and not found:
        there = sorted({key_of(r) for r in state.runs()})
        has = f"There are runs of: {', '.join(there)}." if there else "There are no runs at all."
        raise Permanent(f"There is no run of a connection {connection}. {has}", reason="UnknownConnection")
    if output == "table":
        page(tables.console(), found)
    else:
        click.echo(objects.dump(objects.listing(found), output), nl=False)
