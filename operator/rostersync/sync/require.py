"""Data Requirements: what happens when an attribute is missing or malformed.

Reads `shaped_<table>`, writes `checked_<table>` (values as text, a flag for every rule that a record breaks) and
`required_<table>`: raw_id, id, entity, fate, has_error, the attributes typed as in the store, metadata.
Rules act one after the other in their order. Each sees the values that the earlier ones left.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from duckdb import CaseExpression, CoalesceOperator, ColumnExpression, ConstantExpression, Expression, LambdaExpression
from duckdb import FunctionExpression as Fn

from rostersync.api.v1alpha1.requirements import DataRequirement
from rostersync.fate import Fate
from rostersync.model import Entity
from rostersync.roster import ENUMERATIONS, ORGS, ROLES, USERS, Kind, Table
from rostersync.sync.broken import Rule, broken_holds, fail_if_broken, rules_of
from rostersync.sync.expressions import (
    FORMATS,
    METADATA,
    NULL,
    VARCHAR,
    any_element,
    const,
    each,
    is_date,
    is_list,
    matches,
    read,
)
from rostersync.tables.context import Context, read_only
from rostersync.tables.sql import first_fate, in_list, literal, q

# After these actions the record is still imported, with an Error. Default fixes the value, so it reports nothing.
REPORTED = ("Error", "Hold", "DropValue")


@dataclass(frozen=True)
class Required:
    """How many records of each entity break a rule whose action is Hold."""

    holds: Mapping[Entity, int]


def lay_out_issues(context: Context) -> None:
    """Make `issues`, which is empty at first."""
    context.sql(
        "CREATE OR REPLACE TEMP TABLE issues (entity VARCHAR, id VARCHAR, class VARCHAR, code VARCHAR, "
        "attribute VARCHAR, rule VARCHAR, action VARCHAR)"
    )


def require(context: Context) -> Required:
    """Make `required_<table>` for every table.

    Raises:
        Permanent: RequirementFailed, when a rule with the action Fail is broken.
    """
    lay_out_issues(context)
    for table in context.tables:
        context.begin("require", table)
        rules = rules_of(context, table)
        _check(context, table, rules)
        _type(context, table, rules)
        if context.takes(table):
            fail_if_broken(context, table, rules)
    return Required(read_only(broken_holds(context, mine=False)))


def _check(context: Context, table: Table, rules: list[Rule]) -> None:
    """Make `checked_<table>`, in which each rule is a projection over the one before."""
    source = _first_import_only() if table is ORGS else f"SELECT * FROM shaped_{table.name}"
    if not rules:
        context.sql(f"CREATE OR REPLACE TEMP VIEW checked_{table.name} AS {source}")
        return
    rows = context.con.sql(source)
    for rule in rules:
        flag, value = _broken(table, rule.requirement)
        columns = [
            value.alias(rule.requirement.attribute)
            if value is not None and c == rule.requirement.attribute
            else ColumnExpression(c)
            for c in rows.columns
        ]
        if value is not None and rule.requirement.attribute.startswith(METADATA):
            columns = [value.alias("metadata") if c == "metadata" else ColumnExpression(c) for c in rows.columns]
        rows = rows.project(*columns, flag.alias(rule.flag))
    rows.create_view(f"checked_{table.name}", replace=True)


def _first_import_only() -> str:
    """A school that is in the store keeps its attributes. The rest of the pull's row is ignored."""
    fate = first_fate({Fate.KEPT: "s.entity = 'School' AND t.id IS NOT NULL"}, "s.fate")
    return f"""
        SELECT s.* REPLACE ({fate} AS fate)
        FROM shaped_orgs s
        LEFT JOIN (SELECT id FROM store_orgs WHERE status = 'active' AND entity = 'School') t ON t.id = s.id
    """


