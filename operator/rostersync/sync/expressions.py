"""User-written configuration as engine expressions: constants are bound, names come from the roster's tables.

No text of a connection ever becomes SQL text here or anywhere else (a lint test checks it).
"""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from zoneinfo import ZoneInfo

from duckdb import CaseExpression, CoalesceOperator, ColumnExpression, ConstantExpression, Expression, LambdaExpression
from duckdb import FunctionExpression as Fn
from duckdb.sqltypes import DuckDBPyType

from rostersync.roster import Kind, Table

LISTS = (Kind.LIST, Kind.SET, Kind.REFS)
METADATA = "metadata."
NULL = ConstantExpression(None)
VARCHAR = DuckDBPyType("VARCHAR")

FORMATS = {
    "Email": r"^[^@\s]+@[^@\s]+\.[^@\s.]+$",
    "Date": r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$",
    "UUID": r"^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$",
    "Integer": r"^[+-]?\d+$",
    "Boolean": r"^(?i:true|false)$",
}


def const(value: str | int | None) -> Expression:
    """A bound constant."""
    return ConstantExpression(value)


def text(expression: Expression) -> Expression:
    """Canonical text: NFC, without white space around it, null if empty."""
    trimmed = Fn("trim", Fn("nfc_normalize", expression), const(" \t\r\n\f\v\u00a0"))
    return Fn("nullif", trimmed, const(""))


def is_list(table: Table, attribute: str) -> bool:
    """Whether an attribute holds a list of texts (metadata never does)."""
    return not attribute.startswith(METADATA) and attribute != "sourcedId" and table.attribute(attribute).kind in LISTS


def read(table: Table, attribute: str) -> Expression:
    """The value of an attribute, of `sourcedId`, or of a metadata key. userIds are one text."""
    if attribute == "sourcedId":
        return ColumnExpression("raw_id")
    if attribute.startswith(METADATA):
        return Fn("map_extract_value", ColumnExpression("metadata"), const(attribute.removeprefix(METADATA)))
    if table.attribute(attribute).kind is Kind.USER_IDS:
        return ColumnExpression(attribute).cast(VARCHAR)
    return ColumnExpression(attribute)


def user_id(kind: str) -> Expression:
    """The identifier of the given type among `userIds`, the first in order if there are several."""
    of_kind = Fn(
        "list_filter",
        ColumnExpression("userIds"),
        LambdaExpression("x", Fn("struct_extract", ColumnExpression("x"), const("type")) == const(kind)),
    )
    found = Fn(
        "list_transform",
        of_kind,
        LambdaExpression("x", Fn("struct_extract", ColumnExpression("x"), const("identifier"))),
    )
    return Fn("list_extract", Fn("list_sort", found), const(1))


def concat(parts: Sequence[Expression]) -> Expression:
    """Texts one after the other. Null when any of them is."""
    return reduce(lambda a, b: Fn("||", a, b), parts)


def _title(value: Expression) -> Expression:
    word = ColumnExpression("w")
    words = Fn(
        "list_transform",
        Fn("string_split", Fn("lower", value), const(" ")),
        LambdaExpression("w", concat([Fn("upper", Fn("left", word, const(1))), Fn("substring", word, const(2))])),
    )
    return Fn("array_to_string", words, const(" "))


TRANSFORMS: dict[str, Callable[[Expression], Expression]] = {
    "Trim": lambda v: Fn("trim", v),
    "Lower": lambda v: Fn("lower", v),
    "Upper": lambda v: Fn("upper", v),
    "Title": _title,
    "StripAccents": lambda v: Fn("strip_accents", v),
    "Digits": lambda v: Fn("regexp_replace", v, const(r"[^0-9]"), const(""), const("g")),
    "Before@": lambda v: Fn("split_part", v, const("@"), const(1)),
    "After@": lambda v: Fn("split_part", v, const("@"), const(2)),
}


