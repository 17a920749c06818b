"""export, forget, backup, compact: what is done with the store besides importing into it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rostersync.execution import options
from rostersync.execution.interruption import interruptible
from rostersync.local.commands import common

if TYPE_CHECKING:
    from rostersync.local.state import State


@click.command(
    epilog="""\b
Example:
  rostersync export --to bundle/
"""
)
@click.option("--to", "folder", required=True, metavar="DIR", type=click.Path(file_okay=False, path_type=Path),
              help="Where the CSV files go; made when it is not there.")  # fmt: skip
@click.option("--district", metavar="NAME", help="Which district, where the store holds several.")
@click.option("--strict", is_flag=True, help="Write nothing when importers elsewhere would refuse some of it.")
@common.state_option
@common.output_option("table", "json")
@options.debug_option
def export(folder: Path, district: str | None, strict: bool, state: "State", output: str) -> None:
    """Write the accepted roster as a strict OneRoster 1.1 CSV bundle."""
    from rostersync.deliveries.importable import sentences
    from rostersync.local import store
    from rostersync.render.objects import dump
    from rostersync.render.tables import console, say, table

    with interruptible():
        written = store.export(state, folder, district, strict)
    shown = {
        "rows": written.rows, "notExpressible": written.not_expressible, "notImportable": written.not_importable,
    }  # fmt: skip
    if output == "json":
        click.echo(dump(shown, output), nl=False)
        return
    out = console()
    table(out, ("File", "Records"), written.rows.items(), ("Records",), f"Written to {folder}")
    for sentence in sentences(written.not_importable):
        say(out, f"Not importable everywhere: {sentence}", "yellow")
    for what, count in written.not_expressible.items():
        say(out, f"{what}: {count:,} values that OneRoster 1.1 cannot say were left out.", "yellow")


@click.command(
    epilog="""\b
Example:
  rostersync forget FOC-2000123
"""
)
@click.argument("record", metavar="ID")
@click.option("--district", metavar="NAME", help="Which district, where the store holds several.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@common.state_option
@options.debug_option
def forget(record: str, district: str | None, yes: bool, state: "State") -> None:
    """Remove a person from store, history and artifacts. ID is the person's id in the store, prefix included.

    Runs whose details name the person lose their details (diff, issues), and are cancelled when they wait for a
    decision. The next run brings a person back whom the source still sends.
    """
    from rostersync.errors import Permanent
    from rostersync.local import backups, store
    from rostersync.local.forgetting import forget_artifacts

    if not yes:
        click.confirm(_question(store.person(state, district, record), record), abort=True)
    with interruptible():
        copies = backups.left(state)
        found = store.forget(state, district, record)
        runs = forget_artifacts(state, record, os.environ)
    if not (runs or found.rows or found.enrollments or found.history or found.references):
        raise Permanent(
            f"Nobody has the id {record}, neither in the store nor in what runs keep; nothing was removed. The id is that of "
            "the store, with its prefix, as `rostersync diff` shows it.",
            reason="UnknownPerson",
        )
    click.echo(
        f"Removed: {_some(found.rows, 'record')}, {_some(found.enrollments, 'enrolment')}, "
        f"{_some(found.history, 'value')} of history, {_some(found.references, 'reference')}, and the details of "
        f"{_some(len(runs), 'run')}."
    )
    if found.still_active:
        click.echo("The person was active: the next run brings them back unless the source drops them first.")
    for copy, at in copies.items():
        click.echo(f"Not reached: the backup {copy} ({at}) may still hold the person. Make a new one and delete it.")
    click.echo("Exports, and copies made by other means, are not reached either.")


def _some(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _question(person: str | None, record: str) -> str:
    """Names the person, for the eyes of whoever is asked and nobody else: a question is never part of a log."""
    if person is None:
        return f"The store has nobody with the id {record}. Remove what runs may still keep of it?"
    return f"Remove {person} ({record}) for good?"


@click.command()
@click.option("--to", "file", required=True, metavar="FILE", type=click.Path(dir_okay=False, path_type=Path),
              help="The copy to write; one that is there is replaced as a whole.")  # fmt: skip
@common.state_option
@options.debug_option
def backup(file: Path, state: "State") -> None:
    """Copy the store to a file, as it is at one moment. To restore, put that file in the store's place."""
    from rostersync.local import backups, store
    from rostersync.local.drive import now_utc

    with interruptible():
        copied = store.file_of(state)
        backups.note(state, file, now_utc())
        copied.backup(file.resolve())
    click.echo(f"Wrote {file}.")


@click.command()
@common.state_option
@options.debug_option
def compact(state: "State") -> None:
    """Rewrite the store without the space of what is gone."""
    from rostersync.local import store

    with interruptible():
        before, after = store.file_of(state).compact()
    click.echo(f"The store had {before:,} bytes and has {after:,}.")
