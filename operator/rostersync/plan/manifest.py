"""What manifest.json says about a plan, as one frozen record. `codec.py` writes and reads the file.

It has only counts, codes, ids of schools and checksums. Records are in the plan's other files.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rostersync.model import EntityCounts, Hold, IssueCount, JudgedCounts, NotOffered, PlanReport, RosterCounts, Schools
from rostersync.stores.port import SourceMemory
from rostersync.stores.several import Several


@dataclass(frozen=True)
class Usual:
    """What the last plans of a source changed: by entity, the median of each count. None if there were too few."""

    runs: int = 0
    entities: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """A plan: what it was made from, its results, and the files of its changes.

    The digest covers district, source, config hash and changes. Everything else is outside it.
    """

    run: str
    district: str
    source: str
    digest: str  # "sha256:…"
    base_revision: int  # of the store that the plan was made on
    config_hash: str  # of the effective configuration
    memory: SourceMemory  # what the store remembers once the plan is applied
    entities: tuple[EntityCounts, ...]
    holds: tuple[Hold, ...]  # all of them, worst first
    holds_total: int
    schools_imported: tuple[tuple[str, str], ...]  # (id in the SIS, id in the store)
    no_changes: bool
    files: Mapping[str, str]  # SHA-256 of every file of the plan, by its path in the folder
    connection_name: str | None = None
    connection_namespace: str | None = None
    connection_uid: str | None = None  # None without a cluster
    as_of: datetime | None = None
    # What the store is to remember instead, for a plan of some schools: what a whole plan left.
    memory_of_whole: SourceMemory | None = None
    restores: str = ""  # the run whose changes the plan takes back, or "" for a plan from a source
    only_schools: tuple[str, ...] = ()  # ids in the store, if the plan is not about the whole district
    effective_config: Mapping[str, Any] = field(default_factory=dict)  # an opaque JSON object: see effective.py
    judged: tuple[JudgedCounts, ...] = ()
    schools: Schools = field(default_factory=Schools)
    incomplete: tuple[str, ...] = ()  # collections that were not proved complete
    not_offered: tuple[NotOffered, ...] = ()
    causes: Mapping[str, int] = field(default_factory=dict)  # changes by Cause, the most frequent first
    blast_radius: Mapping[str, int] = field(default_factory=dict)  # {students, teachers} touched by cascades
    usual: Usual = field(default_factory=Usual)
    proof: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # the extract's proof.json, by collection
    issues: tuple[IssueCount, ...] = ()  # the most frequent first
    store_schema: str = ""  # of the database that the roster was read from, if it is in one
    previous_connection: str = ""  # "" unless the plan is held because of it
    four_eyes: bool = False
    # Of the roster that several sources make together; None and empty if the district has one source.
    several: Several | None = None
    taken_from: str = ""  # the source whose contributions are that roster so far
    roster: tuple[EntityCounts, ...] = ()
    roster_causes: Mapping[str, int] = field(default_factory=dict)

    @property
    def held(self) -> int:
        """The number of reasons to hold the plan. Somebody who removes reasons from the file must remove them twice."""
        return max(self.holds_total, len(self.holds))

    @property
    def unproved(self) -> dict[str, str]:
        """Why collections that the source offers could not be proved complete, by collection."""
        return {name: str(p["reason"]) for name, p in self.proof.items() if p.get("offered") and p.get("reason")}

    @property
    def still_there(self) -> dict[str, int]:
        """By collection: how many of the records that it did not bring are there when asked for by id."""
        told = {name: int(p.get("byID", {}).get("active", 0)) for name, p in self.proof.items()}
        return {name: n for name, n in told.items() if n}

    @property
    def unconfirmed(self) -> dict[str, str]:
        """By collection: why not all was asked by id that should have been. It is proved complete without it."""
        told = {name: p.get("byID", {}) for name, p in self.proof.items()}
        return {name: f"{by['unable']} ({by['asked']:,} asked)" for name, by in told.items() if by.get("unable")}

    @property
    def left_out(self) -> int:
        """How many people the source has whom no rule of the connection takes."""
        return sum(int(p.get("leftOut", 0)) for p in self.proof.values())

    @property
    def repeated(self) -> frozenset[str]:
        """Collections with ids that came in several rows."""
        return frozenset(name for name, p in self.proof.items() if p.get("duplicates"))


def report_of(manifest: Manifest, *, outbox_pending: bool) -> PlanReport:
    """The result of a plan, for its report and for the run's status.

    `outbox_pending` is about the store and not about the plan, so the manifest does not have it.
    """
    return PlanReport(
        run=manifest.run,
        stage="done",
        digest=manifest.digest,
        base_revision=manifest.base_revision,
        entities=list(manifest.entities),
        holds=list(manifest.holds),
        holds_total=manifest.holds_total,
        issues=list(manifest.issues),
        schools=manifest.schools,
        incomplete=list(manifest.incomplete),
        not_offered=list(manifest.not_offered),
        causes=dict(manifest.causes),
        blast_radius=dict(manifest.blast_radius),
        outbox_pending=outbox_pending,
        no_changes=manifest.no_changes,
        still_there=manifest.still_there,
        roster=roster_of(manifest),
        previous_connection=manifest.previous_connection,
    )


def roster_of(manifest: Manifest) -> RosterCounts | None:
    """What the plan does to the roster that several sources make. None if the district has one."""
    if manifest.several is None:
        return None
    return RosterCounts.of(manifest.roster, manifest.roster_causes, [name for name, _ in manifest.several.sources])
