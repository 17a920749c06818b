"""plan: plan a run without applying it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rostersync.execution.interruption import interruptible
from rostersync.execution.options import bytes_of, debug_option, engine_options, named_schools_option
from rostersync.local.commands import options
from rostersync.local.commands.output import finish_attempt

if TYPE_CHECKING:
    from rostersync.local.state import State


@click.command(
    epilog="""\b
Examples:
  rostersync plan -f connection.yaml -f secret.yaml --report plan.json
  rostersync apply RUN --report apply.json

Exit codes: 0 planned, also when held; 42 fails until something is changed; 1 may go through later."""
)
@options.manifests_option
@click.option("--run", "name", metavar="NAME", help="The run's name; default from the manifests, or generated.")
@named_schools_option
@options.report_option
@options.state_option
@options.output_option("json", "table", "yaml")
@options.quiet_option
@engine_options
@debug_option
def plan(
    paths: tuple[Path, ...],
    name: str | None,
    schools: tuple[str, ...],
    report: Path | None,
    state: "State",
    output: str,
    quiet: bool,
    memory: int | None,
    threads: int | None,
) -> None:
    """Plan a run: read the source and freeze a plan. Nothing is applied.

    Prints the plan's report as JSON, or the run (table, yaml).
    """
    from rostersync.execution.execution import Engine
    from rostersync.execution.progress import shown
    from rostersync.local.attempts import LocalAttempts
    from rostersync.local.imports import checked, import_district
    from rostersync.local.manifest_files import ref_of
    from rostersync.local.notes import note
    from rostersync.local.schools import by_name, ids_of

    manifests = checked(options.read_manifests(paths), os.environ)
    connection = ref_of(manifests).key
    schools = ids_of(state, connection, schools)
    engine = Engine(bytes_of(memory), threads)
    with interruptible(), shown(quiet) as progress:
        attempts = LocalAttempts(state, progress, inputs=manifests, env=os.environ, report=report, engine=engine)
        done = import_district(state, manifests, attempts, schools=schools, may_apply=False, name=name)
    if said := by_name(attempts.error, state, connection, schools):
        note(said)
    finish_attempt(done, attempts, output, planned=True)
