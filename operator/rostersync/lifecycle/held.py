"""Which run a decision is about when none is named. Pure; for the local command and for kubectl roster."""

from collections.abc import Iterable, Mapping
from typing import Any

from rostersync.api.kinds import Ref
from rostersync.errors import Permanent
from rostersync.lifecycle.outcomes import succeeded_reason
from rostersync.model import Phase


def is_held(run: Mapping[str, Any]) -> bool:
    """Whether the run waits for a person."""
    status = run.get("status") or {}
    return not status.get("outcome") and succeeded_reason(status) == Phase.AWAITING_APPROVAL


def only_held(runs: Iterable[Mapping[str, Any]], where: str = "") -> str:
    """The name of the only run that waits for a decision. `where` begins with a space, or is empty.

    Raises Permanent when none waits. When several wait, the error lists them, so that nobody decides by guessing.
    """
    waiting = sorted(
        (str(r["metadata"]["name"]), Ref.of(r["spec"]["connectionRef"]).in_words) for r in runs if is_held(r)
    )
    if not waiting:
        raise Permanent(f"No run{where} waits for a decision.", reason="NotHeld")
    if len(waiting) > 1:
        listed = ", ".join(f"{name} (of {connection})" for name, connection in waiting)
        raise Permanent(
            f"{len(waiting)} runs{where} wait for a decision. Name one of them: {listed}.", reason="SeveralHeld"
        )
    return waiting[0][0]
