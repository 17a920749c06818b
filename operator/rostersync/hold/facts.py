"""The facts of a plan, gathered for the gate from its tables, from the store, and from what the store remembers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rostersync.api.v1alpha1 import defaults
from rostersync.api.v1alpha1.connection import ConnectionSpec
from rostersync.hold import measure
from rostersync.hold.applied import applied_before
from rostersync.hold.gate import REKEYED_DELETES, Counted, Facts, Switches
from rostersync.hold.reverted import reverted
from rostersync.hold.safety import loosened_by_recreation
from rostersync.hold.scoped import never_whole
from rostersync.hold.vanishing import Vanishing, emptied, members
from rostersync.model import Change, Entity, EntityCounts
from rostersync.stores.port import SourceMemory, StoreReader, StoreState
from rostersync.tables.context import Context
from rostersync.tables.counts import Tallies


def facts_of(
    context: Context,
    tallies: Tallies,
    counts: Sequence[EntityCounts],
    *,
    reader: StoreReader,
    state: StoreState,
    memory: SourceMemory,
    gone: Vanishing,
    requirement_holds: Mapping[Entity, int],
    previous_connection: str,
    restores: bool = False,
    schools: tuple[str, ...] = (),
    roster: Sequence[EntityCounts] = (),
) -> Facts | None:
    """The facts of a plan, or None for a plan without changes. Leaves `rekeyed` (entity, old_id, new_id).

    `memory` is what the store remembers of this plan. `previous_connection` is that of the last plan, if it was
    another one. `restores`: the plan takes back what a run changed. `schools` are those that the plan is limited to:
    all numbers are theirs then, as those of `counts`. `roster`: the counts of the roster of several sources.
    """
    context.sql("CREATE OR REPLACE TEMP TABLE rekeyed (entity VARCHAR, old_id VARCHAR, new_id VARCHAR)")
    if not any(c.created + c.updated + c.deleted for c in (*counts, *roster)):
        return None
    limits = defaults.effective_thresholds(context.spec)
    by_school = any(t.per_school for t in limits)
    measure.lay_out_schools(context, tallies, every=by_school)
    known = [c for c in counts if c.entity]
    last = state.last
    rekeyed = measure.rekeyed(context, known, REKEYED_DELETES)
    identity_changed = last is not None and last.prefix != memory.prefix
    if last is not None and identity_changed:
        context.con.execute("SET VARIABLE old_prefix = ?", [last.prefix])
        measure.renamed_by_prefix(context)
    return Facts(
        entities={c.entity: _counted(c) for c in known if c.entity},
        resulting=measure.resulting(tallies, known),
        judged=measure.judged(tallies, known),
        before=applied_before(context, reader, limits),
        by_school=measure.by_school(context, frozenset(schools)) if by_school else {},
        emptied_schools=measure.emptied_schools(context, gone.newly | gone.before) + emptied(context, gone.newly),
        vanished_schools=members(context, gone.newly),
        rekeyed=rekeyed,
        requirement_holds=requirement_holds,
        restored_reverted=reverted(context, last.restores) if last else 0,
        restores=restores,
        identity_changed=identity_changed,
        source_changed=last is not None
        and (last.host, last.client_id_hash, last.version) != (memory.host, memory.client_id_hash, memory.version),
        config_changed=last is not None and last.config_hash != memory.config_hash,
        safety_loosened=loosened_by_recreation(state, memory),
        other_sources=len(state.other_sources) if last is None else 0,
        connection_changed=bool(previous_connection),
        first_import=never_whole(last),
    )


def facts_of_roster(facts: Facts, tallies: Tallies, counts: Sequence[EntityCounts], relinked: int) -> Facts:
    """The same plan, by what it does to the roster of several sources."""
    known = [c for c in counts if c.entity]
    return replace(
        facts,
        entities={c.entity: _counted(c) for c in known if c.entity},
        resulting=measure.resulting(tallies, known),
        judged=measure.judged(tallies, known),
        before={},
        by_school={},
        emptied_schools=(),
        vanished_schools={},
        rekeyed={},
        relinked=relinked,
        requirement_holds={},
        restored_reverted=0,
    )


def switches_of(spec: ConnectionSpec) -> Switches:
    """The parts of a connection that the gate uses."""
    return Switches(
        limits=defaults.effective_thresholds(spec),
        preview=spec.previewDataUpload,
        hold_first_import=spec.approval.holdFirstImport,
        hold_on_config_change=spec.approval.holdOnConfigChange,
    )


def _counted(counts: EntityCounts) -> Counted:
    changes = {Change.CREATE: counts.created, Change.UPDATE: counts.updated, Change.DELETE: counts.deleted}
    return Counted(changes, counts.population)
