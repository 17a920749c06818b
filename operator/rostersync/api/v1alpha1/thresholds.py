"""Sync hold threshold: how much may change without a person."""

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
    """One limit: a plan that goes above it waits for a person. Every rule that matches is checked."""

    model_config = validations(
        cel("has(self.percent) || has(self.count)", "a rule needs percent, count or both", ".percent"),
        cel("!has(self.minPopulation) || has(self.percent)", "minPopulation only goes with percent", ".minPopulation"),
    )

    entity: AnyEntity = Field(description="Entity that is counted; * for each entity by itself.")
    change: Literal["Create", "Update", "Delete", "Any"] = Field(
        description="Changes that are counted; Any counts creates, updates and deletes together."
    )
    percent: Int | None = Field(
        default=None,
        ge=0,
        le=10000,
        description="Holds when more than this share of the records that the source had before are changed.",
    )
    count: Int | None = Field(
        default=None, ge=0, le=1_000_000_000, description="Holds when more records than this are changed."
    )
    minPopulation: Int | None = Field(
        default=None,
        ge=0,
        le=1_000_000_000,
        description="Percent is not looked at when the source had fewer records than this. Absent: 20.",
    )
    perSchool: Bool = Field(default=False, description="Counts each school by itself.")
    window: WindowLength | None = Field(
        default=None,
        description="Also counts what was applied from this source within this time before the run, such as 24h or 7d, "
        "against the records that it had when the window began. By school from the time on that such a rule is there.",
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
            raise ValueError("has minPopulation without percent; it silences percent only, never count")
        return self

    def covers(self, entity: Entity, change: str) -> bool:
        """Whether the rule speaks of these changes (a rule on Any covers each)."""
        return self.entity in ("*", entity.value) and self.change in ("Any", change)


class SyncHoldThreshold(Model):
    """School Passport's Sync hold threshold. The defaults hold above 10 % deletes within 24 hours, 75 % updates and
    50 % creates of an entity; a percent rule for the entity and change, without perSchool, takes their place."""

    rules: tuple[ThresholdRule, ...] = Field(default=(), max_length=128, description="Limits of your own.")
