"""Reads pages that do not follow OneRoster's form, more slowly: names in other case, numbers for strings, single values
for lists, empty lists for empty objects, PHP's numbered objects for lists.

A value is only decoded once its key is known to be wanted, so a password is never decoded here either.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from rostersync.sources.oneroster.records import FIELD, Form, Ref, Role, Shape, UserId

_IDS = ("sourcedid", "sourceid")
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


def records(rows: Sequence[msgspec.Raw], shape: Shape) -> tuple[list[msgspec.Struct], list[int]]:
    """Records of the shape's type, and which rows (from 0) were no objects or hold numbers that cannot be read."""
    names = {key.lower(): key for key in shape.forms} | dict.fromkeys(_IDS, "sourcedId")
    found: list[msgspec.Struct] = []
    lost: list[int] = []
    for position, row in enumerate(rows):
        try:
            raw = _object.decode(row)
        except msgspec.ValidationError:
            lost.append(position)
            continue
        values: dict[str, Any] = {FIELD + "sourcedId": None}
        try:
            for key, value in raw.items():
                name = key if key in shape.forms else names.get(key.lower())
                if name is not None and (key == name or values.get(FIELD + name) is None):
                    values[FIELD + name] = _FORMED[shape.forms[name]](msgspec.json.decode(value))
        except msgspec.ValidationError:  # 1e999, or a number of a thousand digits
            lost.append(position)
            continue
        found.append(shape.record(**values))
    return found, lost


def is_odd(rows: Sequence[msgspec.Raw], shape: Shape) -> bool:
    """Whether a record spells a name differently from OneRoster. The fast decoder would take that value for absent."""
    names = {key.lower() for key in shape.forms} | set(_IDS)
    for row in rows:
        try:
            keys = _object.decode(row).keys()
        except msgspec.ValidationError:
            return True
        if any(key not in shape.forms and key.lower() in names for key in keys):
            return True
    return False


def _scalar(value: Any) -> Any:
    match value:
        case dict():
            return _id(value)
        case [single]:
            return _scalar(single)
        case list():
            return None
    return value


def _id(value: dict[str, Any]) -> Any:
    lower = {k.lower(): v for k, v in value.items()}
    return next((_scalar(lower[name]) for name in _IDS if lower.get(name) is not None), None)


def _ref(value: Any) -> Any:
    found = _scalar(value)
    return None if found is None else Ref(found if isinstance(found, str | int) else str(found))


def _items(value: Any) -> list[Any]:
    """The items of a list or of PHP's `{"0": …, "1": …}`; any other value as the only item."""
    if value is None:
        return []
    if isinstance(value, list):
        return value
    if isinstance(value, dict) and all(k.isdecimal() for k in value):
        return list(value.values())
    return [value]


def _refs(value: Any) -> Any:
    items = value.split(",") if isinstance(value, str) else _items(value)
    return [ref for ref in map(_ref, items) if ref is not None] or None


def _list(value: Any) -> Any:
    return value if isinstance(value, str) else [_scalar(i) for i in _items(value)] or None


def _user_ids(value: Any) -> Any:
    found: list[UserId] = []
    for item in _items(value):
        if isinstance(item, dict):
            lower = {k.lower(): _scalar(v) for k, v in item.items()}
            found.append(UserId(lower.get("identifier"), lower.get("type")))
        elif isinstance(item, str):
            found.append(_user_id(item))
        elif item is not None:
            found.append(UserId(item))
    return found or None


def _user_id(text: str) -> UserId:
    """Type and identifier of `{Fed:123}` or `Fed:123`, as in OneRoster's CSV; any other text is the identifier."""
    kind, colon, identifier = text.strip().removeprefix("{").removesuffix("}").partition(":")
    if not colon or "{" in kind + identifier or "}" in kind + identifier:
        return UserId(text)
    return UserId(identifier.strip(), kind.strip())


def _roles(value: Any) -> Any:
    found: list[Role] = []
    for item in _items(value):
        if isinstance(item, dict):
            lower = {k.lower(): v for k, v in item.items()}
            name, kind, end = (_scalar(lower.get(key)) for key in ("role", "roletype", "enddate"))
            found.append(Role(name, kind, _ref(lower.get("org")), end))
        elif item is not None:
            found.append(Role(_scalar(item)))
    return found or None


_FORMED: dict[Form, Callable[[Any], Any]] = {
    Form.SCALAR: _scalar,
    Form.REF: _ref,
    Form.REFS: _refs,
    Form.LIST: _list,
    Form.USER_IDS: _user_ids,
    Form.ROLES: _roles,
    Form.ANY: lambda value: value,
}
