"""What all kinds of connections share: everything that School Passport lets a district configure about one source.

The spec is one list of fields, meant to be read from start to end. So this file has more lines than others.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, ValidationInfo, field_validator, model_validator

from rostersync.api.v1alpha1.consistency import check_entities, check_listed, check_name, check_targets
from rostersync.api.v1alpha1.deliveries import Delivery
from rostersync.api.v1alpha1.delivery_config import EndpointConfig
from rostersync.api.v1alpha1.filters import FilterRule
from rostersync.api.v1alpha1.jobs import JobTemplate
from rostersync.api.v1alpha1.mapping import AttributeMapping
from rostersync.api.v1alpha1.meta import (
    Bool,
    Code,
    Condition,
    Count,
    Int,
    KindModel,
    Model,
    ObjectMeta,
    ObjectName,
    Safety,
    Seen,
    ShortName,
    StatusModel,
    Timestamp,
    UserName,
    cel,
    immutable,
    validations,
)
from rostersync.api.v1alpha1.report import DeliveryStatus, Outcome, SchoolsStatus
from rostersync.api.v1alpha1.requirements import DataRequirement
from rostersync.api.v1alpha1.schools import SchoolsMapping
from rostersync.api.v1alpha1.storage import Artifacts, Store
from rostersync.api.v1alpha1.thresholds import SyncHoldThreshold
from rostersync.api.v1alpha1.times import DataRollover, Duration, Schedule, TimeZone
from rostersync.api.v1alpha1.uniqueness import Domain, MasterField, check_masters
from rostersync.model import Entity


class TermsOfUse(Model):
    """School Passport's terms of use, which cover its privacy policy. No run starts before they are accepted."""

    accepted: Bool = Field(description="Whether somebody who is entitled to has accepted the terms for the district.")
    version: Annotated[str, StringConstraints(max_length=64)] | None = Field(
        default=None, description="Which version was accepted, in quotes."
    )
    acceptedBy: UserName | None = Field(default=None, description="Who accepted them.")


class Approval(Model):
    """When a plan is held for a person, and who may decide."""

    expiresAfter: Duration = Field(default="72h", description="How long a held plan waits for a decision.")
    requireDistinctApprover: Bool = Field(
        default=False, description="Four eyes: who asked for the run or last changed the connection may not decide."
    )
    holdFirstImport: Bool = Field(default=False, description="Hold the first import of this source, too.")
    holdOnConfigChange: Bool = Field(
        default=True,
        description="Hold a plan that follows a changed configuration if it deletes anything or updates more than 10 %.",
    )


class RunHistory(Model):
    """How many finished runs are kept, with their artifacts."""

    successful: Int = Field(default=14, ge=1, le=1000, description="Runs that succeeded.")
    failed: Int = Field(default=14, ge=1, le=1000, description="Runs that did not succeed.")


class RecordHistory(Model):
    """How long the store remembers the former values of records."""

    maxAge: Duration = Field(
        default="400d", description="Age at which former values of records and tombstones are dropped."
    )


class History(Model):
    """What is kept, and how long."""

    runs: RunHistory = Field(default=RunHistory(), description="Finished runs.")
    records: RecordHistory = Field(default=RecordHistory(), description="Former values of records.")


class ConfirmDeletes(Model):
    """Records that a pull did not bring are asked for by id before they are deleted."""

    records: Int = Field(
        default=25,
        ge=0,
        le=10000,
        description="How many of the records to be deleted of each entity are asked for by id. 0: none.",
    )


RULES = (
    *(
        immutable(field, ": the store knows the records by it; make another connection instead")
        for field in ("district", "sourceID")
    ),
    cel(
        "(has(self.compareByDomainsOfUniqueness) && self.compareByDomainsOfUniqueness) == "
        "(has(self.domainsOfUniqueness) && size(self.domainsOfUniqueness) > 0)",
        "compareByDomainsOfUniqueness needs domainsOfUniqueness, and they need it",
        ".compareByDomainsOfUniqueness",
    ),
    cel(
        "!has(self.multipleDataSources) || !self.multipleDataSources || "
        "(has(self.compareByDomainsOfUniqueness) && self.compareByDomainsOfUniqueness)",
        "multipleDataSources needs compareByDomainsOfUniqueness and domainsOfUniqueness",
        ".multipleDataSources",
    ),
    cel(
        "!has(self.masterFields) || size(self.masterFields) == 0 || "
        "(has(self.multipleDataSources) && self.multipleDataSources)",
        "masterFields need multipleDataSources",
        ".masterFields",
    ),
    cel("!has(self.entities) || 'School' in self.entities", "entities must include School", ".entities"),
)
"""What the API server checks of every kind's spec."""


