"""kubectl roster resume."""

import click

from rostersync.api.kinds import Ref
from rostersync.plugin import options


@click.command(
    epilog="""\b
Examples:
  kubectl roster resume springfield
  kubectl roster resume springfield -n rosters

Exit codes: 0 done, also when it was so before; 1 refused."""
)
@options.connection_argument
@options.output_option
@options.cluster_options
def resume(connection: Ref, output: str) -> None:
    """Let a suspended district import again, by its schedule and on request.

    A start that was missed meanwhile is not made up for; `kubectl roster run CONNECTION` imports now.
    """
    from rostersync.plugin import suspending

    suspending.put(connection, False, output)
