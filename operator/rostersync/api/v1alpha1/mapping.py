"""Attributes Mapping: what an attribute is filled with, as text in the manifest and parsed for the engine."""

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationInfo, field_validator, model_validator

from rostersync.api.v1alpha1.attributes import (
    METADATA,
    METADATA_KEY,
    AttributeName,
    check_target,
    check_value,
    entity_of,
    find,
    unknown,
)
from rostersync.api.v1alpha1.meta import Model, cel, validations
from rostersync.model import Entity
from rostersync.roster import BY_ENTITY, USERS

_USER_ID = re.compile(r"userIds\[type=([^\[\]{}=]{1,128})\]\.identifier")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}")
_GRAMMAR = "an attribute, sourcedId, metadata.<key> or userIds[type=X].identifier"

Transform = Literal["Trim", "Lower", "Upper", "Title", "StripAccents", "Digits", "Before@", "After@"]


@dataclass(frozen=True)
class Source:
    """Where a value is read from, in a record of the SIS.

    `kind` attribute: `name` is an attribute of the table, or sourcedId; metadata: `name` is the key;
    userId: `name` is the type, and the value is the identifier of the (first) userId of that type.
    """

    kind: Literal["attribute", "metadata", "userId"]
    name: str


@dataclass(frozen=True)
class Text:
    """Literal text in a template."""

    text: str


@dataclass(frozen=True)
class Placeholder:
    """A placeholder in a template, which is read from the record."""

    source: Source


def parse_from(text: str) -> Source:
    """Parse `email`, `sourcedId`, `metadata.homeroom` or `userIds[type=StateID].identifier`. Raises ValueError."""
    if text.startswith(METADATA) and METADATA_KEY.fullmatch(key := text.removeprefix(METADATA)):
        return Source("metadata", key)
    if match := _USER_ID.fullmatch(text):
        return Source("userId", match[1].strip())
    if _NAME.fullmatch(text):
        return Source("attribute", text)
    raise ValueError(f"must be {_GRAMMAR}")


def parse_template(text: str) -> list[Text | Placeholder]:
    """Split `{givenName}.{familyName}@x` into parts. `{{` and `}}` stand for braces. Raises ValueError."""
    pieces: list[Text | Placeholder] = []
    literal = ""
    for token in re.findall(r"\{\{|\}\}|\{[^{}]*\}|[{}]|[^{}]+", text):
        if token in ("{{", "}}"):
            literal += token[0]
        elif token in ("{", "}"):
            raise ValueError("has an unmatched brace; write a literal brace twice: {{ or }}")
        elif token[0] == "{":
            if literal:
                pieces.append(Text(literal))
            literal = ""
            pieces.append(Placeholder(_placeholder(token[1:-1])))
        else:
            literal += token
    return [*pieces, Text(literal)] if literal else pieces


def _placeholder(text: str) -> Source:
    try:
        return parse_from(text)
    except ValueError:
        raise ValueError(f"has a placeholder that is not {_GRAMMAR}") from None


def check_source(entity: Entity, source: Source) -> None:
    """Raises ValueError when records of the entity have no such attribute."""
    table = BY_ENTITY[entity]
    if source.kind == "userId" and table is not USERS:
        raise ValueError(f"{entity} has no userIds; they belong to Student, Teacher, Contact and Admin")
    if source.kind != "attribute" or source.name == "sourcedId":
        return
    if source.name == "userIds":
        raise ValueError("must say which of the userIds: userIds[type=X].identifier")
    if source.name not in table.names:
        raise ValueError(unknown(entity, source.name, ("sourcedId",)))


class AttributeMapping(Model):
    """What one attribute of one entity is filled with. Attributes without an entry keep the value that the SIS sends.

    In this order: the value is read (from or template), transformed, looked up in values, and replaced by default
    when it is missing.
    """

    model_config = validations(
        cel("has(self.from) != has(self.template)", "exactly one of from and template is needed", ".from"),
    )

    entity: Entity = Field(description="Entity whose records are changed.")
    attribute: AttributeName = Field(
        description="Attribute that is filled: a OneRoster name such as username, or metadata.<key>. Ids, references, "
        "role, roles, status and userIds cannot be filled."
    )
    from_: Annotated[str, StringConstraints(min_length=1, max_length=160)] | None = Field(
        default=None,
        alias="from",
        description="What it is filled from, as the SIS sends it: an attribute, sourcedId, metadata.<key> or "
        "userIds[type=X].identifier.",
    )
    template: Annotated[str, StringConstraints(min_length=1, max_length=512)] | None = Field(
        default=None,
        description="Text with placeholders such as {givenName}. The value is missing when one of them is missing. Write a "
        "literal brace twice.",
    )
    transforms: tuple[Transform, ...] = Field(
        default=(),
        max_length=8,
        description="What is done with the value, in this order. Before@ and After@ keep that part of an e-mail address; "
        "Digits keeps only digits.",
    )
    values: dict[
        Annotated[str, StringConstraints(max_length=256)], Annotated[str, StringConstraints(max_length=256)]
    ] = Field(
        default={},
        max_length=1024,
        description="Replacements: from a value that the SIS sends (after transforms) to the value to store. In a list, "
        "each value is replaced by itself. Other values are kept.",
    )
    default: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = Field(
        default=None, description="Replaces a missing value. Absent: it stays missing."
    )

    @field_validator("attribute")
    @classmethod
    def _may_be_set(cls, attribute: str, info: ValidationInfo) -> str:
        if entity := entity_of(info):
            check_target(entity, attribute)
        return attribute

    @field_validator("from_", "template")
    @classmethod
    def _readable(cls, text: str | None, info: ValidationInfo) -> str | None:
        entity = entity_of(info)
        if text is None or entity is None:
            return text
        sources = [parse_from(text)] if info.field_name == "from_" else _sources(text)
        for source in sources:
            check_source(entity, source)
        return text

    @field_validator("default")
    @classmethod
    def _fits(cls, default: str | None, info: ValidationInfo) -> str | None:
        if (entity := entity_of(info)) and default is not None and (name := info.data.get("attribute")):
            check_value(find(entity, name), name, default)
        return default

    @model_validator(mode="after")
    def _exactly_one(self) -> "AttributeMapping":
        if self.from_ is None and self.template is None:
            raise ValueError("needs from or template, to say what fills the attribute")
        if self.from_ is not None and self.template is not None:
            raise ValueError("has both from and template; keep one of them")
        return self

    @property
    def sources(self) -> tuple[Source, ...]:
        """All attributes that the entry reads from a record."""
        return (parse_from(self.from_),) if self.from_ is not None else tuple(_sources(self.template or ""))


def _sources(template: str) -> list[Source]:
    return [piece.source for piece in parse_template(template) if isinstance(piece, Placeholder)]
