"""The roster's records from their parts, side by side: of each attribute the value of the source with the least rank that has one.

Makes `united_<table>` for the ids in `touched_<table>`: id, entity, the attributes, metadata, and `told_by`, the source of each value
(JSON, one text where one source has the record). Beside that what is different from the roster as it is stored: `was` and
`before_hash` (its entity and hash there, if it is), `differs`, `changed`, `before`, `schools`; and `otherwise` (otherwise.py).
"""

from collections.abc import Iterator, Sequence

from rostersync.roster import METADATA_TYPE, ORGS, SQL_TYPES, USERS, Kind, Table
from rostersync.sync.merge import keys, parts
from rostersync.sync.merge.following import follow
from rostersync.sync.merge.otherwise import member, names_of, united
from rostersync.sync.merge.parts import json_of_source, part_column, source_of
from rostersync.sync.merge.ranks import after, choices, chosen, first, is_owned
from rostersync.sync.merge.words import Source, Words
from rostersync.tables.belonging import schools_of
from rostersync.tables.context import Context
from rostersync.tables.differing import differing_keys, differing_names, differs, json_of, old_values
from rostersync.tables.sql import literal, q

# The attribute whose source also says what a record is.
_DECIDES = {USERS: "role", ORGS: "type"}
_NEW, _SEVERAL = "was IS NULL", "parts > 1"


def unite(context: Context, table: Table, words: Words) -> None:
    """Make `united_<table>`, and `owned_<table>` (id, attribute, source): whose values are not overridden."""
    name = table.name
    kinds = {a.name: SQL_TYPES[a.kind] for a in table.attributes} | {"metadata": METADATA_TYPE}
    columns = ", ".join(f"{q(n)} {kind}" for n, kind in kinds.items())
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE united_{name} (
          id VARCHAR, entity VARCHAR, was VARCHAR, before_hash UHUGEINT, differs BOOLEAN, schools VARCHAR[], changed VARCHAR[],
          before VARCHAR, {columns}, told_by VARCHAR, otherwise VARCHAR, owned STRUCT(k VARCHAR, s VARCHAR)[])
    """)
    if sources := parts.lay_out(context, table, words):
        keys.lay_out(context, table, words, sources)
        for lot in parts.lots(context):
            joined = _chosen(table, words, sources, _joined(context, table, words, sources, lot))
            context.sql(f"INSERT INTO united_{name} BY NAME {_compared(table, words, sources, joined)}")
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE owned_{name} AS
        SELECT id, o.k AS attribute, o.s AS source FROM (SELECT id, unnest(owned) AS o FROM united_{name} WHERE owned IS NOT NULL)
    """)


def _joined(context: Context, table: Table, words: Words, sources: Sequence[Source], lot: int) -> str:
    """A SELECT of records with their parts, their owners, and what is stored of them, side by side."""
    columns, joins, names = ["r.id", "r.parts"], [], (*table.names, "entity", "metadata")
    for i in range(len(sources)):
        part = follow(context, f"(FROM merge_part_{i} WHERE lot = {lot})", table.references)
        joins.append(f"LEFT JOIN ({part}) p{i} ON p{i}.record_id = r.id")
        columns += [f"p{i}.{q(n)} AS {part_column(n, i)}" for n in (*names, "stood")]
    not_overridden = words.not_overridden(table)
    kept = [a.name for a in table.attributes if a in not_overridden]
    if kept:
        owners = ", ".join(f"max(source) FILTER (attribute = {literal(n)}) AS {q(n)}" for n in kept)
        joins.append(f"LEFT JOIN (SELECT id, {owners} FROM owners_{table.name} GROUP BY id) o ON o.id = r.id")
        columns += [f"o.{q(n)} AS {q(f'owner of {n}')}" for n in kept]
    columns += [f"s.{q(n)} AS {_before(n)}" for n in (*table.names, "metadata")]
    columns += ["s.entity AS was", "s.hash AS before_hash", f"{schools_of(table, 's')} AS schools_before"]
    columns += ["m.metadata AS keys", "m.told", "m.entries", "m.owned AS owned_keys"]
    return f"""
        SELECT {", ".join(columns)} FROM (FROM merge_records WHERE lot = {lot}) r {" ".join(joins)}
        LEFT JOIN (FROM roster_{table.name} SEMI JOIN merge_records USING (id) WHERE status = 'active') s ON s.id = r.id
        LEFT JOIN merge_metadata m ON m.id = r.id"""


