"""All runs for people: a line for each connection, then the runs, newest first."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console

from rostersync.render.tables import grid, say


def state(run: Mapping[str, Any]) -> str:
    """The reason of the condition Succeeded, which is what a run's column STATUS shows."""
    conditions = (run.get("status") or {}).get("conditions") or []
    return next((c["reason"] for c in conditions if c["type"] == "Succeeded"), "New")


def page(out: Console, runs: list[dict[str, Any]]) -> None:
    """Connections with their last run and how many are held; then the runs, which must be sorted newest first."""
    if not runs:
        say(out, "No runs yet. Start one: rostersync run -f connection.yaml")
        return
    out.print(grid(("Connection", "State", "Last run", "Held"), _connections(runs), ("Held",)))
    columns = ("Run", "Connection", "Status", "Created", "Updated", "Deleted", "Started")
    out.print(grid(columns, (_line(r) for r in runs), columns[3:6]))


def _connections(runs: Iterable[dict[str, Any]]) -> list[tuple[object, ...]]:
    by: dict[str, list[dict[str, Any]]] = {}
    for run in runs:
        by.setdefault(run["spec"]["connectionRef"]["name"], []).append(run)
    return [
        (name, state(own[0]), own[0]["metadata"]["name"], sum(state(r) == "AwaitingApproval" for r in own))
        for name, own in sorted(by.items())
    ]


def _line(run: Mapping[str, Any]) -> tuple[object, ...]:
    status = run.get("status") or {}
    totals = status.get("totals") or {}
    counts = tuple(totals.get(k, "") for k in ("created", "updated", "deleted"))
    return (run["metadata"]["name"], run["spec"]["connectionRef"]["name"], state(run), *counts, status.get("startTime"))
