"""Filter Rules: allow-lists of records, by conditions on what the SIS sends."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationInfo, field_validator, model_validator

from rostersync.api.v1alpha1.attributes import AttributeName, entity_of, find
from rostersync.api.v1alpha1.meta import Model, cel, validations
from rostersync.api.v1alpha1.times import parse_local
from rostersync.model import Entity
from rostersync.roster import Kind

ConditionName = Literal[
    "Contains", "DoesNotContain", "Equals", "In", "IsEmpty", "IsNotEmpty", "After", "Before", "IsFuture", "IsPast"
]
LinkedEntity = Literal["Class", "Course", "Student", "Teacher", "Contact", "Admin"]
_WITH_VALUES = ("Contains", "DoesNotContain", "Equals", "In")
_WITH_A_DATE = ("After", "Before")
_ON_DATES = (*_WITH_A_DATE, "IsFuture", "IsPast")


class FilterCondition(Model):
    """One condition on one attribute. Upper and lower case count as equal; a missing value meets only IsEmpty and
    DoesNotContain."""

    model_config = validations(
        cel(
            "!(self.condition in ['Contains', 'DoesNotContain', 'Equals', 'In']) || "
            "(has(self.values) && size(self.values) > 0)",
            "this condition needs values",
            ".values",
        ),
        cel(
            "!(self.condition in ['After', 'Before']) || (has(self.values) && size(self.values) == 1)",
            "After and Before need exactly one date in values",
            ".values",
        ),
        cel(
            "!(self.condition in ['IsEmpty', 'IsNotEmpty', 'IsFuture', 'IsPast']) || !has(self.values) || "
            "size(self.values) == 0",
            "this condition takes no values",
            ".values",
        ),
    )

    attribute: AttributeName = Field(
        description="Attribute that is compared: a OneRoster name, sourcedId, or metadata.<key>."
    )
    condition: ConditionName = Field(
        description="How it is compared. Contains, Equals, In: true for any of values. DoesNotContain: true for none of "
        "them. After, Before: with the date in values. IsFuture, IsPast: with the day of the run, in timeZone."
    )
    values: tuple[Annotated[str, StringConstraints(min_length=1, max_length=256)], ...] = Field(
        default=(), max_length=1024, description="What it is compared with, as the SIS sends it; dates as 2026-08-15."
    )

    @model_validator(mode="after")
    def _values_fit(self) -> "FilterCondition":
        if self.condition in _WITH_VALUES and not self.values:
            raise ValueError(f"has condition {self.condition} without values; give at least one")
        if self.condition in _WITH_A_DATE:
            if len(self.values) != 1:
                raise ValueError(f"has condition {self.condition}, which needs exactly one date in values")
            try:
                parse_local(self.values[0])
            except ValueError:
                raise ValueError(
                    f"has condition {self.condition}; its value must be a date such as 2026-08-15"
                ) from None
        elif self.condition not in _WITH_VALUES and self.values:
            raise ValueError(f"has values, which condition {self.condition} does not use; remove them")
        return self


class FilterRule(Model):
    """Imports the records of an entity that meet all conditions. Rules of one entity are alternatives."""

    entity: Entity = Field(
        description="Entity that is filtered. Not School or District; choose schools with schoolsMapping."
    )
    conditions: tuple[FilterCondition, ...] = Field(
        min_length=1, max_length=16, description="Conditions, all of which a record must meet."
    )
    includeLinked: tuple[LinkedEntity, ...] = Field(
        default=(),
        max_length=6,
        description="Entities that are filtered with it: their records are only imported when they are linked to an "
        "imported one (a class or person by an enrolment, a contact by a student, a course by a class).",
    )

    @field_validator("entity")
    @classmethod
    def _filterable(cls, entity: Entity) -> Entity:
        if entity in (Entity.SCHOOL, Entity.DISTRICT):
            raise ValueError(f"{entity} cannot be filtered; choose schools with schoolsMapping")
        return entity

    @field_validator("conditions")
    @classmethod
    def _known(cls, conditions: tuple[FilterCondition, ...], info: ValidationInfo) -> tuple[FilterCondition, ...]:
        entity = entity_of(info)
        for i, condition in enumerate(conditions if entity else ()):
            if condition.attribute == "sourcedId" or entity is None:
                continue
            try:
                attribute = find(entity, condition.attribute)
            except ValueError as error:
                raise ValueError(f"[{i}].attribute: {error}") from None
            if condition.condition in _ON_DATES and attribute and attribute.kind not in (Kind.DATE, Kind.TEXT):
                raise ValueError(
                    f"[{i}].condition: {condition.condition} compares dates, and {condition.attribute} is none"
                )
        return conditions

    @field_validator("includeLinked")
    @classmethod
    def _others(cls, linked: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if info.data.get("entity") in linked:
            raise ValueError("names the entity of the rule itself; name the others that are filtered with it")
        if len(set(linked)) < len(linked):
            raise ValueError("names an entity twice")
        return linked
