"""The plan: extract ▶ shape ▶ require ▶ match ▶ link ▶ compare ▶ gate, in this order and nowhere else.

`plan` reads a staged extract and the store, and writes a plan folder. It changes nothing else.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rostersync import durable
from rostersync.api.v1alpha1 import defaults
from rostersync.api.v1alpha1.connection import Connection
from rostersync.hold import measure
from rostersync.hold.applied import applied_before, record
from rostersync.hold.gate import REKEYED_DELETES, Counted, Facts, Switches, verdict
from rostersync.hold.safety import loosened_anew, memory_of, previous_connection
from rostersync.hold.usual import usual_of
from rostersync.hold.vanishing import Vanishing, emptied, members, vanishing
from rostersync.model import Change, Entity, EntityCounts, Hold, HoldReason, JudgedCounts, PlanReport
from rostersync.plan import codec
from rostersync.plan.checksums import checksums
from rostersync.plan.digest import Changed, digest
from rostersync.plan.effective import config_hash, effective_config
from rostersync.plan.manifest import Manifest, report_of
from rostersync.plan.origin import PlanOrigin, Pulled, RunScope
from rostersync.roster import TABLES
from rostersync.sources.registry import profile_of
from rostersync.stores import engine
from rostersync.stores.memory_limit import default_memory_limit
from rostersync.stores.port import SourceMemory, StoreReader, StoreState
from rostersync.sync import freeze, preconditions
from rostersync.sync.compare import compare
from rostersync.sync.issues import report_issues
from rostersync.sync.link import link
from rostersync.sync.match import match
from rostersync.sync.notes import write_notes
from rostersync.sync.orgnames import write_orgs
from rostersync.sync.require import require
from rostersync.sync.scope import Scope
from rostersync.sync.shape import shape
from rostersync.sync.staged import lay_out_staged
from rostersync.sync.stored import stored
from rostersync.sync.tally import tally
from rostersync.sync.unoffered import unoffered
from rostersync.tables.context import Context, Progress

STAGES = ("shape", "require", "match", "link", "compare", "gate", "freeze")


@dataclass(frozen=True)
class PlanInputs:
    """Everything that a plan is made of.

    `out` is the plan folder to be made, `scratch` a folder for spill files; `as_of` is aware; `memory_limit` in bytes.
    """

    connection: Connection
    run: str
    origin: PlanOrigin
    out: Path
    scratch: Path
    reader: StoreReader
    as_of: datetime
    scope: RunScope = field(default_factory=RunScope)
    memory_limit: int | None = None
    threads: int | None = None
    store_folder: Path | None = None


@dataclass(frozen=True)
class _Plan:
    """What the stages came to, before it is written down."""

    context: Context
    pulled: Pulled
    state: StoreState
    scope: Scope
    counts: list[EntityCounts]
    holds: list[Hold]
    judged: tuple[JudgedCounts, ...]
    memory: SourceMemory
    config: dict[str, Any]
    previous_connection: str  # "" unless the plan is held for it


def plan(
    inputs: PlanInputs, progress: Progress = lambda *_: None, stage: Callable[[str], None] = lambda _: None
) -> PlanReport:
    """Make the plan folder `inputs.out`; returns its report.

    Raises:
        Permanent: NotYetSupported, RequirementFailed, IncompleteRead (onIncompleteRead: Fail), StoreHasOtherSource.
        StoreBusy: another process writes the store.
    """
    pulled = preconditions.pulled(inputs.origin, inputs.scope)
    proof = json.loads((pulled.extract / "proof.json").read_text())["collections"]
    spec = inputs.connection.spec
    incomplete = preconditions.read_enough(spec, proof)
    allowed = [pulled.extract, inputs.out.parent, *([inputs.store_folder] if inputs.store_folder else [])]
    memory = inputs.memory_limit or default_memory_limit()
    con = engine.connect(memory, inputs.threads, inputs.scratch, allowed)
    try:
        source = profile_of(inputs.connection).source_id(inputs.connection)
        state = inputs.reader.attach(con, defaults.district(inputs.connection), source)
        preconditions.of_one_source(inputs.connection, state)
        context = Context(
            con=con,
            spec=spec,
            taken=frozenset(defaults.entities(spec)),
            proof=proof,
            as_of=inputs.as_of,
            prefix=spec.sisIDPrefix,
            memory=memory,
            deferring=any(w.contains(inputs.as_of, ZoneInfo(spec.timeZone)) for w in spec.dataRollover.disableDeletion),
            progress=progress,
        )
        made = _run(inputs, pulled, context, state, stage)
        stage("freeze")
        return _freeze(inputs, made, incomplete)
    finally:
        con.close()


def _run(
    inputs: PlanInputs, pulled: Pulled, context: Context, state: StoreState, stage: Callable[[str], None]
) -> _Plan:
    """The stages, in their order."""
    context.con.execute("SET VARIABLE sis_id_prefix = ?", [context.prefix])
    context.con.execute("SET VARIABLE time_zone = ?", [context.spec.timeZone])
    context.stored = stored(context)
    lay_out_staged(context, pulled.extract)
    stage("shape")
    scope = shape(context)
    stage("require")
    require(context)
    stage("match")
    match(context)
    stage("link")
    link(context)
    stage("compare")
    compare(context)
    stage("gate")
    config = effective_config(context.spec)
    known = state.last.vanished if state.last else ()
    gone = vanishing(scope.vanished, scope.gone, scope.mapped_targets, known)
    memory = memory_of(inputs.connection, pulled.client_id_hash, config_hash(config), gone.remembered, state.last)
    context.tallies = {table.name: tally(context, table) for table in context.tables}
    counts = measure.counts(context)
    previous = previous_connection(state.last, memory, profile_of(inputs.connection).source_id(inputs.connection))
    holds, judged = _gate(inputs, context, state, memory, counts, previous, gone)
    changed = any(h.reason == HoldReason.CONNECTION_CHANGED for h in holds)
    return _Plan(context, pulled, state, scope, counts, holds, judged, memory, config, previous if changed else "")


def _gate(
    inputs: PlanInputs,
    context: Context,
    state: StoreState,
    memory: SourceMemory,
    counts: list[EntityCounts],
    previous: str,
    gone: Vanishing,
) -> tuple[list[Hold], tuple[JudgedCounts, ...]]:
    """The holds, and the counts that limits went by, which later plans are held against."""
    context.sql("CREATE OR REPLACE TEMP TABLE rekeyed (entity VARCHAR, old_id VARCHAR, new_id VARCHAR)")
    if not any(c.created + c.updated + c.deleted for c in counts):
        return [], ()
    limits = defaults.effective_thresholds(context.spec)
    measure.lay_out_schools(context, every=any(t.per_school for t in limits))
    last = state.last
    known = [c for c in counts if c.entity]
    identity_changed = last is not None and last.prefix != memory.prefix
    rekeyed = measure.rekeyed(context, counts, REKEYED_DELETES)
    if identity_changed and last is not None:
        context.con.execute("SET VARIABLE old_prefix = ?", [last.prefix])
        measure.renamed_by_prefix(context)
    facts = Facts(
        entities={
            c.entity: Counted(
                {Change.CREATE: c.created, Change.UPDATE: c.updated, Change.DELETE: c.deleted}, c.population
            )
            for c in known
            if c.entity
        },
        resulting=measure.resulting(context, known),
        judged=measure.judged(context, known),
        before=applied_before(inputs.reader, context.con, inputs.connection, limits, inputs.as_of),
        by_school=measure.by_school(context) if any(t.per_school for t in limits) else {},
        emptied_schools=measure.emptied_schools(context, gone.newly | gone.before) + emptied(context, gone.newly),
        vanished_schools=members(context, gone.newly),
        rekeyed=rekeyed,
        requirement_holds=context.requirement_holds,
        identity_changed=identity_changed,
        source_changed=last is not None
        and (last.host, last.client_id_hash, last.version) != (memory.host, memory.client_id_hash, memory.version),
        config_changed=last is not None and last.config_hash != memory.config_hash,
        safety_loosened=loosened_anew(state, memory),
        other_sources=len(state.other_sources) if state.last is None else 0,
        connection_changed=bool(previous),
        first_import=last is None,
    )
    switches = Switches(
        limits=limits,
        preview=context.spec.previewDataUpload,
        hold_first_import=context.spec.approval.holdFirstImport,
        hold_on_config_change=context.spec.approval.holdOnConfigChange,
    )
    return verdict(facts, switches), record(facts, by_school=any(t.per_school and t.window for t in limits))


def _freeze(inputs: PlanInputs, made: _Plan, incomplete: list[str]) -> PlanReport:
    """Write the plan folder whole or not at all, and report."""
    with durable.made(inputs.out, lasting=False) as making:  # its checksums tell of what a power cut took
        manifest = _write(inputs, made, incomplete, making)
        codec.write(making, manifest)
    return report_of(manifest, outbox_pending=made.state.outbox_pending)


def _write(inputs: PlanInputs, made: _Plan, incomplete: list[str], making: Path) -> Manifest:
    """Write every other file of the plan; returns what its manifest is to say."""
    context, connection = made.context, inputs.connection
    (making / "changes").mkdir(parents=True, mode=0o700)
    changes: dict[Entity, str] = {}
    for table in context.tables:
        context.progress("freeze", table.name, TABLES.index(table), len(TABLES))
        changes.update(freeze.write_changes(context, table, making / "changes"))
    report_issues(context)
    issues = freeze.write_issues(context, making)
    freeze.write_rekeyed(context, making)
    write_orgs(context, made.scope, making)
    write_notes(context, made.pulled.extract, making)
    district, source = defaults.district(connection), profile_of(connection).source_id(connection)
    changed = {
        c.entity: Changed(c.created, c.updated, c.deleted, changes[c.entity])
        for c in made.counts
        if c.entity in changes
    }
    return Manifest(
        run=inputs.run,
        district=district,
        source=source,
        connection_name=connection.metadata.name,
        connection_namespace=connection.metadata.namespace,
        connection_uid=connection.metadata.uid,
        digest=digest(district, source, made.memory.config_hash, changed),
        base_revision=made.state.revision,
        as_of=inputs.as_of,
        effective_config=made.config,
        config_hash=made.memory.config_hash,
        memory=made.memory,
        entities=tuple(made.counts),
        judged=made.judged,
        holds=tuple(made.holds),
        holds_total=len(made.holds),
        schools=made.scope.schools,
        schools_imported=tuple(made.scope.imported),
        incomplete=tuple(incomplete),
        not_offered=unoffered(context),
        causes=measure.causes(context),
        blast_radius=measure.blast_radius(context),
        usual=usual_of(inputs.reader, context.con, connection, inputs.as_of),
        proof=context.proof,
        issues=issues,
        no_changes=not changes,
        previous_connection=made.previous_connection,
        four_eyes=connection.spec.approval.requireDistinctApprover,
        files=checksums(making),
    )
