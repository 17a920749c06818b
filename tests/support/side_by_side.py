"""Runs the engine on a staged extract and reads back what it planned, in the reference model's words."""

import json
from dataclasses import astuple, dataclass, replace
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from rostersync.api.v1alpha1.focusconnection import FocusConnection
from rostersync.model import Consent, Entity, EntityCounts, Hold, HoldReason
from rostersync.plan import codec
from rostersync.plan.apply import apply
from rostersync.plan.manifest import Manifest
from rostersync.plan.origin import PlanOrigin, Pulled, Restored, RunScope
from rostersync.reading import confirming
from rostersync.roster import BY_ENTITY, BY_NAME, TABLES, Kind
from rostersync.sources.port import Source
from rostersync.stores.embedded.store import EmbeddedStore
from rostersync.sync.pipeline import PlanInputs, plan
from support.reference import ModelPlan, ModelStore


@dataclass
class Planned:
    """One plan of the engine: manifest, and by (table, id) its changes, what each names as changed with the values
    before, and what is held back; holds as tuples."""

    folder: Path
    manifest: Manifest
    changes: dict[tuple[str, str], tuple[str, str, str, dict[str, Any] | None]]
    images: dict[tuple[str, str], tuple[list[str] | None, dict[str, Any] | None]]
    held: dict[tuple[str, str], str]
    holds: set[tuple[Any, ...]]


