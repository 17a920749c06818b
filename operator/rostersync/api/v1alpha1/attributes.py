"""Names of attributes in a connection: which ones an entity has, and what to say of others."""

import re
from typing import Annotated

from pydantic import StringConstraints, ValidationInfo

from rostersync.model import Entity
from rostersync.roster import BY_ENTITY, Attribute, Kind
from rostersync.spelling import near

METADATA = "metadata."
METADATA_KEY = re.compile(r"[^\s{}\[\]\"'\\]{1,128}")
SHOWN = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,63}")

AttributeName = Annotated[str, StringConstraints(min_length=1, max_length=160)]


def find(entity: Entity, name: str) -> Attribute | None:
    """The attribute with a name in the entity's table; None for `metadata.<key>`. Raises ValueError otherwise."""
    table = BY_ENTITY[entity]
    if name in table.names:
        return table.attribute(name)
    if name.startswith(METADATA):
        if METADATA_KEY.fullmatch(name.removeprefix(METADATA)):
            return None
        raise ValueError("names no metadata key; write metadata.<key>, without spaces, quotes and brackets")
    raise ValueError(unknown(entity, name))


def unknown(entity: Entity, name: str, more: tuple[str, ...] = ()) -> str:
    """What to say of an attribute that the entity does not have: similar names, else all names."""
    names = (*BY_ENTITY[entity].names, *more)
    close = near(name, names)
    # a text that does not look like an attribute could be a person's name, so it is not repeated
    what = f"{entity} has no attribute {name}" if SHOWN.fullmatch(name) else f"is not an attribute of {entity}"
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    return f"{what}; {hint}allowed: {', '.join(names)} or metadata.<key>"


def entity_of(info: ValidationInfo) -> Entity | None:
    """The entity next to a field under validation; None when it is itself invalid."""
    entity = info.data.get("entity")
    return entity if isinstance(entity, Entity) else None


def check_target(entity: Entity, name: str) -> Attribute | None:
    """The attribute, if a mapping may set it. Raises ValueError that says why not."""
    if name == "sourcedId":
        raise ValueError("sourcedId cannot be mapped: it identifies the record; see sisIDPrefix")
    if name in ("status", "role", "roles") or (name == "type" and entity in (Entity.SCHOOL, Entity.DISTRICT)):
        raise ValueError(f"{name} cannot be mapped: it decides what a record is; read it with from instead")
    attribute = find(entity, name)
    if attribute is None:
        return None
    if attribute.target:
        raise ValueError(f"{name} cannot be mapped: it refers to other records; see schoolsMapping for schools")
    if attribute.kind is Kind.USER_IDS:
        raise ValueError("userIds cannot be mapped; read one of them with from: userIds[type=…].identifier")
    return attribute


def check_value(attribute: Attribute | None, name: str, value: str) -> None:
    """Raises ValueError when the attribute cannot hold a constant `value`. Only dates and booleans are checked."""
    if attribute is None:
        return
    if attribute.kind is Kind.BOOLEAN and value not in ("true", "false"):
        raise ValueError(f'must be "true" or "false", since {name} is a boolean')
    if attribute.kind is Kind.DATE and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        raise ValueError(f"must be a date such as 2026-08-15, since {name} is a date")
