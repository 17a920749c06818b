"""ActiveDirectoryConnection: one district's Active Directory as a source of its roster."""

from typing import Literal

from pydantic import Field, field_validator

from rostersync.api.v1alpha1.connection import RULES, Connection, ConnectionSpec
from rostersync.api.v1alpha1.consistency import check_entities
from rostersync.api.v1alpha1.directory_config import ActiveDirectoryConfig
from rostersync.api.v1alpha1.meta import cel, validations
from rostersync.api.v1alpha1.schools import SchoolsMapping
from rostersync.model import Entity

HAS = (Entity.DISTRICT, Entity.SCHOOL, Entity.STUDENT, Entity.TEACHER, Entity.CONTACT, Entity.ADMIN)
"""What a directory can have. It knows people, but neither classes nor terms."""
_NO_SCHOOLS = "a directory has no schools to map; leave schoolsMapping out"
_ONLY = f"a directory only has {', '.join(HAS[:-1])} and {HAS[-1]}"


class ActiveDirectoryConnectionSpec(ConnectionSpec):
    """What the district configures. Only termsOfUse and deliveryConfig are required."""

    model_config = validations(
        *RULES,
        cel("!has(self.schoolsMapping)", _NO_SCHOOLS, ".schoolsMapping"),
        cel(f"!has(self.entities) || self.entities.all(e, e in {[str(e) for e in HAS]})", _ONLY, ".entities"),
    )

    deliveryConfig: ActiveDirectoryConfig = Field(
        description="Where Active Directory is, how to log in, and whom to read. Its Secret has the keys bindDN and "
        "password. It may have ca.crt, too: certificates of the authority to trust, in PEM form."
    )
    entities: tuple[Entity, ...] = Field(
        default=HAS,
        min_length=1,
        max_length=11,
        description="Entities that are imported. Absent: all that a directory has.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )

    @field_validator("entities")
    @classmethod
    def _entities_belong_together(cls, entities: tuple[Entity, ...]) -> tuple[Entity, ...]:
        check_entities(entities)
        if others := [str(e) for e in entities if e not in HAS]:
            raise ValueError(f"names {', '.join(others)}, but {_ONLY}")
        return entities

    @field_validator("schoolsMapping")
    @classmethod
    def _has_no_schools(cls, mapping: SchoolsMapping) -> SchoolsMapping:
        raise ValueError(_NO_SCHOOLS)


class ActiveDirectoryConnection(Connection):
    """A district's Active Directory as a source of its roster in School Passport."""

    kind: Literal["ActiveDirectoryConnection"] = Field(
        default="ActiveDirectoryConnection", description="Kind of the object."
    )
    spec: ActiveDirectoryConnectionSpec = Field(description="What the district configures.")
