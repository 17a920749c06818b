"""The roster's records from their contributions: of each attribute the value of the source with the least rank that has one.

Makes `united_<table>` for the ids in `touched_<table>`: id, entity, the attributes, metadata, and `told_by`, the source of each value.
"""

from rostersync.roster import ORGS, USERS, Kind, Table
from rostersync.sync.merge.following import follow
from rostersync.sync.merge.words import CAME_LATER, NOT_OVERRIDDEN, OWNED, Words
from rostersync.tables.context import Context
from rostersync.tables.sql import literal, q

# The attribute whose source also says what a record is.
_DECIDES = {USERS: "role", ORGS: "type"}
_TOLD_BY = "MAP(VARCHAR, VARCHAR)"
# Records that are united at a time. Each has a state for each attribute while that is done, and states do not spill.
_AT_A_TIME = 10_000


def unite(context: Context, table: Table, words: Words) -> None:
    """Make `united_<table>`, and `owned_<table>` (id, attribute, source): whose values are not overridden."""
    name = table.name
    context.sql(f"CREATE OR REPLACE TEMP TABLE owned_{name} (id VARCHAR, attribute VARCHAR, source VARCHAR)")
    columns = ", ".join(q(n) for n in (*table.names, "metadata"))
    context.sql(f"""
        CREATE OR REPLACE TEMP VIEW merge_parts AS
        SELECT n.record_id, n.age, n.brings, n.former = n.record_id AS stood, c.*
        FROM named_{name} n SEMI JOIN touched_{name} t ON t.id = n.record_id
        JOIN contributed_{name} c ON c.source = n.source AND c.id = n.id
    """)
    context.sql(f"CREATE OR REPLACE TEMP TABLE merge_rows AS {follow(context, 'merge_parts', table.references)}")
    context.sql(
        "CREATE OR REPLACE TEMP TABLE merge_several AS SELECT record_id FROM merge_rows GROUP BY 1 HAVING count(*) > 1"
    )
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE united_{name} AS
        SELECT record_id AS id, entity, {columns}, CAST(NULL AS {_TOLD_BY}) AS told_by, source AS only_source
        FROM merge_rows ANTI JOIN merge_several USING (record_id)
    """)
    if context.exists("merge_several"):
        _unite_several(context, table, words)


def lots(context: Context) -> range:
    """The lots of `merge_ranked`, which are worked on one after the other."""
    return range(1 + context.one("SELECT count(*) FROM merge_several") // _AT_A_TIME)


def _unite_several(context: Context, table: Table, words: Words) -> None:
    """Records that several sources have."""
    _lay_out_ranks(context, table, words)
    _lay_out_key_ranks(context, table, words)
    for lot in lots(context):
        _unite_metadata(context, lot)
        _unite_lot(context, table, lot)
        if words.not_overridden(table) or words.keys_not_overridden(table):
            _own(context, table, lot)
    if words.keys_not_overridden(table):
        _own_keys(context, table)


def _unite_lot(context: Context, table: Table, lot: int) -> None:
    made, told = [], []
    for a in table.attributes:
        column, rank, having = q(a.name), q(f"rank of {a.name}"), f"FILTER ({q(a.name)} IS NOT NULL)"
        if a.kind is Kind.REFS:
            made.append(f"list_sort(list_distinct(flatten(list({column}) {having}))) AS {column}")
            told.append(f"string_agg(source, ',' ORDER BY age) {having}")
        else:
            made.append(f"arg_min({column}, {rank}) {having} AS {column}")
            told.append(f"arg_min(source, {rank}) {having}")
    entity, teller = (_of_entity(table, column) for column in ("entity", "source"))
    tellers = [("entity", teller), *zip(table.names, told, strict=True)]
    pairs = ", ".join(f"{{k: {literal(name)}, v: {t}}}" for name, t in tellers)
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE merge_united AS
        SELECT record_id AS id, {entity} AS entity, {", ".join(made)}, [{pairs}] AS told
        FROM merge_ranked WHERE lot = {lot} GROUP BY record_id
    """)
    columns = ", ".join(f"u.{q(n)}" for n in table.names)
    context.sql(f"""
        INSERT INTO united_{table.name}
        SELECT u.id, u.entity, {columns}, m.metadata,
          map_from_entries(list_filter(list_concat(u.told, coalesce(m.told, [])), lambda x: x.v IS NOT NULL)), NULL
        FROM merge_united u LEFT JOIN merge_metadata m USING (id)
    """)


