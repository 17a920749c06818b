"""Domains of Uniqueness and Master Fields."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from rostersync.api.v1alpha1.attributes import AttributeName, entity_of, find
from rostersync.api.v1alpha1.meta import Model, ShortName
from rostersync.model import Entity
from rostersync.roster import Kind

EVERY = "*"  # in Master Fields: all attributes that are no references

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


def _mastered(names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    entity = entity_of(info)
    if EVERY in names:
        if len(names) > 1:
            raise ValueError(f'names "{EVERY}" beside others; it stands for all attributes, so make an entry for each')
        return names
    for i, name in enumerate(_known(names, info)):
        attribute = find(entity, name) if entity else None
        if attribute is not None and attribute.kind is Kind.REFS:
            raise ValueError(
                f"[{i}]: {name} is a list of references, and those of all sources are united; leave it out"
            )
    return names


class MasterField(Model):
    """Which source's value counts when several data sources have the same record."""

    entity: Entity = Field(description="Entity that this is about.")
    attributes: AttributeNames = Field(
        description='Attributes whose value the source decides. ["*"]: all but references, as far as no other entry names them.'
    )
    source: ShortName = Field(description="sourceID of the source that decides.")
    mode: Literal["Master", "DoNotOverride"] = Field(
        description="Master: its value counts whenever it has one. DoNotOverride: the value that was there first counts until its "
        "source drops it; where none was, that of this source goes first."
    )

    _attributes = field_validator("attributes")(_mastered)


def check_masters(masters: Sequence[MasterField]) -> None:
    """Check that no attribute has two entries, of which only one could count."""
    first: dict[tuple[Entity, str], int] = {}
    for i, master in enumerate(masters):
        for name in master.attributes:
            other = first.setdefault((master.entity, name), i)
            if other != i:
                raise ValueError(
                    f"entries [{other}] and [{i}] both decide {master.entity}.{name}; only one source can, so keep one of them"
                )
