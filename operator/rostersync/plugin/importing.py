"""run: ask for an import, and watch it."""

from typing import TYPE_CHECKING, Any

import click

from rostersync.api.kinds import Ref
from rostersync.plugin import options

if TYPE_CHECKING:
    from rostersync.plugin.cluster import Cluster, Object


@click.command(
    epilog="""\b
Examples:
  kubectl roster run springfield
  kubectl roster run springfield --dry-run
  kubectl roster run springfield -n rosters --reason "after the vendor's repair"
  kubectl roster run springfield --no-wait -o json | jq -r .metadata.name

\b
Exit codes: 0 applied, or nothing to do; 3 held, a person must decide; 1 failed."""
)
@click.argument("connection")
@click.option("--dry-run", is_flag=True, help="Plan only, and say what would be held; nothing is changed.")
@click.option("--reason", metavar="TEXT", help="Why; kept with the run.")
@options.waiting_options
@options.output_option
@options.cluster_options
def run(
    connection: str, dry_run: bool, reason: str | None, wait: bool, timeout: float | None, quiet: bool, output: str
) -> None:
    """Import a district now: make a SyncRun of its CONNECTION, and watch it until it ends or is held.

    The operator reads the source, compares it with the store, and applies what changed; what would change too much is
    held until someone approves it. Ctrl-C stops watching, not the run.
    """
    from rostersync.lifecycle.outcomes import exit_code
    from rostersync.plugin import looking, standing

    cluster = options.cluster()
    looking.connection(cluster, connection)
    spec: dict[str, Any] = {"connectionRef": Ref.parse(connection).as_dict()}
    spec |= {"mode": "DryRun" if dry_run else "Import", "requestedBy": cluster.whoami()}
    if reason and reason.strip():
        spec["reason"] = reason.strip()
    made = _create(cluster, connection, spec)
    name, words = made["metadata"]["name"], options.typed(cluster)
    if not wait:
        if output == "table":
            click.echo(f"Run {name} is asked for: `{_look(cluster, name)}` says what becomes of it.")
        else:
            options.show_run(made, output, words)
        return
    ended = _watch(cluster, made, timeout, quiet)
    options.show_run(ended, output, words)
    raise SystemExit(exit_code(standing.status_of(ended)))


def _create(cluster: "Cluster", connection: str, spec: "Object") -> "Object":
    """The SyncRun, under the first name of this second that is free."""
    from rostersync.errors import Permanent
    from rostersync.lifecycle.names import run_name

    now, taken = cluster.now(), set[str]()
    while True:
        name = run_name(connection, now, taken)
        try:
            return cluster.create("SyncRun", name, spec)
        except Permanent as error:
            if error.reason != "AlreadyExists":
                raise
            taken.add(name)


def _watch(cluster: "Cluster", made: "Object", timeout: float | None, quiet: bool) -> "Object":
    from rostersync.plugin import follow, standing

    name = made["metadata"]["name"]
    wish = follow.Wish(
        "SyncRun", name, lambda r: standing.is_final(r) or standing.is_held(r), follow.run_line,
        lambda r: bool(standing.status_of(r)), f"Run {name} goes on: `{_look(cluster, name)}`.",
        made["metadata"]["uid"], timeout,
    )  # fmt: skip
    return follow.wait(cluster, wish, follow.Show(quiet))


def _look(cluster: "Cluster", name: str) -> str:
    return f"kubectl roster show {name}{options.options_for(cluster)}"
