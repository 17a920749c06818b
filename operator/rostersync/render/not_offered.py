"""Collections that a source does not offer, and what is held back because of it."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console

from rostersync.model import NotOffered
from rostersync.render.tables import say
from rostersync.roster import counted


def page(out: Console, found: Iterable[NotOffered]) -> None:
    """Each with its cost, and the scope that the token may lack."""
    for m in found:
        costs = ", ".join(counted(n, entity) for entity, n in m.held_back.items())
        held_back = f"; held back because of it: {costs}" if costs else ""
        status = f" ({m.status})" if m.status else ""
        say(out, f"Not offered by the source: {m.collection}{status}{held_back}.", "yellow")
        if m.scope:
            remedy = "name it in deliveryConfig.scope, and let the SIS grant it"
            say(out, f"  The token may lack the scope {m.scope}: {remedy}.", "yellow")


def read(data: Mapping[str, Any]) -> NotOffered:
    """One of a run's status."""
    held_back = {h["entity"]: h["count"] for h in data.get("heldBack") or ()}
    return NotOffered(data["collection"], data.get("status"), data.get("scope") or "", held_back)
