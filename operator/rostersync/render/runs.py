"""All runs, for people: a line for each connection, then the runs, newest first."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console

from rostersync.api.kinds import Ref
from rostersync.api.objects import condition, connection_status, run_status
from rostersync.model import Mode, Phase
from rostersync.render.tables import say, table
from rostersync.render.words_to_type import LOCAL, Typed

Key = tuple[str, str]  # namespace (empty if there is only one) and a connection in words


def state(run: Mapping[str, Any]) -> str:
    """The reason of the condition Succeeded, which the column STATUS of `kubectl get` shows, too."""
    succeeded = condition(run_status(run), "Succeeded")
    return succeeded["reason"] if succeeded else "New"


def page(
    out: Console,
    runs: list[dict[str, Any]],
    connections: Iterable[Mapping[str, Any]] = (),
    typed: Typed = LOCAL,
    namespaces: bool = False,
) -> None:
    """Connections with their last run and the number of held runs; then the runs, which must be sorted newest first.

    `connections` are shown even without runs, with their condition Ready. `namespaces`: add a column for the namespace.
    """
    lines = _connections(runs, connections, namespaces)
    if lines:
        heads = ("Connection", "State", "Last run", "Held")
        _table(out, heads, lines, ("Held",), namespaces, ("Last run",))
    if not runs:
        say(out, f"No runs yet. Start one: {typed.start}")
        return
    modes = any(_mode(r) != Mode.IMPORT for r in runs)
    counts = ("Created", "Updated", "Deleted")
    columns = ("Run", "Connection", *(("Mode",) if modes else ()), "Status", *counts, "Started")
    going = ("Started", "Connection", "Mode", "Updated", "Created", "Deleted")
    rows = [(_key(r, namespaces)[0], *_line(r, modes)) for r in runs]
    _table(out, columns, rows, counts, namespaces, going, last=True)


def _table(
    out: Console,
    columns: Sequence[str],
    rows: list[tuple[object, ...]],
    right: Iterable[str],
    namespaces: bool,
    drop: Sequence[str],
    last: bool = False,
) -> None:
    """Print a table. Every row begins with its namespace, which may be hidden."""
    shown = rows if namespaces else [r[1:] for r in rows]
    table(out, (*(("Namespace",) if namespaces else ()), *columns), shown, right, drop=drop, last=last)


def _connections(
    runs: Iterable[dict[str, Any]], known: Iterable[Mapping[str, Any]], namespaces: bool
) -> list[tuple[object, ...]]:
    objects = {(c["metadata"].get("namespace", "") if namespaces else "", Ref.to(c).in_words): c for c in known}
    by: dict[Key, list[dict[str, Any]]] = {key: [] for key in objects}
    for run in runs:
        by.setdefault(_key(run, namespaces), []).append(run)
    return [
        (
            *key,
            _standing(objects.get(key), own),
            own[0]["metadata"]["name"] if own else "",
            sum(state(r) == Phase.AWAITING_APPROVAL for r in own),
        )
        for key, own in sorted(by.items())
    ]


def _standing(connection: Mapping[str, Any] | None, runs: list[dict[str, Any]]) -> str:
    """Why the connection is not ready; else the state of its last run."""
    ready = condition(connection_status(connection or {}), "Ready")
    if ready and ready["status"] == "False":
        return ready["reason"]
    return state(runs[0]) if runs else "No runs"


def _key(run: Mapping[str, Any], namespaces: bool) -> Key:
    return (run["metadata"].get("namespace", "") if namespaces else "", _connection(run))


def _connection(run: Mapping[str, Any]) -> str:
    return Ref.of(run["spec"]["connectionRef"]).in_words


def _mode(run: Mapping[str, Any]) -> str:
    return str(run["spec"].get("mode", Mode.IMPORT))


def _line(run: Mapping[str, Any], modes: bool) -> tuple[object, ...]:
    status = run.get("status") or {}
    totals = status.get("totals") or {}
    counts = tuple(totals.get(k, "") for k in ("created", "updated", "deleted"))
    mode = (_mode(run),) if modes else ()
    return (run["metadata"]["name"], _connection(run), *mode, state(run), *counts, status.get("startTime"))
