"""Checks across the parts of a connection. Each raises a ValueError that says what to change."""

import re
from collections.abc import Collection, Sequence

from rostersync.api.v1alpha1.meta import SUBDOMAIN
from rostersync.model import Entity

USER_ENTITIES = (Entity.STUDENT, Entity.TEACHER, Entity.CONTACT, Entity.ADMIN)


def check_name(name: str) -> None:
    """Check an object's name: lower case letters, digits, dashes and dots, at most 100 characters."""
    if not name:
        raise ValueError("name is missing; give the object a name")
    if len(name) > 100:
        raise ValueError("name must have at most 100 characters")
    if not re.fullmatch(SUBDOMAIN, name):
        raise ValueError(
            "name must consist of lower case letters, digits, dashes and dots, and begin and end with a letter or digit"
        )


def check_entities(entities: Sequence[Entity]) -> None:
    """Check that entities which refer to each other are imported together."""
    if len(set(entities)) < len(entities):
        raise ValueError("names an entity twice")
    if Entity.SCHOOL not in entities:
        raise ValueError("must include School: everything else belongs to schools")
    if Entity.ENROLLMENT in entities and Entity.CLASS not in entities:
        raise ValueError("includes Enrollment without Class, which enrolments refer to; add Class or leave both out")
    if Entity.ENROLLMENT in entities and not any(e in entities for e in USER_ENTITIES):
        raise ValueError("includes Enrollment without any of Student, Teacher, Contact and Admin; add one of them")


def check_targets(targets: Sequence[tuple[Entity, str]]) -> None:
    """Check that each attribute is filled by one entry only."""
    first: dict[tuple[Entity, str], int] = {}
    for i, target in enumerate(targets):
        if target in first:
            raise ValueError(
                f"entries [{first[target]}] and [{i}] both fill {target[0]}.{target[1]}; each attribute can be mapped "
                "only once, keep one of them"
            )
        first[target] = i


def check_listed(entities: Sequence[Entity], imported: Collection[Entity] | None) -> None:
    """Check that nothing is configured for an entity that is not imported, which would be ignored silently."""
    for i, entity in enumerate(entities):
        if imported is not None and entity not in imported:
            raise ValueError(
                f"entry [{i}] is about {entity}, which entities does not list; add it there, or remove this entry"
            )
