"""Whether the changes in a plan's folder are those that its digest stands for.

Checksums show damage. Only the digest shows that what was approved is what will be applied.
"""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import duckdb

from rostersync.errors import Permanent
from rostersync.model import Change, Entity
from rostersync.plan.changefile import LINE, add_lines
from rostersync.plan.digest import Changed, ChangedRoster, digest, with_line
from rostersync.plan.effective import config_hash
from rostersync.plan.folder import LINKS, OWNERS, changes_of, roster_changes_of
from rostersync.plan.manifest import Manifest
from rostersync.roster import BY_ENTITY
from rostersync.stores.engine import connect, literal

_BATCH = 50_000


def verify_digest(
    plan: Path, manifest: Manifest, scratch: Path, memory_limit: int | None = None, threads: int | None = None
) -> dict[Entity, Changed]:
    """Compute the digest again from the folder's files. Returns what they have, by entity.

    Raises Permanent (PlanCorrupt) when it differs.
    """
    con = connect(memory_limit, threads, scratch, [plan])
    try:
        con.execute("SET preserve_insertion_order = true")
        changed = _changed(con, plan, manifest, changes_of)
        roster = _roster(con, plan, manifest)
    except duckdb.Error as error:
        raise _other(detail=str(error)) from None
    finally:
        con.close()
    if (
        digest(manifest.district, manifest.source, manifest.config_hash, changed, manifest.only_schools, roster)
        != manifest.digest
    ):
        raise _other()
    return changed


def rows_hash(con: duckdb.DuckDBPyConnection, file: Path) -> str:
    """The SHA-256 of a file's rows, whatever their order."""
    made = hashlib.sha256()
    found = con.execute(f"SELECT to_json(r)::VARCHAR AS line FROM read_parquet({literal(file)}) r ORDER BY line")
    while rows := found.fetchmany(_BATCH):
        made.update("".join(f"{line}\n" for (line,) in rows).encode())
    return made.hexdigest()


def _changed(
    con: duckdb.DuckDBPyConnection, plan: Path, manifest: Manifest, file_of: Callable[[str], str]
) -> dict[Entity, Changed]:
    changed: dict[Entity, Changed] = {}
    for entity in Entity:
        if (name := file_of(entity)) in manifest.files:
            rows = f"SELECT * FROM read_parquet({literal(plan / name)})"
            if file_of is roster_changes_of:
                rows = f"SELECT * EXCLUDE (told_by) FROM ({rows})"
            changed[entity] = Changed(*_counts(con, rows), _hash(con, with_line(BY_ENTITY[entity], rows)))
    return changed


def _roster(con: duckdb.DuckDBPyConnection, plan: Path, manifest: Manifest) -> ChangedRoster | None:
    """What the files say of the roster of several sources."""
    if manifest.several is None:
        return None
    return ChangedRoster(
        _changed(con, plan, manifest, roster_changes_of),
        rows_hash(con, plan / LINKS),
        rows_hash(con, plan / OWNERS),
        manifest.several.sources,
        manifest.several.settings,
    )


def otherwise(manifest: Manifest, run: str, changed: Mapping[Entity, Changed]) -> str:
    """What a manifest says that its run or its files of changes say otherwise. "" if nothing is. The digest covers none of it."""
    if manifest.run != run:
        return "it is the plan of another run"
    if manifest.effective_config and config_hash(dict(manifest.effective_config)) != manifest.config_hash:
        return "its configuration is not the one that its digest stands for"
    told = {c.entity: (c.created, c.updated, c.deleted) for c in manifest.entities if c.entity}
    found = {e: (c.created, c.updated, c.deleted) for e, c in changed.items()}
    for entity in told.keys() | found.keys():
        if told.get(entity, (0, 0, 0)) != found.get(entity, (0, 0, 0)):
            return "it counts other changes than its files have"
    roster = any(c.created + c.updated + c.deleted for c in manifest.roster)
    # Of several sources, a plan may also change only what the district says of them.
    if (manifest.no_changes or manifest.several is None) and manifest.no_changes is not (not found and not roster):
        return f"it says that it has {'no changes' if manifest.no_changes else 'changes'}, and its files say otherwise"
    return ""


def differing(con: duckdb.DuckDBPyConnection, manifest: Manifest, plan: Path, revision: int) -> tuple[int, int]:
    """How many changes only the plan has, and only the history of a revision. `con` has the store attached."""
    names = [name for entity in Entity if (name := changes_of(entity)) in manifest.files]
    columns = "entity, id, change, cause"
    files = ", ".join(literal(plan / name) for name in names)
    planned = f"SELECT {columns} FROM read_parquet([{files}])"
    applied = f"SELECT {columns} FROM store_history WHERE revision = {revision}"
    both = f"({planned} EXCEPT ALL {applied})", f"({applied} EXCEPT ALL {planned})"
    only_plan, only_history = (int(con.execute(f"SELECT count(*) FROM {each}").fetchall()[0][0]) for each in both)
    return only_plan, only_history


def _counts(con: duckdb.DuckDBPyConnection, rows: str) -> tuple[int, int, int]:
    """Numbers of creates, updates and deletes."""
    found = dict(con.execute(f"SELECT change, count(*) FROM ({rows}) GROUP BY change").fetchall())
    return found.get(Change.CREATE, 0), found.get(Change.UPDATE, 0), found.get(Change.DELETE, 0)


def _hash(con: duckdb.DuckDBPyConnection, lines: str) -> str:
    made = hashlib.sha256()
    for batch in con.sql(f"SELECT {LINE} FROM ({lines})").to_arrow_reader(_BATCH):
        if batch.num_rows:
            add_lines(made, batch.column(0))
    return made.hexdigest()


def _other(detail: str | None = None) -> Permanent:
    return Permanent(
        "The changes in the plan's folder are not those that its digest stands for; nothing was applied. Plan again.",
        reason="PlanCorrupt",
        detail=detail,
    )
