"""kubectl roster runs."""

import click

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
@click.argument("name", metavar="[CONNECTION]", required=False)
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="Of all namespaces.")
@options.output_option
@options.cluster_options
def runs(name: str | None, everywhere: bool, output: str) -> None:
    """List connections with their last run and how many are held, then the runs, newest first."""
    from rostersync.api.kinds import Ref
    from rostersync.plugin import lookup
    from rostersync.plugin.status import newest_first
    from rostersync.render import objects, tables
    from rostersync.render.runs import page

    cluster = options.cluster()
    found = newest_first(lookup.runs_of(cluster, name, everywhere))
    if output != "table":
        if not found and not everywhere:
            lookup.must_have_namespace(cluster)
        click.echo(objects.dump(objects.listing(found), output), nl=False)
        return
    known = lookup.connections(cluster, everywhere)
    if name:
        known = [c for c in known if Ref(c["kind"], c["metadata"]["name"]) == Ref.parse(name)]
        if not known and not found:
            raise lookup.no_connection(cluster, name, everywhere)
    if not known and not found and not everywhere:
        lookup.must_have_namespace(cluster)
    page(tables.console(), found, known, options.typed(cluster), everywhere)
