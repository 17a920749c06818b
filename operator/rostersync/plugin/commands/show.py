"""kubectl roster show."""

import click

from rostersync.api.kinds import Ref
from rostersync.plugin import options


@click.command(
    epilog="""\b
Examples:
  kubectl roster show
  kubectl roster show --connection springfield
  kubectl roster show springfield-20261124t020709 -o json

\b
Single records stay in the run's artifacts, out of the cluster's reach."""
)
@click.argument("name", metavar="[RUN]", required=False, callback=options.run_name)
@options.connection_option
@options.output_option
@options.cluster_options
def show(name: str | None, connection: Ref | None, output: str) -> None:
    """Show a run (by default the newest): counts, why it is held, causes, schools, and what to do next."""
    from rostersync.plugin import lookup
    from rostersync.render import objects, tables
    from rostersync.render.run import page

    cluster = options.cluster()
    found = lookup.run(cluster, name) if name else lookup.newest_run(cluster, connection)
    if output == "table":
        page(tables.console(), found, typed=options.typed(cluster), with_issues=True)
    else:
        click.echo(objects.dump(found, output), nl=False)