def _chosen(table: Table, words: Words, sources: Sequence[Source], joined: str) -> str:
    """A SELECT of these with the values that stand."""
    numbers = range(len(sources))
    lead = ", ".join(part_column("entity", i) for i in numbers if sources[i].brings)
    of_each = choices(table, words, sources)
    best = [f"{first(each)} AS {q(f'best {n}')}" for n, each in of_each.items()]
    second = [f"{after(each, q(f'best {n}'))} AS {q(f'second {n}')}" for n, each in of_each.items()]
    values = [
        united([part_column(a.name, i) for i in numbers])
        if a.kind is Kind.REFS
        else chosen(q(f"best {a.name}"), [part_column(a.name, i) for i in numbers])
        for a in table.attributes
    ]
    decides = _DECIDES.get(table)
    said = [chosen(q(f"best {decides}"), [part_column("entity", i) for i in numbers])] if decides else []
    metadata = ", ".join(part_column("metadata", i) for i in numbers)
    return f"""
        SELECT *, {", ".join(second)}, {", ".join(f"{v} AS {q(n)}" for n, v in zip(table.names, values, strict=True))},
          coalesce({", ".join((*said, "lead"))}) AS entity,
          CASE WHEN {_SEVERAL} THEN keys ELSE coalesce({metadata}) END AS metadata
        FROM (SELECT *, {", ".join(best)} FROM (SELECT *, coalesce({lead}) AS lead FROM ({joined})))"""


def _compared(table: Table, words: Words, sources: Sequence[Source], chosen_: str) -> str:
    """A SELECT of these as `united_<table>` has them."""
    parts_, not_overridden = len(sources), words.not_overridden(table)
    numbers = range(parts_)
    changed = " OR ".join(differs(n, q, _before) for n in ("entity", *table.names, "metadata"))
    only = " ".join(f"WHEN {part_column('entity', i)} IS NOT NULL THEN {json_of_source(i)}" for i in numbers)
    told = ", ".join((*_told(table, sources), "told"))
    members = [
        f"CASE WHEN {_NEW} OR {differs(a.name, q, _before)} THEN {member(a, parts_)} END" for a in table.attributes
    ]
    of_keys = f"list_filter(entries, lambda x: {_NEW} OR list_contains(changed_keys, x.k[10:]))"
    members.append(
        f"CASE WHEN entries IS NOT NULL THEN nullif(array_to_string(list_transform({of_keys}, lambda x: x.v), ','), '') END"
    )
    owned = ", ".join(
        f"CASE WHEN {is_owned(best, parts_)} THEN {{k: {literal(a.name)}, s: {chosen(best, [source_of(i) for i in numbers])}}} END"
        for a in table.attributes
        if a in not_overridden
        for best in [q(f"best {a.name}")]
    )
    listed = f"list_filter([{owned}], lambda x: x IS NOT NULL)" if owned else "NULL"
    keeps = bool(owned) or words.keys_not_overridden(table)
    values = ", ".join(q(n) for n in table.names)
    return f"""
        SELECT id, entity, was, before_hash, differs, {values}, metadata,
          CASE WHEN {_NEW} THEN {schools_of(table, "u")} ELSE schools_before END AS schools,
          CASE WHEN differs AND NOT {_NEW} THEN {differing_names(table, q, _before, "changed_keys")} END AS changed,
          CASE WHEN differs AND NOT {_NEW} THEN {old_values(table, q, _before, "changed_keys")} END AS before,
          CASE WHEN {_SEVERAL} THEN '{{' || concat_ws(',', {told}) || '}}' ELSE CASE {only} END END AS told_by,
          '{{' || CASE WHEN differs AND {_SEVERAL} THEN concat_ws(',', {", ".join(members)}) ELSE '' END || '}}' AS otherwise,
          {f"CASE WHEN {_SEVERAL} THEN list_concat({listed}, owned_keys) END" if keeps else "NULL"} AS owned
        FROM (
          SELECT *, {differing_keys(q, _before)} AS changed_keys, {_NEW} OR {changed} AS differs
          FROM ({chosen_})) u"""


def _told(table: Table, sources: Sequence[Source]) -> Iterator[str]:
    """The source of the entity and of each value, as a JSON member; null where there is no value."""
    each = [json_of_source(i) for i in range(len(sources))]
    leads = [f"WHEN {part_column('entity', i)} IS NOT NULL THEN {each[i]}" for i, s in enumerate(sources) if s.brings]
    decides = _DECIDES.get(table)
    said = [chosen(q(f"best {decides}"), each)] if decides else []
    yield f"""'"entity":' || coalesce({", ".join((*said, f"CASE {' '.join(leads)} END"))})"""
    for a in table.attributes:
        lists, best = [part_column(a.name, i) for i in range(len(sources))], q(f"best {a.name}")
        told = json_of(names_of(lists)) if a.kind is Kind.REFS else chosen(best, each)
        key = literal(f'"{a.name}":')
        yield f"CASE WHEN {best} IS NOT NULL THEN {key} || {told} END"


def _before(name: str) -> str:
    """A column of joined parts: what the roster has so far."""
    return "was" if name == "entity" else q(f"{name} before")