def transformed(value: Expression, transforms: Sequence[str], values: Mapping[str, str]) -> Expression:
    """Transforms in their order, then the value map, then canonical text."""
    for name in transforms:
        value = TRANSFORMS[name](value)
    value = text(value)
    if not values:
        return value
    cases: Expression | None = None
    for old, new in values.items():
        when, then = value == const(old), text(const(new))
        cases = CaseExpression(when, then) if cases is None else cases.when(when, then)
    assert cases is not None  # noqa: S101 — values is not empty
    return cases.otherwise(value)


def each(value: Expression, change: Callable[[Expression], Expression]) -> Expression:
    """Apply the change to every element of a list. Nulls are dropped, and an empty list is null."""
    changed = Fn("list_transform", value, LambdaExpression("v", change(ColumnExpression("v"))))
    return filled(Fn("list_filter", changed, LambdaExpression("v", ColumnExpression("v").isnotnull())))


def filled(value: Expression) -> Expression:
    """A list, or null where it is empty."""
    return CaseExpression(Fn("len", value) > const(0), value)


def any_element(value: Expression, test: Callable[[Expression], Expression]) -> Expression:
    """Whether an element of a list passes. False without a list."""
    passing = Fn("list_filter", value, LambdaExpression("v", test(ColumnExpression("v"))))
    return CoalesceOperator(Fn("len", passing) > const(0), ConstantExpression(False))


def matches(value: Expression, pattern: str) -> Expression:
    """Whether a regular expression (RE2) matches a text as a whole."""
    return Fn("regexp_full_match", value, const(pattern))


def is_date(value: Expression) -> Expression:
    """Whether a text is a date that exists, written as YYYY-MM-DD."""
    exists = Fn("try_strptime", value, const("%Y-%m-%d")).isnotnull()
    return matches(value, FORMATS["Date"]) & exists & (value >= const("0001"))


def today(as_of: object, zone: str) -> str:
    """The date of `as_of` (an aware datetime) in a time zone, as ISO text."""
    return as_of.astimezone(ZoneInfo(zone)).date().isoformat()  # type: ignore[attr-defined,no-any-return]


def condition(value: Expression, listed: bool, name: str, values: Sequence[str], now: str) -> Expression:
    """One condition of a Filter Rule. Texts compare in lower case, dates by their ISO text. Null only meets IsEmpty."""
    match name:
        case "IsEmpty":
            return value.isnull()
        case "IsNotEmpty":
            return value.isnotnull()
        case "DoesNotContain":
            return ~condition(value, listed, "Contains", values, now)
    test = _TESTS[name]
    wanted = [v.lower() for v in values]
    if listed:
        return any_element(value, lambda v: test(v, wanted, now))
    return CoalesceOperator(test(value, wanted, now), ConstantExpression(False))


def _any_of(tests: Sequence[Expression]) -> Expression:
    return reduce(lambda a, b: a | b, tests)


def _date(value: Expression) -> Expression:
    """ISO dates sort as texts do. What is not a date compares as null."""
    return CaseExpression(is_date(value), value)


_TESTS: dict[str, Callable[[Expression, Sequence[str], str], Expression]] = {
    "Contains": lambda v, wanted, _: _any_of([Fn("contains", Fn("lower", v), const(w)) for w in wanted]),
    "Equals": lambda v, wanted, _: Fn("lower", v).isin(*[const(w) for w in wanted]),
    "In": lambda v, wanted, _: Fn("lower", v).isin(*[const(w) for w in wanted]),
    "After": lambda v, wanted, _: _date(v) > const(wanted[0][:10]),
    "Before": lambda v, wanted, _: _date(v) < const(wanted[0][:10]),
    "IsFuture": lambda v, _, now: _date(v) > const(now),
    "IsPast": lambda v, _, now: _date(v) < const(now),
}


def domain_key(table: Table, attribute: str) -> Expression:
    """The value of an attribute as Domains of Uniqueness compare it: lower case, a list as one text."""
    value = read(table, attribute)
    if is_list(table, attribute):
        value = Fn("array_to_string", value, const("\x1f"))
    return Fn("lower", value.cast(VARCHAR))
