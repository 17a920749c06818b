"""The plan: extract ▶ shape ▶ require ▶ match ▶ link ▶ compare ▶ merge ▶ gate, in this order and nowhere else.

`plan` reads a staged extract and the store, and writes a plan folder. It changes nothing else. Before a plan is frozen,
some of the records that it deletes are asked for by id. If one is there, the plan is made again with its collection as
an incomplete one, from the start: then the same rules hold as for any other incomplete read.

Over 300 lines, so that all stages are seen in their order.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count as count_from
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from duckdb import DuckDBPyConnection

from rostersync import durable
from rostersync.api.v1alpha1 import defaults
from rostersync.api.v1alpha1.connection import Connection
from rostersync.errors import Permanent
from rostersync.hold import measure
from rostersync.hold.applied import record
from rostersync.hold.facts import facts_of, switches_of
from rostersync.hold.safety import memory_of, previous_connection
from rostersync.hold.scoped import gone_of, memory_of_whole, populations, with_populations
from rostersync.hold.vanishing import vanishing
from rostersync.model import HoldReason, PlanReport
from rostersync.plan.effective import config_hash, district_settings, effective_config
from rostersync.plan.origin import PlanOrigin, Pulled, Restored, RunScope
from rostersync.reading import confirming
from rostersync.reading.confirming import Confirms
from rostersync.sent import owed
from rostersync.sources.registry import profile_of
from rostersync.stores import engine
from rostersync.stores.memory_limit import default_memory_limit
from rostersync.stores.port import StoreReader, StoreState
from rostersync.sync import preconditions, restoring, several
from rostersync.sync.broken import broken_holds
from rostersync.sync.compare import compare
from rostersync.sync.link.stage import Linked, link
from rostersync.sync.match import match
from rostersync.sync.narrow import left_out, narrow_to_schools
from rostersync.sync.require import require
from rostersync.sync.sample import sample
from rostersync.sync.shape import shape
from rostersync.sync.staged import lay_out_staged
from rostersync.sync.stored import stored
from rostersync.sync.writing import Made, freeze
from rostersync.tables.context import Context, Progress, read_only
from rostersync.tables.counts import count
from rostersync.tables.of_schools import lay_out_mine

# Those of every plan. A plan of some schools is narrowed after `compare`; one that deletes is confirmed before `freeze`.
STAGES = ("shape", "require", "match", "link", "compare", "gate", "freeze")


@dataclass(frozen=True)
class PlanInputs:
    """Everything that a plan is made from.

    `out` is the plan folder to create, `scratch` a folder for spill files. `as_of` is aware. `memory_limit` is in
    bytes. `confirms` asks the source for records by id; None if the source cannot be asked any more. `deliveries`: their
    names in the outbox.
    """

    connection: Connection
    run: str
    origin: PlanOrigin
    out: Path
    scratch: Path
    reader: StoreReader
    as_of: datetime
    scope: RunScope = field(default_factory=RunScope)
    confirms: Confirms | None = None
    deliveries: tuple[str, ...] = ()
    memory_limit: int | None = None
    threads: int | None = None


def plan(
    inputs: PlanInputs, progress: Progress = lambda *_: None, stage: Callable[[str], None] = lambda _: None
) -> PlanReport:
    """Make the plan folder `inputs.out`. Returns its report.

    Raises:
        Permanent: RequirementFailed, IncompleteRead (onIncompleteRead: Fail), StoreHasOtherSource;
            of a restore NotApplied, HistoryExpired.
        StoreBusy: another process writes the store.
    """
    inputs = replace(inputs, memory_limit=inputs.memory_limit or default_memory_limit())
    if isinstance(inputs.origin, Restored):
        return _take_back(inputs, inputs.origin, progress, stage)
    pulled = inputs.origin
    while (report := _planned(inputs, pulled, progress, stage)) is None:
        pass  # each time, one more collection is known to be incomplete
    return report


def _planned(inputs: PlanInputs, pulled: Pulled, progress: Progress, stage: Callable[[str], None]) -> PlanReport | None:
    """The report of the plan; None if records that it deletes turned out to be there, so that it must be made again."""
    proof = _proof(pulled)
    spec = inputs.connection.spec
    incomplete = preconditions.read_enough(spec, proof)
    con = _engine(inputs, pulled.extract)
    try:
        context, state = _begun(inputs, con, progress)
        windows = spec.dataRollover.disableDeletion
        context = replace(
            context,
            taken=frozenset(defaults.entities(spec)),
            proof=proof,
            deferring=any(w.contains(inputs.as_of, ZoneInfo(spec.timeZone)) for w in windows),
        )
        made = _run(inputs, pulled, context, state, stage)
        if _some_are_there(inputs, made, stage):
            return None
        stage("freeze")
        told = replace(made, context=replace(context, proof=_proof(pulled)), incomplete=tuple(incomplete))
        return freeze(told, inputs.reader, inputs.out)  # with what was answered
    finally:
        con.close()


def _engine(inputs: PlanInputs, *allowed: Path) -> DuckDBPyConnection:
    """An engine that may touch these folders, the plan's and the store's."""
    folders = [*allowed, inputs.out.parent, *inputs.reader.folders]
    return engine.connect(inputs.memory_limit, inputs.threads, inputs.scratch, folders)


def _begun(inputs: PlanInputs, con: DuckDBPyConnection, progress: Progress) -> tuple[Context, StoreState]:
    """The store, attached, and a context that knows no pull."""
    district = defaults.district(inputs.connection)
    source = profile_of(inputs.connection).source_id(inputs.connection)
    state = _state(inputs, con, district, source)
    preconditions.of_one_source(inputs.connection, state)
    context = Context(
        con=con,
        district=district,
        source=source,
        spec=inputs.connection.spec,
        taken=frozenset(),
        proof={},
        stored=stored(con),
        as_of=inputs.as_of,
        memory=inputs.memory_limit or default_memory_limit(),
        deferring=False,
        progress=progress,
    )
    return context, state


def _state(inputs: PlanInputs, con: DuckDBPyConnection, district: str, source: str) -> StoreState:
    """The store, attached. What a delivery owes its receiver without any change is due, too."""
    state = inputs.reader.attach(con, district, source)
    if not state.exists or state.outbox_pending or not inputs.deliveries:
        return state
    sent = inputs.reader.sent(con, district, 1)
    return replace(state, outbox_pending=any(owed(sent.get(name, ())) for name in inputs.deliveries))


def _proof(pulled: Pulled) -> Mapping[str, Mapping[str, Any]]:
    """What the pull proves, with what was answered when records were asked for by id."""
    try:
        told = json.loads(durable.read(pulled.extract / "proof.json"))["collections"]
        proof = confirming.judged(told, confirming.read(pulled.extract))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        files = f"proof.json or {confirming.FILE}"
        raise Permanent(
            f"What the source sent is kept in {pulled.extract}, but {files} there is spoiled or gone: make a new run.",
            reason="ArtifactsSpoiled",
            detail=repr(error),
        ) from None
    return read_only({name: read_only(said) for name, said in proof.items()})


def _some_are_there(inputs: PlanInputs, made: Made, stage: Callable[[str], None]) -> bool:
    """Ask for some of the records that the plan deletes, but for none twice. Whether any of them is there."""
    if inputs.confirms is None or made.extract is None:
        return False
    known = confirming.read(made.extract)
    wanted = sample(made.context, made.tallies, inputs.connection.spec.confirmDeletes.records)
    asking = {name: s.besides(known[name]) if name in known else s for name, s in wanted.items()}
    asking = {name: s for name, s in asking.items() if s.missing}
    if not asking:
        return False
    stage("confirm")
    there, done, total = False, count_from(1), sum(len(s.missing) for s in asking.values())
    for name, of_table in asking.items():

        def answered(name: str = name) -> None:
            made.context.progress("confirm", name, next(done), total)

        told = inputs.confirms({name: of_table}, answered)
        there |= any(confirmed.active for confirmed in told.values())
    return there


def _take_back(inputs: PlanInputs, origin: Restored, progress: Progress, stage: Callable[[str], None]) -> PlanReport:
    """The same for a plan that takes back what a run changed: the source is not asked, and need not be there."""
    con = _engine(inputs)
    try:
        context, state = _begun(inputs, con, progress)
        made = restoring.restored(
            context,
            origin,
            inputs.reader,
            state,
            run=inputs.run,
            connection=inputs.connection,
            as_of=inputs.as_of,
            stage=stage,
        )
        stage("freeze")
        return freeze(made, inputs.reader, inputs.out)
    finally:
        con.close()


def _run(inputs: PlanInputs, pulled: Pulled, context: Context, state: StoreState, stage: Callable[[str], None]) -> Made:
    """Run the stages, in their order. Several sources of a district make its roster together after `compare`."""
    context.con.execute("SET VARIABLE sis_id_prefix = ?", [context.prefix])
    context.con.execute("SET VARIABLE time_zone = ?", [context.spec.timeZone])
    brings = context.spec.deliveryConfig.creates
    schools = tuple(sorted(set(inputs.scope.schools)))
    sources = several.begin(context, inputs.reader, state, brings=brings, partly=bool(schools))
    several.check_existing(context, several=sources is not None)
    staged = lay_out_staged(context, pulled.extract)
    stage("shape")
    scope = shape(context, staged.contradictory)
    preconditions.of_mapped_schools(context, inputs.scope.schools, scope)
    stage("require")
    required = require(context)
    stage("match")
    matched = match(context)
    found: list[Linked] = []

    def resolved(held: frozenset[str]) -> None:
        stage("link")
        found.append(link(context, matched.duplicated, vanished=bool(scope.vanished_targets), held=held))
        stage("compare")
        compare(context, found[-1].differing)

    touched = several.settle(context, sources, resolved)
    linked = found[-1]
    tallies = count(context)
    counts = measure.counts(context, tallies)
    of_all, requirement_holds = {c.entity: c.population for c in counts if c.entity}, required.holds
    if schools:
        stage("narrow")
        lay_out_mine(context, schools)
        requirement_holds = broken_holds(context, mine=True)
        own = measure.counts(context, count(context, mine=True), mine=True)
        scope = narrow_to_schools(context, schools, scope, linked.differing)
        tallies = count(context)
        counts = with_populations(left_out(counts, own, tallies), populations(context, schools))
        touched = None
    united = several.unite(context, sources, touched) if sources else None
    stage("gate")
    config = effective_config(context.spec)
    known = state.last.vanished if state.last else ()
    gone = vanishing(scope.vanished, scope.gone, scope.mapped_targets, known)
    if schools:
        gone = gone_of(gone, scope.vanished, known, schools)
    memory = memory_of(inputs.connection, pulled.client_id_hash, config_hash(config), gone.remembered, state.last)
    if context.spec.multipleDataSources:
        memory = replace(memory, settings=config_hash(district_settings(context.spec)))
    previous = previous_connection(state.last, memory, context.source)
    facts = facts_of(
        context,
        tallies,
        counts,
        reader=inputs.reader,
        state=state,
        memory=memory,
        gone=gone,
        requirement_holds=requirement_holds,
        previous_connection=previous,
        schools=schools,
        roster=united.counts if united else (),
    )
    switches = switches_of(context.spec)
    holds = several.verdict_of(facts, switches, united) if facts else []
    if facts and schools:  # what is applied later is compared with the whole district
        facts = replace(facts, judged=measure.judged(tallies, with_populations(counts, of_all)))
    judged = record(facts, by_school=any(t.per_school and t.window for t in switches.limits)) if facts else ()
    changed = any(h.reason == HoldReason.CONNECTION_CHANGED for h in holds)
    return Made(
        run=inputs.run,
        connection=inputs.connection,
        as_of=inputs.as_of,
        context=context,
        staged=staged.files,
        extract=pulled.extract,
        state=state,
        scope=scope,
        tallies=tallies,
        counts=counts,
        holds=holds,
        judged=judged,
        memory=memory,
        memory_of_whole=memory_of_whole(memory, state.last) if schools else None,
        config=config,
        previous_connection=previous if changed else "",
        only_schools=schools,
        united=united,
    )
