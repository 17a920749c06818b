"""Attributes Mapping: entries lie over the identity mapping of all standard attributes.

Reads `named_<table>`, writes `mapped_<table>` with the same columns. Only entities that an entry names are touched.
"""

from collections.abc import Sequence
from functools import reduce

from duckdb import CaseExpression, CoalesceOperator, ColumnExpression, DuckDBPyRelation, Expression, LambdaExpression
from duckdb import FunctionExpression as Fn
from duckdb.sqltypes import DuckDBPyType

from rostersync.api.v1alpha1.mapping import AttributeMapping, Source, Text, parse_from, parse_template
from rostersync.roster import METADATA_TYPE, Table
from rostersync.sync.context import Context, q
from rostersync.sync.expressions import LISTS, METADATA, NULL, concat, const, each, is_list, read, transformed, user_id

CARRIED = ("raw_id", "entity", "said")


def apply(context: Context, table: Table) -> None:
    """Make `mapped_<table>`."""
    entries = [e for e in context.spec.attributesMapping if e.entity in table.entities]
    keys = {e.value: context.metadata_keys(e) for e in table.entities}
    entities = sorted({e.entity.value for e in entries} | {e for e in keys if keys[e]})
    if not entities:
        columns = ", ".join(q(c) for c in (*CARRIED, *table.names))
        context.sql(f"""
            CREATE OR REPLACE TEMP VIEW mapped_{table.name} AS
            SELECT {columns}, NULL::{METADATA_TYPE} AS metadata FROM named_{table.name}
        """)
        return
    named = context.con.view(f"named_{table.name}")
    rest = named.filter(_not_among(entities)).project(
        *[ColumnExpression(c) for c in (*CARRIED, *table.names)], _no_metadata()
    )
    parts = [rest] + [_mapped(named, table, [e for e in entries if e.entity.value == n], n, keys[n]) for n in entities]
    reduce(lambda a, b: a.union(b), parts).create_view(f"mapped_{table.name}", replace=True)


def _not_among(entities: Sequence[str]) -> Expression:
    return ColumnExpression("entity").isnull() | ColumnExpression("entity").isnotin(*[const(e) for e in entities])


def _no_metadata() -> Expression:
    # Keys of metadata come only when a mapping names them for that entity.
    return NULL.cast(DuckDBPyType(METADATA_TYPE)).alias("metadata")


def _mapped(
    named: DuckDBPyRelation, table: Table, entries: Sequence[AttributeMapping], entity: str, keys: Sequence[str]
) -> DuckDBPyRelation:
    """The records of one entity with its entries carried out."""
    by_target = {e.attribute: e for e in entries}
    projected: list[Expression] = [ColumnExpression(c) for c in CARRIED]
    for attribute in table.attributes:
        entry = by_target.get(attribute.name)
        column = ColumnExpression(attribute.name)
        if entry is not None:
            column = value_of(table, entry, attribute.kind in LISTS).alias(attribute.name)
        projected.append(column)
    values: dict[str, Expression] = {}
    for name in [METADATA + k for k in keys]:
        values[name] = value_of(table, by_target[name], to_list=False) if name in by_target else read(table, name)
    projected.append(_metadata(values) if keys else _no_metadata())
    return named.filter(ColumnExpression("entity") == const(entity)).project(*projected)


def value_of(table: Table, entry: AttributeMapping, to_list: bool) -> Expression:
    """The value that an entry gives its target: a list of texts, or one text."""
    value, listed = _source(table, entry)

    def change(v: Expression) -> Expression:
        return transformed(v, entry.transforms, entry.values)

    if listed and not to_list:
        value, listed = Fn("array_to_string", value, const(",")), False
    value = each(value, change) if listed else change(value)
    if to_list and not listed:
        value = CaseExpression(value.isnotnull(), Fn("list_value", value))
    if entry.default is not None:
        fallback = Fn("list_value", const(entry.default)) if to_list else const(entry.default)
        value = CoalesceOperator(value, fallback)
    return value


def _source(table: Table, entry: AttributeMapping) -> tuple[Expression, bool]:
    """What an entry reads, and whether that is a list."""
    if entry.template is None:
        source = parse_from(entry.from_ or "")
        return _read(table, source), source.kind == "attribute" and is_list(table, source.name)
    parts = [
        const(piece.text) if isinstance(piece, Text) else _as_text(table, piece.source)
        for piece in parse_template(entry.template)
    ]
    return concat(parts), False


def _read(table: Table, source: Source) -> Expression:
    match source.kind:
        case "userId":
            return user_id(source.name)
        case "metadata":
            return read(table, METADATA + source.name)
        case _:
            return read(table, source.name)


def _as_text(table: Table, source: Source) -> Expression:
    value = _read(table, source)
    if source.kind == "attribute" and is_list(table, source.name):
        return Fn("array_to_string", value, const(","))
    return value


def _metadata(entries: dict[str, Expression]) -> Expression:
    """Named keys that have a value, in order of key; null where none has one."""
    pairs = [
        Fn("struct_pack", const(key.removeprefix(METADATA)).alias("key"), value.alias("value"))
        for key, value in entries.items()
    ]
    entry = ColumnExpression("x")
    present = Fn(
        "list_filter",
        Fn("list_value", *pairs),
        LambdaExpression("x", Fn("struct_extract", entry, const("value")).isnotnull()),
    )
    return CaseExpression(Fn("len", present) > const(0), Fn("map_from_entries", present)).alias("metadata")
