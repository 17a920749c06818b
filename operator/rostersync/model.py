"""The nouns that all parts share, in one file of some 300 lines. Standard library only; nothing here acts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Self


class Entity(StrEnum):
    """What a record is. In dependency order: later ones may refer to earlier ones."""

    DISTRICT = "District"
    SCHOOL = "School"
    CALENDAR = "Calendar"
    COURSE = "Course"
    CLASS = "Class"
    STUDENT = "Student"
    TEACHER = "Teacher"
    CONTACT = "Contact"
    ADMIN = "Admin"
    ENROLLMENT = "Enrollment"
    DEMOGRAPHICS = "Demographics"


class Change(StrEnum):
    """What happens to one record."""

    CREATE = "Create"
    UPDATE = "Update"
    DELETE = "Delete"


class Cause(StrEnum):
    """Why a change is in the plan."""

    SOURCE_CREATED = "SourceCreated"
    SOURCE_CHANGED = "SourceChanged"
    SOURCE_DELETED = "SourceDeleted"  # the source marks it (tobedeleted, inactive)
    SOURCE_MISSING = "SourceMissing"  # absent from a complete pull, in Bulk Upload Mode
    SCHOOL_UNMAPPED = "SchoolUnmapped"
    FILTERED_OUT = "FilteredOut"
    REQUIREMENT_FAILED = "RequirementFailed"  # Skip with whenAccepted: Remove
    CASCADE = "Cascade"
    MERGED = "Merged"  # of the roster: two records became one
    RELINKED = "Relinked"  # of the roster: what was one record is not any more, or is one with another
    SETTINGS_CHANGED = "SettingsChanged"  # of the roster: Domains of Uniqueness or Master Fields did
    RESTORED = "Restored"  # an id that came back from its tombstone, or a record as it was before a run


class Phase(StrEnum):
    """What a run is doing that has not ended: the reason of its condition Succeeded while that is Unknown."""

    QUEUED = "Queued"
    PLANNING = "Planning"
    AWAITING_APPROVAL = "AwaitingApproval"
    APPLYING = "Applying"
    DELIVERING = "Delivering"


AT_WORK = (Phase.PLANNING, Phase.APPLYING, Phase.DELIVERING)


@dataclass(frozen=True)
class Consent:
    """A person's consent to one plan, as the store's revision records it.

    `approval` and `approval_uid` name the SyncApproval, which there need not be locally. `four_eyes_enforced` says
    whether somebody could prove that the decider is not a requester, `previous_connection` on which other connection's
    roster the decider may decide too.
    """

    decided_by: str
    digest: str
    reason: str
    approval_uid: str | None = None
    four_eyes_enforced: bool = False
    previous_connection: str = ""
    approval: str = ""


class Mode(StrEnum):
    """What a run is for (SyncRun.spec.mode)."""

    IMPORT = "Import"
    DRY_RUN = "DryRun"
    RESTORE = "Restore"
    DELIVER = "Deliver"


class HoldReason(StrEnum):
    """Why a plan is held for a person."""

    THRESHOLD = "Threshold"
    ENTITY_EMPTIED = "EntityEmptied"
    SCHOOL_EMPTIED = "SchoolEmptied"
    SCHOOL_VANISHED = "SchoolVanished"  # a school with members is no longer sent
    IDENTITY_CHANGED = "IdentityChanged"
    SOURCE_CHANGED = "SourceChanged"
    RE_KEYED = "ReKeyed"
    RELINKED = "Relinked"  # what was one record of several sources is not any more, or is one with another
    RESTORED_RECORDS = "RestoredRecords"
    CONFIG_CHANGED = "ConfigChanged"
    SAFETY_LOOSENED = "SafetyLoosened"
    CONNECTION_CHANGED = "ConnectionChanged"
    RESTORE = "Restore"
    PREVIEW = "Preview"
    REQUIREMENT_HOLD = "RequirementHold"
    FIRST_IMPORT = "FirstImport"


@dataclass(frozen=True)
class Hold:
    """One reason with its numbers. `limit` is a percentage or a count, as `unit` says; None where no number applies."""

    reason: HoldReason
    entity: Entity | None = None
    change: str | None = None  # Create | Update | Delete | Any
    school: str | None = None  # the school's id in the store
    count: int | None = None
    population: int | None = None
    limit: int | None = None
    unit: str | None = None  # Percent | Count
    before: int | None = None  # how many of `count` were applied before this plan, within `window`
    window: str | None = None  # such as 24h; `population` is then the one at its start

    def as_dict(self) -> dict[str, Any]:
        """Only the fields that are set, in the API's names."""
        return {k: v for k, v in vars(self).items() if v is not None}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """From the API's names. A status also has a `message` for people, which is ignored. Raises ValueError."""
        numbers = {
            k: data.get(k) for k in ("change", "school", "count", "population", "limit", "unit", "before", "window")
        }
        return cls(HoldReason(data["reason"]), Entity(data["entity"]) if data.get("entity") else None, **numbers)


