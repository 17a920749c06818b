"""People of a directory in staged form. Pure: entries in, columns out."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pyarrow as pa

from rostersync.api.v1alpha1.directory_config import DirectoryAttributes, DirectoryOrganization
from rostersync.roster import ORGS, USERS
from rostersync.sources.active_directory.membership import Rule, roles
from rostersync.sources.active_directory.session import Entry, Values
from rostersync.sources.staged import schema

_DISABLED = 2  # bit of userAccountControl
_SECRET = ("password", "passphrase", "pwd", "laps", "secret", "keycredential", "supplemental")
_OWN = ("objectGUID", "userAccountControl", "whenChanged", "primaryGroupID", "memberOf")


def readable(name: str) -> bool:
    """Whether a key of metadata is an LDAP attribute that may be read. Passwords never are."""
    plain = name.isascii() and name[:1].isalpha() and len(name) <= 128 and name.replace("-", "").isalnum()
    return plain and not any(word in name.lower() for word in _SECRET)


@dataclass(frozen=True)
class Reader:
    """How entries become people. `metadata`: names of LDAP attributes that are wanted besides."""

    attributes: DirectoryAttributes
    rules: Sequence[Rule]
    organization: str
    metadata: Sequence[str] = ()
    _of: dict[str, str] = field(init=False, default_factory=dict)  # our attribute -> the LDAP one, folded

    def __post_init__(self) -> None:
        given = self.attributes.model_dump(exclude_none=True)
        self._of.update({name: ldap.lower() for name, ldap in given.items() if readable(ldap)})

    @property
    def wanted(self) -> list[str]:
        """The LDAP attributes to ask for."""
        return sorted({name.lower() for name in (*_OWN, *self._of.values(), *self.metadata)})

    def takes(self, entry: Entry) -> list[str]:
        """The roles of a person. Empty if no rule takes the person."""
        dn, values = entry
        groups = [group.decode("utf-8", "replace") for group in values.get("memberof", ())]
        return roles(self.rules, dn, groups, text(values, "primarygroupid") or "")

    def batch(self, entries: Iterable[Entry]) -> tuple[pa.RecordBatch, int, int]:
        """The people among these entries, how many of them have no readable id, and how many no rule takes."""
        form = schema(USERS.name)
        columns: dict[str, list[object]] = {name: [] for name in form.names}
        without_id = left_out = 0
        for entry in entries:
            held = self.takes(entry)
            if not held:
                left_out += 1
                continue
            row = self._row(entry[1], held)
            if row["sourcedId"] is None:
                without_id += 1
                continue
            for name, column in columns.items():
                column.append(row.get(name))
        arrays = [pa.array(columns[f.name], f.type) for f in form]
        return pa.RecordBatch.from_arrays(arrays, schema=form), without_id, left_out

    def _row(self, values: Values, held: Sequence[str]) -> dict[str, object]:
        disabled = is_disabled(values)
        row: dict[str, object] = {name: text(values, ldap) for name, ldap in self._of.items()}
        if "grades" in self._of:
            row["grades"] = texts(values, self._of["grades"]) or None
        metadata = {key: ", ".join(sorted(texts(values, key.lower()))) for key in self.metadata}
        return row | {
            "sourcedId": guid(values),
            "status": "inactive" if disabled else "active",
            "dateLastModified": _instant(text(values, "whenchanged")),
            "enabledUser": None if disabled is None else str(not disabled).lower(),
            "orgSourcedIds": [self.organization],
            "role": held[0],
            "roles": list(held),
            "metadata": [(key, value) for key, value in sorted(metadata.items()) if value],
        }


def organization(config: DirectoryOrganization, name: str) -> pa.RecordBatch:
    """The organisation of everybody."""
    form = schema(ORGS.name)
    row = {"sourcedId": config.sourcedId, "status": "active", "name": name, "type": config.type, "metadata": []}
    return pa.RecordBatch.from_pylist([{f: row.get(f) for f in form.names}], schema=form)


def guid(values: Values) -> str | None:
    """objectGUID as text, as Windows writes it."""
    raw = (values.get("objectguid") or [b""])[0]
    return str(uuid.UUID(bytes_le=raw)) if len(raw) == 16 else None


def is_disabled(values: Values) -> bool | None:
    """Whether an account is disabled; None if the directory does not say."""
    told = text(values, "useraccountcontrol") or ""
    known = told.isascii() and told.isdigit() and len(told) <= 10
    return bool(int(told) & _DISABLED) if known else None


def text(values: Values, name: str) -> str | None:
    """The first readable text of an attribute."""
    return next(iter(texts(values, name)), None)


def texts(values: Values, name: str) -> list[str]:
    """All readable texts of an attribute. Others are binary, and are left out."""
    found = []
    for value in values.get(name, ()):
        try:
            found.append(value.decode())
        except UnicodeDecodeError:
            continue
    return found


def _instant(told: str | None) -> str | None:
    """20261128232755.0Z as 2026-11-28T23:27:55Z."""
    digits = (told or "")[:14]
    if len(digits) < 14 or not (digits.isascii() and digits.isdigit()) or not (told or "").endswith("Z"):
        return None
    year, month, day, hour, minute, second = (digits[a:b] for a, b in pairwise((0, 4, 6, 8, 10, 12, 14)))
    return f"{year}-{month}-{day}T{hour}:{minute}:{second}Z"
