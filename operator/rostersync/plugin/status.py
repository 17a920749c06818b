"""What the status of a run or a connection says to those who watch it. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from rostersync.lifecycle.held import is_held as is_held

Object = Mapping[str, Any]


def status_of(thing: Object) -> Mapping[str, Any]:
    """The status of an object; empty until the operator has written one."""
    return thing.get("status") or {}


def condition(thing: Object, kind: str) -> Mapping[str, Any] | None:
    """A condition of an object, by its type."""
    return next((c for c in status_of(thing).get("conditions") or [] if c["type"] == kind), None)


def is_final(run: Object) -> bool:
    """Whether a run has ended."""
    return bool(status_of(run).get("outcome"))


def newest_first(runs: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Runs by creation time, which has whole seconds only; then by start time, then by the number that ends the name."""

    def age(run: Object) -> tuple[str, str, int, str]:
        name = run["metadata"]["name"]
        return (
            run["metadata"].get("creationTimestamp") or "",
            status_of(run).get("startTime") or "",
            len(name),
            name,
        )

    return sorted(runs, key=age, reverse=True)


def check_is_done(connection: Object, annotation: str) -> bool:
    """Whether Test Connection has answered the newest request, which `annotation` holds, or can never answer it."""
    if not_testable(connection):
        return True
    requested = (connection["metadata"].get("annotations") or {}).get(annotation)
    verified = condition(connection, "ConnectionVerified")
    handled = status_of(connection).get("lastHandledCheckRequestedAt") == requested
    return handled and verified is not None and verified["status"] != "Unknown"


def not_testable(connection: Object) -> Mapping[str, Any] | None:
    """The Ready condition, where it says that the current spec must be mended before it can be tested."""
    ready, verified = condition(connection, "Ready"), condition(connection, "ConnectionVerified")
    if ready is None or ready["status"] != "False":
        return None
    if ready.get("observedGeneration") != connection["metadata"].get("generation"):
        return None
    # Ready repeats the reason of a test that failed: such a connection can be tested again.
    of_a_test = verified is not None and verified["status"] == "False" and verified["reason"] == ready["reason"]
    return None if of_a_test else ready
