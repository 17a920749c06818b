"""kubectl roster run."""

from typing import Any

import click

from rostersync.api.kinds import Ref
from rostersync.execution.options import schools_option
from rostersync.plugin import options


@click.command(
    epilog="""\b
Examples:
  kubectl roster run springfield
  kubectl roster run springfield --dry-run
  kubectl roster run springfield --school 1001 --school 1002
  kubectl roster run springfield -n rosters --reason "after the repair"
  kubectl roster run springfield --no-wait -o json | jq -r .metadata.name

Exit codes: 0 applied, or nothing to do; 3 held, a person must decide; 1 failed."""
)
@options.connection_argument
@click.option("--dry-run", is_flag=True, help="Plan only, and say what would be held; nothing is changed.")
@schools_option
@click.option("--reason", metavar="TEXT", help="Why; kept with the run.")
@options.waiting_options
@options.output_option
@options.cluster_options
def run(
    connection: Ref,
    dry_run: bool,
    schools: tuple[str, ...],
    reason: str | None,
    wait: bool,
    timeout: float | None,
    quiet: bool,
    output: str,
) -> None:
    """Import a district now: create a SyncRun for its CONNECTION, and watch it until it ends or is held.

    The operator reads the source, compares it with the store, and applies what changed. A run that would change too
    much is held until someone approves it. Ctrl-C stops watching, not the run.
    """
    from rostersync.api.objects import run_status
    from rostersync.lifecycle.outcomes import exit_code
    from rostersync.plugin import lookup, making, watch
    from rostersync.plugin.status import is_final, is_held

    cluster = options.cluster()
    lookup.connection(cluster, connection)
    spec: dict[str, Any] = {"connectionRef": connection.as_dict()}
    spec |= {"mode": "DryRun" if dry_run else "Import", "requestedBy": cluster.whoami()}
    if schools:
        spec["schools"] = list(schools)
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
        lambda r: is_final(r) or is_held(r),
        goes_on=f"Run {name} goes on: `{show}`.",
        timeout=timeout,
        quiet=quiet,
    )
    options.show_run(ended, output, options.typed(cluster))
    raise SystemExit(exit_code(run_status(ended)))
