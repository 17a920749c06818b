"""kubectl roster cancel."""

import click

from rostersync.plugin import options


@click.command(
    epilog="""\b
Examples:
  kubectl roster cancel springfield-20261124t020709
  kubectl roster cancel springfield-20261124t020709 -n rosters --no-wait

Exit codes: 0 cancelled; 1 not cancelled, for instance because its apply had begun."""
)
@click.argument("name", metavar="RUN", callback=options.run_name)
@options.waiting_options
@options.output_option
@options.cluster_options
def cancel(name: str, wait: bool, timeout: float | None, quiet: bool, output: str) -> None:
    """End a run: nothing of it is applied. A run whose apply has begun is not stopped.

    A held run ends without a decision. This cannot be undone, but you can make another run.
    """
    from rostersync.api.objects import run_status
    from rostersync.errors import Permanent
    from rostersync.lifecycle.outcomes import Outcome
    from rostersync.plugin import lookup, watch
    from rostersync.plugin.status import is_final

    cluster = options.cluster()
    run = lookup.run(cluster, name)
    if outcome := run_status(run).get("outcome"):
        raise Permanent(f"Run {name} has ended already: it is {outcome}.", reason="Ended")
    show = options.show_command(cluster, name)
    seen = {"uid": run["metadata"]["uid"]}
    run = cluster.patch("SyncRun", name, {"metadata": seen, "spec": {"cancel": True}})
    if not wait:
        options.show_asked(cluster, run, output, f"Run {name} was asked to end: `{show}` says how it ended.")
        return
    goes_on = f"Run {name} ends when the operator sees it: `{show}`."
    run = watch.run(cluster, run, is_final, goes_on=goes_on, timeout=timeout, quiet=quiet)
    options.show_run(run, output, options.typed(cluster))
    raise SystemExit(0 if run_status(run).get("outcome") == Outcome.CANCELLED else 1)
