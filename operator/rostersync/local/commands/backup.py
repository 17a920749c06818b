"""backup: copy the store."""

from pathlib import Path
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
  rostersync backup --to roster-2026-11-28.duckdb
"""
)
@click.option(
    "--to",
    "file",
    required=True,
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The copy to write; an earlier copy there is replaced as a whole, no other file is.",
)
@options.state_option
@debug_option
def backup(file: Path, state: "State") -> None:
    """Copy the store to a file, as it is at one moment. To restore, put that file in the store's place."""
    from rostersync.errors import Permanent
    from rostersync.local import backups, store, targets
    from rostersync.local.drive import now_utc

    if not file.resolve().parent.is_dir():
        raise Permanent(
            f"The folder {file.parent} does not exist; nothing was written. Make it first, or check --to.",
            reason="NoFolder",
        )
    with interruptible():
        copied = store.file_of(state)
        copied.check_target(targets.outside(state, file, "--to"))
        backups.note(state, file, now_utc())
        copied.backup(file.resolve())
    click.echo(f"Wrote {file}.")