def _of_entity(table: Table, column: str) -> str:
    """A column of the source that says what a record is: the one whose role or type counts, else the oldest that brings it."""
    oldest = f"arg_min({column}, age) FILTER (brings)"
    decides = _DECIDES.get(table)
    if decides is None:
        return oldest
    return f"coalesce(arg_min({column}, {q(f'rank of {decides}')}) FILTER ({q(decides)} IS NOT NULL), {oldest})"


def _lay_out_ranks(context: Context, table: Table, words: Words) -> None:
    """Make `merge_ranked`: the parts of records that several sources have, with a rank for each attribute, and in lots."""
    lot = f"CAST(hash(record_id) % {len(lots(context))} AS INTEGER) AS lot"
    parts = f"(SELECT *, {lot} FROM merge_rows SEMI JOIN merge_several USING (record_id))"
    names = [f"rank of {n}" for n in (*table.names, "metadata")]
    if not words.ranked(table):
        same = ", ".join(f"age AS {q(n)}" for n in names)
        context.sql(f"CREATE OR REPLACE TEMP TABLE merge_ranked AS SELECT *, entity AS lead, {same} FROM {parts}")
        return
    columns = ", ".join(f"{q(n)} BIGINT" for n in names)
    context.sql(f"CREATE OR REPLACE TEMP TABLE merge_ranks (entity VARCHAR, source VARCHAR, {columns})")
    asked = ", ".join("?" for _ in range(len(names) + 2))
    for entity, source, ranks in words.ranks(table):
        context.con.execute(f"INSERT INTO merge_ranks VALUES ({asked})", [entity.value, source, *ranks])
    kept = {a.name for a in words.not_overridden(table)}
    joins, owners = [], []
    if kept:
        owners = [f"max(source) FILTER (attribute = {literal(n)}) AS {q(n)}" for n in table.names if n in kept]
        joins.append(f"""
            LEFT JOIN (SELECT id AS record_id, {", ".join(owners)} FROM owners_{table.name} GROUP BY id) o
            ON o.record_id = p.record_id""")
    ranks_ = [
        _ranked(f"r.{q(f'rank of {n}')}", f"o.{q(n)}" if n in kept else "NULL") + f" AS {q(f'rank of {n}')}"
        for n in table.names
    ]
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE merge_ranked AS
        WITH p AS (
          SELECT *, arg_min(entity, age) FILTER (brings) OVER (PARTITION BY record_id) AS lead FROM {parts})
        SELECT p.*, {", ".join(ranks_)}, r.{q("rank of metadata")}
        FROM p JOIN merge_ranks r ON r.entity = p.lead AND r.source = p.source {" ".join(joins)}
    """)


def _ranked(rank: str, owner: str) -> str:
    """A rank, with what is about this record: whether it stood, and whether it owns the value."""
    return (
        f"{rank} + CASE WHEN {rank} >= {NOT_OVERRIDDEN} THEN CASE WHEN p.stood THEN 0 ELSE {CAME_LATER} END "
        f"- CASE WHEN {owner} = p.source THEN {OWNED} ELSE 0 END ELSE 0 END"
    )


def _lay_out_key_ranks(context: Context, table: Table, words: Words) -> None:
    """Make `merge_key_ranked`: each key of their metadata by itself, as an attribute, with its rank."""
    context.sql(
        "CREATE OR REPLACE TEMP TABLE merge_key_ranks (entity VARCHAR, key VARCHAR, source VARCHAR, rank BIGINT)"
    )
    for row in words.key_ranks(table):
        context.con.execute("INSERT INTO merge_key_ranks VALUES (?, ?, ?, ?)", list(row))
    rank = _ranked("coalesce(k.rank, p.general)", "o.source")
    context.sql(f"""
        CREATE OR REPLACE TEMP VIEW merge_key_ranked AS
        WITH p AS (
          SELECT record_id, lot, source, age, stood, lead, {q("rank of metadata")} AS general, unnest(map_entries(metadata)) AS pair
          FROM merge_ranked WHERE metadata IS NOT NULL)
        SELECT p.record_id, p.lot, p.source, p.pair.key AS key, p.pair.value AS value, {rank} AS rank
        FROM p LEFT JOIN merge_key_ranks k ON k.entity = p.lead AND k.key = p.pair.key AND k.source = p.source
        LEFT JOIN owners_{table.name} o ON o.id = p.record_id AND o.attribute = 'metadata.' || p.pair.key
        WHERE p.pair.value IS NOT NULL
    """)


def _unite_metadata(context: Context, lot: int) -> None:
    """Make `merge_metadata`: id, metadata, told."""
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE merge_metadata AS
        WITH chosen AS (
          SELECT record_id, key, arg_min(value, rank) AS value, arg_min(source, rank) AS source
          FROM merge_key_ranked WHERE lot = {lot} GROUP BY record_id, key)
        SELECT record_id AS id, map_from_entries(list({{k: key, v: value}} ORDER BY key)) AS metadata,
          list({{k: 'metadata.' || key, v: source}} ORDER BY key) AS told
        FROM chosen GROUP BY record_id
    """)


