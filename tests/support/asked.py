"""A source that is only asked for records by id, and the slow, obvious model of plans that ask."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rostersync.reading.confirming import KEY
from rostersync.sources.port import ByID, CheckResult, LookedUp, Reading
from support.reference import Key, Model, ModelPlan, ModelStore

SCHOOL = {"courses": "orgSourcedId", "classes": "schoolSourcedId", "enrollments": "schoolSourcedId"}


class Asked:
    """Answers from what lives, by collection: raw ids. `unable` collections cannot be asked by id."""

    version = "1.1"

    def __init__(self, living: Mapping[str, set[str]], unable: Sequence[str] = ()) -> None:
        self.living, self.unable = living, unable
        self.asked: dict[str, list[str]] = defaultdict(list)

    def look_up(
        self, collection: str, ids: Sequence[str], until: float, answered: Callable[[], None] = lambda: None
    ) -> LookedUp:
        """What lives is active, and everything else is gone."""
        self.asked[collection] += ids
        if collection in self.unable:
            return LookedUp({}, f"GET /{collection}/ID: 405")
        there = self.living.get(collection, set())
        return LookedUp({i: ByID.ACTIVE if i in there else ByID.GONE for i in ids})

    def pull(self, *_: Any) -> Reading:
        """Never: the pull was before."""
        raise AssertionError("a plan pulls nothing")

    def check(self, *_: Any) -> CheckResult:
        """Never."""
        raise AssertionError("a plan checks nothing")

    def on_wait(self, *_: Any) -> None:
        """Nothing is waited for."""

    def close(self) -> None:
        """Nothing is open."""


def plan_and_ask(
    spec: dict[str, Any],
    staged: dict[str, list[dict[str, Any]]],
    proof: dict[str, dict[str, Any]],
    store: ModelStore,
    now: datetime,
    source: Asked,
) -> ModelPlan:
    """The model's plan, made again with a collection incomplete as long as a deleted record that is asked for lives."""
    told = {name: dict(said) for name, said in proof.items()}
    while True:
        planned = Model(spec).plan(staged, told, store, now)
        doubted = {
            table
            for table, i in sampled(spec, planned, store)
            if table not in source.unable and i.removeprefix(spec.get("sisIDPrefix") or "") in source.living[table]
        }
        if not doubted:
            return planned
        for table in doubted:
            told[table]["complete"] = False


def sampled(spec: dict[str, Any], planned: ModelPlan, store: ModelStore) -> set[Key]:
    """The deletes that are asked for: of each entity so many, in turn from each school, by digest of the id."""
    most = (spec.get("confirmDeletes") or {}).get("records", 25)
    waiting: dict[str, dict[Any, list[tuple[str, Key]]]] = defaultdict(lambda: defaultdict(list))
    for key, change in planned.changes.items():
        if change.cause == "SourceMissing" and key[1].startswith(spec.get("sisIDPrefix") or ""):
            digest = hashlib.md5(key[1].encode(), usedforsecurity=False).hexdigest()
            waiting[change.entity][school_of(key[0], store.rows[key])].append((digest, key))
    found: set[Key] = set()
    for schools in waiting.values():
        turns = [(n, digest, key) for ids in schools.values() for n, (digest, key) in enumerate(sorted(ids))]
        found |= {key for _, _, key in sorted(turns)[:most]}
    return found


def school_of(table: str, row: dict[str, Any]) -> str | None:
    """The school whose turn a record takes."""
    if table == "users":
        return next(iter(row["orgSourcedIds"] or []), None)
    school: str | None = row[SCHOOL[table]] if table in SCHOOL else None
    return school


def told_of(planned: Any, collection: str) -> dict[str, Any] | None:
    """What the proof of a plan says about asking."""
    said: dict[str, Any] | None = planned.manifest.proof[collection].get(KEY)
    return said
