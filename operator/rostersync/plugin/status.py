"""What the status of a run or a connection says to those who watch it. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from rostersync.api.kubernetes import Condition
from rostersync.api.objects import condition, connection_status, run_status
from rostersync.lifecycle.held import is_held as is_held

Object = Mapping[str, Any]


def is_final(run: Object) -> bool:
    """Whether a run has ended."""
    return bool(run_status(run).get("outcome"))


def is_undelivered(run: Object) -> bool:
    """Whether a try to deliver has failed."""
    found = condition(run_status(run), "Delivered")
    return found is not None and found["status"] == "False"


def newest_first(runs: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Runs by creation time, which has whole seconds only; then by start time, then by the number that ends the name."""

    def age(run: Object) -> tuple[str, str, int, str]:
        name = run["metadata"]["name"]
        return (
            run["metadata"].get("creationTimestamp") or "",
            run_status(run).get("startTime") or "",
            len(name),
            name,
        )

    return sorted(runs, key=age, reverse=True)


def check_is_done(connection: Object, annotation: str) -> bool:
    """Whether Test Connection has answered the newest request, which `annotation` holds, or can never answer it."""
    if not_testable(connection):
        return True
    requested = (connection["metadata"].get("annotations") or {}).get(annotation)
    status = connection_status(connection)
    verified = condition(status, "ConnectionVerified")
    handled = status.get("lastHandledCheckRequestedAt") == requested
    return handled and verified is not None and verified["status"] != "Unknown"


def not_testable(connection: Object) -> Condition | None:
    """The Ready condition, where it says that the current spec must be mended before it can be tested."""
    status = connection_status(connection)
    ready, verified = condition(status, "Ready"), condition(status, "ConnectionVerified")
    if ready is None or ready["status"] != "False":
        return None
    if ready.get("observedGeneration") != connection["metadata"].get("generation"):
        return None
    # Ready repeats the reason of a test that failed: such a connection can be tested again.
    of_a_test = verified is not None and verified["status"] == "False" and verified["reason"] == ready["reason"]
    return None if of_a_test else ready
