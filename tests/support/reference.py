"""A slow, obvious model of a whole plan: the oracle of the engine.

Plain dicts and loops over single records, written from the rules alone. `Model(config).plan(…)` says what a plan must
come to; `ModelStore.apply(plan)` what the store must hold afterwards. Over 300 lines, since an oracle is believed when it
can be read from the top to the bottom, beside the rules.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from rostersync.errors import Permanent
from rostersync.model import Entity, EntityCounts
from rostersync.roster import BY_ENTITY, BY_NAME, RANK, ROLES, TABLES, Kind
from support.reference_gate import Entry, entry_of, holds_of, undoes, vanishing_holds
from support.reference_restore import Restore
from support.reference_rows import TORN, one_of_each
from support.reference_schools import Orgs, OrgsRead, is_removed, is_school, map_schools
from support.reference_shape import Record, apply_filters, map_attributes, mapped_value
from support.reference_values import day, spelled, typed, unknown_value, well_formed

Key = tuple[str, str]  # (table, id in the store)
Row = dict[str, Any]  # entity, status and the attributes of a stored record

KNOWN_ROLES = {r.lower(): e for r, e in ROLES.items()}
SPELLED = {r.lower(): r for r in ROLES}
DEFAULT_ENTITIES = tuple(e for e in Entity if e is not Entity.DEMOGRAPHICS)
HELD = (
    "UnknownStatus",
    "UnknownRole",
    "RequirementSkipped",
    "RequirementRemove",
    "Duplicate",
    "ContradictoryRows",
    "DanglingReference",
)

# Which collections decide whether a record of a table is still there and still wanted.
NEEDED = {
    "orgs": {"orgs"},
    "academicSessions": {"orgs", "academicSessions"},
    "courses": {"orgs", "courses", "classes"},
    "classes": {"orgs", "courses", "classes"},
    "users": {"orgs", "users"},
    "enrollments": {"orgs", "users", "classes", "enrollments"},
    "demographics": {"orgs", "users", "demographics"},
}
LINKING = {"users", "classes", "enrollments"}


@dataclass
class ModelStore:
    """The accepted roster: active rows and tombstones by key, and what the store remembers of the source."""

    rows: dict[Key, Row] = field(default_factory=dict)
    schools: dict[str, str] = field(default_factory=dict)
    memory: dict[str, Any] | None = None
    log: list[Entry] = field(default_factory=list)  # what was ever applied, counted
    restored: dict[Key, list[tuple[Row | None, Row | None]]] = field(default_factory=dict)  # before and after a restore

    def active(self, key: Key) -> Row | None:
        """The row of a key unless it is a tombstone."""
        row = self.rows.get(key)
        return row if row and row["status"] == "active" else None

    def table(self, name: str) -> dict[str, Row]:
        """Active rows of a table by id."""
        return {i: r for (t, i), r in self.rows.items() if t == name and r["status"] == "active"}

    def apply(self, plan: "ModelPlan") -> None:
        """Take a plan over."""
        for key, change in plan.changes.items():
            if any(undoes(row, self.active(key), change) for row in self.restored.get(key, ())):
                del self.restored[key]  # somebody decided about it
            if change.after is None:
                self.rows[key] = {**self.rows[key], "status": "tobedeleted"}
            else:
                self.rows[key] = {**change.after, "status": "active"}
        self.schools.update(plan.orgs.imported)
        self.memory = plan.memory
        self.log.append(plan.entry)

    def restore(self, spec: dict[str, Any], planned: Restore, of: Entry, now: datetime) -> None:
        """Take a restore over: what it put back, it took back from `of`, but for records of which it left values alone."""
        changes = {k: ModelChange(e, change, cause, after) for k, (e, change, cause, after) in planned.changes.items()}
        put_back = {key for key, c in changes.items() if c.cause == "Restored"}
        self.log.append(entry_of(spec, self, changes, planned.roster, now, of, put_back - planned.held.keys()))
        self.restored |= {key: [(self.active(key), changes[key].after)] for key in put_back}
        for key, change in changes.items():
            after, status = (change.after, "active") if change.after else (self.rows[key], "tobedeleted")
            self.rows[key] = {**after, "status": status}


@dataclass
class ModelChange:
    """One change. `entity` is the one it is counted under; `after` has the entity, None for a Delete."""

    entity: str
    change: str
    cause: str
    after: Row | None


@dataclass
class ModelPlan:
    """What a plan must come to."""

    changes: dict[Key, ModelChange]
    counts: dict[Entity | None, EntityCounts]
    held: dict[Key, str]
    holds: set[tuple[Any, ...]]
    orgs: Orgs
    deferred: set[Key]
    memory: dict[str, Any]
    entry: Entry
    real: "Outcome"


@dataclass
class Outcome:
    """One pass of link: what goes, what is there afterwards."""

    deleted: dict[Key, str] = field(default_factory=dict)
    after: dict[Key, Row] = field(default_factory=dict)
    accepted: set[Key] = field(default_factory=set)
    fates: dict[Key, str] = field(default_factory=dict)  # by (table, raw id)
    uncut: dict[Key, Row] = field(default_factory=dict)  # as `after`, with references that find nothing


class Model:
    """The whole plan of one connection. `spec` is the connection's spec as a manifest has it."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec
        self.prefix = spec.get("sisIDPrefix") or ""
        self.taken = {Entity(e) for e in spec.get("entities") or DEFAULT_ENTITIES}
        self.bulk = bool(spec.get("bulkUploadMode"))

    def plan(
        self,
        staged: dict[str, list[dict[str, Any]]],
        proof: dict[str, dict[str, Any]],
        store: ModelStore,
        as_of: datetime,
    ) -> ModelPlan:
        """Everything a plan says. `staged` as in staged extracts; `proof` has offered and complete per collection."""
        self.store, self.proof = store, proof
        self.now = as_of.astimezone(ZoneInfo(self.spec.get("timeZone") or "UTC"))
        sent = {t.name: staged.get(t.name, []) if self.offered(t.name) else [] for t in TABLES}
        sent = {name: [self.dated(name, row) for row in rows] for name, rows in sent.items()}
        offered = {name: one_of_each(name, rows, self.entity_of) for name, rows in sent.items()}
        whole = bool(proof["orgs"]["complete"])
        go = Entity.DISTRICT in self.taken and self.offered("orgs") and not self.in_window()
        self.orgs = map_schools(
            self.spec,
            offered["orgs"],
            store.schools,
            store.table("orgs"),
            OrgsRead(whole, go and whole and self.bulk, go),
            {
                i: r
                for (t, i), r in store.rows.items()
                if t == "orgs" and r["status"] != "active" and r["entity"] == "District"
            },
        )
        orgs = [o for o in offered["orgs"] if not (is_school(o) and is_removed(o))]
        orgs = [o for o in orgs if o["sourcedId"] not in self.orgs.vanished]
        self.sent_ids: dict[str, set[str]] = {}
        self.records = self.identify({**offered, "orgs": orgs})
        removed = [o["sourcedId"] for o in offered["orgs"] if is_school(o) and is_removed(o)]
        self.sent_ids["orgs"] |= {self.orgs.targets.get(raw, self.prefix + raw) for raw in removed}
        self.scope()
        self.shape()
        self.hold_counts: Counter[tuple[str, int]] = Counter()
        self.hold_keys: list[tuple[tuple[str, int], Key]] = []
        for r in self.all():
            if r.fate is None and not self.kept_school(r):
                self.require(r)
        self.match()
        for r in self.all():
            self.rewrite(r)
        return self.compare()

    def dated(self, table: str, row: dict[str, Any]) -> dict[str, Any]:
        """A row with its dates as days of the district's time zone."""
        zone = self.spec.get("timeZone") or "UTC"
        return row | {a.name: day(row.get(a.name), zone) for a in BY_NAME[table].attributes if a.kind is Kind.DATE}

    def all(self) -> list[Record]:
        """Every pulled record that is taken."""
        return [r for t in TABLES for r in self.records[t.name]]

    def offered(self, table: str) -> bool:
        return bool(self.proof[table]["offered"])

    def takes(self, table: str) -> bool:
        return any(e in self.taken for e in BY_NAME[table].entities)

    # ---- who is who

    def identify(self, offered: dict[str, list[dict[str, Any]]]) -> dict[str, list[Record]]:
        """Entity and status of every pulled record; what belongs to an entity that is not taken is left out."""
        found: dict[str, list[Record]] = {}
        for t in TABLES:
            found[t.name] = []
            self.sent_ids[t.name] = set()
            for row in offered[t.name]:
                raw = row["sourcedId"]
                key = self.orgs.targets.get(raw, self.prefix + raw) if t.name == "orgs" else self.prefix + raw
                self.sent_ids[t.name].add(key)
                entity = self.entity_of(t.name, row)
                stored = self.store.active((t.name, key))
                r = Record(t.name, raw, key, entity, row, {n: row.get(n) for n in t.names}, stored)
                if not self.regarded(r):
                    continue
                if t.name == "users":
                    r.sent = {**row, "role": self.role_of(row, entity)}
                    r.values["role"] = r.sent["role"]
                if TORN in row:
                    r.fate = "ContradictoryRows"
                elif is_removed(row):
                    r.fate = "Removed"
                elif (row.get("status") or "active").lower() != "active":
                    r.fate = "UnknownStatus"
                elif entity is None:
                    r.fate = "UnknownRole"
                found[t.name].append(r)
        self.people = {self.prefix + u["sourcedId"]: self.entity_of("users", u) for u in offered["users"]}
        for name in ("enrollments", "demographics"):
            found[name] = [r for r in found[name] if r.fate == "Removed" or not self.of_untaken_user(r)]
        return found

    def regarded(self, r: Record) -> bool:
        """Whether a pulled record means anything: its entity is taken, and what is removed was there."""
        if r.entity and r.entity not in self.taken:
            return False
        return r.stored is not None if is_removed(r.sent) else self.takes(r.table)

    def entity_of(self, table: str, row: dict[str, Any]) -> Entity | None:
        """The entity of a pulled record; None for unknown roles, and for rows that say several."""
        if table == "users" and TORN in row:
            return row[TORN]  # type: ignore[no-any-return]
        if table == "orgs":
            return Entity.SCHOOL if is_school(row) else Entity.DISTRICT
        if table != "users":
            return BY_NAME[table].entities[0]
        if row.get("role") is not None:
            return KNOWN_ROLES.get(row["role"].lower())
        known = [KNOWN_ROLES[r.lower()] for r in row.get("roles") or [] if r.lower() in KNOWN_ROLES]
        return min(known, key=RANK.index) if known else None

    def role_of(self, row: dict[str, Any], entity: Entity | None) -> str | None:
        """The role that decided the entity, in OneRoster's spelling."""
        role = row.get("role")
        if role is None:
            deciding = sorted(r for r in row.get("roles") or [] if KNOWN_ROLES.get(r.lower()) is entity and entity)
            role = deciding[0] if deciding else None
        return SPELLED.get(role.lower(), role) if role else None

    def of_untaken_user(self, r: Record) -> bool:
        """Whether an enrolment or demographics belong to a person of an entity that is not taken."""
        user = r.raw if r.table == "demographics" else r.sent.get("userSourcedId")
        return user is not None and bool(user) and self.untaken(self.prefix + user)

    def untaken(self, user: str) -> bool:
        """Whether the person of that id in the store is of an entity that is not taken, as sent or else as stored."""
        stored = self.store.active(("users", user))
        entity = self.people.get(user) or (Entity(stored["entity"]) if stored else None)
        return entity is not None and entity not in self.taken

    # ---- scope, shape

    def scope(self) -> None:
        """Which schools' records are wanted."""
        orgs = self.orgs
        for r in self.records["orgs"]:
            if r.fate is None and not orgs.passes(r.raw):
                r.fate = "SchoolUnmapped"
        self.unite_schools()
        for r in self.records["classes"] + self.records["enrollments"]:
            if r.fate is None:
                r.fate = self.school_fate([r.sent.get("schoolSourcedId")], r)
        for r in self.records["users"]:
            if r.fate is None:
                r.fate = self.school_fate(r.sent.get("orgSourcedIds") or [], r)
        used = {c.sent.get("courseSourcedId") for c in self.records["classes"] if c.fate is None}
        for r in self.records["courses"]:
            org = r.sent.get("orgSourcedId")
            unmapped = org in orgs.present and orgs.home(org) is None
            if r.fate is None and unmapped and r.raw not in used:
                r.fate = "SchoolUnmapped"

    def unite_schools(self) -> None:
        """Several SIS schools into one: the smallest SIS id in scope speaks for all, the others are no records."""
        speakers: dict[str, Record] = {}
        for r in sorted(self.records["orgs"], key=lambda r: (r.fate is not None, r.raw)):
            speakers.setdefault(r.id, r)
        self.records["orgs"] = list(speakers.values())

    def school_fate(self, raws: list[str | None], r: Record) -> str | None:
        """Scope by organisations: in, out (SchoolUnmapped), or held back when nothing resolves."""
        known = [raw for raw in raws if raw is not None]
        if any(self.orgs.counts(raw) for raw in known):
            return None
        if any(self.orgs.at_vanished(raw) for raw in known):
            return None if r.stored else "DanglingReference"
        if any(raw in self.orgs.leaving for raw in known):  # not only schools that nobody wants
            return "DanglingReference"
        return "SchoolUnmapped" if any(raw in self.orgs.present for raw in known) else "DanglingReference"

    def shape(self) -> None:
        """Attributes Mapping, the name of a target school, Filter Rules."""
        entries = self.spec.get("attributesMapping") or []
        for r in self.all():
            map_attributes(r, [e for e in entries if e["entity"] == r.entity])
        listed = (self.spec.get("schoolsMapping") or {}).get("schools") or []
        targets = [(s["sourcedId"], s.get("target") or {}) for s in listed]
        names = [(t.get("id") or self.prefix + raw, t["name"]) for raw, t in targets if t.get("name")]
        for r in self.records["orgs"]:
            if r.entity is Entity.SCHOOL:
                r.values["name"] = next((name for target, name in names if target == r.id), r.values["name"])
        apply_filters(self.spec, self.records, self.now.date().isoformat())

    # ---- require, match

    def require(self, r: Record) -> None:
        """Data Requirements in their order, then what does not fit its kind becomes null."""
        table = BY_NAME[r.table]
        for number, rule in enumerate(self.spec.get("dataRequirements") or []):
            if rule["entity"] != r.entity:
                continue
            name = rule["attribute"]
            value = mapped_value(r, name)
            shaped = rule.get("format") is not None or rule.get("pattern") is not None
            items = [] if value is None else value if isinstance(value, list) else [value]
            bad = [v for v in items if shaped and not well_formed(v, rule)]
            if not (bad if shaped else value is None):
                continue
            action = rule["action"]
            if action in ("Error", "Hold", "DropValue"):
                r.errors = True
            if action == "Hold":
                self.hold_counts[(str(r.entity), number)] += 1
                self.hold_keys.append(((str(r.entity), number), (r.table, r.id)))
            if action == "Fail":
                raise Permanent("a data requirement failed", reason="RequirementFailed")
            if action == "Skip" and r.fate != "RequirementRemove":
                r.fate = "RequirementRemove" if rule.get("whenAccepted") == "Remove" else "RequirementSkipped"
            if action == "Default":
                put(r, name, [rule["default"]] if is_list(r, name) else rule["default"])
            if action == "DropValue":
                left = [v for v in items if v not in bad] if isinstance(value, list) else []
                put(r, name, left or None)
        r.errors = r.errors or unknown_value(r.table, r.values)
        for a in table.attributes:
            r.values[a.name], misfit = typed(spelled(r.table, a.name, r.values[a.name]), a.kind)
            r.errors = r.errors or misfit

    def kept_school(self, r: Record) -> bool:
        """A school that is in the store keeps its attributes: nothing that is sent of it is looked at."""
        return r.entity is Entity.SCHOOL and r.stored is not None and r.stored["entity"] == "School"

    def metadata_of(self, r: Record) -> dict[str, str] | None:
        """Keys that the connection names for the entity; keys that it names no more stay as the store has them."""
        values = r.values.get("metadata") or {}
        named = self.named_keys([r.entity])
        mine = {k: v for k, v in values.items() if k in named and v is not None}
        of_table = self.named_keys(BY_NAME[r.table].entities)
        others = {k: v for k, v in ((r.stored or {}).get("metadata") or {}).items() if k not in of_table}
        return dict(sorted({**others, **mine}.items())) or None

    def named_keys(self, entities: Sequence[Entity | None]) -> set[str]:
        """Keys of metadata that mappings fill, or that requirements, filters or domains of an entity are about."""
        spec = self.spec
        named = [(x["entity"], x["attribute"]) for x in spec.get("attributesMapping") or []]
        named += [(x["entity"], x["attribute"]) for x in spec.get("dataRequirements") or []]
        named += [(x["entity"], c["attribute"]) for x in spec.get("filterRules") or [] for c in x["conditions"]]
        named += [(x["entity"], a) for x in spec.get("domainsOfUniqueness") or [] for a in x["attributes"]]
        return {a.removeprefix("metadata.") for e, a in named if e in entities and a.startswith("metadata.")}

    def match(self) -> None:
        """Domains of Uniqueness: all members of a group of two or more are held back."""
        if not self.spec.get("compareByDomainsOfUniqueness"):
            return
        doubles = set()
        for domain in self.spec.get("domainsOfUniqueness") or []:
            groups: dict[tuple[Any, ...], list[Key]] = {}
            for r in self.all():
                if r.entity != domain["entity"] or r.fate is not None:
                    continue
                values = tuple(folded(mapped_value(r, a)) for a in domain["attributes"])
                if None not in values:
                    groups.setdefault(values, []).append((r.table, r.id))
            doubles |= {key for group in groups.values() if len(group) > 1 for key in group}
        for r in self.all():
            if (r.table, r.id) in doubles and r.fate is None:
                r.fate = "Duplicate"

    # ---- link

    def rewrite(self, r: Record) -> None:
        """Raw references to ids in the store; organisations that are not in scope are no references."""
        for a in BY_NAME[r.table].references:
            value = r.values[a.name]
            if value is None:
                continue
            several = isinstance(value, list)
            found = [self.store_id(a.target, v, r.table) for v in (value if several else [value])]
            kept = sorted({f for f in found if f is not None})
            r.values[a.name] = (kept or None) if several else (kept[0] if kept else None)

    def store_id(self, target: str | None, raw: str, table: str) -> str | None:
        """Where a raw reference leads; None for organisations that the mapping leaves out."""
        if target != "orgs":
            return self.prefix + raw
        if table != "orgs":
            return self.orgs.home(raw)
        return self.orgs.targets[raw] if self.orgs.passes(raw) or raw in self.orgs.vanished else None

    def direct_deletes(self) -> dict[Key, str]:
        """What goes by itself, before cascades and whatever is deferred."""
        gone: dict[Key, str] = {}
        fates = {(r.table, r.id): r.fate for r in self.all()}
        for t in TABLES:
            for i, row in self.store.table(t.name).items():
                key = (t.name, i)
                if Entity(row["entity"]) not in self.taken or not self.offered(t.name):
                    continue
                cause = self.direct_cause(key, row, fates, gone)
                if self.protected(t.name, i, row):
                    cause = "Cascade" if cause and self.moved_away(t.name, row) else None
                if cause:
                    gone[key] = cause
        return gone

    def direct_cause(self, key: Key, row: Row, fates: dict[Key, str | None], gone: dict[Key, str]) -> str | None:
        """Why one stored row is deleted, or None. `gone` has the organisations already, when others are asked."""
        table, i = key
        unmapped = table == "orgs" and row["entity"] == "School" and i not in self.orgs.kept_targets
        if unmapped and fates.get(key, "Removed") == "Removed":
            return "SchoolUnmapped"  # even where what has its id now is sent as removed
        if key in fates:
            by_fate = {
                "Removed": "SourceDeleted",
                "SchoolUnmapped": "SchoolUnmapped",
                "FilteredOut": "FilteredOut",
                "RequirementRemove": "RequirementFailed",
            }
            return by_fate.get(fates[key] or "")
        if i in self.sent_ids[table]:
            return None
        if table in ("classes", "enrollments") and gone.get(("orgs", row["schoolSourcedId"])) == "SchoolUnmapped":
            return "SchoolUnmapped"
        orgs = row["orgSourcedIds"] if table == "users" else None
        if orgs and all(gone.get(("orgs", o)) == "SchoolUnmapped" for o in orgs):
            return "SchoolUnmapped"
        return "SourceMissing" if self.bulk else None

    def protected(self, table: str, i: str, row: Row) -> bool:
        """What refers to a vanished school stays; so do the enrolments of people of an entity that is not taken."""
        lost = self.orgs.vanished_targets
        if table == "orgs":
            return i in lost
        if table == "courses":
            classes = self.store.table("classes").values()
            return row["orgSourcedId"] in lost or any(
                c["courseSourcedId"] == i and c["schoolSourcedId"] in lost for c in classes
            )
        if table in ("enrollments", "demographics") and self.untaken(
            i if table == "demographics" else row["userSourcedId"]
        ):
            return True
        if table in ("classes", "enrollments"):
            return row["schoolSourcedId"] in lost
        if table == "demographics":
            return bool(lost & self.schools_of_person(i))
        return table == "users" and bool(lost & set(row["orgSourcedIds"] or []))

    def moved_away(self, table: str, row: Row) -> bool:
        """Whether it is the enrolment at a vanished school of a person who is sent, but elsewhere."""
        if table != "enrollments" or self.untaken(row["userSourcedId"]):
            return False
        sent = self.accepted_person(row["userSourcedId"])
        return sent is not None and row["schoolSourcedId"] not in (sent.values["orgSourcedIds"] or [])

    def schools_of_person(self, i: str) -> set[str]:
        """Where a person is after this plan: as sent, else as the store has it."""
        sent, stored = self.accepted_person(i), self.store.active(("users", i))
        orgs = sent.values["orgSourcedIds"] if sent else stored["orgSourcedIds"] if stored else None
        return set(orgs or [])

    def accepted_person(self, i: str) -> Record | None:
        """The pulled record of a person of that id in the store, if it is accepted."""
        return next((r for r in self.records["users"] if r.id == i and r.fate is None), None)

    def link(self, direct: dict[Key, str], allowed: dict[Key, str]) -> Outcome:
        """References against the resulting store, table by table in dependency order.

        Only organisations whose delete is allowed are kept for the sake of people: the others stay anyway.
        """
        out = Outcome()
        lasting = self.last_organisations(direct) & allowed.keys()
        direct = {key: cause for key, cause in direct.items() if key not in lasting}
        for t in TABLES:
            for r in self.records[t.name]:
                self.link_record(r, out)
            for i, row in self.store.table(t.name).items():
                key = (t.name, i)
                if key in out.accepted or key in out.deleted:
                    continue
                if key in direct:
                    out.deleted[key] = direct[key]
                elif any((a.target, row[a.name]) in out.deleted for a in t.references if a.required) or (
                    t.name == "demographics" and ("users", i) in out.deleted
                ):
                    out.deleted[key] = "Cascade"
                else:
                    out.after[key] = {k: v for k, v in row.items() if k != "status"}
        out.uncut = {key: dict(row) for key, row in out.after.items()}
        self.cut(out)
        return out

    def last_organisations(self, direct: dict[Key, str]) -> set[Key]:
        """Organisations that would leave and are all that somebody has who stays as stored, taken or not."""
        pulled = {r.id for r in self.records["orgs"] if r.fate is None}
        there = pulled | {i for i in self.store.table("orgs") if ("orgs", i) not in direct}
        found: set[Key] = set()
        for i, person in self.store.table("users").items():
            orgs = person["orgSourcedIds"] or []
            if ("users", i) in direct:
                continue
            sent = self.accepted_person(i)
            if sent and not self.belongs_nowhere(sent.values["orgSourcedIds"], there):
                continue
            if all(("orgs", o) in direct for o in orgs):
                found |= {("orgs", o) for o in orgs}
        return found

    def belongs_nowhere(self, orgs: list[str] | None, there: set[str]) -> bool:
        """Whether a person has organisations, and none of them is there; untaken ones may be anywhere."""
        taken = {Entity.DISTRICT, Entity.SCHOOL} <= self.taken
        return taken and bool(orgs) and not there & set(orgs or [])

    def link_record(self, r: Record, out: Outcome) -> None:
        """One pulled record: accepted, gone with what it refers to, or held back."""
        key, sent = (r.table, r.id), (r.table, r.raw)
        out.fates[sent] = r.fate or "Accepted"
        if r.table == "demographics" and ("users", r.id) not in out.after:
            # nobody's, or of somebody who goes with this plan: what is stored goes along below
            out.fates[sent] = (r.fate or "Cascade") if r.stored else "LeftOut"
            return
        if r.fate is not None:
            return
        values = dict(r.values)
        there = {i for table, i in out.after if table == "orgs"}
        dangling = r.table == "users" and self.belongs_nowhere(values["orgSourcedIds"], there)
        for a in BY_NAME[r.table].references:
            if not a.required:
                continue
            target = (a.target, values[a.name])
            if target in out.after:
                continue
            if target in out.deleted:
                if r.stored:
                    out.deleted[key] = "Cascade"
                    out.fates[sent] = "Cascade"
                    return
                dangling = True
            elif self.takes(a.target or ""):
                dangling = True
            else:
                values[a.name] = None
        if dangling:
            out.fates[sent] = "DanglingReference"
            return
        values["metadata"] = self.metadata_of(r)
        if self.kept_school(r):
            values = {k: v for k, v in (r.stored or {}).items() if k not in ("status", "entity")}
        out.accepted.add(key)
        out.after[key] = {"entity": str(r.entity), **values}

    def cut(self, out: Outcome) -> None:
        """Optional references: of accepted rows to what is there, of other rows that stay to what is not deleted."""
        for (table, i), row in out.after.items():
            for a in BY_NAME[table].references:
                if a.required or row[a.name] is None:
                    continue
                several = isinstance(row[a.name], list)
                kept = [
                    v
                    for v in (row[a.name] if several else [row[a.name]])
                    if ((a.target, v) in out.after if (table, i) in out.accepted else (a.target, v) not in out.deleted)
                ]
                row[a.name] = (kept or None) if several else (kept[0] if kept else None)

    def may_delete(self, key: Key, cause: str) -> bool:
        """Whether a direct delete leans on complete collections only."""
        if self.in_window():
            return False
        needed = set(NEEDED[key[0]])
        for rule in self.spec.get("filterRules") or []:
            if any(BY_ENTITY[Entity(e)].name == key[0] for e in rule.get("includeLinked") or []):
                needed |= {*LINKING, BY_ENTITY[Entity(rule["entity"])].name}
        return cause == "SourceDeleted" or all(self.proof[n]["complete"] for n in needed if self.offered(n))

    def in_window(self) -> bool:
        """Whether Data Rollover disables deletion now; windows include their start and exclude their end."""
        windows = (self.spec.get("dataRollover") or {}).get("disableDeletion") or []
        return any(self.first_shown(w["start"]) <= self.now < self.first_shown(w["end"]) for w in windows)

    def first_shown(self, text: str) -> datetime:
        """The first minute at which the zone's clocks show a local time or a later one, found by walking."""
        at = datetime.fromisoformat(text).replace(tzinfo=UTC) - timedelta(hours=27)
        while at.astimezone(self.now.tzinfo).replace(tzinfo=None) < datetime.fromisoformat(text):
            at += timedelta(minutes=1)
        return at

    # ---- compare

    def compare(self) -> ModelPlan:
        """Changes, counts and holds."""
        direct = self.direct_deletes()
        allowed = {k: c for k, c in direct.items() if self.may_delete(k, c)}
        wished = self.link(direct, allowed)
        real = self.link(allowed, allowed)
        deferred = set(wished.deleted) - set(real.deleted)
        changes: dict[Key, ModelChange] = {}
        for key, cause in real.deleted.items():
            changes[key] = ModelChange(self.store.rows[key]["entity"], "Delete", cause, None)
        for key, after in real.after.items():
            before = self.store.active(key)
            if before is None:
                cause = "Restored" if key in self.store.rows else "SourceCreated"
                changes[key] = ModelChange(after["entity"], "Create", cause, after)
            elif {**after, "status": "active"} != before:
                kept_school = key[0] == "orgs" and before["entity"] == after["entity"] == "School"
                cause = "SourceChanged" if key in real.accepted and not kept_school else "Cascade"
                changes[key] = ModelChange(before["entity"], "Update", cause, after)
        counts = self.count(changes, deferred, real)
        memory = {
            "prefix": self.prefix,
            "config": effective(self.spec),
            "service": (self.spec.get("deliveryConfig") or {}).get("serviceURL"),
            "vanished": self.remembered_vanished(),
        }
        entry = entry_of(self.spec, self.store, changes, real.after, self.now)
        holds = set()
        if changes:
            sent = {k: real.after[k] for k in real.accepted}
            holds = holds_of(self.spec, self.store, changes, real.after, self.hold_counts, memory, entry)
            holds |= vanishing_holds(self.store, self.orgs, holds, sent, self.taken)
        fates = {(r.table, r.id): real.fates[r.table, r.raw] for r in self.all()}
        held = {k: f for k, f in fates.items() if f in HELD}
        return ModelPlan(changes, counts, held, holds, self.orgs, deferred, memory, entry, real)

    def remembered_vanished(self) -> set[str]:
        """Vanished schools, by SIS id, that this plan or one before saw gone."""
        before = self.store.memory["vanished"] if self.store.memory else set()
        return (before & self.orgs.vanished) | self.orgs.gone

    def count(
        self,
        changes: dict[Key, ModelChange],
        deferred: set[Key],
        real: Outcome,
        mine: Callable[[Key], bool] = lambda _: True,
    ) -> dict[Entity | None, EntityCounts]:
        """Counts per entity; under None what is held back and of no known entity. Of records that are `mine`."""
        counts: dict[Entity | None, Counter[str]] = {e: Counter() for e in [*Entity, None]}
        changes = {key: change for key, change in changes.items() if mine(key)}
        deferred = {key for key in deferred if mine(key)}
        for key, kept in self.store.rows.items():
            if kept["status"] == "active" and mine(key):
                counts[Entity(kept["entity"])]["population"] += 1
        for change in changes.values():
            of = counts[Entity(change.entity)]
            if change.change == "Create":
                of["created"] += 1
            elif change.change == "Update":
                of["updated"] += 1
            else:
                of["deleted"] += 1
        for key in deferred:
            counts[Entity(self.store.rows[key]["entity"])]["deferred"] += 1
        sent = {(r.table, r.id): r for r in self.all()}
        records: Counter[Entity | None] = Counter()  # that were there or came
        twice: Counter[Entity | None] = Counter()  # of which a delete is deferred, and something else counts too
        for key in filter(mine, {k for k, row in self.store.rows.items() if row["status"] == "active"} | sent.keys()):
            row, r = self.store.active(key), sent.get(key)
            fate = real.fates[r.table, r.raw] if r else None
            entity = Entity(row["entity"]) if row else r.entity if r else None
            if r and r.errors and fate != "LeftOut":
                counts[r.entity or entity]["errors"] += 1
            records[entity] += row is not None or key in changes or fate in HELD
            twice[entity] += key in deferred and (key in changes or fate not in (None, "LeftOut"))
            if key in changes:
                continue
            if key in real.accepted:
                counts[entity]["unchanged"] += 1
            elif fate in ("Duplicate", "ContradictoryRows"):
                counts[entity]["duplicates"] += 1
            elif fate in HELD:
                counts[entity]["skipped"] += 1
            elif key in deferred:
                counts[entity]["unchanged"] += fate not in (None, "LeftOut")
            elif row:
                counts[entity]["kept"] += 1
        for entity, c in counts.items():
            parts = sum(n for name, n in c.items() if name not in ("errors", "population"))
            assert parts == records[entity] + twice[entity], f"the rows of {entity} do not add up: {c}"
        return {entity: EntityCounts(entity, **c) for entity, c in counts.items()}


