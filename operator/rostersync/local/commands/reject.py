"""reject: refuse a held run."""

from typing import TYPE_CHECKING

import click

from rostersync.execution.options import debug_option
from rostersync.local.commands import options
from rostersync.local.commands.output import show_run

if TYPE_CHECKING:
    from rostersync.local.state import State


@click.command(
    epilog="""\b
Example:
  rostersync reject springfield-20261124t020709 --reason "Empty export"
"""
)
@click.argument("name", metavar="[RUN]", required=False)
@options.decision_options
@options.state_option
@options.output_option("table", "json", "yaml")
@debug_option
def reject(name: str | None, reason: str, by: str | None, digest: str | None, state: "State", output: str) -> None:
    """Reject a held run: nothing of it is applied, and the store stays as it is.

    Without RUN, the only run that waits is meant. If several wait, they are listed and nothing is decided.
    """
    from rostersync.local.decision import decide

    run, _ = decide(state, name, "Rejected", by, reason, digest)
    show_run(state, run, output)
