"""One connection, for people: where it stands, and its part in the district's roster."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from rostersync.api.kinds import Ref
from rostersync.api.objects import ConnectionStatus, condition, connection_status, run_status
from rostersync.model import Phase
from rostersync.render import districts
from rostersync.render.districts import Member
from rostersync.render.run import schools
from rostersync.render.runs import state
from rostersync.render.tables import say


@dataclass(frozen=True)
class Shown:
    """A connection's object, and the runs (newest first) and connections of the whole namespace."""

    connection: Mapping[str, Any]
    runs: Sequence[Mapping[str, Any]] = ()
    beside: Sequence[Mapping[str, Any]] = ()


def page(out: Console, shown: Shown) -> None:
    """The whole connection."""
    mine = districts.member(shown.connection)
    others = districts.beside(mine, map(districts.member, shown.beside))
    status = connection_status(shown.connection)
    say(out, str(mine.ref), "bold")
    for name, value in _facts(mine, shown, status).items():
        if value:
            say(out, f"  {name + ':':<11}{value}")
    schools(out, status)
    districts.page(out, mine, others, _order(shown.runs, {mine.ref, *(other.ref for other in others)}))


def _order(runs: Sequence[Mapping[str, Any]], refs: Collection[Ref]) -> Sequence[str]:
    """The district's sources in order of age, as the newest run has them that knows of several. Empty if none does."""
    known = (run_status(r).get("roster", {}).get("sources") for r in runs if Ref.of(r["spec"]["connectionRef"]) in refs)
    return next(filter(None, known), ())


def _facts(mine: Member, shown: Shown, status: ConnectionStatus) -> dict[str, str]:
    own = [run for run in shown.runs if Ref.of(run["spec"]["connectionRef"]) == mine.ref]
    ready, newest = condition(status, "Ready"), next(iter(own), None)
    held = sum(state(run) == Phase.AWAITING_APPROVAL for run in own)
    return {
        "District": mine.district,
        "Source": mine.source,
        "Ready": _ready(ready) if ready else "",
        "Last run": f"{newest['metadata']['name']}: {state(newest)}" if newest else "none yet",
        "Next run": status.get("nextRunTime", ""),
        "Held": f"{held} run{'' if held == 1 else 's'}" if held else "",
    }


def _ready(found: Mapping[str, Any]) -> str:
    if found["status"] == "True" and found["reason"] == "Ready":
        return "True"
    return f"{found['status']}, {found['reason']}: {found.get('message', '')}"
