"""SyncApproval: a person's decision about one held plan, and only that plan."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from rostersync.api.v1alpha1.consistency import check_name
from rostersync.api.v1alpha1.meta import (
    UID,
    Bool,
    Condition,
    Count,
    Digest,
    KindModel,
    Model,
    ObjectMeta,
    ObjectName,
    Seen,
    Sentence,
    StatusModel,
    Timestamp,
    UserName,
    cel,
    immutable,
    validations,
)
from rostersync.api.v1alpha1.report import Totals
from rostersync.api.v1alpha1.syncrun import ConnectionRef

_FIXED = ("runRef", "connectionRef", "planDigest", "requestedBy", "requireDistinctApprover", "expiresAt")
RunUID = Annotated[str, StringConstraints(max_length=36, pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]


class RunRef(Model):
    """The run that waits."""

    name: ObjectName = Field(description="Name of the SyncRun.")
    uid: RunUID = Field(description="UID of the SyncRun.")


class SyncApprovalSpec(Model):
    """What is to be decided, which never changes, and the decision, which is made only once."""

    model_config = validations(
        *(immutable(field, optional=False) for field in _FIXED),
        immutable("previousConnection"),
        cel(
            "!has(oldSelf.decision) || (has(self.decision) && self.decision == oldSelf.decision && "
            "has(self.decidedBy) && self.decidedBy == oldSelf.decidedBy && has(self.reason) == has(oldSelf.reason) && "
            "(!has(self.reason) || self.reason == oldSelf.reason))",
            "the decision is final; decision, decidedBy and reason cannot be changed",
            ".decision",
            "FieldValueForbidden",
        ),
        cel(
            "!has(self.decision) || has(self.decidedBy)",
            "a decision needs decidedBy",
            ".decidedBy",
            "FieldValueRequired",
        ),
        cel(
            "has(self.decision) || (!has(self.decidedBy) && !has(self.reason))",
            "decidedBy and reason may only be set together with decision",
            ".decision",
        ),
        cel(
            "!has(self.decision) || self.decision != 'Rejected' || (has(self.reason) && self.reason.trim() != '')",
            "rejecting needs a reason",
            ".reason",
            "FieldValueRequired",
        ),
        cel(
            "!self.requireDistinctApprover || !has(self.decidedBy) || !(self.decidedBy in self.requestedBy)",
            "requireDistinctApprover is true; decidedBy must be none of requestedBy",
            ".decidedBy",
            "FieldValueForbidden",
        ),
        cel(
            "oldSelf.hasValue() || !has(self.decision)",
            "a SyncApproval is created without a decision",
            ".decision",
            "FieldValueForbidden",
            optionalOldSelf=True,
        ),
    )

    runRef: RunRef = Field(description="The run that waits.")
    connectionRef: ConnectionRef = Field(
        description="The connection of the run. Whoever decides needs the verb approve on it."
    )
    previousConnection: ConnectionRef | None = Field(
        default=None,
        description="The connection of the last applied plan, if it had another name or UID. Whoever decides needs the "
        "verb approve on it too.",
    )
    planDigest: Digest = Field(description="Digest of the plan that is to be decided.")
    requestedBy: tuple[UserName, ...] = Field(
        max_length=8, description="Who asked for the run, and who last changed the connection."
    )
    requireDistinctApprover: Bool = Field(description="Four eyes: none of requestedBy may decide.")
    expiresAt: Timestamp = Field(description="From when on a decision is too late.")
    decision: Literal["Approved", "Rejected"] | None = Field(
        default=None, description="The decision, made once and only while status.state is Pending."
    )
    decidedBy: UserName | None = Field(
        default=None, description="Who decided. An admission policy sets it to the caller, or checks that it is."
    )
    reason: Sentence | None = Field(default=None, description="Why. Required for a rejection.")

    @model_validator(mode="after")
    def _decided_as_one(self) -> "SyncApprovalSpec":
        if self.decision is None and (self.decidedBy is not None or self.reason is not None):
            raise ValueError("has decidedBy or reason without decision; they are set together")
        if self.decision is not None and self.decidedBy is None:
            raise ValueError("has a decision without decidedBy; say who decided")
        if self.decision == "Rejected" and not (self.reason or "").strip():
            raise ValueError("rejects without reason; say why")
        if self.requireDistinctApprover and self.decidedBy is not None and self.decidedBy in self.requestedBy:
            raise ValueError("requires a distinct approver; decidedBy must be none of requestedBy")
        return self


class PolicySeen(StatusModel):
    """A policy or binding as it was when the approval was created."""

    kind: Annotated[str, StringConstraints(max_length=63)] = Field(description="Kind of the policy or binding.")
    name: ObjectName = Field(description="Its name.")
    uid: UID = Field(description="Its UID.")
    generation: Count = Field(description="Its generation.")


class SyncApprovalStatus(StatusModel):
    """The state of the approval."""

    observedGeneration: Seen | None = Field(
        default=None, description="Generation of the spec that this status is about; -1 until the operator looks at it."
    )
    about: tuple[Sentence, ...] = Field(
        default=(),
        max_length=32,
        description="What is to be decided: why the plan is held and what it changes, in sentences.",
    )
    holdReasons: Sentence | None = Field(default=None, description="Codes of the holds, worst first.")
    totals: Totals | None = Field(default=None, description="Counts over all entities.")
    holdsTotal: Count | None = Field(default=None, description="How many reasons there are to hold the plan.")
    state: Literal["Pending", "Approved", "Rejected", "Expired", "Superseded"] | None = Field(
        default=None, description="Pending until it is decided, expires, or another plan replaces this one."
    )
    decisionSeenAt: Timestamp | None = Field(
        default=None, description="When the operator saw the decision. This is the time that counts."
    )
    policies: tuple[PolicySeen, ...] = Field(
        default=(),
        max_length=128,  # eight for each kind of connection, and twenty
        description="The admission policies and bindings that guarded the approval when it was created.",
    )
    conditions: tuple[Condition, ...] = Field(
        default=(),
        max_length=16,
        description="Ready is True once the approval is decided.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )


class SyncApproval(KindModel):
    """A decision about one held plan. rostersync creates it as Pending, and a person decides."""

    model_config = validations(
        cel("size(self.metadata.name) <= 100", "the name must have at most 100 characters"),
        cel(
            "!has(self.spec.decision) || has(oldSelf.spec.decision) || "
            "(has(oldSelf.status) && has(oldSelf.status.state) && oldSelf.status.state == 'Pending')",
            "a decision can be made only while status.state is Pending",
            ".spec.decision",
            "FieldValueForbidden",
        ),
    )

    kind: Literal["SyncApproval"] = Field(default="SyncApproval", description="Kind of the object.")
    spec: SyncApprovalSpec = Field(description="What is to be decided, and the decision.")
    status: SyncApprovalStatus | None = Field(default=None, description="The state of the approval.")

    @field_validator("metadata")
    @classmethod
    def _named(cls, metadata: ObjectMeta) -> ObjectMeta:
        check_name(metadata.name)
        return metadata