def _own(context: Context, table: Table, lot: int) -> None:
    """Add to `owned_<table>`. The entity's words say which attributes are not overridden, so those are read from the ranks."""
    ranks = [(n, q(f"rank of {n}")) for n in table.names]
    listed = ", ".join(f"{{k: {literal(n)}, r: min({rank}) FILTER ({q(n)} IS NOT NULL)}}" for n, rank in ranks)
    context.sql(f"""
        INSERT INTO owned_{table.name}
        WITH least AS (SELECT record_id AS id, unnest([{listed}]) AS x FROM merge_ranked WHERE lot = {lot} GROUP BY record_id),
        told AS (
          SELECT id, unnest(map_entries(told_by)) AS t FROM united_{table.name} SEMI JOIN merge_united USING (id))
        SELECT t.id, t.t.key, t.t.value FROM told t JOIN least l ON l.id = t.id AND l.x.k = t.t.key
        WHERE l.x.r >= {NOT_OVERRIDDEN - OWNED}
    """)


def _own_keys(context: Context, table: Table) -> None:
    context.sql(f"""
        INSERT INTO owned_{table.name}
        SELECT u.id, u.t.key, u.t.value
        FROM (SELECT id, unnest(map_entries(told_by)) AS t FROM united_{table.name} WHERE only_source IS NULL) u
        JOIN (SELECT DISTINCT record_id, lead FROM merge_ranked) p ON p.record_id = u.id
        JOIN (
          SELECT DISTINCT entity, {q("rank of metadata")} AS general FROM merge_ranks
          QUALIFY row_number() OVER (PARTITION BY entity ORDER BY general) = 1) g ON g.entity = p.lead
        LEFT JOIN (SELECT DISTINCT entity, key, min(rank) OVER (PARTITION BY entity, key) AS rank FROM merge_key_ranks) k
          ON k.entity = p.lead AND 'metadata.' || k.key = u.t.key
        WHERE starts_with(u.t.key, 'metadata.') AND coalesce(k.rank, g.general) >= {NOT_OVERRIDDEN}
    """)
