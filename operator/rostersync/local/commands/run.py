"""run: import a district."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rostersync.execution.interruption import interruptible
from rostersync.execution.options import bytes_of, debug_option, engine_options, named_schools_option
from rostersync.local.commands import options
from rostersync.local.commands.output import finish

if TYPE_CHECKING:
    from rostersync.local.state import State


@click.command(
    epilog="""\b
Examples:
  rostersync run -f connection.yaml -f secret.yaml
  rostersync run -f manifests/ --dry-run
  rostersync run -f manifests/ --school 1001 --school 1002
  rostersync run -f connection.yaml --output json | jq .status.totals

Exit codes: 0 applied, or nothing to do; 3 held, a person must decide; 1 failed."""
)
@options.manifests_option
@click.option("--dry-run", is_flag=True, help="Plan only, and say what would be held; nothing is changed.")
@options.volume_option
@named_schools_option
@options.state_option
@options.output_option("table", "json", "yaml")
@options.quiet_option
@engine_options
@debug_option
def run(
    paths: tuple[Path, ...],
    dry_run: bool,
    volumes: dict[str, Path],
    schools: tuple[str, ...],
    state: "State",
    output: str,
    quiet: bool,
    memory: int | None,
    threads: int | None,
) -> None:
    """Import a district: read the source, compare it with the store, and apply, or stop for a decision.

    Reads the same manifests as Kubernetes: a connection, optionally a SyncRun, and a Secret for the credentials. The
    environment can have the keys of the Secret instead, clientID as ROSTERSYNC_CLIENT_ID and so on. A plan that changes
    too much is held until someone approves it: the store stays as it is.
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
    state.mount(volumes)
    with interruptible(), shown(quiet) as progress:
        attempts = LocalAttempts(state, progress, inputs=manifests, env=os.environ, engine=engine)
        done = import_district(state, manifests, attempts, "DryRun" if dry_run else None, schools=schools)
    if said := by_name(attempts.error, state, connection, schools):
        note(said)
    finish(done, attempts, output)
