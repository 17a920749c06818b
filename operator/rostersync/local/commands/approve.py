"""approve: decide to apply a held run."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rostersync.execution.interruption import interruptible
from rostersync.execution.options import debug_option
from rostersync.local.commands import options
from rostersync.local.commands.output import finish, show_run

if TYPE_CHECKING:
    from rostersync.local.state import State


@click.command(
    epilog="""\b
Examples:
  rostersync approve springfield-20261124t020709 --reason "End of term"
  rostersync approve --reason "End of term: these students have left"
"""
)
@click.argument("name", metavar="[RUN]", required=False)
@options.decision_options
@click.option("--no-apply", is_flag=True, help="Only decide; `rostersync apply RUN`, or an equal next run, applies it.")
@options.volume_option
@options.state_option
@options.output_option("table", "json", "yaml")
@options.quiet_option
@debug_option
def approve(
    name: str | None,
    reason: str,
    by: str | None,
    digest: str | None,
    no_apply: bool,
    volumes: dict[str, Path],
    state: "State",
    output: str,
    quiet: bool,
) -> None:
    """Approve a held run: exactly the changes that were shown, and only those.

    Without RUN, the only run that waits is meant. If several wait, they are listed and nothing is decided.
    The approval is for the plan's digest, so a changed plan needs a new one. The plan is applied at once.
    """
    from rostersync.execution.progress import shown
    from rostersync.local.attempts import LocalAttempts
    from rostersync.local.decision import decide
    from rostersync.local.imports import apply_run
    from rostersync.local.notes import note

    run, connection = decide(state, name, "Approved", by, reason, digest)
    if connection.require_distinct_approver:
        note(
            "requireDistinctApprover is on, but without a cluster nobody can prove who decides: "
            "the store's revision records that four eyes were not enforced."
        )
    if no_apply:
        show_run(state, run, output)
        return
    state.mount(volumes)
    with interruptible(), shown(quiet) as progress:
        attempts = LocalAttempts(state, progress, env=os.environ)
        run = apply_run(state, run, attempts)
    finish(run, attempts, output)
