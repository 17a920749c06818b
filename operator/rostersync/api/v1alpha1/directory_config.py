"""Delivery Config of a directory: where it is, how to log in, and whom to read."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, field_validator, model_validator

from rostersync.api.v1alpha1.delivery_config import EndpointConfig, parts_of
from rostersync.api.v1alpha1.meta import NO_PASSWORD, Bool, Int, Model, SecretRef, SourcedID, cel, validations

ENABLED_PERSONS = (
    "(&(objectCategory=person)(objectClass=user)(!(userAccountControl:1.2.840.113556.1.4.803:=2)))"  # bit 2: disabled
)

_PLAIN = (
    "plain LDAP is refused: records and the password would be sent unencrypted; use ldaps://, set startTLS: true, or set "
    "insecureLDAP: true for a trial without real data"
)
_TWICE = "startTLS only goes with ldap://; ldaps:// is encrypted from the start"
_NOBODY = "needs groups or organizationalUnits: they say who belongs to the entity"
_FILTER = "must be one LDAP filter in parentheses, such as (&(objectCategory=person)(company=Springfield))"


def _url(text: str) -> str:
    parts = parts_of(text, ("ldap", "ldaps"), "ldaps:// or ldap://")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("must end after host and port; baseDNs and filter say what is read")
    return text


def _filter(text: str) -> str:
    depth, closed = 0, False
    for letter in text:
        if closed:
            raise ValueError(_FILTER)
        depth += (letter == "(") - (letter == ")")
        closed = depth == 0
    if not closed:
        raise ValueError(_FILTER)
    return text


def _names_once(names: tuple[str, ...]) -> tuple[str, ...]:
    folded = [name.casefold() for name in names]
    if twice := next((name for name in names if folded.count(name.casefold()) > 1), None):
        raise ValueError(f"names {twice} twice")
    return names


URL = Annotated[
    str,
    StringConstraints(min_length=8, max_length=512),
    AfterValidator(_url),
    Field(json_schema_extra={"pattern": "^ldaps?://[^/?#]+/?$", "x-kubernetes-validations": [NO_PASSWORD]}),
]
DN = Annotated[str, StringConstraints(min_length=3, max_length=1024, pattern=r"^[^=,]+=.+$")]
DNs = Annotated[tuple[DN, ...], AfterValidator(_names_once)]
Group = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
Groups = Annotated[tuple[Group, ...], AfterValidator(_names_once)]
LDAPName = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[A-Za-z][A-Za-z0-9-]*$")]


class DirectoryEntity(Model):
    """Who in the directory belongs to an entity: members of groups, and everybody below organizational units."""

    model_config = validations(
        cel(
            "(has(self.groups) && size(self.groups) > 0) || "
            "(has(self.organizationalUnits) && size(self.organizationalUnits) > 0)",
            _NOBODY,
        ),
    )

    entity: Literal["Student", "Teacher", "Contact", "Admin"] = Field(description="The entity.")
    groups: Groups = Field(
        default=(),
        max_length=64,
        description="Groups whose members belong to it, those of groups in these groups included: a DN, or the group's "
        "name (sAMAccountName or cn).",
    )
    organizationalUnits: DNs = Field(
        default=(), max_length=64, description="DNs of organizational units; everybody below them belongs to it."
    )

    @model_validator(mode="after")
    def _says_who(self) -> Self:
        if not self.groups and not self.organizationalUnits:
            raise ValueError(_NOBODY)
        return self


class DirectoryAttributes(Model):
    """The LDAP attribute that each attribute of a person is read from."""

    username: LDAPName = Field(default="sAMAccountName", description="For username.")
    givenName: LDAPName = Field(default="givenName", description="For givenName.")
    familyName: LDAPName = Field(default="sn", description="For familyName.")
    middleName: LDAPName | None = Field(default=None, description="For middleName. Absent: not read.")
    email: LDAPName = Field(default="mail", description="For email.")
    identifier: LDAPName = Field(default="employeeID", description="For identifier.")
    phone: LDAPName | None = Field(default=None, description="For phone, such as telephoneNumber. Absent: not read.")
    sms: LDAPName | None = Field(default=None, description="For sms, such as mobile. Absent: not read.")
    grades: LDAPName | None = Field(default=None, description="For grades. Absent: not read.")


class DirectoryOrganization(Model):
    """The organisation that everybody in the directory belongs to, since a directory has none."""

    sourcedId: SourcedID = Field(default="directory", description="Its id, without the SIS ID prefix.")
    name: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = Field(
        default=None, description="Its name. Absent: that of the district."
    )
    type: Literal["district", "school"] = Field(default="district", description="Whether it is a district or a school.")


class ActiveDirectoryConfig(EndpointConfig):
    """School Passport's Delivery Config: where Active Directory is, how to log in, and whom to read."""

    model_config = validations(
        cel(
            "!self.url.startsWith('ldap://') || (has(self.startTLS) && self.startTLS) || "
            "(has(self.insecureLDAP) && self.insecureLDAP)",
            _PLAIN,
            ".url",
        ),
        cel("!self.url.startsWith('ldaps://') || !has(self.startTLS) || !self.startTLS", _TWICE, ".startTLS"),
    )

    insecureLDAP: Bool = Field(
        default=False,
        description="Allow plain LDAP, which sends records and the password unencrypted: only for trials without real "
        "data.",
    )
    startTLS: Bool = Field(default=False, description="Encrypt the connection to an ldap:// URL by StartTLS.")
    url: URL = Field(
        description="A domain controller, such as ldaps://dc1.ad.springfield.example. With ldap://, set startTLS."
    )
    credentialsSecretRef: SecretRef = Field(
        description="Secret with the login of an account that may read the directory. deliveryConfig says which keys it "
        "has."
    )
    baseDNs: DNs = Field(
        min_length=1, max_length=16, description="Where people are looked for, such as DC=ad,DC=springfield,DC=example."
    )
    filter: Annotated[str, StringConstraints(min_length=3, max_length=2048), AfterValidator(_filter)] = Field(
        default=ENABLED_PERSONS,
        json_schema_extra={"pattern": r"^\(.*\)$"},
        description="LDAP filter of the accounts that are read. Disabled ones that it lets through count as deleted by "
        "the source. Default: enabled persons, no computers.",
    )
    entities: tuple[DirectoryEntity, ...] = Field(
        min_length=1,
        max_length=32,
        description="Who becomes a Student, Teacher, Contact or Admin. Whoever fits several has all of these roles, and "
        "is an Admin before a Teacher, Student or Contact; whoever fits none is left out and counted.",
    )
    attributes: DirectoryAttributes = Field(
        default=DirectoryAttributes(),
        description="LDAP attributes of people. Others are known to Attributes Mapping as metadata.NAME.",
    )
    organization: DirectoryOrganization = Field(
        default=DirectoryOrganization(), description="The organisation that everybody belongs to."
    )
    unmatched: Literal["HoldBack", "Create"] = Field(
        default="HoldBack",
        description="What becomes of people whom no other source has. Create: they are imported. HoldBack is not yet "
        "supported.",
    )
    pageSize: Int = Field(
        default=1000, ge=1, le=5000, description="Accounts per page. A domain controller gives at most its MaxPageSize."
    )
    timeoutSeconds: Int = Field(default=60, ge=1, le=3600, description="How long to wait for a page.")

    @field_validator("url")
    @classmethod
    def _encrypted(cls, url: str, info: ValidationInfo) -> str:
        encrypts, plain = info.data.get("startTLS"), info.data.get("insecureLDAP")
        if url.startswith("ldap://") and encrypts is False and plain is False:
            raise ValueError(_PLAIN)
        if url.startswith("ldaps://") and encrypts:
            raise ValueError(_TWICE)
        return url

    @property
    def creates(self) -> bool:
        """Whether people whom no other source has are imported."""
        return self.unmatched == "Create"

    @property
    def shapes(self) -> dict[str, Any]:
        """Whom it reads, and as what."""
        read = self.model_dump(mode="json", include={"filter", "attributes", "organization", "unmatched"})
        rules = [
            {
                "entity": rule.entity,
                "groups": sorted(map(str.casefold, rule.groups)),
                "organizationalUnits": sorted(map(str.casefold, rule.organizationalUnits)),
            }
            for rule in self.entities
        ]
        read["entities"] = sorted(rules, key=lambda r: (r["entity"], r["groups"], r["organizationalUnits"]))
        read["baseDNs"] = sorted(map(str.casefold, self.baseDNs))
        return read


def is_dn(group: str) -> bool:
    """Whether a group is named by its DN, and not by its name."""
    return re.match(r"^[A-Za-z][A-Za-z0-9-]*=", group) is not None
