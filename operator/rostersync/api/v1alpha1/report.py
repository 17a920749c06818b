"""Parts of a status that report a plan: counts and codes, never personal data."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from rostersync.api.v1alpha1.meta import Code, Count, Sentence, ShortName, SourcedID, StatusModel, Timestamp

Outcome = Literal[
    "Applied",
    "AppliedIncomplete",
    "NoChanges",
    "DryRun",
    "SameAsHeld",
    "Rejected",
    "Expired",
    "Superseded",
    "Cancelled",
    "ImportSuspended",
    "Delivered",
    "DeliveryFailed",
    "Failed",
]


class Totals(StatusModel):
    """Counts of records, summed over all entities."""

    created: Count = Field(default=0, description="Records that are new in the store.")
    updated: Count = Field(default=0, description="Records that change.")
    deleted: Count = Field(default=0, description="Records that are deleted, cascades included.")
    unchanged: Count = Field(default=0, description="Accepted records that are the same in the store.")
    skipped: Count = Field(default=0, description="Records held back, except duplicates.")
    errors: Count = Field(default=0, description="Records with at least one issue of class Error.")
    duplicates: Count = Field(default=0, description="Records held back as duplicates.")
    deferred: Count = Field(
        default=0, description="Deletes left for later, because reading was incomplete or a window forbids them."
    )
    kept: Count = Field(
        default=0,
        description="Records that stay although they were not read: of a vanished school, of an entity or collection that "
        "is not read, or without Bulk Upload Mode.",
    )
    population: Count = Field(default=0, description="Records that the source had in the store before.")
    outOfScope: Count = Field(
        default=0, description="Changes that a run of some schools leaves to the next run of the whole district."
    )


class EntityTotals(Totals):
    """Counts of one entity."""

    entity: Code = Field(description="The entity. Unknown: records held back that fit none.")


class HoldStatus(StatusModel):
    """One reason why the plan is held for a person, with its numbers."""

    reason: Code = Field(description="The reason, as a code such as Threshold or EntityEmptied.")
    entity: Code | None = Field(default=None, description="Entity that the hold is about.")
    change: Code | None = Field(default=None, description="Create, Update, Delete or Any.")
    school: SourcedID | None = Field(
        default=None, description="Id in the store of the school that the hold is about, if any."
    )
    count: Count | None = Field(default=None, description="Records that change.")
    population: Count | None = Field(default=None, description="Records that were there before.")
    limit: Count | None = Field(default=None, description="The limit that is exceeded.")
    unit: Literal["Percent", "Count"] | None = Field(default=None, description="Unit of limit.")
    before: Count | None = Field(
        default=None, description="How many of count were applied before this plan, within window."
    )
    window: Annotated[str, StringConstraints(max_length=4)] | None = Field(
        default=None, description="The time over which changes are added up. population is the one at its start."
    )
    message: Sentence | None = Field(default=None, description="The hold as a sentence.")


class IssueCount(StatusModel):
    """How many records have an issue of one kind."""

    code: Code = Field(description="What is wrong, such as Missing or DanglingReference.")
    entity: Code | None = Field(default=None, description="Entity of the records.")
    attribute: Annotated[str, StringConstraints(max_length=160)] | None = Field(
        default=None, description="Attribute that the issue is about."
    )
    class_: Literal["Error", "Skipped", "Duplicate"] | None = Field(
        default=None, alias="class", description="School Passport's class of the issue."
    )
    count: Count = Field(default=0, description="Records with the issue.")


class EntityCount(StatusModel):
    """A number of records of one entity."""

    entity: Code = Field(description="The entity.")
    count: Count = Field(description="Records.")


class StillThere(StatusModel):
    """Records that a collection left out, although the source has them."""

    collection: Code = Field(description="Name of the collection, such as users.")
    count: Count = Field(description="Records that were there when they were asked for by id.")


class NotOffered(StatusModel):
    """A collection that the connection imports and the source does not offer."""

    collection: Code = Field(description="Name of the collection, such as courses.")
    status: Count | None = Field(default=None, description="HTTP status of the refusal, such as 403 or 404.")
    scope: Annotated[str, StringConstraints(max_length=160)] | None = Field(
        default=None, description="OAuth 2 scope that the token may lack, after a 403."
    )
    heldBack: tuple[EntityCount, ...] = Field(
        default=(), max_length=12, description="Records that are held back because it is missing."
    )


class SchoolsStatus(StatusModel):
    """Result of Schools Mapping."""

    found: Count = Field(default=0, description="Schools that the SIS sends.")
    mapped: Count = Field(default=0, description="Schools that are imported.")
    missing: Count = Field(default=0, description="Schools that the SIS sends and that are not mapped.")
    vanished: Count = Field(default=0, description="Mapped schools that the SIS no longer sends.")
    missingIDs: tuple[SourcedID, ...] = Field(
        default=(), max_length=20, description="SIS ids of missing schools, at most 20."
    )
    vanishedIDs: tuple[SourcedID, ...] = Field(
        default=(), max_length=20, description="SIS ids of vanished schools, at most 20."
    )


class LeftOut(StatusModel):
    """What a format cannot say of the roster."""

    what: Code = Field(description="File and attribute, such as sections.Teacher_id.")
    count: Count = Field(description="How many records or values were left out for it.")


class DeliveryStatus(StatusModel):
    """What became of one delivery."""

    name: Code = Field(description="Name of the delivery.")
    state: Literal["Delivered", "Failed"] = Field(description="Delivered, or Failed while it is retried or after that.")
    revision: Count | None = Field(default=None, description="The newest revision that was delivered.")
    place: Sentence | None = Field(default=None, description="Where it went.")
    time: Timestamp | None = Field(default=None, description="When it was delivered.")
    files: Count | None = Field(default=None, description="How many files were sent.")
    bytes: Count | None = Field(default=None, description="Their bytes.")
    sha256: Annotated[str, StringConstraints(max_length=64, pattern=r"^[0-9a-f]{64}$")] | None = Field(
        default=None, description="Checksum of the file, if it was one."
    )
    leftOut: tuple[LeftOut, ...] = Field(
        default=(),
        max_length=32,
        description="What the format cannot say of the roster, by file and attribute.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["what"]},
    )
    reason: Code | None = Field(default=None, description="Why it failed, as a code.")
    message: Sentence | None = Field(default=None, description="Why it failed, as a sentence.")


class CauseCount(StatusModel):
    """The number of changes with one cause."""

    cause: Code = Field(description="Why records change, such as SourceMissing or Cascade.")
    count: Count = Field(description="Changes with that cause.")


class RosterTotals(StatusModel):
    """Counts of records of the roster."""

    created: Count = Field(default=0, description="Records that are new in the roster.")
    updated: Count = Field(default=0, description="Records that change in the roster.")
    deleted: Count = Field(default=0, description="Records that leave the roster.")
    unchanged: Count = Field(default=0, description="Records of the roster that stay as they are.")
    population: Count = Field(default=0, description="Records that the roster had before.")


class RosterEntityTotals(RosterTotals):
    """Counts of one entity of the roster."""

    entity: Code = Field(description="The entity.")


class RosterStatus(StatusModel):
    """What a plan does to the roster that all sources of the district make together."""

    totals: RosterTotals | None = Field(default=None, description="Counts over all entities.")
    entities: tuple[RosterEntityTotals, ...] = Field(
        default=(),
        max_length=12,
        description="Counts by entity. Absent where the Job's report had no room for them.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["entity"]},
    )
    causes: tuple[CauseCount, ...] = Field(
        default=(),
        max_length=16,
        description="Changes of the roster by cause, the most frequent first.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["cause"]},
    )
    sources: tuple[ShortName, ...] = Field(
        default=(), max_length=8, description="sourceIDs of the district's first sources, the oldest first."
    )


class BlastRadius(StatusModel):
    """People whom cascades affect."""

    students: Count = Field(default=0, description="Distinct students.")
    teachers: Count = Field(default=0, description="Distinct teachers.")