class Engine:
    """The engine with an embedded store in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.store = EmbeddedStore(folder / "store" / "roster.duckdb", threads=1)
        (folder / "store").mkdir(exist_ok=True)

    def plan(
        self,
        spec: dict[str, Any],
        extract: Path,
        run: str,
        as_of: datetime,
        threads: int = 1,
        memory_limit: int | None = None,
        source: Source | None = None,
        schools: tuple[str, ...] = (),
    ) -> Planned:
        """Plan a staged extract; raises what the engine raises. `source` is asked for records by id.

        `schools`: ids in the store of those that the plan is limited to.
        """
        inputs = self._inputs(spec, Pulled(extract, "client"), run, as_of)
        plan(
            replace(
                inputs,
                memory_limit=memory_limit,
                threads=threads,
                confirms=partial(confirming.confirm, source, extract) if source else None,
                scope=RunScope(schools=schools),
            )
        )
        return read_plan(inputs.out)

    def restore(self, spec: dict[str, Any], restored: Restored, run: str, as_of: datetime) -> Planned:
        """Plan to take back what a run changed."""
        inputs = self._inputs(spec, restored, run, as_of)
        plan(inputs)
        return read_plan(inputs.out)

    def _inputs(self, spec: dict[str, Any], origin: PlanOrigin, run: str, as_of: datetime) -> PlanInputs:
        out, scratch = self.folder / "artifacts" / run / "plan", self.folder / "scratch"
        for folder in (out.parent, scratch):
            folder.mkdir(parents=True, exist_ok=True)
        return PlanInputs(
            connection=FocusConnection.model_validate({"metadata": {"name": "district"}, "spec": spec}),
            run=run,
            origin=origin,
            out=out,
            scratch=scratch,
            reader=self.store.reader(),
            as_of=as_of,
            threads=1,
        )

    def apply(self, planned: Planned) -> None:
        """Apply a plan, with a person's consent to its digest."""
        consent = Consent(decided_by="somebody", digest=planned.manifest.digest, reason="test")
        apply(planned.folder, self.store.writer(), consent, now=planned.manifest.as_of)

    def rows(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Every row of the store, tombstones too, by (table, id)."""
        found = {}
        with duckdb.connect(":memory:") as con:
            self.store.reader().attach(con, "district", "district")
            con.execute("SELECT 1").fetchall()  # attach leaves an unfinished result, on which relations stumble
            for table in TABLES:
                for row in dicts(con.view(f"store_{table.name}")):
                    found[table.name, row["id"]] = {**canonical(table.name, row), "status": row["status"]}
            self.store.reader().detach(con)
        return found


def read_plan(folder: Path) -> Planned:
    """What a plan folder says."""
    manifest = codec.read(folder)
    changes, images, held = {}, {}, {}
    with duckdb.connect(":memory:") as con:
        for file in sorted((folder / "changes").glob("*.parquet")):
            table = next(t for t in TABLES if file.stem in t.entities).name
            for row in dicts(con.read_parquet(str(file))):
                after = None
                if row["change"] != "Delete":
                    after = canonical(table, {**row, "entity": row["new_entity"]})
                assert (table, row["id"]) not in changes
                before = json.loads(row["before"]) if row["before"] else None
                images[table, row["id"]] = (row["changed"], before)
                changes[table, row["id"]] = (row["entity"], row["change"], row["cause"], after)
        for row in dicts(con.read_parquet(str(folder / "issues.parquet"))):
            if row["class"] in ("Skipped", "Duplicate"):
                table = BY_ENTITY[Entity(row["entity"])].name if row["entity"] else "users"
                held[table, row["id"]] = row["code"]
    return Planned(folder, manifest, changes, images, held, {hold_tuple(h) for h in manifest.holds})


def dicts(result: duckdb.DuckDBPyRelation) -> list[dict[str, Any]]:
    """Rows as dicts."""
    names = result.columns
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def canonical(table: str, row: dict[str, Any]) -> dict[str, Any]:
    """Entity, attributes and metadata of a row of the store or a plan, as the model has them."""
    out: dict[str, Any] = {"entity": row["entity"]}
    for a in BY_NAME[table].attributes:
        value = row[a.name]
        if isinstance(value, date):
            value = value.isoformat()
        if a.kind is Kind.USER_IDS and value is not None:
            value = sorted(({"type": v["type"], "identifier": v["identifier"]} for v in value), key=str)
        out[a.name] = value
    out["metadata"] = row["metadata"]
    return out


def hold_tuple(hold: Hold) -> tuple[Any, ...]:
    """A hold as the model's tuple."""
    if hold.reason == HoldReason.THRESHOLD:
        return astuple(hold)
    return (hold.reason, hold.entity, hold.school)


def differences(model: ModelPlan, engine: Planned, store: ModelStore) -> list[str]:
    """What the engine's plan has otherwise than the model's, one line each; empty when they agree.

    `store` is the model's, before the plan is applied.
    """
    found = []
    expected = {k: (c.entity, c.change, c.cause, c.after) for k, c in model.changes.items()}
    for key in sorted(expected.keys() | engine.changes.keys()):
        mine, other = expected.get(key), engine.changes.get(key)
        if mine != other:
            found.append(f"change {key}: expected {brief(mine, other)}, got {brief(other, mine)}")
    for key, change in model.changes.items():
        expected_image = image(store.active(key), change.after)
        if key in engine.images and engine.images[key] != expected_image:
            found.append(f"image {key}: expected {expected_image}, got {engine.images[key]}")
    if model.held.keys() != engine.held.keys():
        more = engine.held.keys() - model.held.keys()
        found.append(f"held: expected also {model.held.keys() - engine.held.keys()}, got also {more}")
    codes = {k: c for k, c in model.held.items() if not c.startswith("Requirement")}
    if codes != {k: engine.held.get(k) for k in codes}:
        found.append(f"held: expected {codes}, got {engine.held}")
    counts = {c.entity: c for c in engine.manifest.entities}
    for entity, count in model.counts.items():
        ours = {k: v for k, v in vars(count).items() if k != "entity" and v}
        theirs = {k: v for k, v in vars(counts.get(entity, EntityCounts(entity))).items() if k != "entity" and v}
        if ours != theirs:
            found.append(f"counts of {entity}: expected {ours}, got {theirs}")
    if model.holds != engine.holds:
        missing, more = model.holds - engine.holds, engine.holds - model.holds
        found.append(f"holds: expected also {sorted(missing, key=str)}, got also {sorted(more, key=str)}")
    schools = engine.manifest.schools
    of_model = (model.orgs.found, len(model.orgs.mapped), len(model.orgs.missing), len(model.orgs.lost))
    of_engine = (schools.found, schools.mapped, schools.missing, schools.vanished)
    if of_model != of_engine:
        found.append(f"schools found, mapped, missing, vanished: expected {of_model}, got {of_engine}")
    if dict(engine.manifest.schools_imported) != model.orgs.imported:
        found.append(f"imported: expected {model.orgs.imported}, got {engine.manifest.schools_imported}")
    return found


def image(
    before: dict[str, Any] | None, after: dict[str, Any] | None
) -> tuple[list[str] | None, dict[str, Any] | None]:
    """What a change names as changed (Update only), and the values before: of what changed, or of the whole record."""
    if before is None:
        return None, None
    old = {k: v for k, v in before.items() if k != "status"}
    if after is None:
        return None, old
    changed = [k for k in old if k != "metadata" and old[k] != after[k]]
    values = {k: old[k] for k in changed}
    was, now = old["metadata"] or {}, after["metadata"] or {}
    for key in sorted(was.keys() | now.keys()):
        if was.get(key) != now.get(key):
            changed.append(f"metadata.{key}")
            values[f"metadata.{key}"] = was.get(key)
    return changed, values


def brief(change: Any, other: Any) -> Any:
    """A change without the values that both sides have."""
    if change is None or other is None or change[3] is None or other[3] is None:
        return change and change[:3]
    return (*change[:3], {k: v for k, v in change[3].items() if other[3].get(k, "absent") != v})
