"""forget: remove a person."""

import os
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
Examples:
  rostersync forget FOC-2000123
  rostersync forget FOC-2000123 -f springfield.yaml -f secrets/
"""
)
@click.argument("record", metavar="ID")
@click.option("--district", metavar="NAME", help="Which district, where the store holds several.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@options.bucket_option
@options.state_option
@debug_option
def forget(record: str, district: str | None, yes: bool, paths: tuple[Path, ...], state: "State") -> None:
    """Remove a person from store, history and artifacts. ID is the person's id in the store, prefix included.

    Runs whose details name the person lose their details (diff, issues), and are cancelled if they wait for a
    decision. If the source still sends the person, the next run brings them back. What was delivered cannot be called
    back, and is listed first.
    """
    from rostersync.errors import Permanent
    from rostersync.local import backups, store
    from rostersync.local.forgetting import forget_artifacts, forget_in_bucket, idle
    from rostersync.render.deliveries import summaries

    manifests = options.read_manifests(paths) if paths else None
    ids = store.ids_of(state, district, record)
    sent = store.sent_with(state, district, ids)
    for line in summaries(sent):
        click.echo(f"Was delivered, and cannot be called back: {line}.")
    if not yes:
        click.confirm(_question(store.person(state, district, ids), record), abort=True)
    with interruptible(), idle(state):
        copies = backups.left(state)
        # Only the store knows all ids of the person. So it comes last: whoever begins again after a kill still finds them.
        ids = store.ids_of(state, district, record)
        runs, cancelled = forget_artifacts(state, ids, os.environ)
        there = forget_in_bucket(state, manifests, ids, os.environ) if manifests else []
        found = store.forget(state, district, record)
    if not (runs or found.removed or there):
        raise Permanent(
            f"Nobody has the id {record}, neither in the store nor in what runs keep. If a `forget` of it was interrupted before, "
            "it is done now; else nothing was removed. The id is that of the store, with its prefix, as `rostersync diff` shows it.",
            reason="UnknownPerson",
        )
    click.echo(
        f"Removed: {_some(found.rows, 'record')}, {_some(found.enrollments, 'enrolment')}, "
        f"{_some(found.history, 'value')} of history, {_some(found.references, 'reference')}, and the details of "
        f"{_some(len(runs) + len(there), 'run')}."
    )
    if there:
        click.echo(
            f"Removed from the bucket: {', '.join(f'run {name}' for name in there)}. Those that wait can no longer be applied: "
            "reject them, and start others. If the bucket keeps versions of removed objects, remove these, too."
        )
    if cancelled:
        click.echo(f"Cancelled, since their details are gone: {', '.join(f'run {name}' for name in cancelled)}.")
    if found.still_active:
        click.echo("The person was active: the next run brings them back unless the source drops them first.")
    if sent:
        click.echo(
            "Receivers get the whole roster without the person with the next run, or with `rostersync deliver -f …` at once."
        )
    for copy, at in copies.items():
        click.echo(f"Not reached: the backup {copy} ({at}) may still hold the person. Make a new one and delete it.")
    if old := store.left_behind(state):
        click.echo(f"Not reached: {old}, the store before the roster was moved, may still hold the person. Delete it.")
    for sentence in found.remains:
        click.echo(sentence)
    click.echo("Exports, and copies made by other means, are not reached either.")


def _some(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _question(person: str | None, record: str) -> str:
    """The question names the person. Only the user sees it, since a question is never logged."""
    if person is None:
        return f"The roster has nobody with the id {record}. Remove what sources and runs may still keep of it?"
    return f"Remove {person} ({record}) for good?"