class ConnectionSpec(Model):
    """What the district configures. Only termsOfUse and deliveryConfig are required.

    Each kind has its own deliveryConfig, which the profile of its source reads.
    """

    model_config = validations(*RULES)

    termsOfUse: Annotated[TermsOfUse, Safety()] = Field(
        description="Acceptance of the terms of use and the privacy policy."
    )
    district: ShortName | None = Field(
        default=None, description="The roster that the records belong to. Immutable. Absent: the connection's name."
    )
    sourceID: ShortName | None = Field(
        default=None,
        description="Id of this source in the store. Immutable. Absent: the connection's name, after the prefix of its "
        "kind where that has one.",
    )
    timeZone: TimeZone = Field(
        default="UTC", description="IANA time zone of schedule, windows and dates, such as America/New_York."
    )
    deliveryConfig: EndpointConfig = Field(description="Where the source is and how to talk to it.")
    sisIDPrefix: Annotated[str, StringConstraints(max_length=32, pattern=r"""^[^\s,"']*$""")] = Field(
        default="",
        description="Prefix of every id of this source, so that sources of one type do not collide. Everywhere else in "
        "this spec, ids are given without it.",
    )
    entities: tuple[Entity, ...] = Field(
        default=tuple(e for e in Entity if e is not Entity.DEMOGRAPHICS),
        min_length=1,
        max_length=11,
        description="Entities that are imported. Absent: all but Demographics.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    bulkUploadMode: Annotated[Bool, Safety()] = Field(
        default=False,
        description="Delete records that a complete pull no longer has. Otherwise only records that the SIS marks as "
        "deleted are deleted.",
    )
    onIncompleteRead: Annotated[Literal["Apply", "Fail"], Safety()] = Field(
        default="Apply",
        description="What to do when it is not proved that a collection was read completely. Apply: apply what is safe, "
        "and defer deletes that depend on it. Fail: the run fails.",
    )
    confirmDeletes: Annotated[ConfirmDeletes, Safety()] = Field(
        default=ConfirmDeletes(),
        description="Ask the SIS for some of the records that it no longer sends, before they are deleted. If one is "
        "still there, its collection was not read completely, and deletes that depend on it are deferred.",
    )
    multipleDataSources: Bool = Field(
        default=False, description="Whether other sources have records of the same district, too."
    )
    compareByDomainsOfUniqueness: Bool = Field(default=False, description="Detect duplicates by domainsOfUniqueness.")
    domainsOfUniqueness: tuple[Domain, ...] = Field(
        default=(),
        max_length=64,
        description="Attributes that must be unique within an entity. Records of several sources that agree in them are one, so "
        "all connections of a district have the same.",
    )
    masterFields: tuple[MasterField, ...] = Field(
        default=(),
        max_length=64,
        description="Which source's value counts where sources differ. The same in all connections of a district.",
    )
    previewDataUpload: Annotated[Bool, Safety()] = Field(
        default=False, description="Hold every run that changes something for approval."
    )
    syncHoldThreshold: Annotated[SyncHoldThreshold, Safety()] = Field(
        default=SyncHoldThreshold(), description="How much may change without approval."
    )
    schoolsMapping: SchoolsMapping = Field(
        default=SchoolsMapping(), description="Which schools are imported, and as what."
    )
    attributesMapping: tuple[AttributeMapping, ...] = Field(
        default=(),
        max_length=256,
        description="Attributes whose value is not simply the one that the SIS sends under the same name.",
    )
    dataRequirements: tuple[DataRequirement, ...] = Field(
        default=(), max_length=256, description="What happens when attributes are missing or malformed."
    )
    filterRules: tuple[FilterRule, ...] = Field(
        default=(),
        max_length=64,
        description="Allow-lists: of an entity with rules, only records that meet one of them are imported.",
    )
    dataRollover: DataRollover = Field(
        default=DataRollover(), description="Windows without imports or without deletes, around the new school year."
    )
    schedule: Schedule | None = Field(
        default=None, description="When runs start automatically. Absent: only on request."
    )
    runOn: tuple[Literal["SpecChange"], ...] = Field(
        default=(),
        max_length=1,
        description="What else starts a run: SpecChange, a change of this spec. Absent: nothing.",
    )
    suspend: Bool = Field(default=False, description="While true, nothing new starts. A running Job is never stopped.")
    store: Annotated[Store, Safety()] = Field(
        default=Store(), description="Where the roster is kept. Absent: embedded, on a volume of 10Gi."
    )
    artifacts: Annotated[Artifacts, Safety()] = Field(
        default=Artifacts(), description="Where plans are kept. Absent: a volume of 20Gi."
    )
    deliveries: Annotated[tuple[Delivery, ...], Safety()] = Field(
        default=(),
        max_length=8,
        description="Where an applied roster is delivered to.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    approval: Annotated[Approval, Safety()] = Field(
        default=Approval(), description="When a plan is held for a person, and who may decide."
    )
    history: Annotated[History, Safety()] = Field(
        default=History(), description="How many runs and how much history of records are kept."
    )
    jobTemplate: JobTemplate = Field(default=JobTemplate(), description="How and where the Jobs run.")

    @field_validator("entities")
    @classmethod
    def _entities_belong_together(cls, entities: tuple[Entity, ...]) -> tuple[Entity, ...]:
        check_entities(entities)
        return entities

    @field_validator("attributesMapping")
    @classmethod
    def _each_target_once(cls, mapping: tuple[AttributeMapping, ...]) -> tuple[AttributeMapping, ...]:
        check_targets([(m.entity, m.attribute) for m in mapping])
        return mapping

    @field_validator("attributesMapping", "dataRequirements", "filterRules", "domainsOfUniqueness")
    @classmethod
    def _of_imported_entities(
        cls, parts: tuple[AttributeMapping | DataRequirement | FilterRule | Domain, ...], info: ValidationInfo
    ) -> tuple[AttributeMapping | DataRequirement | FilterRule | Domain, ...]:
        of_district = info.field_name == "domainsOfUniqueness" and info.data.get("multipleDataSources")
        if not of_district:  # else other sources have these entities, perhaps
            check_listed([part.entity for part in parts], info.data.get("entities"))
        return parts

    @field_validator("masterFields")
    @classmethod
    def _one_master_each(cls, masters: tuple[MasterField, ...]) -> tuple[MasterField, ...]:
        check_masters(masters)
        return masters

    @field_validator("deliveries")
    @classmethod
    def _each_delivery_once(cls, deliveries: tuple[Delivery, ...]) -> tuple[Delivery, ...]:
        names = [delivery.name for delivery in deliveries]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"has two deliveries with the name {twice}; give each its own name")
        folders: dict[tuple[str, ...], str] = {}
        for delivery in deliveries:
            other = folders.setdefault(delivery.folder, delivery.name)
            if other != delivery.name:
                raise ValueError(
                    f"has deliveries {other} and {delivery.name} to one folder, where their files would have the same names; "
                    "give each a path of its own"
                )
        return deliveries

    @model_validator(mode="after")
    def _uniqueness_is_whole(self) -> Self:
        if self.compareByDomainsOfUniqueness and not self.domainsOfUniqueness:
            raise ValueError(
                "compareByDomainsOfUniqueness is true but domainsOfUniqueness is empty; say what must be unique, or "
                "set it to false"
            )
        if self.domainsOfUniqueness and not self.compareByDomainsOfUniqueness:
            raise ValueError(
                "domainsOfUniqueness are given but compareByDomainsOfUniqueness is not true; set it to true, or remove "
                "them"
            )
        if self.multipleDataSources and not self.domainsOfUniqueness:
            raise ValueError(
                "multipleDataSources needs compareByDomainsOfUniqueness: true and domainsOfUniqueness, which say which "
                "records of two sources are the same"
            )
        if self.masterFields and not self.multipleDataSources:
            raise ValueError(
                "masterFields are given but multipleDataSources is not true; set it to true, or remove them: with one source, "
                "its values are all that there are"
            )
        return self


