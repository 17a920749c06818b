"""Sync hold threshold: how much may change without a person's approval."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from rostersync.api.v1alpha1.meta import Bool, Int, Model, cel, validations
from rostersync.api.v1alpha1.times import WindowLength
from rostersync.model import Entity

AnyEntity = Literal[
    "District",
    "School",
    "Calendar",
    "Course",
    "Class",
    "Student",
    "Teacher",
    "Contact",
    "Admin",
    "Enrollment",
    "Demographics",
    "*",
]


class ThresholdRule(Model):
    """One limit: a plan that exceeds it is held for a person. Every matching rule is checked."""

    model_config = validations(
        cel("has(self.percent) || has(self.count)", "a rule needs percent, count or both", ".percent"),
        cel("!has(self.minPopulation) || has(self.percent)", "minPopulation only goes with percent", ".minPopulation"),
    )

    entity: AnyEntity = Field(description="Entity that is counted. *: each entity by itself.")
    change: Literal["Create", "Update", "Delete", "Any"] = Field(
        description="Changes that are counted. Any: creates, updates and deletes together."
    )
    percent: Int | None = Field(
        default=None,
        ge=0,
        le=10000,
        description="Hold when more than this percentage of the records that the source had before changes.",
    )
    count: Int | None = Field(
        default=None, ge=0, le=1_000_000_000, description="Hold when more records than this change."
    )
    minPopulation: Int | None = Field(
        default=None,
        ge=0,
        le=1_000_000_000,
        description="Ignore percent when the source had fewer records than this. Absent: 20.",
    )
    perSchool: Bool = Field(default=False, description="Count each school by itself.")
    window: WindowLength | None = Field(
        default=None,
        description="Also count what was applied from this source in this time before the run, such as 24h or 7d, against "
        "the records that it had when the window began. By school, this counts runs since the rule was added.",
    )

    @field_validator("percent", "count", "minPopulation", mode="before")
    @classmethod
    def _not_negative(cls, number: object, info: ValidationInfo) -> object:
        if isinstance(number, int) and not isinstance(number, bool) and number < 0:
            what = "a share in percent, such as 10" if info.field_name == "percent" else "a number of records"
            raise ValueError(f"must not be negative; give {what}")
        return number

    @model_validator(mode="after")
    def _says_something(self) -> "ThresholdRule":
        if self.percent is None and self.count is None:
            raise ValueError("has neither percent nor count; give one or both")
        if self.minPopulation is not None and self.percent is None:
            raise ValueError("has minPopulation without percent; it only concerns percent, never count")
        return self

    def covers(self, entity: Entity, change: str) -> bool:
        """Whether the rule is about these changes. A rule on Any is about all of them."""
        return self.entity in ("*", entity.value) and self.change in ("Any", change)


class SyncHoldThreshold(Model):
    """School Passport's Sync hold threshold. By default, more than 10 % deletes within 24 hours, 75 % updates or 50 %
    creates of an entity are held. A percent rule for an entity and change, without perSchool, replaces its default.
    """

    rules: tuple[ThresholdRule, ...] = Field(default=(), max_length=128, description="Your own limits.")
