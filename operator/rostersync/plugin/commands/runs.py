"""kubectl roster runs."""

from functools import partial

import click

from rostersync.api.kinds import Ref
from rostersync.plugin import options


@click.command(
    epilog="""\b
Examples:
  kubectl roster runs
  kubectl roster runs springfield -n rosters
  kubectl roster runs -A
  kubectl roster runs -o json | jq -r '.items[].status.outcome'
"""
)
@partial(options.connection_argument, required=False)
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="Of all namespaces.")
@options.output_option
@options.cluster_options
def runs(connection: Ref | None, everywhere: bool, output: str) -> None:
    """List connections with their last run and how many are held, then the runs, newest first."""
    from rostersync.plugin import lookup
    from rostersync.plugin.status import newest_first
    from rostersync.render import objects, tables
    from rostersync.render.runs import page

    cluster = options.cluster()
    found = newest_first(lookup.runs_of(cluster, connection, everywhere))
    if output != "table":
        if not found and not everywhere:
            lookup.must_have_namespace(cluster)
        click.echo(objects.dump(objects.listing(found), output), nl=False)
        return
    known = lookup.connections(cluster, everywhere)
    if connection:
        known = [c for c in known if Ref.to(c) == connection]
        if not known and not found:
            raise lookup.no_connection(cluster, connection, everywhere)
    if not known and not found and not everywhere:
        lookup.must_have_namespace(cluster)
    page(tables.console(), found, known, options.typed(cluster), everywhere)
