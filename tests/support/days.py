"""A district of a handful of records, day by day, through the real engine and a real store.

`Day` is what the SIS sends, built by small steps that each give a new Day; `Roster` plans and applies days and reads
back plain tuples. Ids tell what a record is: 1001 and 1002 are schools, s students, t teachers, p contacts, a admins,
k classes, c courses, y sessions, e enrolments. Over 300 lines, mostly the small steps, of a few lines each.
"""

import copy
import json
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import duckdb

from rostersync.api.v1alpha1.focusconnection import FocusConnection
from rostersync.model import Consent, Entity, PlanReport
from rostersync.plan import codec
from rostersync.plan.apply import apply
from rostersync.plan.manifest import Manifest
from rostersync.plan.origin import PlanOrigin, Pulled, Restored, RunScope
from rostersync.reading import confirming
from rostersync.reading.confirming import Confirms
from rostersync.roster import TABLES
from rostersync.sources.port import Source
from rostersync.stores.embedded.store import EmbeddedStore
from rostersync.stores.port import Store
from rostersync.sync.pipeline import PlanInputs, plan
from support.staging import stage

AS_OF = datetime(2026, 1, 12, 3, 0, tzinfo=UTC)
COLLECTIONS = tuple(t.name for t in TABLES)
WHOLE = RunScope()
PARTS = ("created", "updated", "unchanged", "deleted", "skipped", "duplicates", "deferred", "kept")
Row = dict[str, Any]


@dataclass(frozen=True)
class Day:
    """What the SIS sends: rows by collection as they are staged, and what the proof of reading says."""

    rows: Mapping[str, Mapping[str, Row]]
    incomplete: frozenset[str] = frozenset()
    withheld: frozenset[str] = frozenset()
    again: tuple[tuple[str, Row], ...] = ()  # further rows of ids that were sent already

    def add(self, collection: str, sourced_id: str, **values: Any) -> "Day":
        """One more record; what is not said of it is what `NEW` says of its collection."""
        return self._with(
            collection, {**self.rows[collection], sourced_id: {"sourcedId": sourced_id, **NEW[collection], **values}}
        )

    def change(self, collection: str, *sourced_ids: str, **values: Any) -> "Day":
        """The records with other values."""
        assert set(sourced_ids) <= self.rows[collection].keys()
        changed = {i: {**r, **values} if i in sourced_ids else r for i, r in self.rows[collection].items()}
        return self._with(collection, changed)

    def without(self, collection: str, *sourced_ids: str) -> "Day":
        """The day without these records."""
        assert set(sourced_ids) <= self.rows[collection].keys()
        return self._with(collection, {i: r for i, r in self.rows[collection].items() if i not in sourced_ids})

    def wiped(self, *collections: str) -> "Day":
        """The day with empty, completely read collections."""
        return replace(self, rows={**self.rows, **{c: {} for c in collections}})

    def read_in_part(self, *collections: str) -> "Day":
        """The same rows, but nobody can say that they are all."""
        return replace(self, incomplete=self.incomplete | set(collections))

    def not_offering(self, *collections: str) -> "Day":
        """The server answers 404 for these collections."""
        return replace(self, withheld=self.withheld | set(collections))

    def repeat(self, collection: str, sourced_id: str, **values: Any) -> "Day":
        """One more row of a record that is sent, with other values."""
        return replace(self, again=(*self.again, (collection, {**self.rows[collection][sourced_id], **values})))

    def _with(self, collection: str, rows: Mapping[str, Row]) -> "Day":
        return replace(self, rows={**self.rows, collection: rows})

    def stage(self, folder: Path) -> Path:
        """Write the day as a staged extract."""
        proof = {c: {"offered": c not in self.withheld, "complete": c not in self.incomplete} for c in COLLECTIONS}
        sent = {c: [*rows.values(), *(r for of, r in self.again if of == c)] for c, rows in self.rows.items()}
        return stage(folder, sent, proof)


