"""What the roster's values would be if the sources that they are of had none: for the changed records that several sources have.

Makes `otherwise_<table>`: id, and entries {k: attribute, v: JSON} with a list of {without, value, source}. A value that one source
tells has one of these: what the next source has, null where none has any. A list of references, which is united, has one for
each source without which it would be another.
"""

from rostersync.roster import Attribute, Kind, Table
from rostersync.sync.merge.values import lots
from rostersync.tables.context import Context
from rostersync.tables.sql import literal, q

_ENTRIES = "STRUCT(k VARCHAR, v VARCHAR)[]"


def lay_out(context: Context, table: Table) -> None:
    """To be called right after the table's records were united and compared: it reads what they were made of."""
    name = table.name
    context.sql(f"CREATE OR REPLACE TEMP TABLE otherwise_{name} (id VARCHAR, entries {_ENTRIES})")
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE merge_asked AS
        SELECT record_id FROM merge_several SEMI JOIN (SELECT id FROM roster_changes_{name} WHERE change <> 'Delete') c
        ON c.id = record_id
    """)
    if not context.exists("merge_asked"):
        return
    pairs = ", ".join(f"{{k: {literal(a.name)}, v: {_of_attribute(a)}}}" for a in table.attributes)
    second = "{k: 'metadata.' || key, v: " + _next("two") + "}"
    for lot in lots(context):
        asked = f"SEMI JOIN merge_asked USING (record_id) WHERE lot = {lot}"
        context.sql(f"""
        INSERT INTO otherwise_{name}
        WITH of_attributes AS (
          SELECT record_id, [{pairs}] AS entries FROM merge_ranked {asked} GROUP BY record_id),
        of_keys AS (
          SELECT record_id, key, arg_min({{s: source, v: to_json(value)}}, rank, 2) AS two
          FROM merge_key_ranked {asked} GROUP BY record_id, key),
        of_metadata AS (SELECT record_id, list({second} ORDER BY key) AS entries FROM of_keys GROUP BY record_id)
        SELECT record_id, list_filter(list_concat(a.entries, coalesce(m.entries, [])), lambda x: x.v IS NOT NULL)
        FROM of_attributes a LEFT JOIN of_metadata m USING (record_id)
    """)


def _of_attribute(a: Attribute) -> str:
    """An attribute's entry as JSON text, null where no source has a value."""
    column, having = q(a.name), f"FILTER ({q(a.name)} IS NOT NULL)"
    if a.kind is not Kind.REFS:
        return _next(f"arg_min({{s: source, v: to_json({column})}}, {q(f'rank of {a.name}')}, 2) {having}")
    parts = f"list({{s: source, r: {column}}} ORDER BY age) {having}"
    rest = _united(f"list_filter({parts}, lambda y: y.s <> x.s)")
    whom = (
        f"nullif(array_to_string(list_transform(list_filter({parts}, lambda y: y.s <> x.s), lambda y: y.s), ','), '')"
    )
    each = (
        f"CASE WHEN {rest} IS DISTINCT FROM {_united(parts)} THEN {{without: x.s, value: {rest}, source: {whom}}} END"
    )
    return f"to_json(list_filter(list_transform({parts}, lambda x: {each}), lambda z: z IS NOT NULL))::VARCHAR"


def _united(parts: str) -> str:
    refs = f"list_sort(list_distinct(flatten(list_transform({parts}, lambda y: y.r))))"
    return f"CASE WHEN len({refs}) > 0 THEN {refs} END"


def _next(two: str) -> str:
    """The entry of a value, from the two sources with the least ranks that have one."""
    return f"CASE WHEN {two} IS NOT NULL THEN to_json([{{without: ({two})[1].s, value: ({two})[2].v, source: ({two})[2].s}}])::VARCHAR END"
