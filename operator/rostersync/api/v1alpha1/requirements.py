"""Data Requirements: what happens when an attribute is missing or malformed."""

import re
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationInfo, field_validator, model_validator

from rostersync.api.v1alpha1.attributes import AttributeName, check_value, entity_of, find
from rostersync.api.v1alpha1.meta import Model, cel, validations
from rostersync.model import Entity
from rostersync.roster import Kind

_BEYOND_RE2 = re.compile(r"\(\?(=|!|<=|<!|P=|>)|\\[1-9]|\\k|[*+?}]\+")


def check_pattern(pattern: str) -> str:
    """The pattern, if the engine's regular expressions (RE2, in DuckDB) support it. Raises ValueError otherwise."""
    if _BEYOND_RE2.search(pattern):
        raise ValueError(
            "uses look-around, a back-reference, or an atomic or possessive part, which RE2 does not support; "
            "write it without"
        )
    import duckdb  # only imported for patterns: the operator, for one, should stay small

    try:
        with duckdb.connect(":memory:", config={"threads": 1}) as con:
            con.execute("SELECT regexp_full_match('', ?)", [pattern]).fetchall()
    except duckdb.Error:
        raise ValueError("is not a regular expression that RE2 understands; check brackets and backslashes") from None
    return pattern


class DataRequirement(Model):
    """One requirement: about missing values, or with format or pattern about malformed ones."""

    model_config = validations(
        cel(
            "(self.action == 'Default') == has(self.default)",
            "default goes with action Default, and it needs it",
            ".default",
        ),
        cel("!has(self.format) || !has(self.pattern)", "only one of format and pattern can be given", ".pattern"),
        cel(
            "self.action != 'DropValue' || has(self.format) || has(self.pattern)",
            "action DropValue needs format or pattern; a missing value cannot be dropped",
            ".action",
        ),
        cel(
            "!has(self.whenAccepted) || self.whenAccepted == 'Keep' || self.action == 'Skip'",
            "whenAccepted: Remove only goes with action Skip",
            ".whenAccepted",
        ),
    )

    entity: Entity = Field(description="Entity whose records are checked.")
    attribute: AttributeName = Field(
        description="Attribute that is checked, after Attributes Mapping: a OneRoster name or metadata.<key>."
    )
    format: Literal["Email", "Date", "UUID", "Integer", "Boolean"] | None = Field(
        default=None, description="Makes the requirement about values that do not have this format."
    )
    pattern: Annotated[str, StringConstraints(min_length=1, max_length=512)] | None = Field(
        default=None,
        description="Makes the requirement about values that this regular expression (RE2) does not match from start to "
        "end.",
    )
    action: Literal["Error", "Skip", "Default", "DropValue", "Hold", "Fail"] = Field(
        description="Error: the record is imported and the issue is reported. Skip: the record is held back. Default: the "
        "value is replaced by default. DropValue: the malformed value is left out. Hold: the plan is held for a person. "
        "Fail: the run fails."
    )
    whenAccepted: Literal["Keep", "Remove"] = Field(
        default="Keep",
        description="What Skip does to a record that was accepted before. Keep: it stays as it was (School Passport itself "
        "would hide it). Remove: it is deleted.",
    )
    default: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = Field(
        default=None, description="The value that action Default sets."
    )

    @field_validator("attribute")
    @classmethod
    def _known(cls, attribute: str, info: ValidationInfo) -> str:
        if attribute == "sourcedId":
            raise ValueError("sourcedId needs no requirement: a record without one is never taken")
        if entity := entity_of(info):
            find(entity, attribute)
        return attribute

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str | None, info: ValidationInfo) -> str | None:
        if pattern is not None and info.data.get("format") is not None:
            raise ValueError("is given together with format; keep one of them")
        return None if pattern is None else check_pattern(pattern)

    @field_validator("action")
    @classmethod
    def _possible(cls, action: str, info: ValidationInfo) -> str:
        malformed = info.data.get("format") is not None or info.data.get("pattern") is not None
        if action == "DropValue" and "pattern" in info.data and not malformed:
            raise ValueError("DropValue needs format or pattern: a missing value cannot be dropped")
        entity, name = entity_of(info), info.data.get("attribute")
        if action in ("Default", "DropValue") and entity and name:
            attribute = find(entity, name)
            if name in ("role", "roles") or (attribute is not None and attribute.kind is Kind.USER_IDS):
                raise ValueError(f"{action} cannot change {name}; use Error, Skip, Hold or Fail")
            if action == "Default" and attribute is not None and attribute.target:
                raise ValueError(f"Default cannot fill {name}, which refers to another record; use another action")
        return action

    @model_validator(mode="after")
    def _fitting(self) -> "DataRequirement":
        if self.action == "Default" and self.default is None:
            raise ValueError("has action Default but no default; give the value")
        if self.action != "Default" and self.default is not None:
            raise ValueError(f"has a default, which action {self.action} never uses; use action: Default, or remove it")
        if self.whenAccepted == "Remove" and self.action != "Skip":
            raise ValueError("has whenAccepted: Remove, which only goes with action: Skip")
        if self.default is not None:
            try:
                check_value(find(self.entity, self.attribute), self.attribute, self.default)
            except ValueError as error:
                raise ValueError(f"default {error}") from None
        return self
