"""cancel: end a run before anything of it is applied."""

from typing import TYPE_CHECKING

import click

from rostersync.plugin import options

if TYPE_CHECKING:
    from rostersync.plugin.cluster import Cluster, Object


@click.command(
    epilog="""\b
Examples:
  kubectl roster cancel springfield-20261124t020709
  kubectl roster cancel springfield-20261124t020709 -n rosters --no-wait

\b
Exit codes: 0 cancelled; 1 not, as when its apply had begun."""
)
@click.argument("name", metavar="RUN")
@options.waiting_options
@options.output_option
@options.cluster_options
def cancel(name: str, wait: bool, timeout: float | None, quiet: bool, output: str) -> None:
    """End a run: nothing of it is applied. A run whose apply has begun goes on to its end.

    A run that is held ends without a decision. It cannot be taken back; another run can be made.
    """
    from rostersync.errors import Permanent
    from rostersync.lifecycle.outcomes import Outcome
    from rostersync.plugin import looking, standing

    cluster = options.cluster()
    run = looking.run(cluster, name)
    status = standing.status_of(run)
    if outcome := status.get("outcome"):
        raise Permanent(f"Run {name} has ended already: it is {outcome}.", reason="Ended")
    seen = {"uid": run["metadata"]["uid"]}
    run = cluster.patch("SyncRun", name, {"metadata": seen, "spec": {"cancel": True}})
    if not wait:
        if output == "table":
            look = f"kubectl roster show {name}{options.options_for(cluster)}"
            click.echo(f"Run {name} is to end: `{look}` says how it did.")
        else:
            options.show_run(run, output, options.typed(cluster))
        return
    ended = _watch(cluster, run, timeout, quiet)
    options.show_run(ended, output, options.typed(cluster))
    raise SystemExit(0 if standing.status_of(ended).get("outcome") == Outcome.CANCELLED else 1)


def _watch(cluster: "Cluster", run: "Object", timeout: float | None, quiet: bool) -> "Object":
    from rostersync.plugin import follow, standing

    name = run["metadata"]["name"]
    wish = follow.Wish(
        "SyncRun", name, standing.is_final, follow.run_line, lambda r: bool(standing.status_of(r)),
        f"Run {name} ends when the operator sees it: `kubectl roster show {name}{options.options_for(cluster)}`.",
        run["metadata"]["uid"], timeout,
    )  # fmt: skip
    return follow.wait(cluster, wish, follow.Show(quiet))
