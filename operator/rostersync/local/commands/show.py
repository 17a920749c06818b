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
  rostersync show springfield
"""
)
@click.argument("name", metavar="[RUN or CONNECTION]", required=False)
@options.state_option
@options.output_option("table", "json", "yaml")
@debug_option
def show(name: str | None, state: "State", output: str) -> None:
    """Show a run (by default the newest): counts, why it is held, schools, causes, and what to do next.

    Or a connection, NAME or KIND/NAME, as its newest run had it: the other sources of its district, whether their
    settings agree, and whose value counts. A name that a run has, too, is the run's.
    """
    from rostersync.api.kinds import key_of
    from rostersync.local import sources
    from rostersync.local.plans import details_of
    from rostersync.local.settling import settled
    from rostersync.render import connection, objects, run, tables

    if name is not None and (of := sources.named(state, name)):
        settled(state, of.key)
        shown = sources.shown(state, of)
        if output == "table":
            connection.page(tables.console(), shown)
        else:
            click.echo(objects.dump(dict(shown.connection), output), nl=False)
        return
    settled(state, key_of(state.latest(name)))
    found = state.latest(name)
    if output == "table":
        run.page(tables.console(), found, details_of(state, found["metadata"]["name"]))
    else:
        click.echo(objects.dump(found, output), nl=False)
