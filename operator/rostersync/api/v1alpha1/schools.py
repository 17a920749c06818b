"""Schools Mapping: which schools of the SIS become which schools of School Passport."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationInfo, field_validator, model_validator

from rostersync.api.v1alpha1.meta import Model, SourcedID, cel, validations


class SchoolTarget(Model):
    """The school that a school of the SIS becomes. Several schools with one target id become one school."""

    model_config = validations(
        cel(
            "has(self.existing) ? !has(self.id) && !has(self.name) : has(self.id) || has(self.name)",
            "a target has either existing, or an id, a name or both",
        ),
    )

    id: SourcedID | None = Field(
        default=None, description="Id of the school in the store, prefix included. Absent: prefix and SIS id."
    )
    name: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = Field(
        default=None, description="Name of the school. Absent: its name in the SIS."
    )
    existing: SourcedID | None = Field(
        default=None,
        description="Id of a school that is already in the store, perhaps from another source: they become one.",
    )

    @model_validator(mode="after")
    def _one_kind(self) -> "SchoolTarget":
        if self.existing is not None and (self.id is not None or self.name is not None):
            raise ValueError(
                "has existing together with id or name; a school that is already in the store keeps its own id and name"
            )
        if self.existing is None and self.id is None and self.name is None:
            raise ValueError("is empty; give id, name or both, or remove target to keep the school's own")
        return self


class MappedSchool(Model):
    """One school of the SIS and what becomes of it."""

    sourcedId: SourcedID = Field(description="Id of the school in the SIS, without the SIS ID prefix.")
    target: SchoolTarget | None = Field(
        default=None, description="What it becomes. Absent: a new school with its own name."
    )


class SchoolsMapping(Model):
    """School Passport's Schools Mapping. A mapped school's own attributes are imported once, at its first import."""

    model_config = validations(
        cel(
            "!has(self.mode) || self.mode != 'Selected' || (has(self.schools) && size(self.schools) > 0)",
            "mode Selected needs at least one entry in schools",
            ".schools",
        ),
    )

    mode: Literal["Auto", "Selected"] = Field(
        default="Auto",
        description="Auto: every school of the SIS is mapped, new ones too. Selected: only those in schools.",
    )
    schools: tuple[MappedSchool, ...] = Field(
        default=(),
        validate_default=True,
        max_length=2000,
        description="The schools to map (Selected), or those that become another school (Auto).",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["sourcedId"]},
    )
    exclude: tuple[SourcedID, ...] = Field(
        default=(),
        max_length=2000,
        description="SIS ids of schools that are left out, in both modes.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )

    @field_validator("schools")
    @classmethod
    def _consistent(cls, schools: tuple[MappedSchool, ...], info: ValidationInfo) -> tuple[MappedSchool, ...]:
        if info.data.get("mode") == "Selected" and not schools:
            raise ValueError(
                "is empty, but mode Selected maps only the schools named there; name some, or use mode: Auto"
            )
        seen: dict[str, int] = {}
        names: dict[str, tuple[int, str]] = {}
        for i, school in enumerate(schools):
            if school.sourcedId in seen:
                raise ValueError(f"maps one school twice, in entries [{seen[school.sourcedId]}] and [{i}]; keep one")
            seen[school.sourcedId] = i
            if school.target is None or school.target.id is None or school.target.name is None:
                continue
            first, name = names.setdefault(school.target.id, (i, school.target.name))
            if name != school.target.name:
                raise ValueError(f"gives one target id two names, in entries [{first}] and [{i}]; keep one name")
        return schools

    @field_validator("exclude")
    @classmethod
    def _not_mapped_too(cls, exclude: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        mapped = {s.sourcedId: i for i, s in enumerate(info.data.get("schools", ()))}
        for i, school in enumerate(exclude):
            if school in mapped:
                raise ValueError(f"entry [{i}] is also mapped in schools[{mapped[school]}]; remove one of the two")
        if len(set(exclude)) < len(exclude):
            raise ValueError("names a school twice")
        return exclude
