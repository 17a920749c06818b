"""kubectl roster suspend."""

import click

from rostersync.api.kinds import Ref
from rostersync.plugin import options


@click.command(
    epilog="""\b
Examples:
  kubectl roster suspend springfield
  kubectl roster suspend springfield -n rosters

Exit codes: 0 done, also when it was so before; 1 refused."""
)
@options.connection_argument
@options.output_option
@options.cluster_options
def suspend(connection: Ref, output: str) -> None:
    """Stop everything new of a district: no scheduled or requested run starts until `kubectl roster resume`.

    What runs at the moment goes on; `kubectl roster cancel RUN` ends it. A held run can still be decided.
    """
    from rostersync.plugin import suspending

    suspending.put(connection, True, output)
