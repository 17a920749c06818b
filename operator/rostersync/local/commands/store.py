"""store: what is done with whole stores."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rostersync.execution.interruption import interruptible
from rostersync.execution.options import debug_option
from rostersync.local.commands import options

if TYPE_CHECKING:
    from rostersync.local.state import State

_PLACE = click.Path(path_type=Path)


@click.group(
    epilog="""\b
Example:
  rostersync store copy --from .rostersync --to manifests/
"""
)
def store() -> None:
    """Move a district from one store to another."""


@store.command(
    epilog="""\b
Examples:
  rostersync store copy --from .rostersync --to manifests/
  rostersync store copy --from manifests/ --to other-state/ --district springfield
"""
)
@click.option("--from", "source", required=True, metavar="PLACE", type=_PLACE, help="The store to read.")
@click.option("--to", "target", required=True, metavar="PLACE", type=_PLACE, help="The store to fill.")
@click.option("--district", metavar="NAME", help="Which district, where the store holds several.")
@options.state_option
@debug_option
def copy(source: Path, target: Path, district: str | None, state: "State") -> None:
    """Copy a district with its records, tombstones, revisions, history and outbox into a store without it.

    PLACE is a state folder, for the embedded store in it, or manifests: a file or folder with a connection and the Secrets of
    its store. No other place in a state folder can be the target. The copy is one transaction, and is compared with what was
    read before that ends. The source stays as it is; change spec.store of the connection afterwards, while no run is under
    way.
    """
    from rostersync.local import copying

    copying.store_or_outside(state, target, "--to")
    with interruptible():
        reading, known = copying.place(state, source, os.environ)
        writing, _ = copying.place(state, target, os.environ)
        state.make_private()
        work = state.layout.store / "scratch"
        name, written = copying.copy(reading, writing, district or known, work)
    how = "Copied" if written else "Nothing to do: the target already has"
    click.echo(f"{how} district {name}: {reading.where} is equal to {writing.where}.")
    click.echo(
        "The first is still there, with its records: once spec.store names the second and a run has succeeded, delete it."
    )
