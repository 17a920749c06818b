"""kubectl roster restore."""

from typing import Any

import click

from rostersync.api.kinds import Ref
from rostersync.execution.options import named_schools_option
from rostersync.plugin import options


@click.command(
    epilog="""\b
Examples:
  kubectl roster restore springfield-20261124t020709
  kubectl roster restore RUN --only-entity Student --school 1001

Exit codes: 3 held, a person must decide; 0 nothing to restore; 1 failed."""
)
@click.argument("name", metavar="RUN")
@click.option(
    "--only-entity", "entities", multiple=True, metavar="ENTITY", help="Only records of this entity; repeatable."
)
@named_schools_option
@click.option("--reason", metavar="TEXT", help="Why; kept with the run.")
@options.waiting_options
@options.output_option
@options.cluster_options
def restore(
    name: str,
    entities: tuple[str, ...],
    schools: tuple[str, ...],
    reason: str | None,
    wait: bool,
    timeout: float | None,
    quiet: bool,
    output: str,
) -> None:
    """Take back what a RUN changed: create a SyncRun for that, and watch it until it is held or ends.

    The operator plans it from the store's history, without the SIS. It is always held: look at it with `show`, then
    approve it. What a later run has changed since is left alone, and counted among the issues.
    """
    from rostersync.api.objects import run_status
    from rostersync.lifecycle.outcomes import exit_code
    from rostersync.model import Entity
    from rostersync.plugin import lookup, making, watch
    from rostersync.plugin.status import is_final, is_held

    spelled = {e.value.casefold(): e.value for e in Entity}
    if unknown := [word for word in entities if word.casefold() not in spelled]:
        raise click.UsageError(f"--only-entity {unknown[0]} is none of {', '.join(spelled.values())}.")
    cluster = options.cluster()
    found = lookup.run(cluster, name)
    connection = Ref.of(found["spec"]["connectionRef"])
    spec: dict[str, Any] = {"connectionRef": connection.as_dict(), "mode": "Restore", "restoreOf": name}
    spec["requestedBy"] = cluster.whoami()
    narrowed = {
        "entities": [spelled[w.casefold()] for w in entities],
        "schools": [*schools],
        "reason": (reason or "").strip(),
    }
    made = making.new_run(cluster, connection, spec | {key: value for key, value in narrowed.items() if value})
    run = made["metadata"]["name"]
    show = options.show_command(cluster, run)
    if not wait:
        options.show_asked(cluster, made, output, f"Run {run} is requested: `{show}` says what becomes of it.")
        return
    ended = watch.run(
        cluster,
        made,
        lambda r: is_final(r) or is_held(r),
        goes_on=f"Run {run} goes on: `{show}`.",
        timeout=timeout,
        quiet=quiet,
    )
    options.show_run(ended, output, options.typed(cluster))
    raise SystemExit(exit_code(run_status(ended)))