def effective(spec: dict[str, Any]) -> dict[str, Any]:
    """The parts of a connection that shape data, equal for connections that say the same."""

    def any_order(part: str) -> list[str]:
        return sorted(repr(sorted(said(x).items())) for x in spec.get(part) or [])

    def said(x: dict[str, Any]) -> dict[str, Any]:
        return {k: v for k, v in x.items() if v not in (None, [], {}, "Keep")}

    mapping = spec.get("schoolsMapping") or {}
    return {
        "prefix": spec.get("sisIDPrefix") or "",
        "entities": sorted(spec.get("entities") or DEFAULT_ENTITIES),
        "timeZone": spec.get("timeZone") or "UTC",
        "bulk": bool(spec.get("bulkUploadMode")),
        "mode": mapping.get("mode") or "Auto",
        "schools": sorted(repr(sorted(said(s).items())) for s in mapping.get("schools") or []),
        "exclude": sorted(mapping.get("exclude") or []),
        "attributesMapping": any_order("attributesMapping"),
        "dataRequirements": [said(x) for x in spec.get("dataRequirements") or []],
        "filterRules": any_order("filterRules"),
        "domainsOfUniqueness": any_order("domainsOfUniqueness"),
    }


def put(r: Record, name: str, value: Any) -> None:
    """Set an attribute or a metadata key."""
    if name.startswith("metadata."):
        r.values["metadata"] = {**(r.values.get("metadata") or {}), name.removeprefix("metadata."): value}
    else:
        r.values[name] = value


def is_list(r: Record, name: str) -> bool:
    """Whether an attribute holds several texts."""
    return not name.startswith("metadata.") and BY_NAME[r.table].attribute(name).kind in ("list", "set", "refs")


def folded(value: Any) -> Any:
    """A value for comparing by domains: lower case; lists element by element."""
    if isinstance(value, str):
        return value.lower()
    if isinstance(value, list):
        return tuple(folded(v) for v in value)
    return value


__all__ = ["BY_ENTITY", "Model", "ModelChange", "ModelPlan", "ModelStore"]
