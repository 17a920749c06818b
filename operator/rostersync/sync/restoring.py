"""The plan that takes back what a run changed: restore ▶ compare ▶ gate, from the store alone."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from rostersync.api.v1alpha1.connection import Connection
from rostersync.hold import measure
from rostersync.hold.applied import record
from rostersync.hold.facts import facts_of, switches_of
from rostersync.hold.safety import memory_of, previous_connection
from rostersync.hold.taken_back import split
from rostersync.hold.vanishing import Vanishing
from rostersync.model import EntityCounts, HoldReason, Schools
from rostersync.plan.origin import Restored
from rostersync.roster import ORGS, TABLES
from rostersync.stores.port import SourceMemory, StoreReader, StoreState
from rostersync.sync import several
from rostersync.sync.restore.stage import applied_by, restore
from rostersync.sync.scope import Scope
from rostersync.sync.writing import Made
from rostersync.tables.context import Context, Stored, read_only
from rostersync.tables.counts import count

STAGES = ("restore", "gate", "freeze")
_NOTHING_SCOPED = Scope({}, frozenset(), frozenset(), {}, frozenset(), frozenset(), (), Schools())


def _of_everything(context: Context) -> Context:
    """The context of a plan that takes back: about every entity and table, with metadata kept as it is."""
    stored = {name: Stored(active=True, tombstones=known.tombstones) for name, known in context.stored.items()}
    every = frozenset(e for table in TABLES for e in table.entities)
    return replace(context, taken=every, stored=read_only(stored))


def restored(
    context: Context,
    origin: Restored,
    reader: StoreReader,
    state: StoreState,
    *,
    run: str,
    connection: Connection,
    as_of: datetime,
    stage: Callable[[str], None],
) -> Made:
    """Run the stages. Raises Permanent (NotApplied, HistoryExpired)."""
    context = _of_everything(context)
    found = reader.revisions(context.con, context.district, origin.run)
    revision = applied_by(found, origin.run, context.district, context.source)
    last = state.last or SourceMemory()
    brings = context.spec.deliveryConfig.creates
    sources = several.begin(context, reader, state, brings=brings, partly=True)
    stage("restore")
    restore(context, revision, origin.entities, origin.schools)
    stage("gate")
    tallies = count(context)
    counts = [_rest_unchanged(c) for c in measure.counts(context, tallies)]
    counts = [c for c in counts if any(v for k, v in vars(c).items() if k != "entity")]
    now = memory_of(connection, last.client_id_hash, last.config_hash, last.vanished, last)
    previous = previous_connection(state.last, now, context.source)
    united = several.unite(context, sources) if sources is not None else None
    facts = facts_of(
        context,
        tallies,
        counts,
        reader=reader,
        state=state,
        memory=last,  # the source and its configuration shaped nothing of this
        gone=Vanishing(frozenset(), frozenset(), last.vanished),
        requirement_holds={},
        previous_connection=previous,
        restores=True,
        roster=united.counts if united else (),
    )
    switches = switches_of(context.spec)
    holds = several.verdict_of(facts, switches, united) if facts else []
    by_school = any(t.per_school and t.window for t in switches.limits)
    judged = record(facts, by_school=by_school) if facts else ()
    judged = split(context, judged, revision.number, by_school=by_school) if facts else ()
    _lay_out_no_pull(context)
    return Made(
        run=run,
        connection=connection,
        as_of=as_of,
        context=context,
        staged={},
        extract=None,
        state=state,
        scope=_NOTHING_SCOPED,
        tallies=tallies,
        counts=counts,
        holds=holds,
        judged=judged,
        # The next import is compared with the last one, as if there had been no restore in between.
        memory=replace(last, restores=(*last.restores, state.revision + 1)),
        config={},  # none of it shaped this plan, so its digest does not depend on any
        previous_connection=previous if any(h.reason == HoldReason.CONNECTION_CHANGED for h in holds) else "",
        restores=origin.run,
        only_schools=origin.schools,
        united=united,
    )


def _rest_unchanged(counts: EntityCounts) -> EntityCounts:
    """Everything that the run did not change is unchanged: there is no pull that could have brought it."""
    return replace(counts, unchanged=counts.unchanged + counts.kept, kept=0)


def _lay_out_no_pull(context: Context) -> None:
    """What names of organisations are read from, empty."""
    columns = ", ".join(f"NULL::VARCHAR AS {name}" for name in ("sourcedId", "type", "name"))
    context.sql(f"CREATE OR REPLACE TEMP VIEW staged_{ORGS.name} AS SELECT {columns} WHERE FALSE")
