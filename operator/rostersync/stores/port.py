"""What a store offers to the rest: a side to read for plans, and a side to write, so that planning holds only a reader.

Some 300 lines in one file, since whoever writes a store needs all of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import duckdb

from rostersync.model import Consent, EntityCounts, JudgedCounts
from rostersync.sent import Sent
from rostersync.stores.several import RosterToApply, Several

Mark = Callable[[str], None]  # called with the name of each step of an apply; for tests and progress


@dataclass(frozen=True)
class SourceMemory:
    """What the store remembers of a source's last applied plan, so that the next plan can be held when it differs.

    `safety` belongs to the gate, and the store only keeps it. `revision` and `applied_at` (UTC) say when.
    """

    prefix: str = ""
    host: str = ""
    client_id_hash: str = ""
    version: str = ""
    config_hash: str = ""
    connection_uid: str | None = None
    connection_kind: str = ""  # "" in memories from before kind and name were stored
    connection_name: str = ""
    safety: dict[str, Any] = field(default_factory=dict)
    vanished: tuple[str, ...] = ()  # SIS ids of schools that were missing in this plan or one before it
    revision: int = 0
    applied_at: datetime | None = None
    restores: tuple[int, ...] = ()  # revisions that took back what a run had changed
    forgotten: int = 0  # how often somebody was forgotten; a plan from before that is not applied
    settings: str = ""  # hash of what the connection said of the district's sources; "" if it knew of no other


@dataclass(frozen=True)
class AppliedCounts:
    """What one applied plan changed of one entity, in all or in one school (its id in the store), as limits count it.

    `population`: how many records the source had there before it. `applied_at` is aware. `takes_back`: these changes took
    back changes of that revision. `whole`: it was an import of all.
    """

    applied_at: datetime
    entity: str
    school: str | None = None
    created: int = 0
    updated: int = 0
    deleted: int = 0
    population: int = 0
    revision: int = 0
    takes_back: int | None = None
    whole: bool = True


@dataclass(frozen=True)
class Revision:
    """What the store keeps of one applied plan. `changes`: how many records it changed. `applied_at` is aware.

    `decided_by`, `approval_uid` and `reason` are None for a plan that nobody had to approve. `four_eyes`: whether
    somebody could prove that the decider was no requester; None where that was not asked for.
    """

    number: int
    source: str
    run: str
    digest: str
    config_hash: str
    applied_at: datetime
    changes: int
    decided_by: str | None = None
    approval_uid: str | None = None
    reason: str | None = None
    four_eyes: bool | None = None


@dataclass(frozen=True)
class StoreState:
    """The store as a plan finds it. `revision` is the district's, and 0 without `exists` when nothing was ever applied.

    `other_sources`: the other sources of the district that have active records here.
    """

    revision: int = 0
    exists: bool = False
    other_sources: tuple[str, ...] = ()
    last: SourceMemory | None = None
    outbox_pending: bool = False
    forgotten: int = 0  # how often somebody of the district was forgotten
    several: Several | None = None  # None while one source has made all of the roster


class StoreReader(Protocol):
    """Reads the accepted roster. It cannot write."""

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders that a connection must be allowed to touch to attach the store (engine.connect)."""
        ...

    @property
    def schema(self) -> str:
        """The database's schema that the roster is in. Empty for a store that has no such parts."""
        ...

    def attach(self, con: duckdb.DuckDBPyConnection, district: str, source: str | None) -> StoreState:
        """Creates TEMP VIEWs in `con` and returns the state of the store. Raises StoreBusy.

        `store_<table>` for each table of roster.TABLES, active records and tombstones of this source (None: of the roster
        that all sources of the district make): id, entity, status ('active' | 'tobedeleted'), hash, the attributes typed by
        roster.SQL_TYPES, metadata, source. `store_schools`: sis_id, target_id. `store_history`: revision, entity, id,
        change, cause, before, after, applied_at, source. `con` must be allowed to touch `folders`.
        """
        ...

    def attach_others(self, con: duckdb.DuckDBPyConnection, roster: str) -> None:
        """Creates more TEMP VIEWs, after one source was attached: what several sources make together.

        `others_<table>`: source, id, entity, attributes, metadata of active records of the other sources. `roster_<table>`: the
        roster so far, as `store_<table>`, kept under the source `roster`. `store_links`: tbl, source, id, record_id.
        `store_owners`: tbl, id, attribute, source. See several.py.
        """
        ...

    def applied_since(
        self, con: duckdb.DuckDBPyConnection, district: str, source: str, since: datetime
    ) -> tuple[AppliedCounts, ...]:
        """What was applied from a source after an instant, in the order of revisions. `con` has the store attached."""
        ...

    def revisions(self, con: duckdb.DuckDBPyConnection, district: str, run: str) -> tuple[Revision, ...]:
        """The revisions that runs of this name created, newest last. `con` has the store attached.

        A name can be given again, so there may be several.
        """
        ...

    def revision(self, con: duckdb.DuckDBPyConnection, district: str, number: int) -> Revision | None:
        """One revision of a district, whoever created it. `con` has the store attached."""
        ...

    def detach(self, con: duckdb.DuckDBPyConnection) -> None:
        """Drops the views and releases the store. While it is attached, it may be locked for writers."""
        ...

    def outbox(self, con: duckdb.DuckDBPyConnection, district: str) -> dict[str, tuple[int, ...]]:
        """The revisions that each delivery still has to deliver, ascending. `con` has the store attached."""
        ...

    def sent(self, con: duckdb.DuckDBPyConnection, district: str, limit: int | None) -> dict[str, tuple[Sent, ...]]:
        """What each delivery has delivered, newest first, at most `limit` of each. `con` has the store attached."""
        ...

    def districts(self, con: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
        """The districts that were ever applied to this store, in order. `con` need not have it attached."""
        ...

    def same_person(self, con: duckdb.DuckDBPyConnection, district: str, record_id: str) -> tuple[str, ...]:
        """All ids of a person of whom this is one: in the roster and in each source, also in one that the person has left.

        `con` need not have the store attached.
        """
        ...

    def save(self, con: duckdb.DuckDBPyConnection, district: str, folder: Path) -> None:
        """Writes all that the store has of a district into `folder`, as stores/contents.py says.

        `con` must be allowed to touch `folders` and `folder`.
        """
        ...

    def applied(self, con: duckdb.DuckDBPyConnection, run: str, digest: str, base: int) -> int | None:
        """The revision that the plan of a run created, if it was applied. `con` need not have the store attached."""
        ...


@dataclass(frozen=True)
class PlanToApply:
    """What the store needs of a plan whose files were verified. `changes` maps an entity's name to its Parquet file."""

    run: str
    digest: str
    district: str
    source: str
    base_revision: int
    config_hash: str
    entities: tuple[EntityCounts, ...]
    judged: tuple[JudgedCounts, ...]  # as limits count, by school if a limit does
    memory: SourceMemory
    schools: tuple[tuple[str, str], ...]
    changes: dict[str, Path]
    four_eyes: bool = False
    deliveries: tuple[str, ...] = ()  # outbox names of the deliveries of this revision
    whole: bool = True  # an import of the whole district
    schema: str = ""  # that the reader read; empty if the store has none, or the plan does not say
    roster: RosterToApply | None = None  # None: the district has one source

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that an apply reads."""
        return (*self.changes.values(), *(self.roster.files if self.roster else ()))


@dataclass(frozen=True)
class Applied:
    """The result of an apply: the revision that holds the plan, and whether it was there before.

    `trouble`: what failed after the commit. The plan is applied, and the next writer cleans up.
    """

    revision: int
    already_applied: bool
    outbox_pending: bool
    trouble: Exception | None = None


@dataclass(frozen=True)
class Forgotten:
    """What `forget` removed: records, history values, references in others' records.

    `still_active`: the record was active, so the next run brings it back unless its source drops it first.
    For an unknown id, `rows` is 0. `remains`: sentences about where the person's bytes may still be, for who asked.
    """

    rows: int
    enrollments: int
    history: int
    references: int
    still_active: bool
    remains: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()  # all that the person had: in the roster, and in each of several sources

    @property
    def removed(self) -> int:
        """How many things there were."""
        return self.rows + self.enrollments + self.history + self.references


def total(found: Mapping[str, Forgotten]) -> Forgotten:
    """All that was found under each id of a person."""
    every = found.values()
    numbers = {n: sum(getattr(f, n) for f in every) for n in ("rows", "enrollments", "history", "references")}
    return Forgotten(**numbers, still_active=any(f.still_active for f in every), ids=tuple(found))


@dataclass(frozen=True)
class Expired:
    """What retention removed: tombstones, before and after values of history, records of deliveries."""

    tombstones: int
    history: int
    sent: int = 0


class StoreWriter(Protocol):
    """Changes the accepted roster. Every method is one transaction or an atomic swap. Raises StoreBusy and DiskFull."""

    def apply(self, plan: PlanToApply, consent: Consent | None, now: datetime, mark: Mark) -> Applied:
        """Writes the plan as the district's next revision. Applying it again does nothing.

        Raises BaseMoved when the store has changed since the plan was made, or DiskFull. Then nothing is applied. After
        the commit it raises nothing but Unsure, when it is unknown whether the commit succeeded.
        """
        ...

    def fill(self, district: str, folder: Path) -> bool:
        """Writes what `save` wrote into a store that has nothing of the district. False if the same was there already.

        Raises Permanent: TargetNotEmpty, and CopyDiffers if what was written is not what was read. Then nothing is.
        """
        ...

    def expire(self, district: str, max_age: timedelta, now: datetime) -> Expired:
        """Removes tombstones, before and after values of history, and records of deliveries older than `max_age`.

        The newest record of each delivery stays, since it says what its receiver has.
        """
        ...

    def forget(self, district: str, record_id: str) -> Forgotten:
        """Removes a person from records and history, and their bytes from the disk."""
        ...


class Outbox(Protocol):
    """Moves what was delivered from the outbox to the record, and can do nothing else. Raises StoreBusy and DiskFull.

    The Secrets of a reader are enough for it.
    """

    def check(self) -> None:
        """Raises RostersyncError if nothing could be settled, so that it is known before anything is sent."""
        ...

    def settle(self, district: str, delivery: str, revision: int, sent: Sent | None) -> None:
        """Record in one transaction that a delivery has delivered all up to a revision, and what it sent. Idempotent."""
        ...


class StoreFile(Protocol):
    """What can be done with a store that is one file."""

    def check_target(self, to: Path) -> None:
        """Raises Permanent when a backup must not replace what is at `to`: this store, or a file that is none."""
        ...

    def backup(self, to: Path) -> None:
        """Writes a compact copy to the file `to`, whole or not at all. Restoring is copying it back."""
        ...

    def compact(self) -> tuple[int, int]:
        """Rewrites the file without its free space. Returns its bytes before and after."""
        ...


class Store(Protocol):
    """A place where rosters are kept."""

    where: str  # the place, for people, without secrets

    def exists(self) -> bool:
        """Whether anything was ever applied to it."""
        ...

    def reader(self) -> StoreReader:
        """The side for plans and exports."""
        ...

    def writer(self) -> StoreWriter:
        """The side for apply, retention and forget."""
        ...

    def outbox(self) -> Outbox:
        """The side that deliveries use, besides a reader."""
        ...
