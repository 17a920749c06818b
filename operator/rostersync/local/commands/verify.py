"""verify: whether a stored plan is what was approved and applied."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rostersync.execution.interruption import interruptible
from rostersync.execution.options import debug_option
from rostersync.local.commands import options

if TYPE_CHECKING:
    from rostersync.local.state import State


@click.command(
    epilog="""\b
Examples:
  rostersync verify springfield-20261124t020709
  rostersync verify RUN --state /var/lib/rostersync --approval approval.yaml

Exit codes: 0 the plan is whole, and nothing contradicts it; 1 something does, or the plan is gone."""
)
@click.argument("name", metavar="RUN")
@click.option(
    "--approval",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The SyncApproval as YAML or JSON, where the state folder has none (kubectl get syncapproval NAME -o yaml).",
)
@options.state_option
@options.output_option("table", "json", "yaml")
@debug_option
def verify(name: str, approval: Path | None, state: "State", output: str) -> None:
    """Verify a run's stored plan: its files, its digest, the consent, and the revision in the store.

    The digest is computed anew from the files of changes. Says point by point what that proves, and what it cannot.
    A sealed plan is opened with ROSTERSYNC_ARTIFACT_KEY.
    """
    from rostersync.local.verification import look
    from rostersync.plan.points import points, verified
    from rostersync.render import objects, tables
    from rostersync.render import points as rendering

    with interruptible():
        found = look(state, name, _approval(approval) if approval else None)
    made = points(found)
    if output == "table":
        rendering.page(tables.console(), found, made)
    else:
        click.echo(objects.dump(rendering.as_dict(found, made), output), nl=False)
    raise SystemExit(0 if verified(made) else 1)


def _approval(file: Path) -> dict[str, Any]:
    import yaml

    from rostersync import durable

    try:
        found = yaml.safe_load(durable.read_text(file))
    except (OSError, ValueError, yaml.YAMLError):
        found = None
    if not isinstance(found, dict) or found.get("kind") != "SyncApproval" or not isinstance(found.get("spec"), dict):
        raise click.UsageError(f"--approval {file} is not a file with a SyncApproval.")
    return {"metadata": {}} | found
