"""runs, show: what there is and what it means."""

from typing import TYPE_CHECKING

import click

from rostersync.api import kinds
from rostersync.api.kinds import Ref
from rostersync.plugin import options

if TYPE_CHECKING:
    from rostersync.plugin.cluster import Cluster, Object

NAMED = 10  # names in the sentence that says what there is instead


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
    from rostersync.plugin import standing
    from rostersync.render import objects, tables
    from rostersync.render.runs import page

    cluster = options.cluster()
    found = standing.newest_first(_runs_of(cluster, name, everywhere))
    if output != "table":
        if not found and not everywhere:
            namespace(cluster)
        click.echo(objects.dump(objects.listing(found), output), nl=False)
        return
    known = connections(cluster, everywhere)
    if name:
        known = [c for c in known if Ref(c["kind"], c["metadata"]["name"]) == Ref.parse(name)]
        if not known and not found:
            raise _no_connection(cluster, name, everywhere)
    if not known and not found and not everywhere:
        namespace(cluster)
    page(tables.console(), found, known, options.typed(cluster), everywhere)


@click.command(
    epilog="""\b
Examples:
  kubectl roster show
  kubectl roster show --connection springfield
  kubectl roster show springfield-20261124t020709 -o json

\b
Single records stay in the run's artifacts, out of the cluster's reach."""
)
@click.argument("name", metavar="[RUN]", required=False)
@click.option("--connection", "of", metavar="NAME", help="Without RUN: the newest run of this connection.")
@options.output_option
@options.cluster_options
def show(name: str | None, of: str | None, output: str) -> None:
    """Show a run (by default the newest): counts, why it is held, causes, schools, and what to do next."""
    from rostersync.render import objects, tables
    from rostersync.render.run import page

    cluster = options.cluster()
    found = run(cluster, name) if name else newest(cluster, of)
    if output == "table":
        page(tables.console(), found, typed=options.typed(cluster), with_issues=True)
    else:
        click.echo(objects.dump(found, output), nl=False)


def run(cluster: "Cluster", name: str) -> "Object":
    """A SyncRun by its name. Raises Permanent that names those there are."""
    from rostersync.errors import Permanent

    try:
        return cluster.get("SyncRun", name)
    except Permanent as error:
        if error.reason != "NotFound":
            raise
        from rostersync.plugin import standing

        namespace(cluster)
        there = [r["metadata"]["name"] for r in standing.newest_first(cluster.list("SyncRun"))]
        raise Permanent(f"{error} {_instead(there, 'runs')}", reason="NotFound") from None


def newest(cluster: "Cluster", of: str | None) -> "Object":
    """The newest run, of a connection where one is named. Raises Permanent when there is none."""
    from rostersync.errors import Permanent
    from rostersync.plugin import standing

    if of:
        connection(cluster, of)
    found = standing.newest_first(_runs_of(cluster, of))
    if not found:
        namespace(cluster)
        start = standing.typed(options.options_for(cluster)).start.replace("CONNECTION", of or "CONNECTION")
        raise Permanent(
            f"There are no runs{f' of {of}' if of else ''} in namespace {cluster.namespace}. Start one: `{start}`.",
            reason="NotFound",
        )
    return found[0]


def namespace(cluster: "Cluster") -> None:
    """Raises Permanent when the namespace is not there: the API server lists what is in it as empty."""
    from rostersync.errors import Permanent

    if not cluster.has_namespace():
        raise Permanent(
            f"There is no namespace {cluster.namespace}. Another one is named with -n; `kubectl roster runs -A` shows all.",
            reason="NamespaceNotFound",
        )


def connections(cluster: "Cluster", everywhere: bool = False) -> "list[Object]":
    """The connections of every kind."""
    return [found for kind in kinds.connections() for found in cluster.list(kind.name, everywhere)]


def connection(cluster: "Cluster", name: str) -> "Object":
    """A connection by its name, or KIND/NAME. Raises Permanent that names those there are."""
    from rostersync.errors import Permanent

    ref = Ref.parse(name)
    try:
        return cluster.get(ref.kind, ref.name)
    except Permanent as error:
        if error.reason != "NotFound":
            raise
        raise _no_connection(cluster, name) from None


def _runs_of(cluster: "Cluster", connection: str | None, everywhere: bool = False) -> "list[Object]":
    """The runs of a connection, by its name or KIND/NAME; all of them without one."""
    if not connection:
        return cluster.list("SyncRun", everywhere)
    ref = Ref.parse(connection)
    found = cluster.list("SyncRun", everywhere, f"spec.connectionRef.name={ref.name}")
    return [run for run in found if Ref.of(run["spec"]["connectionRef"]) == ref]


def _no_connection(cluster: "Cluster", name: str, everywhere: bool = False) -> Exception:
    from rostersync.errors import Permanent

    there = [c["metadata"]["name"] for c in connections(cluster, everywhere)]
    if not there and not everywhere:
        namespace(cluster)
    where = "in any namespace" if everywhere else f"in namespace {cluster.namespace}"
    return Permanent(
        f"There is no {Ref.parse(name)} {where}. {_instead(sorted(there), 'connections')}", reason="NotFound"
    )


def _instead(names: list[str], what: str) -> str:
    if not names:
        return f"There are no {what} there; another namespace is named with -n, and `kubectl roster runs -A` shows all."
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"There are: {', '.join(names[:NAMED])}{more}."
