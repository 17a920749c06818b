"""How a run is printed, and the exit code that a command ends with."""

from copy import copy
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rostersync.errors import RostersyncError
    from rostersync.local.attempts import LocalAttempts
    from rostersync.local.state import State


def show_run(state: "State", run: dict[str, Any], output: str) -> None:
    """Print a run: briefly for people, or as the SyncRun object."""
    from rostersync.local.plans import details_of
    from rostersync.render import objects, tables
    from rostersync.render.run import brief

    if output == "table":
        brief(tables.console(), run, details=details_of(state, run["metadata"]["name"]))
    else:
        click.echo(objects.dump(run, output), nl=False)


def finish(run: dict[str, Any], attempts: "LocalAttempts", output: str) -> None:
    """Print the run and exit with the code of its state."""
    from rostersync.lifecycle.outcomes import exit_code

    status = run.get("status") or {}
    if output != "table" or not attempts.error or status.get("deliveries"):
        show_run(attempts.state, run, output)  # what failed to be delivered is applied
    if attempts.error:
        raise _told(attempts.error, status)
    raise SystemExit(exit_code(status))


def finish_attempt(run: dict[str, Any] | None, attempts: "LocalAttempts", output: str, *, planned: bool) -> None:
    """As `finish`, but with the exit codes of plan and apply."""
    from rostersync.lifecycle.outcomes import exit_code
    from rostersync.render.objects import dump

    if output == "json":
        click.echo(attempts.report() or dump(run or {}, output).rstrip())
    elif run:
        show_run(attempts.state, run, output)
    if attempts.error:
        raise _told(attempts.error, (run or {}).get("status") or {})
    if run is None:
        return
    status = run.get("status") or {}
    if not (planned and status.get("plan") and status.get("outcome") in (None, "SameAsHeld")):
        raise SystemExit(exit_code(status))


def _told(error: "RostersyncError", status: "Mapping[str, Any]") -> "RostersyncError":
    """The error of an attempt. Where the run is applied all the same, it is said first, as the run's status has it."""
    from rostersync.lifecycle.outcomes import changed_the_store, succeeded_message

    if not changed_the_store(status):
        return error
    told = copy(error)
    told.args = (succeeded_message(status),)
    return told
