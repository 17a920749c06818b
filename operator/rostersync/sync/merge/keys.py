"""Keys of metadata: each is united by itself, as an attribute is.

Makes `merge_metadata` for records that several sources have: id, metadata, `told` (JSON members, a key with its source), `entries`
(what each would be without its source, as JSON members {k, v}), `owned` ({k, s}).
"""

from collections.abc import Sequence

from rostersync.roster import Table
from rostersync.sync.merge.parts import json_of_source, source_of
from rostersync.sync.merge.words import CAME_LATER, NOT_OVERRIDDEN, OWNED, Source, Words
from rostersync.tables.context import Context

# Records whose keys are united at a time. Each key has a state while that is done, and states do not spill.
_AT_A_TIME = 10_000
_COLUMNS = "id VARCHAR, metadata MAP(VARCHAR, VARCHAR), told VARCHAR, entries STRUCT(k VARCHAR, v VARCHAR)[], owned STRUCT(k VARCHAR, s VARCHAR)[]"


def lay_out(context: Context, table: Table, words: Words, sources: Sequence[Source]) -> None:
    """To be called when the parts are laid out."""
    context.sql(f"CREATE OR REPLACE TEMP TABLE merge_metadata ({_COLUMNS})")
    if not context.exists(f"contributed_{table.name} WHERE metadata IS NOT NULL"):
        return
    _lay_out_ranks(context, table, words)
    parts = " UNION ALL ".join(
        f"SELECT record_id, {i} AS part, source, stood, unnest(map_entries(metadata)) AS pair FROM merge_part_{i} WHERE parts > 1"
        for i in range(len(sources))
    )
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE merge_keys_ranked AS
        WITH p AS (SELECT record_id, part, source, stood, pair.key AS key, pair.value AS value FROM ({parts}) WHERE pair.value IS NOT NULL),
        {_leads(words, table, sources)},
        r AS (
          SELECT p.*, o.source = p.source AS owns, coalesce(k.rank, g.rank, p.part) AS rank
          FROM p LEFT JOIN leads l USING (record_id)
          LEFT JOIN merge_key_ranks k ON k.entity = l.lead AND k.key = p.key AND k.source = p.source
          LEFT JOIN merge_key_ranks g ON g.entity = l.lead AND g.key IS NULL AND g.source = p.source
          LEFT JOIN owners_{table.name} o ON o.id = p.record_id AND o.attribute = 'metadata.' || p.key)
        SELECT record_id, part, key, value, rank + CASE WHEN rank < {NOT_OVERRIDDEN} THEN 0
          ELSE CASE WHEN stood THEN 0 ELSE {CAME_LATER} END - CASE WHEN owns THEN {OWNED} ELSE 0 END END AS rank
        FROM r
    """)
    lots = 1 + int(context.one("SELECT count(*) FROM merge_records WHERE parts > 1")) // _AT_A_TIME
    for lot in range(lots):
        _unite(context, f"hash(record_id) % {lots} = {lot}", len(sources))


def _unite(context: Context, which: str, parts: int) -> None:
    key, json = "'metadata.' || key", "to_json('metadata.' || key)::VARCHAR || ':'"
    of_json = "CASE {} " + " ".join(f"WHEN {i} THEN {json_of_source(i)}" for i in range(parts)) + " END"
    source = "CASE a.part " + " ".join(f"WHEN {i} THEN {source_of(i)}" for i in range(parts)) + " END"
    without = f"""'[{{"without":' || {of_json.format("a.part")} || ',"value":' || coalesce(to_json(b.value)::VARCHAR, 'null')
        || ',"source":' || coalesce({of_json.format("b.part")}, 'null') || '}}]'"""
    context.sql(f"""
        INSERT INTO merge_metadata
        WITH two AS (
          SELECT record_id, key, arg_min({{part: part, value: value, rank: rank}}, rank, 2) AS two
          FROM merge_keys_ranked WHERE {which} GROUP BY record_id, key),
        each AS (SELECT record_id, key, two[1] AS a, two[2] AS b FROM two)
        SELECT record_id, map_from_entries(list({{k: key, v: a.value}} ORDER BY key)),
          string_agg({json} || {of_json.format("a.part")}, ',' ORDER BY key),
          list({{k: {key}, v: {json} || {without}}} ORDER BY key),
          list({{k: {key}, s: {source}}} ORDER BY key) FILTER (a.rank >= {NOT_OVERRIDDEN - OWNED})
        FROM each GROUP BY record_id
    """)


def _lay_out_ranks(context: Context, table: Table, words: Words) -> None:
    """Make `merge_key_ranks`: (entity, key, source, rank). Without a key: of all that Master Fields do not name."""
    context.sql(
        "CREATE OR REPLACE TEMP TABLE merge_key_ranks (entity VARCHAR, key VARCHAR, source VARCHAR, rank BIGINT)"
    )
    if not words.ranked(table):
        return
    general = [(entity, None, source, ranks[-1]) for entity, source, ranks in words.ranks(table)]
    for entity, key, source, rank in (*general, *words.key_ranks(table)):
        context.con.execute("INSERT INTO merge_key_ranks VALUES (?, ?, ?, ?)", [entity.value, key, source, rank])


def _leads(words: Words, table: Table, sources: Sequence[Source]) -> str:
    """`leads`: whose Master Fields are about a record, as far as there are any."""
    bring = [i for i, source in enumerate(sources) if source.brings] if words.ranked(table) else []
    entities = " UNION ALL ".join(
        f"SELECT record_id, {i} AS part, entity FROM merge_part_{i} WHERE parts > 1" for i in bring
    )
    each = f"SELECT record_id, arg_min(entity, part) AS lead FROM ({entities}) GROUP BY record_id"
    return f"leads AS ({each if bring else 'SELECT NULL::VARCHAR AS record_id, NULL::VARCHAR AS lead WHERE FALSE'})"
