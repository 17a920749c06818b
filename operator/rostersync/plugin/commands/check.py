"""kubectl roster check: Test Connection, as a Job on the cluster."""

from datetime import UTC
from typing import TYPE_CHECKING

import click

from rostersync.api.kinds import Ref
from rostersync.plugin import options

if TYPE_CHECKING:
    from rostersync.plugin.cluster import Cluster, Object

ANNOTATION = "rostersync.dev/checkRequestedAt"


@click.command(
    epilog="""\b
Examples:
  kubectl roster check springfield
  kubectl roster check springfield -n rosters --timeout 5m
  kubectl roster check springfield --no-wait

Exit codes: 0 the connection is OK; 1 it is not, and the message says what to mend."""
)
@options.connection_argument
@options.waiting_options
@options.output_option
@options.cluster_options
def check(connection: Ref, wait: bool, timeout: float | None, quiet: bool, output: str) -> None:
    """Test Connection: does the source answer, and which of its schools are mapped?

    Changes nothing. The log of the check's Job says which attributes the source fills, and so does `rostersync check`
    on a machine that can reach the source.
    """
    from rostersync.api.objects import condition, connection_status
    from rostersync.plugin import lookup
    from rostersync.plugin.status import not_testable
    from rostersync.render import objects

    cluster = options.cluster()
    lookup.connection(cluster, connection)
    asked = cluster.now().astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    seen = cluster.patch(connection.kind, connection.name, {"metadata": {"annotations": {ANNOTATION: asked}}})
    if wait:
        seen = _watch(cluster, seen, timeout, quiet)
    if output != "table":
        click.echo(objects.dump(seen, output), nl=False)
    elif wait:
        _page(seen)
    else:
        click.echo(f"Test Connection is requested: `{_describe(cluster, seen)}` shows the result.")
    verified = condition(connection_status(seen), "ConnectionVerified")
    others = [condition(connection_status(seen), name) for name in ("StoreVerified", "DeliveriesVerified")]
    good = verified is not None and verified["status"] == "True" and not not_testable(seen)
    good = good and all(other is None or other["status"] == "True" for other in others)
    raise SystemExit(0 if good or not wait else 1)


def _watch(cluster: "Cluster", connection: "Object", timeout: float | None, quiet: bool) -> "Object":
    from rostersync.api.objects import condition, connection_status, taken_up
    from rostersync.plugin import watch
    from rostersync.plugin.status import check_is_done
    from rostersync.render.words import plain

    ref = Ref.to(connection)
    name = ref.in_words

    def line(seen: "Object") -> str:
        if check_is_done(seen, ANNOTATION):
            return f"{name}: tested"
        verified, stuck = condition(connection_status(seen), "ConnectionVerified"), ""
        if verified and verified["status"] == "False":
            stuck = f" ({verified['reason']}: {verified.get('message', '')})"
        return plain(f"{name}: being tested{stuck}")

    awaited = watch.Awaited(
        ref.kind,
        ref.name,
        done=lambda c: check_is_done(c, ANNOTATION),
        line=line,
        taken_up=taken_up,
        goes_on=f"The test goes on: `{_describe(cluster, connection)}`.",
        uid=connection["metadata"]["uid"],
        timeout=timeout,
    )
    return watch.wait(cluster, awaited, watch.Progress(quiet))


def _describe(cluster: "Cluster", connection: "Object") -> str:
    kind, name = connection["kind"].lower(), connection["metadata"]["name"]
    return f"kubectl describe {kind} {name}{options.options_for(cluster)}"


def _page(connection: "Object") -> None:
    from rostersync.api.objects import condition, connection_status
    from rostersync.plugin.status import not_testable
    from rostersync.render.run import schools
    from rostersync.render.tables import console, say

    out = console()
    if problem := not_testable(connection):
        say(out, f"Not tested, the connection is not Ready. {problem['reason']}: {problem.get('message', '')}", "red")
        return
    status = connection_status(connection)
    if verified := condition(status, "ConnectionVerified"):
        style = "green" if verified["status"] == "True" else "red"
        say(out, f"{verified['reason']}: {verified.get('message', '')}", style)
    for name, title in (("StoreVerified", "Store"), ("DeliveriesVerified", "Deliveries")):
        if tested := condition(status, name):
            style = "green" if tested["status"] == "True" else "red"
            say(out, f"{title}: {tested.get('message', '')}", style)
    schools(out, status)
    complete = condition(status, "SchoolsComplete")
    if complete and complete["status"] == "False":
        say(out, f"{complete['reason']}: {complete.get('message', '')}", "yellow")
