"""Freeze: writes a plan's changes to files, in order of id, and hashes every entity's changes.

Changes go to `changes/<Entity>.parquet`, beside issues and re-keyed ids. `plan/digest.py` makes the plan's digest from
the hashes.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from rostersync.model import Cause, Entity, IssueCount
from rostersync.plan.changefile import ChangeFile
from rostersync.plan.digest import with_line
from rostersync.plan.folder import ISSUES, REKEYED, changes_of, roster_changes_of
from rostersync.roster import DEMOGRAPHICS, ENROLLMENTS, Table
from rostersync.sync.recognized import with_names
from rostersync.tables.belonging import schools_of
from rostersync.tables.context import Context
from rostersync.tables.differing import differing_names, old_values
from rostersync.tables.sql import literal, q, row_json

_BATCH = 10_000  # changes that pass through Python at a time, as columns
_BYTES = 1_000  # of memory for each record that is sorted


def write_changes(
    context: Context, table: Table, staged: tuple[Path, ...], folder: Path, *, every: bool = True
) -> dict[Entity, str]:
    """Write the changes of a table's entities. Returns the SHA-256 of each entity's changes in order of id.

    `staged` are the files of its pull. `every`: the plan is about the whole district.
    """
    return _write(context, table, _selected(context, table, staged, every=every), lambda e: folder / changes_of(e))


def write_roster_changes(context: Context, table: Table, folder: Path) -> dict[Entity, str]:
    """The same of the roster that several sources make together, with the source of each value (`told_by`), and with what each
    changed value would be if its source had none (`otherwise`).
    """
    name = table.name
    after = ", ".join(f"r.{q(n)}" for n in (*table.names, "metadata"))
    schools = f"CASE WHEN c.change = 'Delete' THEN {schools_of(table, 's')} ELSE r.schools END"
    rows = f"""
        SELECT c.id, c.entity, c.new_entity, c.change, c.cause, {schools} AS schools, c.before_hash, NULL::UHUGEINT AS hash,
          r.changed, CASE WHEN c.change = 'Delete' THEN {row_json(table, "s")} ELSE r.before END AS before, {after},
          r.told_by, coalesce(r.otherwise, '{{}}') AS otherwise
        FROM roster_changes_{name} c LEFT JOIN united_{name} r ON r.id = c.id
        LEFT JOIN (
          FROM roster_{name} SEMI JOIN (FROM roster_changes_{name} WHERE change = 'Delete') USING (id) WHERE status = 'active') s
        ON s.id = c.id ORDER BY {_order(table, "c")}"""
    return _write(context, table, [rows], lambda e: folder / roster_changes_of(e))


def _write(context: Context, table: Table, queries: list[str], file_of: Callable[[str], Path]) -> dict[Entity, str]:
    context.con.execute("SET arrow_lossless_conversion = true")
    with ExitStack() as open_files:
        files: dict[str, ChangeFile] = {}
        for rows in queries:
            for batch in context.con.sql(with_line(table, rows)).to_arrow_reader(_BATCH):
                for entity, part in _by_entity(batch):
                    if entity not in files:
                        files[entity] = open_files.enter_context(ChangeFile(file_of(entity)))
                    files[entity].add(part)
        return {Entity(entity): file.sha256 for entity, file in files.items()}


def _by_entity(batch: Any) -> Iterator[tuple[str, Any]]:
    """Yield a batch in order of entity, split where the entity changes."""
    begin = 0
    for counted in pc.value_counts(batch.column("entity")).to_pylist():
        yield counted["values"], batch.slice(begin, counted["counts"])
        begin += counted["counts"]


def _selected(context: Context, table: Table, staged: tuple[Path, ...], *, every: bool) -> list[str]:
    """The change rows in order of entity and id, as queries whose results follow one another."""
    name = table.name
    if every and not context.stored[name].active:
        # Everything is new, so all accepted records are created, and nothing needs to be read from the store.
        after = ", ".join(f"r.{q(n)}" for n in (*table.names, "metadata"))
        new = f"""
            SELECT r.id, r.entity, r.entity AS new_entity, 'Create' AS change, {_first_cause(context, table)} AS cause,
              {schools_of(table, "r")} AS schools, NULL::UHUGEINT AS before_hash, NULL::UHUGEINT AS hash,
              NULL::VARCHAR[] AS changed, NULL::VARCHAR AS before, {after}
            FROM final_{name} r"""
        return [f"{new} WHERE {chunk} ORDER BY {_order(table, 'r')}" for chunk in _chunks(context, table, staged)]
    attributes = ", ".join(q(n) for n in (*table.names, "metadata"))
    coming = f"(SELECT id, entity, {attributes} FROM final_{name} UNION ALL SELECT id, entity, {attributes} FROM trimmed_{name})"
    return [_compared(table, coming)]


def _compared(table: Table, coming: str) -> str:
    """Change rows in order, as a query: `changes_<table>` with values of `coming` and of `store_<table>`."""
    name = table.name
    after = ", ".join(f"r.{q(n)}" for n in (*table.names, "metadata"))
    sides = (lambda n: f"r.{q(n)}"), (lambda n: f"s.{q(n)}")
    return f"""
        WITH r AS (SELECT * FROM {coming} SEMI JOIN (SELECT id FROM changes_{name} WHERE change <> 'Delete') USING (id)),
        s AS (SELECT * FROM store_{name} SEMI JOIN changes_{name} USING (id) WHERE status = 'active')
        SELECT c.id, c.entity, c.new_entity, c.change, c.cause,
          CASE WHEN c.change = 'Create' THEN {schools_of(table, "r")} ELSE {schools_of(table, "s")} END AS schools,
          c.before_hash, NULL::UHUGEINT AS hash,
          CASE WHEN c.change = 'Update' THEN {differing_names(table, *sides)} END AS changed,
          CASE c.change WHEN 'Update' THEN {old_values(table, *sides)} WHEN 'Delete' THEN {row_json(table, "s")} END AS before,
          {after}
        FROM changes_{name} c LEFT JOIN r ON r.id = c.id LEFT JOIN s ON s.id = c.id ORDER BY {_order(table, "c")}"""


def _order(table: Table, of: str) -> str:
    return f"{of}.entity, {of}.id" if len(table.entities) > 1 else f"{of}.id"


def _chunks(context: Context, table: Table, files: tuple[Path, ...]) -> list[str]:
    """Conditions on raw_id that split the largest tables into ranges, if the staged files are in order of id.

    A range then reads only its own row groups, and is sorted in memory. Sorting everything would spill.
    """
    if table not in (ENROLLMENTS, DEMOGRAPHICS) or not files:
        return ["TRUE"]
    listed = ", ".join(literal(str(f)) for f in files)
    groups = context.con.execute(f"""
        SELECT stats_min_value, stats_max_value, row_group_num_rows FROM parquet_metadata([{listed}])
        WHERE path_in_schema = 'sourcedId' ORDER BY stats_min_value
    """).fetchall()
    known = all(least is not None and most is not None for least, most, _ in groups)
    if not known or any(groups[i][1] >= groups[i + 1][0] for i in range(len(groups) - 1)):
        return ["TRUE"]
    starts, rows = [], 0
    for least, _, number in groups:
        if rows * _BYTES >= context.memory:
            starts.append(least)
            rows = 0
        rows += number
    return ranges(starts)


def ranges(starts: list[str], of: str = "r.raw_id") -> list[str]:
    """Conditions that split all ids into ranges, in order. Each but the first begins at one of `starts`."""
    ends = ["", *starts, ""]
    return [
        " AND ".join(
            ["TRUE"]
            + ([f"{of} >= {literal(ends[i])}"] if ends[i] else [])
            + ([f"{of} < {literal(ends[i + 1])}"] if ends[i + 1] else [])
        )
        for i in range(len(ends) - 1)
    ]


def _first_cause(context: Context, table: Table) -> str:
    if not context.stored[table.name].tombstones:
        return literal(Cause.SOURCE_CREATED)
    gone = f"SELECT id FROM store_{table.name} WHERE status = 'tobedeleted'"
    return f"CASE WHEN r.id IN ({gone}) THEN {literal(Cause.RESTORED)} ELSE {literal(Cause.SOURCE_CREATED)} END"


def write_issues(context: Context, folder: Path) -> tuple[IssueCount, ...]:
    """Write `issues.parquet`. Returns how many records have each issue, the most frequent first."""
    file = folder / ISSUES
    context.con.execute(
        f"COPY ({with_names(context, 'issues')} ORDER BY entity, i.id, class, code, attribute, rule) "
        f"TO {literal(str(file))} (FORMAT parquet)"
    )
    rows = context.con.execute("""
        SELECT code, count(*), entity, attribute, class FROM issues GROUP BY ALL ORDER BY 2 DESC, 1, 3, 4, 5
    """).fetchall()
    return tuple(IssueCount(*row) for row in rows)


def write_rekeyed(context: Context, folder: Path) -> None:
    """Write `rekeyed.parquet`: old and new ids, if a plan looks like new ids for the same things."""
    if context.exists("rekeyed"):
        file = folder / REKEYED
        context.con.execute(
            f"COPY (SELECT * FROM rekeyed ORDER BY entity, old_id) TO {literal(str(file))} (FORMAT parquet)"
        )
