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
from rostersync.hold.applied import record
from rostersync.hold.facts import facts_of, switches_of
from rostersync.hold.gate import verdict
from rostersync.hold.safety import memory_of, previous_connection
from rostersync.hold.usual import usual_of
from rostersync.hold.vanishing import vanishing
from rostersync.model import Entity, EntityCounts, Hold, HoldReason, JudgedCounts, PlanReport
from rostersync.plan import codec
from rostersync.plan.checksums import checksums
from rostersync.plan.digest import Changed, digest
from rostersync.plan.effective import config_hash, effective_config
from rostersync.plan.folder import CHANGES
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
from rostersync.sync.link.stage import link
from rostersync.sync.match import match
from rostersync.sync.notes import write_notes
from rostersync.sync.orgnames import write_orgs
from rostersync.sync.require import require
from rostersync.sync.scope import Scope
from rostersync.sync.shape import shape
from rostersync.sync.staged import Staged, lay_out_staged
from rostersync.sync.stored import stored
from rostersync.sync.unoffered import unoffered
from rostersync.tables.context import Context, Progress, read_only
from rostersync.tables.counts import Tallies, count

STAGES = ("shape", "require", "match", "link", "compare", "gate", "freeze")


@dataclass(frozen=True)
class PlanInputs:
    """Everything that a plan is made from.

    `out` is the plan folder to create, `scratch` a folder for spill files. `as_of` is aware. `memory_limit` is in
    bytes.
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


@dataclass(frozen=True)
class _Plan:
    """The results of the stages, before they are written."""

    context: Context
    pulled: Pulled
    staged: Staged
    state: StoreState
    scope: Scope
    tallies: Tallies
    counts: list[EntityCounts]
    holds: list[Hold]
    judged: tuple[JudgedCounts, ...]
    memory: SourceMemory
    config: dict[str, Any]
    previous_connection: str  # "" unless the plan is held because of it


def plan(
    inputs: PlanInputs, progress: Progress = lambda *_: None, stage: Callable[[str], None] = lambda _: None
) -> PlanReport:
    """Make the plan folder `inputs.out`. Returns its report.

    Raises:
        Permanent: NotYetSupported, RequirementFailed, IncompleteRead (onIncompleteRead: Fail), StoreHasOtherSource.
        StoreBusy: another process writes the store.
    """
    pulled = preconditions.pulled(inputs.origin, inputs.scope)
    proof = json.loads((pulled.extract / "proof.json").read_text())["collections"]
    spec = inputs.connection.spec
    incomplete = preconditions.read_enough(spec, proof)
    allowed = [pulled.extract, inputs.out.parent, *inputs.reader.folders]
    memory = inputs.memory_limit or default_memory_limit()
    con = engine.connect(memory, inputs.threads, inputs.scratch, allowed)
    try:
        district = defaults.district(inputs.connection)
        source = profile_of(inputs.connection).source_id(inputs.connection)
        state = inputs.reader.attach(con, district, source)
        preconditions.of_one_source(inputs.connection, state)
        context = Context(
            con=con,
            district=district,
            source=source,
            spec=spec,
            taken=frozenset(defaults.entities(spec)),
            proof=read_only({name: read_only(told) for name, told in proof.items()}),
            stored=stored(con),
            as_of=inputs.as_of,
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
    """Run the stages, in their order."""
    context.con.execute("SET VARIABLE sis_id_prefix = ?", [context.prefix])
    context.con.execute("SET VARIABLE time_zone = ?", [context.spec.timeZone])
    staged = lay_out_staged(context, pulled.extract)
    stage("shape")
    scope = shape(context, staged.contradictory)
    stage("require")
    required = require(context)
    stage("match")
    matched = match(context)
    stage("link")
    linked = link(context, matched.duplicated, vanished=bool(scope.vanished_targets))
    stage("compare")
    compare(context, linked.differing)
    stage("gate")
    tallies = count(context)
    config = effective_config(context.spec)
    known = state.last.vanished if state.last else ()
    gone = vanishing(scope.vanished, scope.gone, scope.mapped_targets, known)
    memory = memory_of(inputs.connection, pulled.client_id_hash, config_hash(config), gone.remembered, state.last)
    counts = measure.counts(context, tallies)
    previous = previous_connection(state.last, memory, context.source)
    facts = facts_of(
        context,
        tallies,
        counts,
        reader=inputs.reader,
        state=state,
        memory=memory,
        gone=gone,
        requirement_holds=required.holds,
        previous_connection=previous,
    )
    switches = switches_of(context.spec)
    holds = verdict(facts, switches) if facts else []
    judged = record(facts, by_school=any(t.per_school and t.window for t in switches.limits)) if facts else ()
    changed = any(h.reason == HoldReason.CONNECTION_CHANGED for h in holds)
    return _Plan(
        context=context,
        pulled=pulled,
        staged=staged,
        state=state,
        scope=scope,
        tallies=tallies,
        counts=counts,
        holds=holds,
        judged=judged,
        memory=memory,
        config=config,
        previous_connection=previous if changed else "",
    )


def _freeze(inputs: PlanInputs, made: _Plan, incomplete: list[str]) -> PlanReport:
    """Write the plan folder, whole or not at all. Returns the report."""
    with durable.made(inputs.out, lasting=False) as making:  # its checksums detect what a power cut destroyed
        manifest = _write(inputs, made, incomplete, making)
        codec.write(making, manifest)
    return report_of(manifest, outbox_pending=made.state.outbox_pending)


def _write(inputs: PlanInputs, made: _Plan, incomplete: list[str], making: Path) -> Manifest:
    """Write every file of the plan but the manifest. Returns the manifest."""
    context, connection = made.context, inputs.connection
    (making / CHANGES).mkdir(parents=True, mode=0o700)
    changes: dict[Entity, str] = {}
    for table in context.tables:
        context.progress("freeze", table.name, TABLES.index(table), len(TABLES))
        if made.tallies[table.name].changes:
            staged = made.staged.files.get(table.name, ())
            changes.update(freeze.write_changes(context, table, staged, making))
    report_issues(context, made.tallies)
    issues = freeze.write_issues(context, making)
    freeze.write_rekeyed(context, making)
    write_orgs(context, made.tallies, made.scope, making)
    write_notes(context, made.pulled.extract, making)
    changed = {
        c.entity: Changed(c.created, c.updated, c.deleted, changes[c.entity])
        for c in made.counts
        if c.entity in changes
    }
    return Manifest(
        run=inputs.run,
        district=context.district,
        source=context.source,
        connection_name=connection.metadata.name,
        connection_namespace=connection.metadata.namespace,
        connection_uid=connection.metadata.uid,
        digest=digest(context.district, context.source, made.memory.config_hash, changed),
        base_revision=made.state.revision,
        as_of=inputs.as_of,
        only_schools=inputs.scope.schools,
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
        not_offered=unoffered(context, made.tallies),
        causes=measure.causes(made.tallies),
        blast_radius=measure.blast_radius(context, made.tallies),
        usual=usual_of(context, inputs.reader),
        proof={name: dict(told) for name, told in context.proof.items()},
        issues=issues,
        no_changes=not changes,
        previous_connection=made.previous_connection,
        four_eyes=connection.spec.approval.requireDistinctApprover,
        files=checksums(making),
    )
