"""restore: take back what a run changed."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rostersync.execution.interruption import interruptible
from rostersync.execution.options import bytes_of, debug_option, engine_options
from rostersync.local.commands import options
from rostersync.local.commands.output import finish

if TYPE_CHECKING:
    from rostersync.local.state import State


@click.command(
    epilog="""\b
Examples:
  rostersync restore springfield-20261124t020709
  rostersync restore RUN --only-entity Student --school 1001

\b
Exit codes: 3 held, a person must decide; 0 nothing to restore; 1 failed."""
)
@click.argument("name", metavar="RUN")
@click.option(
    "--only-entity", "entities", multiple=True, metavar="ENTITY", help="Only records of this entity; repeatable."
)
@click.option(
    "--school",
    "schools",
    multiple=True,
    metavar="SCHOOL",
    help="Only records of this school (its name, or its id in the store or in the source), and what they refer to; "
    "repeatable.",
)
@click.option("--reason", default="", metavar="TEXT", help="Why; kept with the run.")
@click.option(
    "-f",
    "--filename",
    "paths",
    multiple=True,
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="The connection and its Secrets; default the connection as its newest run had it.",
)
@options.state_option
@options.output_option("table", "json", "yaml")
@options.quiet_option
@engine_options
@debug_option
def restore(
    name: str,
    entities: tuple[str, ...],
    schools: tuple[str, ...],
    reason: str,
    paths: tuple[Path, ...],
    state: "State",
    output: str,
    quiet: bool,
    memory: int | None,
    threads: int | None,
) -> None:
    """Take back what a RUN changed: records get their earlier values, come back, or go again.

    The plan is made from the store's history: the SIS is not asked, and no credentials are needed. It is always held:
    look at it with `show` and `diff`, then approve it. What a later run has changed since is left alone and listed
    (`issues --records`).
    """
    from rostersync.execution.execution import Engine
    from rostersync.execution.progress import shown
    from rostersync.local import restores
    from rostersync.local.attempts import LocalAttempts
    from rostersync.local.manifest_files import ref_of
    from rostersync.local.schools import ids_of
    from rostersync.model import Entity

    wanted = [Entity(word) for word in options.words(entities, [e.value for e in Entity], "--only-entity")]
    given = options.read_manifests(paths) if paths else None
    inputs = restores.inputs_of(state, name, given)
    connection = ref_of(inputs).key
    schools = ids_of(state, connection, schools)
    restores.check_schools(state, inputs, schools)
    engine = Engine(bytes_of(memory), threads)
    with interruptible(), shown(quiet) as progress:
        attempts = LocalAttempts(state, progress, inputs=inputs, env=os.environ, engine=engine)
        done = restores.restore(state, name, wanted, schools, reason, attempts, inputs.connection)
    finish(done, attempts, output)
