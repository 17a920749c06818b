"""kubectl roster deliveries."""

from functools import partial

import click

from rostersync.api.kinds import Ref
from rostersync.plugin import options


@click.command(
    epilog="""\b
Examples:
  kubectl roster deliveries
  kubectl roster deliveries springfield -o json
"""
)
@partial(options.connection_argument, required=False)
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="Of all namespaces.")
@options.output_option
@options.cluster_options
def deliveries(connection: Ref | None, everywhere: bool, output: str) -> None:
    """List each connection's deliveries: the newest that arrived, where, when, its size and checksum, or why it fails."""
    from rostersync.plugin import lookup
    from rostersync.render import objects, tables
    from rostersync.render.deliveries import of_connections

    cluster = options.cluster()
    known = lookup.connections(cluster, everywhere)
    if connection:
        known = [c for c in known if Ref.to(c) == connection]
        if not known:
            raise lookup.no_connection(cluster, connection, everywhere)
    if not known and not everywhere:
        lookup.must_have_namespace(cluster)
    found = [
        (Ref.to(c).key, c["metadata"]["namespace"], (c.get("status") or {}).get("deliveries") or []) for c in known
    ]
    if output == "table":
        of_connections(tables.console(), found, everywhere)
        return
    said = [{"connection": name, "namespace": where, **d} for name, where, each in found for d in each]
    click.echo(objects.dump(said, output), nl=False)