NEW: dict[str, Row] = {
    "orgs": {"status": "active", "type": "school", "parentSourcedId": "d1"},
    "academicSessions": {"status": "active", "type": "term"},
    "courses": {"status": "active", "orgSourcedId": "1001"},
    "classes": {"status": "active", "courseSourcedId": "c1", "classType": "scheduled", "schoolSourcedId": "1001"},
    "users": {"status": "active", "enabledUser": "true", "role": "student", "orgSourcedIds": ["1001"]},
    "enrollments": {
        "status": "active",
        "classSourcedId": "k1",
        "schoolSourcedId": "1001",
        "userSourcedId": "s1",
        "role": "student",
    },
    "demographics": {"status": "active"},
}


def district() -> Day:
    """Two schools under one district organisation, with one class each, and people of every kind."""
    day = Day({c: {} for c in COLLECTIONS})
    day = day.add("orgs", "d1", type="district", name="Rivers", parentSourcedId=None)
    day = day.add("orgs", "1001", name="North").add("orgs", "1002", name="South")
    day = day.add("academicSessions", "y1", title="Autumn", startDate="2025-08-15", endDate="2026-01-20")
    day = day.add("courses", "c1", title="Maths").add("courses", "c2", title="Music", orgSourcedId="1002")
    day = day.add("classes", "k1", title="Maths 1", termSourcedIds=["y1"])
    day = day.add("classes", "k2", title="Music 1", courseSourcedId="c2", schoolSourcedId="1002", termSourcedIds=["y1"])
    for user, school, values in (
        ("s1", "1001", {"agentSourcedIds": ["p1"], "grades": ["09"]}),
        ("s2", "1001", {"grades": ["10"]}),
        ("s3", "1002", {"grades": ["09"]}),
        ("t1", "1001", {"role": "teacher"}),
        ("t2", "1002", {"role": "teacher"}),
        ("p1", "1001", {"role": "guardian"}),
        ("a1", "d1", {"role": "administrator"}),
    ):
        day = day.add(
            "users", user, givenName=f"Given {user}", email=f"{user}@x.example", orgSourcedIds=[school], **values
        )
    for number, (user, place) in enumerate((("s1", 1), ("s2", 1), ("s3", 2), ("t1", 1), ("t2", 2)), start=1):
        role = "teacher" if user.startswith("t") else "student"
        day = day.add(
            "enrollments",
            f"e{number}",
            userSourcedId=user,
            role=role,
            classSourcedId=f"k{place}",
            schoolSourcedId=f"100{place}",
        )
    return day


def crowd(count: int, day: Day | None = None, school: str = "1001", first: int = 100) -> Day:
    """The day with so many more students in a school, `first` onwards: s100, s101 …"""
    day = day or district()
    for number in range(first, first + count):
        day = day.add("users", f"s{number}", orgSourcedIds=[school], givenName=f"Given {number}")
    return day


def spec(**fields: Any) -> Row:
    """The smallest spec with some fields more; `deliveryConfig` fields are laid over the smallest ones."""
    config = {"serviceURL": "https://sis.example/ims/oneroster/v1p1", "credentialsSecretRef": {"name": "c"}}
    return {
        "termsOfUse": {"accepted": True},
        **fields,
        "deliveryConfig": {**config, **fields.get("deliveryConfig", {})},
    }


