"""kubectl roster show."""

from typing import TYPE_CHECKING

import click

from rostersync.api.kinds import Ref
from rostersync.plugin import options

if TYPE_CHECKING:
    from rostersync.plugin.cluster import Cluster, Object


@click.command(
    epilog="""\b
Examples:
  kubectl roster show
  kubectl roster show --connection springfield
  kubectl roster show springfield-20261124t020709 -o json
  kubectl roster show springfield

\b
Single records stay in the run's artifacts, out of the cluster's reach."""
)
@click.argument("name", metavar="[RUN or CONNECTION]", required=False, callback=options.run_or_connection)
@options.connection_option
@options.output_option
@options.cluster_options
def show(name: str | Ref | None, connection: Ref | None, output: str) -> None:
    """Show a run (by default the newest): counts, why it is held, causes, schools, and what to do next.

    Or a connection, NAME or KIND/NAME: the other sources of its district, whether their settings agree, and whose
    value counts. A name that a run has, too, is the run's.
    """
    from rostersync.plugin import lookup
    from rostersync.render import objects, tables
    from rostersync.render.run import page

    cluster = options.cluster()
    found = lookup.run_or_connection(cluster, name) if name else lookup.newest_run(cluster, connection)
    if output != "table":
        click.echo(objects.dump(found, output), nl=False)
    elif found["kind"] == "SyncRun":
        page(tables.console(), found, typed=options.typed(cluster), with_issues=True)
    else:
        _connection(cluster, found)


def _connection(cluster: "Cluster", found: "Object") -> None:
    from rostersync.plugin import lookup
    from rostersync.plugin.status import newest_first
    from rostersync.render import tables
    from rostersync.render.connection import Shown, page

    runs = newest_first(lookup.runs_of(cluster, None))
    page(tables.console(), Shown(found, runs, lookup.connections(cluster)))
