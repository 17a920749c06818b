"""Domains of Uniqueness and Master Fields."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from rostersync.api.v1alpha1.attributes import AttributeName, entity_of, find
from rostersync.api.v1alpha1.meta import Model, ShortName
from rostersync.model import Entity

AttributeNames = Annotated[tuple[AttributeName, ...], Field(min_length=1, max_length=16)]


def _known(names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    entity = entity_of(info)
    for i, name in enumerate(names if entity else ()):
        if name == "sourcedId":
            raise ValueError(f"[{i}]: sourcedId is unique by itself; name other attributes")
        try:
            find(entity, name) if entity else None
        except ValueError as error:
            raise ValueError(f"[{i}]: {error}") from None
    if len(set(names)) < len(names):
        raise ValueError("names an attribute twice")
    return names


class Domain(Model):
    """Attributes whose values together must be unique within an entity.

    Records that lack one of them are not compared.
    """

    entity: Entity = Field(description="Entity within which the values are unique.")
    attributes: AttributeNames = Field(description="Attributes that make up the domain.")

    _attributes = field_validator("attributes")(_known)


class MasterField(Model):
    """Which source's value counts when several data sources have the same record. Not yet supported."""

    entity: Entity = Field(description="Entity that this is about.")
    attributes: AttributeNames = Field(description="Attributes whose value the source decides.")
    source: ShortName = Field(description="sourceID of the source that decides.")
    mode: Literal["Master", "DoNotOverride"] = Field(
        description="Master: its value counts. DoNotOverride: its value counts until another source has one."
    )

    _attributes = field_validator("attributes")(_known)