def _broken(table: Table, rule: DataRequirement) -> tuple[Expression, Expression | None]:
    """(whether a record breaks the rule, the attribute's value after it, or None if it stays)."""
    value = read(table, rule.attribute)
    listed = is_list(table, rule.attribute)
    pattern = rule.pattern or (FORMATS[rule.format] if rule.format else None)
    refers = rule.attribute in {a.name for a in table.references}

    def fits(v: Expression) -> Expression:
        if rule.format == "Date":
            return is_date(v)
        return matches(_without_prefix(v) if refers else v, pattern or "")

    if pattern is None:
        broken = value.isnull()
    elif listed:
        broken = any_element(value, lambda v: ~fits(v))
    else:
        broken = value.isnotnull() & ~fits(value)
    applies = (
        ColumnExpression("fate").isnull()
        & (ColumnExpression("entity") == const(rule.entity.value))
        & CoalesceOperator(broken, ConstantExpression(False))
    )
    replacement: Expression | None = None
    if rule.action == "Default":
        default = const(rule.default)
        replacement = Fn("list_value", default) if listed else default
    elif rule.action == "DropValue" and pattern is not None:
        replacement = NULL
        if listed:
            kept = lambda v: CaseExpression(fits(v), v)  # noqa: E731
            replacement = each(value, kept)
    if replacement is None:
        return applies, None
    if rule.attribute.startswith(METADATA):
        return applies, _metadata_with(rule.attribute.removeprefix(METADATA), applies, replacement)
    return applies, CaseExpression(applies, replacement).otherwise(value)


def _without_prefix(reference: Expression) -> Expression:
    """A reference as the SIS sends it, since configuration names raw ids. A school with a target id keeps that id."""
    prefix = Fn("getvariable", const("sis_id_prefix"))
    raw = Fn("substr", reference, Fn("length", prefix) + const(1))
    return CaseExpression(Fn("starts_with", reference, prefix), raw).otherwise(reference)


def _metadata_with(key: str, applies: Expression, value: Expression) -> Expression:
    """The metadata with one key set to a value (null removes it) where the rule applies."""
    metadata = ColumnExpression("metadata")
    entry = ColumnExpression("x")
    others = Fn(
        "list_filter",
        CoalesceOperator(Fn("map_entries", metadata), Fn("map_entries", Fn("map"))),
        LambdaExpression("x", Fn("struct_extract", entry, const("key")) != const(key)),
    )
    added = Fn("list_value", Fn("struct_pack", const(key).alias("key"), value.cast(VARCHAR).alias("value")))
    with_value = Fn(
        "list_filter",
        Fn("list_sort", Fn("list_concat", others, added)),
        LambdaExpression("x", Fn("struct_extract", entry, const("value")).isnotnull()),
    )
    changed = CaseExpression(Fn("len", with_value) > const(0), Fn("map_from_entries", with_value))
    return CaseExpression(applies, changed).otherwise(metadata)


def _type(context: Context, table: Table, rules: list[Rule]) -> None:
    """Make `required_<table>` with typed values. A value that does not fit its kind becomes null and an Error."""
    values = []
    for attribute in table.attributes:
        name = q(attribute.name)
        value = _typed(attribute.kind, name) if attribute.kind in _STRICT else _spelled(table, attribute.name)
        values.append(f"{value} AS {name}")
    skips: dict[Fate, list[str]] = {}
    for rule in (r for r in rules if r.requirement.action == "Skip"):
        removes = rule.requirement.whenAccepted == "Remove"
        skips.setdefault(Fate.REQUIREMENT_REMOVE if removes else Fate.REQUIREMENT_SKIPPED, []).append(rule.flag)
    fate = first_fate({f: " OR ".join(flags) for f, flags in skips.items()}, "fate") if skips else "fate"
    errors = [r.flag for r in rules if r.requirement.action in REPORTED]
    errors += [_malformed(a.name, a.kind) for a in table.attributes if a.kind in _STRICT]
    errors += [_unknown(table, name) for t, name in ENUMERATIONS if t == table.name]
    looked_at = "fate IS NULL"
    context.sql(f"""
        CREATE OR REPLACE TEMP VIEW required_{table.name} AS
        SELECT raw_id, id, entity, {fate} AS fate,
          {looked_at} AND coalesce({" OR ".join(f"coalesce({e}, FALSE)" for e in errors) or "FALSE"}, FALSE) AS has_error,
          {", ".join(values)}, metadata
        FROM checked_{table.name}
    """)