class LastRun(StatusModel):
    """The run that ended last."""

    name: ObjectName = Field(description="Name of the SyncRun.")
    outcome: Outcome | None = Field(default=None, description="How it ended.")
    completionTime: Timestamp | None = Field(default=None, description="When it ended.")
    revision: Count | None = Field(default=None, description="Revision of the store after it.")


class ConnectionStatus(StatusModel):
    """What the operator has seen."""

    observedGeneration: Seen | None = Field(
        default=None, description="Generation of the spec that this status is about; -1 until the operator looks at it."
    )
    conditions: tuple[Condition, ...] = Field(
        default=(),
        max_length=16,
        description="Ready, ConnectionVerified, StoreVerified, DeliveriesVerified, SchoolsComplete and PoliciesInstalled.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    schools: SchoolsStatus | None = Field(default=None, description="Result of Schools Mapping.")
    lastRun: LastRun | None = Field(default=None, description="The run that ended last.")
    activeRun: ObjectName | None = Field(default=None, description="Name of the SyncRun in progress.")
    nextRunTime: Timestamp | None = Field(default=None, description="When the schedule starts the next run.")
    heldRuns: Count | None = Field(default=None, description="Runs that wait for approval.")
    lastHandledRequestedAt: Annotated[str, StringConstraints(max_length=256)] | None = Field(
        default=None, description="Last value of the annotation rostersync.dev/requestedAt that was handled."
    )
    lastCheckTime: Timestamp | None = Field(default=None, description="When Test Connection last ended.")
    lastHandledCheckRequestedAt: Annotated[str, StringConstraints(max_length=256)] | None = Field(
        default=None, description="Last value of the annotation rostersync.dev/checkRequestedAt that was handled."
    )
    deliveries: tuple[DeliveryStatus, ...] = Field(
        default=(),
        max_length=8,
        description="What became of each delivery: the newest that arrived, and whether a newer one fails.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    lastRunSpecHash: Code | None = Field(default=None, description="Hash of the spec that the last run was made for.")


class Connection(KindModel):
    """A source of a district's roster.

    Kinds differ in their name, in deliveryConfig, and in the options that they lack.
    """

    model_config = validations(
        cel("size(self.metadata.name) <= 100", "the name must have at most 100 characters"),
    )

    spec: ConnectionSpec = Field(description="What the district configures.")
    status: ConnectionStatus | None = Field(default=None, description="What the operator has seen.")

    @field_validator("metadata")
    @classmethod
    def _named(cls, metadata: ObjectMeta) -> ObjectMeta:
        check_name(metadata.name)
        return metadata