@dataclass(frozen=True)
class IssueCount:
    """The number of records of an entity that have one issue."""

    code: str
    count: int
    entity: str | None = None
    attribute: str | None = None
    of_class: str | None = None  # Error, Skipped or Duplicate

    def as_dict(self) -> dict[str, Any]:
        """Only the fields that are set, in the API's names."""
        said = {"code": self.code, "entity": self.entity, "attribute": self.attribute, "class": self.of_class}
        return {k: v for k, v in said.items() if v is not None} | {"count": self.count}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """From the API's names."""
        return cls(data["code"], data["count"], data.get("entity"), data.get("attribute"), data.get("class"))


@dataclass(frozen=True)
class NotOffered:
    """A collection that the source does not offer, and how many records are held back because of it, by entity."""

    collection: str
    status: int | None = None  # of the answer
    scope: str = ""  # that the token may lack
    held_back: Mapping[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """In the API's names."""
        scope = {"scope": self.scope} if self.scope else {}
        return {"collection": self.collection, "status": self.status, **scope, "heldBack": dict(self.held_back)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """From the API's names."""
        return cls(data["collection"], data.get("status"), data.get("scope") or "", data["heldBack"])


@dataclass(frozen=True)
class EntityCounts:
    """Counts of one entity in one plan (status.entities[]).

    Every record of store and pull is in exactly one of created, updated, unchanged, deleted, skipped, duplicates,
    deferred, kept and out_of_scope (changes that a plan of some schools leaves out). Only a deferred one that is still
    sent, or loses a reference, is in that count as well.
    """

    entity: Entity | None  # None: records of unknown role that are held back and not in the store
    created: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0
    skipped: int = 0
    errors: int = 0
    duplicates: int = 0
    deferred: int = 0
    kept: int = 0
    population: int = 0
    out_of_scope: int = 0


OF_ROSTER = ("population", "created", "updated", "deleted", "unchanged")  # the counts that a roster has
# Each count, and its name in the API.
COUNTS = {
    f.name: "outOfScope" if f.name == "out_of_scope" else f.name for f in fields(EntityCounts) if f.name != "entity"
}


@dataclass(frozen=True)
class RosterCounts:
    """What a plan does to the roster that several sources make together.

    `sources` are in order of age. `entities` may be left out where there is no room for them; `total` stays.
    """

    total: EntityCounts
    entities: tuple[EntityCounts, ...] = ()
    causes: Mapping[str, int] = field(default_factory=dict)  # changes by Cause, the most frequent first
    sources: tuple[str, ...] = ()

    @classmethod
    def of(cls, entities: Sequence[EntityCounts], causes: Mapping[str, int], sources: Sequence[str]) -> Self:
        """With the sum of the entities' counts."""
        added = {c: sum(getattr(e, c) for e in entities) for c in OF_ROSTER}
        return cls(EntityCounts(None, **added), tuple(entities), dict(causes), tuple(sources))

    def as_dict(self) -> dict[str, Any]:
        """In the API's names, as lists. Those with nothing in them are left out."""
        entities = [{"entity": str(e.entity), **_of_roster(e)} for e in self.entities]
        causes = [{"cause": cause, "count": count} for cause, count in self.causes.items()]
        lists = {"entities": entities, "causes": causes, "sources": list(self.sources)}
        return {"totals": _of_roster(self.total)} | {name: listed for name, listed in lists.items() if listed}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The reverse."""
        entities = tuple(EntityCounts(Entity(e["entity"]), **_of_roster(e)) for e in data.get("entities", ()))
        causes = {c["cause"]: int(c["count"]) for c in data.get("causes", ())}
        return cls(EntityCounts(None, **_of_roster(data["totals"])), entities, causes, tuple(data.get("sources", ())))


def _of_roster(counts: EntityCounts | Mapping[str, Any]) -> dict[str, int]:
    given = counts if isinstance(counts, Mapping) else vars(counts)
    return {key: int(given.get(key, 0)) for key in OF_ROSTER}


@dataclass(frozen=True)
class JudgedCounts:
    """What a plan changes of an entity, in total or at one school (by its id in the store), as limits count it.

    `population`: how many records the source had there before. `takes_back`: these changes take back changes of this
    revision. None for all others.
    """

    entity: Entity
    school: str | None = None
    created: int = 0
    updated: int = 0
    deleted: int = 0
    population: int = 0
    takes_back: int | None = None


@dataclass(frozen=True)
class Schools:
    """The result of Schools Mapping: numbers of SIS schools, and up to 20 raw ids of each kind."""

    found: int = 0
    mapped: int = 0
    missing: int = 0
    vanished: int = 0
    missing_ids: tuple[str, ...] = ()
    vanished_ids: tuple[str, ...] = ()

    def as_dict(self, ids: int | None = None) -> dict[str, Any]:
        """In the API's names, with at most `ids` ids of each kind; None: with all of them."""
        numbers = {"found": self.found, "mapped": self.mapped, "missing": self.missing, "vanished": self.vanished}
        lists = {"missingIDs": list(self.missing_ids[:ids]), "vanishedIDs": list(self.vanished_ids[:ids])}
        return numbers | {k: v for k, v in lists.items() if v}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """From the API's names."""
        numbers = {k: int(data.get(k, 0)) for k in ("found", "mapped", "missing", "vanished")}
        missing_ids, vanished_ids = (tuple(data.get(k, ())) for k in ("missingIDs", "vanishedIDs"))
        return cls(**numbers, missing_ids=missing_ids, vanished_ids=vanished_ids)


@dataclass
class PlanReport:
    """The report of a plan. Without personal data, and at most 4,096 bytes as JSON (see plan/report.py)."""

    run: str
    stage: str  # extract … gate, done
    digest: str | None = None  # "sha256:…"; None until the plan is frozen
    base_revision: int = 0
    entities: list[EntityCounts] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    holds_total: int = 0
    issues: list[IssueCount] = field(default_factory=list)  # the most frequent first
    schools: Schools = field(default_factory=Schools)
    incomplete: list[str] = field(default_factory=list)  # collections that were not proved complete
    causes: dict[str, int] = field(default_factory=dict)  # changes by Cause, the most frequent first
    blast_radius: dict[str, int] = field(default_factory=dict)  # {students, teachers} touched by cascades
    outbox_pending: bool = False
    no_changes: bool = False
    error: dict[str, str] | None = None  # {reason, message}
    not_offered: list[NotOffered] = field(default_factory=list)
    # By collection: how many records it did not bring are there when asked for by id.
    still_there: dict[str, int] = field(default_factory=dict)
    # What becomes of the roster that several sources make; None if the district has one source.
    roster: RosterCounts | None = None
    # The key of the last applied plan's connection, where that is another: who decides needs a word there too.
    previous_connection: str = ""

    @property
    def totals(self) -> dict[str, int]:
        """All counts by their names in the API, summed over the entities."""
        return {key: sum(getattr(e, c) for e in self.entities) for c, key in COUNTS.items()}


@dataclass
class CheckReport:
    """The report of a Test Connection. Without personal data, and at most 4,096 bytes as JSON."""

    stage: str  # start | deliveries | connect | artifacts | done
    message: str = ""
    schools: Schools = field(default_factory=Schools)
    error: dict[str, str] | None = None  # {reason, message}
    deliveries: list["Probe"] = field(default_factory=list)
    store: "Probe | None" = None


@dataclass(frozen=True)
class Probe:
    """What became of the test of one delivery. `where` names its place without user or password.

    For the test of a store, `where` says what was found there.
    """

    name: str
    where: str = ""
    error: dict[str, str] | None = None


@dataclass
class ApplyReport:
    """The report of an apply."""

    run: str
    stage: str  # verify | apply | done
    digest: str | None = None
    revision: int | None = None
    already_applied: bool = False
    outbox_pending: bool = False
    error: dict[str, str] | None = None
