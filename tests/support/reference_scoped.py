"""The reference model of a plan of some schools: which of the whole plan's changes stay, and what holds it.

Plain loops over single changes, written from the rules: a record belongs to its schools before and after; what it needs
comes along; a delete stays only if nothing that is left out stands against it.
"""

import copy
from collections import Counter
from dataclasses import replace
from typing import Any

from rostersync.model import Entity, EntityCounts
from rostersync.roster import BY_NAME, TABLES
from support.reference import Key, Model, ModelChange, ModelPlan, ModelStore, Row
from support.reference_gate import EMPTIED, Entry, entry_of, holds_of, schools_of, thresholds, vanishing_holds


class Scoped:
    """A whole plan of the model, limited to some schools (their ids in the store)."""

    def __init__(self, model: Model, whole: ModelPlan, schools: set[str]) -> None:
        self.model, self.whole, self.asked, self.store = model, whole, schools, model.store
        before = {k: r for k, r in self.store.rows.items() if r["status"] == "active"}
        rows = [*before.items(), *((k, r) for k, r in whole.real.after.items())]
        self.schools = {i for (table, i), r in rows if table == "orgs" and r["entity"] == "School"}
        self.before = before
        self.sent = {(r.table, r.id): r for r in model.all()}
        self.kept = {k for k in whole.changes if self.of(k) and self.of(k) <= schools}
        self.bring_along()
        while self.drop_deletes():
            pass

    def of(self, key: Key) -> set[str]:
        """The schools that a changed record belongs to, before and after."""
        change = self.whole.changes[key]
        rows = [self.before[key]] if change.change != "Create" else []
        rows += [change.after] if change.after else []
        if key[0] == "demographics":
            person = ("users", key[1])
            rows = [self.before[person]] if change.change != "Create" and person in self.before else []
            rows += [self.whole.real.after[person]] if change.after and person in self.whole.real.after else []
            return set().union(*(schools_of("users", r, self.schools) for r in rows))
        if key[0] == "orgs":
            return {key[1]} if any(r["entity"] == "School" for r in rows) else set()
        return set().union(*(schools_of(key[0], r, self.schools) for r in rows))

    def references(self, key: Key, row: Row) -> list[tuple[Key, bool]]:
        """(what a row refers to, whether it needs it)."""
        found: list[tuple[Key, bool]] = [(("users", key[1]), True)] if key[0] == "demographics" else []
        for a in BY_NAME[key[0]].references:
            values = row[a.name] if isinstance(row[a.name], list) else [row[a.name]]
            found += [((a.target or "", v), a.required) for v in values if v is not None]
        return found

    def bring_along(self) -> None:
        """New records that a changed record needs, or that belong to no other school."""
        waiting = [k for k in self.kept if self.whole.changes[k].after]
        while waiting:
            key = waiting.pop()
            for target, needed in self.references(key, self.whole.changes[key].after or {}):
                change = self.whole.changes.get(target)
                if change is None or change.change != "Create" or target in self.kept:
                    continue
                if (
                    needed
                    or ((key[0], target[0]) == ("users", "orgs") and self.always(key, target))
                    or self.of(target) <= self.asked
                ):
                    self.kept.add(target)
                    waiting.append(target)

    def always(self, key: Key, target: Key) -> bool:
        """Whether an organisation is one of those that a person is at, and not only the primary one."""
        return target[1] in ((self.whole.changes[key].after or {})["orgSourcedIds"] or [])

    def drop_deletes(self) -> bool:
        """One round; whether it took anything out."""
        going = {k for k in self.kept if self.whole.changes[k].change == "Delete"}
        out = set()
        for key, change in self.whole.changes.items():
            if change.change == "Create":
                continue
            for target, _ in self.references(key, self.before[key]):
                if target in going and key not in self.kept:
                    out.add(target)
        for key in going:
            if self.whole.changes[key].cause == "Cascade":
                needs = [t for t, needed in self.references(key, self.before[key]) if needed]
                why = [t for t in needs if t in self.whole.changes and self.whole.changes[t].change == "Delete"]
                if why and not any(t in self.kept for t in why):
                    out.add(key)
        self.kept -= out
        return bool(out)

    def changes(self) -> dict[Key, ModelChange]:
        """What stays, with references to what is left out cut."""
        real = self.whole.real
        left = {k: c for k, c in self.whole.changes.items() if k not in self.kept}
        there = (real.after.keys() - {k for k, c in left.items() if c.change == "Create"}) | {
            k for k, c in left.items() if c.change == "Delete"
        }
        gone = {k for k in real.deleted if k not in left}
        found: dict[Key, ModelChange] = {}
        for key in self.kept:
            change = self.whole.changes[key]
            if change.after is None:
                found[key] = change
                continue
            row = copy.deepcopy(real.uncut[key])
            for a in BY_NAME[key[0]].references:
                if a.required or row[a.name] is None:
                    continue
                several = isinstance(row[a.name], list)
                values = row[a.name] if several else [row[a.name]]
                kept = [
                    v for v in values if ((a.target, v) in there if key in real.accepted else (a.target, v) not in gone)
                ]
                row[a.name] = (kept or None) if several else (kept[0] if kept else None)
            if {**row, "status": "active"} != self.before.get(key):
                found[key] = replace(change, after=row)
        return found

    def plan(self) -> ModelPlan:
        """The whole of it."""
        changes = self.changes()
        counts = self.counts(changes)
        after = {k: r for k, r in self.before.items() if k not in changes or changes[k].after}
        after |= {k: c.after for k, c in changes.items() if c.after}
        entry = entry_of(self.model.spec, self.store, changes, after, self.model.now)
        orgs = copy.copy(self.whole.orgs)
        known = self.asked | {i for (t, i) in self.kept if t == "orgs"}
        orgs.imported = {raw: i for raw, i in orgs.imported.items() if i in known}
        memory = {**self.whole.memory, "vanished": self.vanished()}
        holds = self.holds(changes, after, entry, memory) if changes else set()
        before = self.store.memory
        kept = {**memory, "partly": True} if before is None else {**before, "vanished": memory["vanished"]}
        held = {k: fate for k, fate in self.whole.held.items() if self.is_mine(k)}
        return replace(
            self.whole, changes=changes, counts=counts, held=held, holds=holds, orgs=orgs, memory=kept, entry=entry
        )

    def vanished(self) -> set[str]:
        """Vanished schools, by SIS id, that are told now, or were before."""
        told = self.store.memory["vanished"] if self.store.memory else set()
        return {i for i in self.whole.memory["vanished"] if i in told or self.whole.orgs.targets[i] in self.asked}

    def counts(self, changes: dict[Key, ModelChange]) -> dict[Entity | None, EntityCounts]:
        """The counts of these schools' records, with the changes that stay and the number of all others."""
        found = self.model.count(self.whole.changes, self.whole.deferred, self.whole.real, self.is_mine)
        people = Counter(r["entity"] for k, r in self.before.items() if self.belongs(k, r))
        for entity, whole in self.whole.counts.items():
            mine = Counter(x.change for x in changes.values() if x.entity == entity)
            left = whole.created + whole.updated + whole.deleted - mine.total()
            found[entity] = replace(
                found[entity],
                created=mine["Create"],
                updated=mine["Update"],
                deleted=mine["Delete"],
                out_of_scope=left,
                population=people[entity],
            )
        return found

    def is_mine(self, key: Key) -> bool:
        """Whether a record belongs to these schools, as it is stored or as it was sent."""
        table, i = key
        if table == "demographics":
            return self.is_mine(("users", i))
        if table == "academicSessions":
            return True
        rows = [r for r in self.sides(key) if r]
        if table == "orgs":
            return i in self.asked or any(r["entity"] != "School" for r in rows)
        if any(schools_of(table, r, self.asked) for r in rows):
            return True
        return table == "courses" and i in self.used_courses()

    def sides(self, key: Key) -> list[Row]:
        """A record as it is stored, and as it was sent."""
        sent = self.sent.get(key)
        return [self.before.get(key, {}), {**sent.values, "entity": sent.entity} if sent else {}]

    def used_courses(self) -> set[str | None]:
        """Courses of the classes of these schools."""
        keys = {k for k in [*self.before, *self.sent] if k[0] == "classes"}
        rows = [r for k in keys for r in self.sides(k) if r]
        return {r["courseSourcedId"] for r in rows if r["schoolSourcedId"] in self.asked}

    def belongs(self, key: Key, row: Row) -> bool:
        """Whether a stored record counts in the population of these schools."""
        table = key[0]
        if table == "demographics":
            person = self.before.get(("users", key[1]))
            return person is not None and bool(schools_of("users", person, self.asked))
        if table == "courses" and any(
            t == "classes" and r["courseSourcedId"] == key[1] and r["schoolSourcedId"] in self.asked
            for (t, _), r in self.before.items()
        ):
            return True
        if table == "orgs":
            return row["entity"] != "School" or key[1] in self.asked
        return table == "academicSessions" or bool(schools_of(table, row, self.asked))

    def holds(
        self, changes: dict[Key, ModelChange], after: dict[Key, Row], entry: Entry, memory: dict[str, Any]
    ) -> set[tuple[Any, ...]]:
        """As of a whole plan, with the numbers of these schools."""
        model, mine = self.model, {k: r for k, r in self.before.items() if self.belongs(k, r)}
        people = Counter(r["entity"] for r in mine.values())
        own = Entry(entry.at, entry.count, entry.population.copy(), entry.by_school)
        for entity in Entity:
            own.population[entity, None] = people[entity]
        rest = ModelStore(mine, self.store.schools, self.store.memory, self.store.log)
        required = Counter(of for of, key in model.hold_keys if self.is_mine(key))
        holds = holds_of(model.spec, rest, changes, after, required, memory, own)
        holds = {h for h in holds if h[0] not in ("Threshold", "EntityEmptied", "SchoolEmptied")}
        holds |= thresholds(model.spec, self.before, changes, self.asked & self.schools, own, self.store.log)
        for name in people:
            lost = own.count[name, None, "Delete"] - own.count[name, None, "Create"]
            if people[name] and people[name] == lost:
                holds.add(("EntityEmptied", name, None))
        for school in self.asked:
            if not all(side.get(("orgs", school), {}).get("entity") == "School" for side in (self.before, after)):
                continue
            for kind in EMPTIED:
                had, has = (
                    any(r["entity"] == kind and school in schools_of(k[0], r, {school}) for k, r in side.items())
                    for side in (self.before, after)
                )
                if had and not has:
                    holds.add(("SchoolEmptied", kind, school))
        orgs = copy.copy(self.whole.orgs)
        orgs.gone = {i for i in orgs.gone if orgs.targets[i] in self.asked}
        orgs.vanished = {i for i in orgs.vanished if orgs.targets[i] in self.asked}
        sent = {k: self.whole.real.after[k] for k in self.whole.real.accepted}
        return holds | vanishing_holds(self.store, orgs, holds, sent, model.taken)


def dangling(store: ModelStore) -> set[tuple[Key, Key]]:
    """References of active rows to what is not there: (from, to)."""
    found = set()
    for t in TABLES:
        for i, row in store.table(t.name).items():
            for a in t.references:
                values = row[a.name] if isinstance(row[a.name], list) else [row[a.name]]
                found |= {
                    ((t.name, i), (a.target or "", v)) for v in values if v and not store.active((a.target or "", v))
                }
    return found
