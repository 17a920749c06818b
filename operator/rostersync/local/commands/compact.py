"""compact: rewrite the store without its free space."""

from typing import TYPE_CHECKING

import click

from rostersync.execution.interruption import interruptible
from rostersync.execution.options import debug_option
from rostersync.local.commands import options

if TYPE_CHECKING:
    from rostersync.local.state import State


@click.command(
    epilog="""\b
Example:
  rostersync compact --state .rostersync
"""
)
@options.state_option
@debug_option
def compact(state: "State") -> None:
    """Rewrite the store without its free space."""
    from rostersync.local import store

    with interruptible():
        before, after = store.file_of(state).compact()
    click.echo(f"The store had {before:,} bytes and has {after:,}.")
