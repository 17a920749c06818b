"""Attributes Mapping: entries override the identity mapping of all standard attributes.

Writes `mapped_<table>` with the columns of its input. Only entities that an entry names are touched.
"""

from collections.abc import Mapping, Sequence

from duckdb import CaseExpression, CoalesceOperator, ColumnExpression, Expression, LambdaExpression
from duckdb import FunctionExpression as Fn
from duckdb.sqltypes import DuckDBPyType

from rostersync.api.v1alpha1.mapping import AttributeMapping, Source, Text, parse_from, parse_template
from rostersync.roster import METADATA_TYPE, Table
from rostersync.sync.expressions import LISTS, METADATA, NULL, concat, const, each, is_list, read, transformed, user_id
from rostersync.tables.context import Context
from rostersync.tables.sql import q

CARRIED = ("raw_id", "entity", "said")


def apply(context: Context, table: Table, named: str) -> None:
    """Make `mapped_<table>` from the records that the query `named` selects."""
    entries = {(e.entity.value, e.attribute): e for e in context.spec.attributesMapping if e.entity in table.entities}
    keys = {e.value: context.metadata_to_keep(e) for e in table.entities}
    if not entries and not any(keys.values()):
        columns = ", ".join(q(c) for c in (*CARRIED, *table.names))
        context.sql(f"""
            CREATE OR REPLACE TEMP VIEW mapped_{table.name} AS
            SELECT {columns}, NULL::{METADATA_TYPE} AS metadata FROM ({named})
        """)
        return
    projected: list[Expression] = [ColumnExpression(c) for c in CARRIED]
    for attribute in table.attributes:
        mapped = {
            e: value_of(table, entry, attribute.kind in LISTS)
            for (e, of), entry in entries.items()
            if of == attribute.name
        }
        projected.append(_by_entity(mapped, ColumnExpression(attribute.name)).alias(attribute.name))
    metadata = {e: _metadata(_values(table, entries, e, keys[e])) for e in keys if keys[e]}
    # A record has only the metadata keys that the connection names for its entity.
    projected.append(_by_entity(metadata, NULL.cast(DuckDBPyType(METADATA_TYPE))).alias("metadata"))
    context.con.sql(named).project(*projected).create_view(f"mapped_{table.name}", replace=True)


def _by_entity(values: Mapping[str, Expression], otherwise: Expression) -> Expression:
    """The value for each record's entity, and `otherwise` for all other entities."""
    cases: Expression | None = None
    for entity, value in values.items():
        is_it = ColumnExpression("entity") == const(entity)
        cases = CaseExpression(is_it, value) if cases is None else cases.when(is_it, value)
    return otherwise if cases is None else cases.otherwise(otherwise)


def _values(
    table: Table, entries: Mapping[tuple[str, str], AttributeMapping], entity: str, keys: Sequence[str]
) -> dict[str, Expression]:
    """The named keys of an entity's metadata with their values."""
    values = {}
    for name in [METADATA + k for k in keys]:
        entry = entries.get((entity, name))
        values[name] = read(table, name) if entry is None else value_of(table, entry, to_list=False)
    return values


def value_of(table: Table, entry: AttributeMapping, to_list: bool) -> Expression:
    """The value that an entry gives to its target: a list of texts, or one text."""
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
    """Named keys that have a value, in order of key. Null where none has one."""
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
    return CaseExpression(Fn("len", present) > const(0), Fn("map_from_entries", present))
