"""kubectl roster approve."""

from typing import Any

import click

from rostersync.plugin.decision import decide, decision_options


@click.command(
    epilog="""\b
Examples:
  kubectl roster approve springfield-20261124t020709 --reason "End of term"
  kubectl roster approve --reason "End of term"
  kubectl roster approve RUN --reason "…" --yes --digest sha256:3f1c…
  kubectl auth can-i approve focusconnections.rostersync.dev/springfield

Exit codes: 0 applied; 3 held again; 1 not approved, or failed."""
)
@decision_options
def approve(**chosen: Any) -> None:
    """Approve a held run: exactly the changes that are shown, and only those.

    Without RUN, it is the only run that waits in the namespace; if several do, they are listed and nothing is decided.
    You need the verb `approve` on the run's connection. If the connection requires four eyes, you must not be one of
    those who requested the run. If the plan changes, it needs a new decision. Ctrl-C stops watching; the decision
    stands.
    """
    decide("Approved", **chosen)
