"""kubectl roster deliver."""

import click

from rostersync.api.kinds import Ref
from rostersync.plugin import options


@click.command(
    epilog="""\b
Examples:
  kubectl roster deliver springfield
  kubectl roster deliver springfield --reason "their server is back"
  kubectl roster deliver springfield --everything

\b
Exit codes: 0 delivered, or nothing to deliver; 1 failed."""
)
@options.connection_argument
@click.option(
    "--everything",
    is_flag=True,
    help="Send all of the newest roster, whatever receivers have: after a backup of the store was put back, or when a "
    "receiver has lost its files.",
)
@click.option("--reason", metavar="TEXT", help="Why; kept with the run.")
@options.waiting_options
@options.output_option
@options.cluster_options
def deliver(
    connection: Ref,
    everything: bool,
    reason: str | None,
    wait: bool,
    timeout: float | None,
    quiet: bool,
    output: str,
) -> None:
    """Deliver now what is applied and not delivered yet: create a SyncRun that only delivers, and watch it.

    It also takes up what runs with the outcome DeliveryFailed have left. The SIS is not contacted. Watching ends when
    everything is delivered, or when the first try has failed; the operator then goes on trying.
    """
    from rostersync.api.objects import run_status
    from rostersync.lifecycle.outcomes import exit_code
    from rostersync.plugin import lookup, making, watch
    from rostersync.plugin.status import is_final, is_undelivered

    cluster = options.cluster()
    lookup.connection(cluster, connection)
    spec: dict[str, object] = {
        "connectionRef": connection.as_dict(),
        "mode": "Deliver",
        "requestedBy": cluster.whoami(),
    }
    if everything:
        spec["everything"] = True
    if reason and reason.strip():
        spec["reason"] = reason.strip()
    made = making.new_run(cluster, connection, spec)
    name = made["metadata"]["name"]
    show = options.show_command(cluster, name)
    if not wait:
        options.show_asked(cluster, made, output, f"Run {name} is requested: `{show}` says what becomes of it.")
        return
    ended = watch.run(
        cluster,
        made,
        lambda r: is_final(r) or is_undelivered(r),
        goes_on=f"Run {name} goes on: `{show}`.",
        timeout=timeout,
        quiet=quiet,
    )
    options.show_run(ended, output, options.typed(cluster))
    raise SystemExit(exit_code(run_status(ended)))