_STRICT = (Kind.DATE, Kind.BOOLEAN)


def _typed(kind: Kind, name: str) -> str:
    if kind is Kind.DATE:
        # The engine also accepts other spellings of dates: years of five digits, days of one, years before Christ.
        written = f"length({name}) = 10 AND {name}[5] = '-' AND {name}[8] = '-' AND {name} >= '0001'"
        return f"CASE WHEN {written} THEN try_cast({name} AS DATE) END"
    return f"CASE lower({name}) WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END"


def _malformed(name: str, kind: Kind) -> str:
    return f"({q(name)} IS NOT NULL AND {_typed(kind, q(name))} IS NULL)"


def _unknown(table: Table, name: str) -> str:
    known = in_list(v.lower() for v in ENUMERATIONS[(table.name, name)])
    return f"({q(name)} IS NOT NULL AND lower({q(name)}) NOT IN {known} AND NOT starts_with(lower({q(name)}), 'ext:'))"


def _spelled(table: Table, name: str) -> str:
    """A value in OneRoster's spelling, if the attribute is an enumeration."""
    if table is USERS and name == "roles":
        return f"list_sort(list_distinct(list_transform({q(name)}, lambda r: {_in_spelling('r', ROLES)})))"
    known = ROLES if table is USERS and name == "role" else ENUMERATIONS.get((table.name, name), ())
    return _in_spelling(q(name), known) if known else q(name)


def _in_spelling(value: str, known: Iterable[str]) -> str:
    cases = " ".join(f"WHEN {literal(v.lower())} THEN {literal(v)}" for v in known)
    return f"CASE lower({value}) {cases} ELSE {value} END"


def report(context: Context, table: Table) -> None:
    """Fill `issues` for a table: broken rules, malformed and unknown values, duplicates, and what link held back."""
    rules = rules_of(context, table)
    parts: list[tuple[str, str, str, str, str | None, str]] = []
    for rule in rules:
        action: str = rule.requirement.action
        if action not in (*REPORTED, "Skip"):
            continue
        code = "FormatFailed" if rule.requirement.format or rule.requirement.pattern else "Missing"
        issue_class = "Skipped" if action == "Skip" else "Error"
        parts.append((rule.flag, issue_class, code, rule.requirement.attribute, rule.place, action))
    for attribute in table.attributes:
        if attribute.kind in _STRICT:
            broken = f"fate IS NULL AND {_malformed(attribute.name, attribute.kind)}"
            parts.append((broken, "Error", "Malformed", attribute.name, None, "DropValue"))
    for of, name in ENUMERATIONS:
        if of == table.name:
            parts.append((f"fate IS NULL AND {_unknown(table, name)}", "Error", "UnknownValue", name, None, "Error"))
    if not parts:
        return
    # Each record is read once, however many things can be wrong with it.
    context.sql(
        "CREATE OR REPLACE TEMP TABLE issue_kinds (n INTEGER, class VARCHAR, code VARCHAR, attribute VARCHAR, "
        "rule VARCHAR, action VARCHAR)"
    )
    context.con.executemany(
        "INSERT INTO issue_kinds VALUES (?, ?, ?, ?, ?, ?)", [(n, *part[1:]) for n, part in enumerate(parts)]
    )
    found = ", ".join(f"CASE WHEN {part[0]} THEN {n} END" for n, part in enumerate(parts))
    context.sql(f"""
        INSERT INTO issues
        SELECT c.entity, c.id, k.class, k.code, k.attribute, k.rule, k.action
        FROM (SELECT entity, id, unnest(list_filter([{found}], lambda x: x IS NOT NULL)) AS n FROM checked_{table.name}) c
        JOIN issue_kinds k ON k.n = c.n
    """)
