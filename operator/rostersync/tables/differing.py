"""What differs between two states of a record, as SQL: names of attributes, and their old values."""

import json
from collections.abc import Callable

from rostersync.roster import Table
from rostersync.tables.sql import literal

Column = Callable[[str], str]  # a name of the table (entity and metadata too) -> SQL of its value

_KEYS = "coalesce(map_keys({}), [])"


def differing_names(table: Table, after: Column, before: Column, differing: str = "") -> str:
    """The names of the attributes that differ, metadata key by key, as a list. `differing`: its keys that do, if they are known."""
    names = [f"CASE WHEN {differs(n, after, before)} THEN {literal(n)} END" for n in ("entity", *table.names)]
    own = f"string_split(nullif(concat_ws(',', {', '.join(names)}), ''), ',')"
    keys = f"list_transform({differing or differing_keys(after, before)}, lambda k: 'metadata.' || k)"
    return f"coalesce(list_concat({own}, {keys}), [])"


def old_values(table: Table, after: Column, before: Column, differing: str = "") -> str:
    """A JSON object, as text, of the values before of the attributes that differ. `differing`: as above."""
    values = [
        f"CASE WHEN {differs(n, after, before)} THEN {literal(json.dumps(n) + ':')} || {json_of(before(n))} END"
        for n in ("entity", *table.names)
    ]
    old = json_of(f"map_extract_value({before('metadata')}, k)")
    pair = f"to_json('metadata.' || k)::VARCHAR || ':' || {old}"
    pairs = f"list_transform({differing or differing_keys(after, before)}, lambda k: {pair})"
    return f"'{{' || concat_ws(',', {', '.join(values)}, nullif(array_to_string({pairs}, ','), '')) || '}}'"


def differing_keys(after: Column, before: Column) -> str:
    """The keys of metadata that differ, in order. Null where all metadata is the same."""
    a, b = after("metadata"), before("metadata")
    keys = f"list_sort(list_distinct(list_concat({_KEYS.format(a)}, {_KEYS.format(b)})))"
    differing = f"list_filter({keys}, lambda k: map_extract_value({a}, k) IS DISTINCT FROM map_extract_value({b}, k))"
    return f"CASE WHEN {differs('metadata', after, before)} THEN {differing} END"


def differs(name: str, after: Column, before: Column) -> str:
    """Whether an attribute differs."""
    return f"{after(name)} IS DISTINCT FROM {before(name)}"


def json_of(value: str) -> str:
    """A value as JSON text, `null` where there is none."""
    return f"coalesce(to_json({value})::VARCHAR, 'null')"
