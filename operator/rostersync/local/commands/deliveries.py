"""deliveries: what is still to be delivered, and what was sent."""

from typing import TYPE_CHECKING

import click

from rostersync.execution.options import debug_option
from rostersync.local.commands import options

if TYPE_CHECKING:
    from rostersync.local.state import State


@click.command(
    epilog="""\b
Examples:
  rostersync deliveries
  rostersync deliveries --limit 0 -o json
"""
)
@click.option("--connection", metavar="NAME", help="Only deliveries of this connection, NAME or KIND/NAME.")
@click.option("--district", metavar="NAME", help="Which district, where the store holds several.")
@click.option(
    "--limit", type=click.IntRange(min=0), default=10, show_default=True, help="How many of each delivery; 0: all."
)
@options.state_option
@options.output_option("table", "json", "yaml")
@debug_option
def deliveries(connection: str | None, district: str | None, limit: int, state: "State", output: str) -> None:
    """Show for each delivery what is pending, and what was sent: which revision, when, where to, size and checksum."""
    from rostersync.local.delivering import outgoing
    from rostersync.render import objects, tables
    from rostersync.render.deliveries import page

    found = outgoing(state, district, connection, limit or None)
    if output == "table":
        page(tables.console(), found)
    else:
        click.echo(objects.dump([each.as_dict() for each in found], output), nl=False)
