"""What must be true before a plan is made: it can be made, enough was read, and no other source owns the store."""

from collections.abc import Collection, Mapping
from typing import Any

from rostersync.api.v1alpha1 import defaults
from rostersync.api.v1alpha1.connection import Connection, ConnectionSpec
from rostersync.errors import Permanent
from rostersync.stores.port import StoreState
from rostersync.sync.schools import LISTED
from rostersync.sync.scope import Scope


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


def of_mapped_schools(schools: Collection[str], scope: Scope) -> None:
    """Raises Permanent for a school that is not mapped: nothing of it would be planned, however often it is asked for."""
    strange = sorted(set(schools) - scope.kept_targets)
    if not strange:
        return
    known = sorted(scope.kept_targets)
    more = len(known) - LISTED
    raise Permanent(
        f"{', '.join(strange[:LISTED])}: no mapped school has this id in the store, so nothing was planned; mapped are "
        f"{', '.join(known[:LISTED]) or 'none'}{f' and {more} more' if more > 0 else ''}. Give spec.schools (--school) ids of "
        "mapped schools, or map the school with spec.schoolsMapping.",
        reason="SchoolNotMapped",
    )
