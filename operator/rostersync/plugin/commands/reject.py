"""kubectl roster reject."""

from typing import Any

import click

from rostersync.plugin.decision import decide, decision_options


@click.command(
    epilog="""\b
Examples:
  kubectl roster reject --reason "The SIS export was empty"
  kubectl roster reject springfield-20261124t020709 --reason "Empty export"

Exit codes: 0 rejected; 1 not."""
)
@decision_options
def reject(**chosen: Any) -> None:
    """Reject a held run: nothing of it is applied, and the store stays as it is.

    Without RUN, it is the only run that waits in the namespace; if several do, they are listed and nothing is decided.
    """
    decide("Rejected", **chosen)
