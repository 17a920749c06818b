"""What a record refers to: references that it cannot be without, and those that are cut."""

from rostersync.model import Entity
from rostersync.roster import DEMOGRAPHICS, TABLES, Attribute, Kind, Table


def required_of(table: Table) -> tuple[Attribute, ...]:
    """References that a record needs."""
    return tuple(a for a in table.references if a.required)


def optional_of(table: Table) -> tuple[Attribute, ...]:
    """References that are cut when what they point to is not there."""
    return tuple(a for a in table.references if not a.required)


def followed(table: Table) -> tuple[Attribute, ...]:
    """Required references. Demographics refer to a user by their own id."""
    if table is DEMOGRAPHICS:
        return (Attribute("id", Kind.REF, "users", required=True),)
    return required_of(table)


def entities_of(attribute: Attribute) -> tuple[Entity, ...]:
    return next(t.entities for t in TABLES if t.name == attribute.target)


def any_of(tests: list[str]) -> str:
    return "(" + " OR ".join(f"coalesce({t}, FALSE)" for t in tests) + ")" if tests else "FALSE"
