"""export: the accepted roster as files."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from rostersync.execution.interruption import interruptible
from rostersync.execution.options import debug_option
from rostersync.local.commands import options

if TYPE_CHECKING:
    from rostersync.local.state import State


@click.command(
    epilog="""\b
Example:
  rostersync export --to bundle/
"""
)
@click.option(
    "--to",
    "folder",
    required=True,
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the CSV files go; created if it does not exist.",
)
@click.option("--district", metavar="NAME", help="Which district, where the store holds several.")
@click.option("--strict", is_flag=True, help="Write nothing when importers elsewhere would refuse some of it.")
@click.option(
    "--version",
    type=click.Choice(["1.1", "1.2"]),
    default="1.1",
    show_default=True,
    help="Version of OneRoster that is written.",
)
@options.state_option
@options.output_option("table", "json")
@debug_option
def export(
    folder: Path, district: str | None, strict: bool, version: Literal["1.1", "1.2"], state: "State", output: str
) -> None:
    """Write the accepted roster as a strict OneRoster CSV bundle."""
    from rostersync.deliveries.importable import sentences
    from rostersync.local import store
    from rostersync.render.objects import dump
    from rostersync.render.tables import console, say, table

    with interruptible():
        written = store.export(state, folder, district, version, strict)
    shown = {
        "rows": written.rows,
        "notExpressible": written.not_expressible,
        "notImportable": written.not_importable,
    }
    if output == "json":
        click.echo(dump(shown, output), nl=False)
        return
    out = console()
    last = not (written.not_importable or written.not_expressible)
    table(out, ("File", "Records"), written.rows.items(), ("Records",), f"Written to {folder}", last=last)
    for sentence in sentences(written.not_importable):
        say(out, f"Not importable everywhere: {sentence}", "yellow")
    for what, count in written.not_expressible.items():
        say(out, f"{what}: {count:,} values that OneRoster {version} cannot express were left out.", "yellow")
