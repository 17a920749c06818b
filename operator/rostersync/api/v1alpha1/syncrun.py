"""SyncRun: one import, from its request to its outcome.

Spec and status are one list of fields each, meant to be read from start to end. So this file has more lines than others.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from rostersync.api.kinds import DEFAULT_CONNECTION, connections
from rostersync.api.v1alpha1.consistency import check_name
from rostersync.api.v1alpha1.meta import (
    UID,
    Bool,
    Code,
    Condition,
    Count,
    Digest,
    KindModel,
    Model,
    ObjectMeta,
    ObjectName,
    Seen,
    Sentence,
    SourcedID,
    StatusModel,
    Timestamp,
    UserName,
    cel,
    immutable,
    validations,
)
from rostersync.api.v1alpha1.report import (
    BlastRadius,
    CauseCount,
    DeliveryStatus,
    EntityTotals,
    HoldStatus,
    IssueCount,
    NotOffered,
    Outcome,
    RosterStatus,
    SchoolsStatus,
    StillThere,
    Totals,
)
from rostersync.model import Entity

_LIST_BY_TYPE: JsonDict = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}


def _names() -> list[str]:
    return [kind.name for kind in connections()]


def _connection(kind: str) -> str:
    if kind not in _names():
        raise PydanticCustomError("literal_error", "is no kind of connection", {"expected": f"{_names()}"})
    return kind


def _known(schema: JsonDict) -> None:
    """Set the enum to the kinds that the table has when the schema is made."""
    schema.update({"x-crd-default": True, "enum": [*_names()]})


class ConnectionRef(Model):
    """The connection that is imported, in the same namespace."""

    kind: Annotated[str, AfterValidator(_connection)] = Field(
        default=DEFAULT_CONNECTION,
        description="Kind of the connection.",
        json_schema_extra=_known,
    )
    name: ObjectName = Field(description="Name of the connection.")


LimitedTo = Annotated[tuple[SourcedID, ...], Field(max_length=200)]


class SyncRunSpec(Model):
    """What is requested. Immutable, except that cancel can be set to true."""

    model_config = validations(
        immutable("connectionRef", "; make another SyncRun", optional=False),
        *(
            immutable(field, "; make another SyncRun")
            for field in ("mode", "restoreOf", "schools", "entities", "everything", "reason", "requestedBy")
        ),
        cel(
            "!has(oldSelf.cancel) || !oldSelf.cancel || (has(self.cancel) && self.cancel)",
            "cancel cannot be undone; make another SyncRun",
            ".cancel",
            "FieldValueForbidden",
        ),
        cel(
            "(has(self.mode) && self.mode == 'Restore') == has(self.restoreOf)",
            "restoreOf goes with mode Restore, and it needs it",
            ".restoreOf",
        ),
        cel(
            "!has(self.entities) || (has(self.mode) && self.mode == 'Restore')",
            "entities go with mode Restore",
            ".entities",
        ),
        cel(
            "!has(self.everything) || !self.everything || (has(self.mode) && self.mode == 'Deliver')",
            "everything goes with mode Deliver",
            ".everything",
        ),
    )

    connectionRef: ConnectionRef = Field(description="The connection that is imported.")
    mode: Literal["Import", "DryRun", "Restore", "Deliver"] = Field(
        default="Import",
        description="Import: plan and apply. DryRun: only plan, and list what would be held. Restore: take back what "
        "restoreOf changed, from the store alone, once a person has approved it. Deliver: only deliver what is applied and not delivered yet.",
        json_schema_extra={"x-crd-default": True},
    )
    restoreOf: ObjectName | None = Field(default=None, description="Name of the SyncRun whose changes are taken back.")
    entities: tuple[Entity, ...] = Field(
        default=(),
        max_length=11,
        description="Entities to which a Restore is limited. Absent: all.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    schools: tuple[SourcedID, ...] = Field(
        default=(),
        max_length=200,
        description="Ids in the store of the schools to which the run is limited: only what belongs to them changes, and what "
        "that needs. Everything else is left to the next run without this field. Absent: all schools.",
    )
    everything: Bool = Field(
        default=False,
        description="With mode Deliver: send all of the newest roster, whatever receivers have, such as after a receiver has "
        "lost its files.",
    )
    reason: Sentence | None = Field(
        default=None, description="Why the run was requested, for those who look at it later."
    )
    requestedBy: UserName | None = Field(
        default=None, description="Who requested the run. Set by an admission policy; leave it out."
    )
    cancel: Bool = Field(
        default=False, description="End the run, if its apply Job does not exist yet. Cannot be undone."
    )

    @model_validator(mode="after")
    def _restore_is_whole(self) -> "SyncRunSpec":
        if self.mode == "Restore" and self.restoreOf is None:
            raise ValueError("has mode Restore without restoreOf; name the run whose changes are undone")
        if self.mode != "Restore" and self.restoreOf is not None:
            raise ValueError("has restoreOf, which only goes with mode: Restore")
        if self.mode != "Restore" and self.entities:
            raise ValueError("has entities, which only go with mode: Restore")
        if self.mode != "Deliver" and self.everything:
            raise ValueError("has everything, which only goes with mode: Deliver")
        return self


class NamedConnection(StatusModel):
    """A connection by its name, and by its kind where that is not the default one."""

    kind: str | None = Field(
        default=None,
        max_length=63,
        description="Kind of the connection, where it is not the default one.",
    )
    name: ObjectName = Field(description="Name of the connection.")


class PlanStatus(StatusModel):
    """The frozen plan."""

    digest: Digest | None = Field(default=None, description="Digest of everything that would change.")
    baseRevision: Count | None = Field(default=None, description="Revision of the store that the plan is based on.")
    asOf: Timestamp | None = Field(default=None, description="The time that counts as now in the plan.")
    noChanges: Bool | None = Field(default=None, description="Whether the plan changes nothing.")
    previousConnection: NamedConnection | None = Field(
        default=None, description="The connection of the last applied plan, if it had another name or UID."
    )


class JobStatus(StatusModel):
    """One Job of the run."""

    type: Literal["Plan", "Apply", "Deliver", "Check", "View", "Purge"] = Field(description="What the Job is for.")
    name: ObjectName = Field(description="Name of the newest Job of that type.")
    startTime: Timestamp | None = Field(default=None, description="When it started.")
    completionTime: Timestamp | None = Field(default=None, description="When it ended.")
    attempts: Count | None = Field(default=None, description="How many Jobs of that type the run has had.")
    disruptions: Count | None = Field(default=None, description="How many of its pods were lost to a disruption.")


class ApprovalStatus(StatusModel):
    """The decision about a held plan."""

    name: ObjectName | None = Field(default=None, description="Name of the SyncApproval.")
    uid: UID | None = Field(default=None, description="UID of the SyncApproval.")
    state: Literal["Pending", "Approved", "Rejected", "Expired", "Superseded"] | None = Field(
        default=None, description="State of the approval."
    )
    decidedBy: UserName | None = Field(default=None, description="Who decided.")
    reason: Sentence | None = Field(default=None, description="The reason they gave.")
    expiresAt: Timestamp | None = Field(default=None, description="From when on a decision is too late.")
    fourEyesEnforced: Bool | None = Field(
        default=None, description="Whether it is proved that the person who decided is none of those who requested it."
    )


class SyncRunStatus(StatusModel):
    """The state of the run."""

    observedGeneration: Seen | None = Field(
        default=None, description="Generation of the spec that this status is about; -1 until the operator looks at it."
    )
    about: tuple[Sentence, ...] = Field(
        default=(), max_length=32, description="Why it is held, what it changes, and what to type, in sentences."
    )
    holdReasons: Sentence | None = Field(default=None, description="Codes of the holds, worst first.")
    conditions: tuple[Condition, ...] = Field(
        default=(),
        max_length=16,
        description="Succeeded is the state of the run. Reconciling and Stalled are those of kstatus. Planned, Approved, "
        "Applied, Delivered and Cancelled say how far it has come.",
        json_schema_extra=_LIST_BY_TYPE,
    )
    outcome: Outcome | None = Field(default=None, description="How the run ended. Only set once it has ended.")
    startTime: Timestamp | None = Field(default=None, description="When the operator began to work on the run.")
    completionTime: Timestamp | None = Field(default=None, description="When the run ended. Set with outcome.")
    stage: Code | None = Field(default=None, description="The stage that the Job last reported.")
    plan: PlanStatus | None = Field(default=None, description="The frozen plan.")
    entities: tuple[EntityTotals, ...] = Field(
        default=(),
        max_length=12,
        description="Counts by entity.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["entity"]},
    )
    totals: Totals | None = Field(default=None, description="Counts over all entities.")
    causes: tuple[CauseCount, ...] = Field(
        default=(),
        max_length=16,
        description="Changes by cause, the most frequent first.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["cause"]},
    )
    roster: RosterStatus | None = Field(
        default=None,
        description="What the plan does to the roster of all sources. The other counts are of this source's records. Absent "
        "where the district has one source.",
    )
    holds: tuple[HoldStatus, ...] = Field(
        default=(), max_length=16, description="The 16 worst reasons why the plan is held for a person."
    )
    holdsTotal: Count | None = Field(default=None, description="How many such reasons there are.")
    issues: tuple[IssueCount, ...] = Field(
        default=(), max_length=64, description="Issues in the data, grouped and counted."
    )
    schools: SchoolsStatus | None = Field(default=None, description="Result of Schools Mapping.")
    incomplete: tuple[Code, ...] = Field(
        default=(), max_length=16, description="Collections of which it is not proved that they were read completely."
    )
    stillThere: tuple[StillThere, ...] = Field(
        default=(),
        max_length=16,
        description="Collections that did not bring records which are there when asked for by id (confirmDeletes).",
    )
    notOffered: tuple[NotOffered, ...] = Field(
        default=(),
        max_length=16,
        description="Collections that the source does not offer, and the records that are held back for it.",
    )
    blastRadius: BlastRadius | None = Field(default=None, description="People whom cascades affect.")
    jobs: tuple[JobStatus, ...] = Field(
        default=(),
        max_length=8,
        description="Jobs of the run, the newest of each type.",
        json_schema_extra=_LIST_BY_TYPE,
    )
    connectionUID: UID | None = Field(
        default=None,
        description="UID of the connection that the run is for. A connection made later under the same name has another.",
    )
    disruptions: Count | None = Field(default=None, description="How many pods were lost to disruptions.")
    requestedBy: tuple[UserName, ...] = Field(
        default=(), max_length=8, description="Who asked for the run, and who last changed the connection."
    )
    moreRequesters: Bool | None = Field(
        default=None,
        description="There were more people than requestedBy lists. Nobody can decide then if four eyes are required.",
    )
    approval: ApprovalStatus | None = Field(default=None, description="The decision about a held plan.")
    sameAs: ObjectName | None = Field(
        default=None, description="Name of the run that holds the same plan (SameAsHeld)."
    )
    supersededBy: ObjectName | None = Field(default=None, description="Name of the run that replaces this one.")
    revision: Count | None = Field(default=None, description="Revision of the store that the run created.")
    outboxPending: Bool | None = Field(default=None, description="Whether deliveries are still due.")
    deliveries: tuple[DeliveryStatus, ...] = Field(
        default=(),
        max_length=16,
        description="What became of each delivery, after the newest try.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )


class SyncRun(KindModel):
    """One import of a connection."""

    model_config = validations(
        cel("size(self.metadata.name) <= 100", "the name must have at most 100 characters"),
    )

    kind: Literal["SyncRun"] = Field(default="SyncRun", description="Kind of the object.")
    spec: SyncRunSpec = Field(description="What is requested.")
    status: SyncRunStatus | None = Field(default=None, description="The state of the run.")

    @field_validator("metadata")
    @classmethod
    def _named(cls, metadata: ObjectMeta) -> ObjectMeta:
        if metadata.generateName is None or metadata.name:
            check_name(metadata.name)
        return metadata
