"""apply: apply a planned run."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rostersync.execution.interruption import interruptible
from rostersync.execution.options import bytes_of, debug_option, engine_options
from rostersync.local.commands import options
from rostersync.local.commands.output import finish_attempt

if TYPE_CHECKING:
    from rostersync.local.state import State


@click.command(
    epilog="""\b
Examples:
  rostersync apply springfield-20261124t020709
  rostersync apply --plan sha256:3f1c… --approved-by dana --reason "term end"

Exit codes: 0 applied; 3 nobody has approved it yet; 42 fails until something is changed; 1 may go through later."""
)
@click.argument("name", metavar="[RUN]", required=False)
@click.option(
    "--plan", "digest", metavar="DIGEST", help="The plan by its digest, without asking for an approval object."
)
@click.option("--approved-by", metavar="NAME", help="With --plan: who approved a plan with holds.")
@click.option("--approval-uid", metavar="UID", help="With --plan: the SyncApproval with that decision.")
@click.option("--reason", default="", metavar="TEXT", help="With --plan: why it was approved.")
@options.report_option
@options.volume_option
@options.state_option
@options.output_option("json", "table", "yaml")
@options.quiet_option
@engine_options
@debug_option
def apply(
    name: str | None,
    digest: str | None,
    approved_by: str | None,
    approval_uid: str | None,
    reason: str,
    report: Path | None,
    volumes: dict[str, Path],
    state: "State",
    output: str,
    quiet: bool,
    memory: int | None,
    threads: int | None,
) -> None:
    """Apply a planned run: write its plan to the store, in one transaction, exactly as it was shown.

    A plan with holds is applied only with an approval. Applying a plan again does nothing.
    """
    from rostersync.execution.execution import Engine
    from rostersync.execution.progress import shown
    from rostersync.local.attempts import LocalAttempts
    from rostersync.local.imports import apply_plan, apply_run

    if (name is None) == (digest is None):
        raise click.UsageError("Give either a RUN or --plan DIGEST.")
    engine = Engine(bytes_of(memory), threads)
    state.mount(volumes)
    with interruptible(), shown(quiet) as progress:
        attempts = LocalAttempts(state, progress, env=os.environ, report=report, engine=engine)
        if digest is not None:
            apply_plan(state, attempts, digest, approved_by, approval_uid, reason)
            done = None
        else:
            done = apply_run(state, state.run(str(name)), attempts)
            if attempts.written is None:
                attempts.say_standing(done)
    finish_attempt(done, attempts, output, planned=False)
