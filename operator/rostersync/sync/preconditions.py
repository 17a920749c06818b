"""What must be true before a plan is made: it can be made, enough was read, and no other source owns the store."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from rostersync.api.v1alpha1 import defaults
from rostersync.api.v1alpha1.connection import Connection, ConnectionSpec
from rostersync.errors import Permanent
from rostersync.roster import ORGS
from rostersync.spelling import near
from rostersync.stores.port import StoreState
from rostersync.sync.schools import LISTED
from rostersync.sync.scope import Scope
from rostersync.tables.context import Context


def read_enough(spec: ConnectionSpec, proof: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The collections that were not proved complete. Raises IncompleteRead if the connection wants all."""
    incomplete = sorted(n for n, p in proof.items() if p["offered"] and not p["complete"])
    if incomplete and spec.onIncompleteRead == "Fail":
        why = "; ".join(f"{n}: {proof[n]['reason']}" for n in incomplete if proof[n].get("reason"))
        raise Permanent(
            f"the pull of {', '.join(incomplete)} could not be proved complete{f' ({why})' if why else ''}, and "
            "onIncompleteRead is Fail; run again when the SIS answers reliably, or set onIncompleteRead: Apply to apply "
            "what is safe",
            reason="IncompleteRead",
        )
    return incomplete


def of_one_source(connection: Connection, state: StoreState) -> None:
    """Raises StoreHasOtherSource if the store has records of other sources, and the connection does not allow that."""
    if state.other_sources and not connection.spec.multipleDataSources:
        raise Permanent(
            f"the store of district {defaults.district(connection)} holds records of source "
            f"{', '.join(state.other_sources)}; set multipleDataSources, or give this connection a district of its own",
            reason="StoreHasOtherSource",
        )


def of_mapped_schools(context: Context, schools: Collection[str], scope: Scope) -> None:
    """Raises Permanent for a school that is not mapped: nothing of it would be planned, however often it is asked for.

    Whoever typed a name or the source's own id is told the id in the store. Reads `staged_orgs`.
    """
    strange = sorted(set(schools) - scope.kept_targets)
    if not strange:
        return
    known = sorted(scope.kept_targets)
    more = len(known) - LISTED
    sent = context.con.execute(f"SELECT sourcedId, name FROM staged_{ORGS.name} ORDER BY sourcedId").fetchall()
    told = [hint for word in strange[:LISTED] if (hint := hint_of(word, sent, scope))]
    raise Permanent(
        f"{', '.join(strange[:LISTED])}: no mapped school has this id in the store, so nothing was planned; mapped are "
        f"{', '.join(known[:LISTED]) or 'none'}{f' and {more} more' if more > 0 else ''}. {''.join(f'{hint}. ' for hint in told)}"
        "Give spec.schools (--school) ids of mapped schools, or map the school with spec.schoolsMapping. Test Connection lists "
        "the source's schools with their names (on a cluster in the log of its Job), and orgs.csv of an export or a delivery "
        "those of the store.",
        reason="SchoolNotMapped",
    )


def hint_of(word: str, sent: Iterable[tuple[str, str | None]], scope: Scope) -> str:
    """`Oak Hill is 1001`, or `Near Oak Hil: 1001`, of the mapped schools among those `sent` (id, name). Pure.

    Empty if nothing is like the word. It has no name but the one that was typed.
    """
    ids: dict[str, list[str]] = {}
    for raw, name in sent:
        place = scope.places.get(raw)
        if place and place.leads_to in scope.kept_targets:
            for each in dict.fromkeys(t.strip().casefold() for t in (place.leads_to, raw, name or "") if t):
                ids.setdefault(each, []).append(place.leads_to)
    if meant := ids.get(word.strip().casefold()):
        return " ".join((word, "is", " or ".join(dict.fromkeys(meant))))
    alike = dict.fromkeys(id_ for found in near(word, ids) for id_ in ids[found])
    return ": ".join((" ".join(("Near", word)), ", ".join(alike))) if alike else ""
