"""Writes a plan's folder from what the stages made: changes, issues, notes, and the manifest with the digest over them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from rostersync import durable
from rostersync.api.v1alpha1.connection import Connection
from rostersync.hold import measure
from rostersync.hold.usual import usual_of
from rostersync.model import Entity, EntityCounts, Hold, JudgedCounts, PlanReport
from rostersync.plan import codec
from rostersync.plan.checksums import checksums
from rostersync.plan.digest import Changed, ChangedRoster, digest
from rostersync.plan.effective import config_hash
from rostersync.plan.folder import CHANGES, LINKS, OWNERS, ROSTER
from rostersync.plan.manifest import Manifest, Usual, report_of
from rostersync.roster import TABLES
from rostersync.stores.port import SourceMemory, StoreReader, StoreState
from rostersync.sync import freeze as changes_files
from rostersync.sync.issues import report_issues
from rostersync.sync.merge.results import write_links, write_owners
from rostersync.sync.notes import write_notes
from rostersync.sync.orgnames import write_orgs
from rostersync.sync.scope import Scope
from rostersync.sync.several import United
from rostersync.sync.unoffered import unoffered
from rostersync.tables.context import Context
from rostersync.tables.counts import Tallies
from rostersync.tables.of_schools import drop_others


@dataclass(frozen=True)
class Made:
    """The results of the stages, before they are written. `staged`: the files of each table's pull."""

    run: str
    connection: Connection
    as_of: datetime
    context: Context
    staged: Mapping[str, tuple[Path, ...]]
    extract: Path | None  # None: made from the store alone
    state: StoreState
    scope: Scope
    tallies: Tallies
    counts: list[EntityCounts]
    holds: list[Hold]
    judged: tuple[JudgedCounts, ...]
    memory: SourceMemory
    config: dict[str, Any]
    previous_connection: str  # "" unless the plan is held because of it
    restores: str = ""  # the run whose changes are taken back
    memory_of_whole: SourceMemory | None = None
    only_schools: tuple[str, ...] = ()
    incomplete: tuple[str, ...] = ()
    united: United | None = None  # None: the district has one source


def freeze(made: Made, reader: StoreReader, out: Path) -> PlanReport:
    """Write the plan folder `out`, whole or not at all. Returns the report."""
    with durable.made(out, lasting=False) as making:  # its checksums detect what a power cut destroyed
        manifest = _write(made, reader, making)
        codec.write(making, manifest)
    return report_of(manifest, outbox_pending=made.state.outbox_pending)


def _write(made: Made, reader: StoreReader, making: Path) -> Manifest:
    """Write every file of the plan but the manifest. Returns the manifest."""
    context, connection = made.context, made.connection
    (making / CHANGES).mkdir(parents=True, mode=0o700)
    changes: dict[Entity, str] = {}
    for table in context.tables:
        context.progress("freeze", table.name, TABLES.index(table), len(TABLES))
        if made.tallies[table.name].changes:
            staged = made.staged.get(table.name, ())
            written = changes_files.write_changes(context, table, staged, making, every=not made.only_schools)
            changes.update(written)
    roster = _write_roster(context, made.united, making) if made.united else None
    report_issues(context, made.tallies)
    if some := bool(made.only_schools and made.extract):  # a restore has only issues of what is restored
        drop_others(context, "issues")
    issues = changes_files.write_issues(context, making)
    changes_files.write_rekeyed(context, making)
    write_orgs(context, made.tallies, made.scope, making, several=made.united is not None)
    write_notes(context, made.extract, making, mine=some, alone=made.united is None)
    changed = {
        c.entity: Changed(c.created, c.updated, c.deleted, changes[c.entity])
        for c in made.counts
        if c.entity in changes
    }
    hashed = config_hash(made.config)
    return Manifest(
        run=made.run,
        district=context.district,
        source=context.source,
        connection_name=connection.metadata.name,
        connection_namespace=connection.metadata.namespace,
        connection_uid=connection.metadata.uid,
        digest=digest(context.district, context.source, hashed, changed, made.only_schools, roster),
        base_revision=made.state.revision,
        as_of=made.as_of,
        restores=made.restores,
        only_schools=made.only_schools,
        effective_config=made.config,
        config_hash=hashed,
        memory=made.memory,
        memory_of_whole=made.memory_of_whole,
        entities=tuple(made.counts),
        judged=made.judged,
        holds=tuple(made.holds),
        holds_total=len(made.holds),
        schools=made.scope.schools,
        schools_imported=tuple(made.scope.imported),
        incomplete=made.incomplete,
        not_offered=unoffered(context, made.tallies),
        causes=measure.causes(made.tallies),
        blast_radius=measure.blast_radius(context, made.tallies),
        # What is usual for a night of the whole district says nothing about a part of it, or about a restore.
        usual=Usual() if made.only_schools or made.restores else usual_of(context, reader),
        proof={name: dict(told) for name, told in context.proof.items()},
        issues=issues,
        no_changes=not changes and not (made.united and roster and _changes_more(made.united, roster, making)),
        several=made.united.sources.several if made.united else None,
        taken_from=made.united.sources.taken_from if made.united else "",
        roster=made.united.counts if made.united else (),
        roster_causes=made.united.causes if made.united else {},
        previous_connection=made.previous_connection,
        four_eyes=connection.spec.approval.requireDistinctApprover,
        store_schema=reader.schema,
        files=checksums(making),
    )


def _write_roster(context: Context, united: United, making: Path) -> ChangedRoster:
    """Write what the plan does to the roster of several sources."""
    (making / ROSTER).mkdir(mode=0o700)
    changes: dict[Entity, str] = {}
    for table in TABLES:
        if table in united.touched and united.tallies[table.name].changes:
            changes.update(changes_files.write_roster_changes(context, table, making))
    sources = united.sources.several
    return ChangedRoster(
        {
            c.entity: Changed(c.created, c.updated, c.deleted, changes[c.entity])
            for c in united.counts
            if c.entity in changes
        },
        links=write_links(context, making / LINKS),
        owners=write_owners(context, united.touched, making / OWNERS),
        sources=sources.sources,
        settings=sources.settings,
    )


def _changes_more(united: United, roster: ChangedRoster, making: Path) -> bool:
    """Whether the store gets anything else: records of the roster, words that are the district's now, links, owners."""
    links = any(pq.read_metadata(making / name).num_rows for name in (LINKS, OWNERS))
    return bool(roster.entities) or united.sources.new_words or links
