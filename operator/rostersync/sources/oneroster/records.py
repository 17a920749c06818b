"""OneRoster's records as msgspec types, made from the roster's tables. One type serves 1.1 and 1.2.

The types are permissive where servers differ (booleans as words or numbers, references as plain strings). They leave
out what is not wanted, passwords above all: what has no field here is skipped while decoding. A page that still does
not fit is read into the same types by lenient_decode.py.
"""

from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any

import msgspec

from rostersync.roster import BY_NAME, Kind

Scalar = str | int | float | bool | None


class Ref(msgspec.Struct, gc=False):
    """A GUIDRef. Its href and type are not needed."""

    sourcedId: str | int | None  # required: lenient_decode.py reads a reference without it


class UserId(msgspec.Struct, gc=False):
    """One entry of userIds."""

    identifier: Scalar
    type: Scalar = None


class Role(msgspec.Struct, gc=False):
    """One entry of a 1.2 user's roles."""

    role: Scalar
    roleType: Scalar = None
    org: Ref | str | int | None = None
    endDate: Scalar = None


class Form(Enum):
    """The form of a JSON value."""

    SCALAR = "scalar"
    REF = "ref"
    REFS = "refs"
    LIST = "list"
    USER_IDS = "userIds"
    ROLES = "roles"
    ANY = "any"


_TYPES: dict[Form, Any] = {
    Form.SCALAR: Scalar,
    Form.REF: Ref | Scalar,
    Form.REFS: list[Ref | str | int | None] | None,
    Form.LIST: list[Scalar] | Scalar,
    Form.USER_IDS: list[UserId] | None,
    Form.ROLES: list[Role] | None,
    Form.ANY: Any,
}
_FORMS = {
    Kind.TEXT: Form.SCALAR,
    Kind.DATE: Form.SCALAR,
    Kind.BOOLEAN: Form.SCALAR,
    Kind.REF: Form.REF,
    Kind.REFS: Form.REFS,
    Kind.LIST: Form.LIST,
    Kind.SET: Form.LIST,
    Kind.USER_IDS: Form.USER_IDS,
}
_JSON_NAMES = {"termSourcedIds": "terms", "orgSourcedIds": "orgs", "agentSourcedIds": "agents"}
# Other names of the same attribute: 1.2's JSON differs from its CSV, and one server has a spelling of its own.
_ALIASES = {
    "preferredGivenName": "preferredFirstName",
    "preferredMiddleName": "preferredMiddleName",
    "preferredFamilyName": "preferredLastName",
    "birthDate": "birthdate",
}
FIELD = "f_"  # prefix of struct fields, since `class` is no name in Python


@dataclass(frozen=True)
class Shape:
    """One collection in JSON: forms by key, the record type, and the keys of each attribute."""

    collection: str
    forms: dict[str, Form]
    record: type[msgspec.Struct]
    keys: dict[str, tuple[str, ...]]


def json_name(attribute: str) -> str:
    """The JSON key of an attribute: `classSourcedId` is `class`, `termSourcedIds` is `terms`."""
    return _JSON_NAMES.get(attribute) or attribute.removesuffix("SourcedId")


@cache
def shape(collection: str, with_metadata: bool) -> Shape:
    """The shape of a collection. Where metadata is not wanted, it is skipped while decoding."""
    forms: dict[str, Form] = {"status": Form.SCALAR, "dateLastModified": Form.SCALAR}
    keys: dict[str, tuple[str, ...]] = {"status": ("status",), "dateLastModified": ("dateLastModified",)}
    for attribute in BY_NAME[collection].attributes:
        names = tuple(dict.fromkeys((json_name(attribute.name), *filter(None, [_ALIASES.get(attribute.name)]))))
        keys[attribute.name] = names
        for name in names:
            forms[name] = _FORMS[attribute.kind]
    if collection == "users":
        forms["roles"] = Form.ROLES
    if with_metadata:
        forms["metadata"] = Form.ANY
    record = msgspec.defstruct(
        f"{collection}Record",
        [
            (FIELD + "sourcedId", str | int | None),
            *((FIELD + key, _TYPES[form], None) for key, form in forms.items()),
        ],
        rename={FIELD + key: key for key in ("sourcedId", *forms)},
        gc=False,
    )
    return Shape(collection, {"sourcedId": Form.SCALAR, **forms}, record, keys)