@dataclass
class Planned:
    """A plan as plain values: changes as (change, entity, id, cause), holds and issues as tuples without Nones."""

    folder: Path
    report: PlanReport

    @cached_property
    def manifest(self) -> Manifest:
        """manifest.json."""
        return codec.read(self.folder)

    @cached_property
    def rows(self) -> dict[str, Row]:
        """Changed records by id, with every column of their file."""
        found: dict[str, Row] = {}
        with duckdb.connect(":memory:", config={"threads": 1}) as con:
            for file in sorted((self.folder / "changes").glob("*.parquet")):
                for row in dicts(con.execute("SELECT * FROM read_parquet(?)", [str(file)])):
                    assert (row["id"] not in found) or file.stem == "Demographics"
                    found["demographics of " + row["id"] if file.stem == "Demographics" else row["id"]] = row
        return found

    @property
    def changes(self) -> set[tuple[str, str, str, str]]:
        """Every change: (change, entity, id, cause)."""
        return {(r["change"], r["entity"], r["id"], r["cause"]) for r in self.rows.values()}

    def ids(self, change: str) -> set[str]:
        """Ids of the records that are created, updated or deleted."""
        return {i for i, r in self.rows.items() if r["change"] == change}

    def causes(self, change: str) -> dict[str, str]:
        """Cause by id of the records that are created, updated or deleted."""
        return {i: r["cause"] for i, r in self.rows.items() if r["change"] == change}

    def after(self, record: str, *names: str) -> Any:
        """What attributes of a created or updated record become: one value, or a tuple of several."""
        values = tuple(plain(self.rows[record][n]) for n in names)
        return values[0] if len(names) == 1 else values

    def changed(self, record: str) -> dict[str, Any]:
        """The attributes that an update changes, with their old values."""
        row = self.rows[record]
        before = json.loads(row["before"])
        assert set(row["changed"]) == before.keys()
        return dict(before)

    def counts(self, entity: str | None) -> dict[str, int]:
        """The counts of an entity that are not 0."""
        for counts in self.manifest.entities:
            if counts.entity == entity:
                return {k: v for k, v in vars(counts).items() if k != "entity" and v}
        return {}

    @property
    def holds(self) -> set[tuple[Any, ...]]:
        """Every hold: what is set of (reason, entity, change, school, count, population, limit, unit,
        before, window)."""
        names = ("reason", "entity", "change", "school", "count", "population", "limit", "unit", "before", "window")
        return {tuple(getattr(h, n) for n in names if getattr(h, n) is not None) for h in self.manifest.holds}

    @property
    def reasons(self) -> set[str]:
        """Reasons of the holds."""
        return {h.reason for h in self.manifest.holds}

    @property
    def issues(self) -> set[tuple[Any, ...]]:
        """Every issue: (entity, id, class, code, attribute, rule, action)."""
        return set(self._table("issues.parquet", "entity, id, class, code, attribute, rule, action"))

    @property
    def names(self) -> dict[str, str | None]:
        """What people know records with issues by, by id."""
        return dict(self._table("issues.parquet", "id, name"))

    @property
    def rekeyed(self) -> set[tuple[Any, ...]]:
        """(entity, old id, new id); empty where the plan has none."""
        return (
            set(self._table("rekeyed.parquet", "entity, old_id, new_id"))
            if (self.folder / "rekeyed.parquet").exists()
            else set()
        )

    @property
    def schools(self) -> tuple[int, int, int, int]:
        """SIS schools found, mapped, missing and vanished."""
        told = self.manifest.schools
        return told.found, told.mapped, told.missing, told.vanished

    def _table(self, name: str, columns: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(":memory:", config={"threads": 1}) as con:
            return con.execute(f"SELECT {columns} FROM read_parquet(?)", [str(self.folder / name)]).fetchall()  # noqa: S608


@dataclass
class Roster:
    """One source's store in a folder of its own, and the runs that were made on it."""

    folder: Path
    at: datetime = AS_OF
    runs: int = field(default=0)

    def __post_init__(self) -> None:
        (self.folder / "store").mkdir(parents=True, exist_ok=True)
        self.file = EmbeddedStore(self.folder / "store" / "roster.duckdb", threads=1)
        self.store: Store = self.file

    def plan(
        self,
        day: Day,
        *,
        at: datetime | None = None,
        client: str = "client",
        uid: str | None = None,
        name: str = "rivers",
        source: Source | None = None,
        schools: tuple[str, ...] = (),
        **fields: Any,
    ) -> Planned:
        """Plan a day under a spec of these fields; raises what the engine raises. `source` is asked for records by id.

        `schools`: ids in the store of those that the plan is limited to.
        """
        folder = self._folder()
        extract = day.stage(folder / "extract")
        confirms = partial(confirming.confirm, source, extract) if source else None
        return self._planned(
            folder, Pulled(extract, client), at, uid, name, fields, confirms, RunScope(schools=schools)
        )

    def restore(
        self,
        planned: Planned,
        *entities: str,
        schools: tuple[str, ...] = (),
        at: datetime | None = None,
        uid: str | None = None,
        name: str = "rivers",
        **fields: Any,
    ) -> Planned:
        """Plan to take back what a plan changed, of some entities and schools or of all."""
        origin = Restored(planned.manifest.run, tuple(map(Entity, entities)), schools)
        return self._planned(self._folder(), origin, at, uid, name, fields)

    def _folder(self) -> Path:
        self.runs += 1
        folder = self.folder / "artifacts" / f"run-{self.runs}"
        folder.mkdir(parents=True)
        return folder

    def _planned(
        self,
        folder: Path,
        origin: PlanOrigin,
        at: datetime | None,
        uid: str | None,
        name: str,
        fields: Row,
        confirms: Confirms | None = None,
        scope: RunScope = WHOLE,
    ) -> Planned:
        out = folder / "plan"
        connection = FocusConnection.model_validate(
            {"metadata": {"name": name, "uid": uid}, "spec": spec(**copy.deepcopy(fields))}
        )
        report = plan(
            PlanInputs(
                connection=connection,
                run=folder.name,
                origin=origin,
                out=out,
                scratch=self.folder / "scratch",
                reader=self.store.reader(),
                as_of=at or self.at,
                memory_limit=256 * 1024 * 1024,
                threads=1,
                confirms=confirms,
                scope=scope,
            )
        )
        planned = Planned(out, report)
        if not scope.schools:
            self.adds_up(planned)
        return planned

    def adds_up(self, planned: Planned) -> None:
        """Each record that was there or came is in one count of its entity; a deferred one perhaps in another as well."""
        new: Counter[str | None] = Counter()
        held = {(e, i) for e, i, kind, *_ in planned.issues if kind in ("Skipped", "Duplicate")}
        if held:
            mine = planned.manifest.source
            there = {(e, i) for t in TABLES for i in self.stored(t.name, source=mine) for e in t.entities}
            known = {i for _, i in there}  # an unknown role tells no entity, also of somebody who is there
            new.update(e for e, i in held if (e, i) not in there and not (e is None and i in known))
        for c in planned.manifest.entities:
            parts = sum(getattr(c, name) for name in PARTS) - c.population - c.created - new[c.entity]
            assert 0 <= parts <= c.deferred, f"the rows of {c.entity} do not add up: {c}"

    def apply(self, planned: Planned) -> Planned:
        """Apply a plan, held or not, with a person's consent to its digest."""
        consent = Consent(decided_by="somebody", digest=planned.manifest.digest, reason="test")
        apply(planned.folder, self.store.writer(), consent, now=planned.manifest.as_of)
        return planned

    def run(self, day: Day, **fields: Any) -> Planned:
        """Plan a day and apply it."""
        return self.apply(self.plan(day, **fields))

    def begin(self, day: Day | None = None, **fields: Any) -> "Roster":
        """The first import of a day, made once in a process and copied to every store that begins like that."""
        day = day or district()
        key = json.dumps(
            [day.rows, sorted(day.incomplete), sorted(day.withheld), day.again, fields], sort_keys=True, default=str
        )
        if key in _BEGUN:
            self.file.path.write_bytes(zlib.decompress(_BEGUN[key]))
            self.runs += 1
        else:
            self.run(day, **fields)
            _BEGUN[key] = zlib.compress(self.file.path.read_bytes(), 1)
        return self

    def stored(self, table: str, status: str = "active", source: str = "rivers") -> dict[str, Row]:
        """The store's rows of a table that a source contributed, by id."""
        with duckdb.connect(":memory:", config={"threads": 1}) as con:
            self.store.reader().attach(con, "rivers", source)
            found = {
                r["id"]: {k: plain(v) for k, v in r.items()}
                for r in dicts(con.execute(f"SELECT * FROM store_{table}"))  # noqa: S608
            }
            self.store.reader().detach(con)
        return {i: r for i, r in found.items() if r["status"] == status}


_BEGUN: dict[str, bytes] = {}  # the bytes of stores after a first import; a copy is as good as importing again


def dicts(result: duckdb.DuckDBPyConnection) -> list[Row]:
    """Rows as dictionaries."""
    names = [d[0] for d in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def plain(value: Any) -> Any:
    """A value as a test writes it: dates as ISO text."""
    return value.isoformat() if isinstance(value, date) else value
