"""The reference model's Schools Mapping: every organisation by itself, looked for in the pull and in the store."""

from dataclasses import dataclass, field
from typing import Any

from rostersync.errors import Permanent


@dataclass
class Orgs:
    """What Schools Mapping came to, by raw ids: sets of SIS organisations, and where each leads in the store."""

    mapped: set[str] = field(default_factory=set)
    passing: set[str] = field(default_factory=set)  # no schools: their own rows come
    vanished: set[str] = field(default_factory=set)
    present: set[str] = field(default_factory=set)  # everything that a reference can mean
    targets: dict[str, str] = field(default_factory=dict)
    homes: dict[str, str] = field(default_factory=dict)  # the school, raw, whose people those of a department are
    leaving: set[str] = field(default_factory=set)  # no schools: would leave the store, and nobody knows a school above
    gone: set[str] = field(default_factory=set)  # vanished, and proved so: the pull is whole or says it
    kept_targets: set[str] = field(default_factory=set)
    vanished_targets: set[str] = field(default_factory=set)
    imported: dict[str, str] = field(default_factory=dict)
    found: int = 0
    missing: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)  # vanished, or listed and never seen

    def passes(self, raw: str) -> bool:
        """Whether an organisation's own row comes."""
        return raw in self.mapped or raw in self.passing

    def counts(self, raw: str) -> bool:
        """Whether a record that refers to it is wanted for it."""
        return self.passes(raw) and self.homes.get(raw) not in self.vanished

    def at_vanished(self, raw: str) -> bool:
        """Whether it is a vanished school, or a department of one."""
        return raw in self.vanished or (raw in self.passing and self.homes.get(raw) in self.vanished)

    def home(self, raw: str) -> str | None:
        """The id in the store of where a record that refers to it belongs; None for what nobody wants."""
        return self.targets[self.homes.get(raw, raw)] if self.counts(raw) or self.at_vanished(raw) else None


def is_removed(row: dict[str, Any]) -> bool:
    """An explicit removal by the source."""
    return (row.get("status") or "active").lower() in ("tobedeleted", "inactive")


def is_school(row: dict[str, Any]) -> bool:
    """Whether an organisation of a pull is a School; every other type is a District."""
    return (row.get("type") or "").lower() == "school"


@dataclass
class OrgsRead:
    """What a pull of organisations lets a plan do: see it whole, delete what is not sent, delete what is sent removed."""

    whole: bool
    unsent_go: bool
    removed_go: bool


def map_schools(
    spec: dict[str, Any],
    orgs: list[dict[str, Any]],
    remembered: dict[str, str],
    store_orgs: dict[str, dict[str, Any]],
    read: OrgsRead,
    left: dict[str, dict[str, Any]] | None = None,
) -> Orgs:
    """Decide every organisation of a pull. `remembered`: SIS schools ever imported, to their id in the store; `left`:
    rows of organisations other than schools that have left the store."""
    mapping = spec.get("schoolsMapping") or {}
    prefix = spec.get("sisIDPrefix") or ""
    selected = mapping.get("mode") == "Selected"
    entries = {s["sourcedId"]: s.get("target") or {} for s in mapping.get("schools") or []}
    excluded = set(mapping.get("exclude") or [])
    there = {o["sourcedId"]: o for o in orgs if not is_removed(o)}

    def wanted(raw: str) -> bool:
        return raw not in excluded and (not selected or raw in entries)

    for raw, entry in entries.items():
        if wanted(raw) and entry.get("id") not in (None, prefix + raw):
            refuse_no_school(entry["id"], prefix, there, remembered, store_orgs)
    out = Orgs()
    schools = {raw for raw, o in there.items() if is_school(o)}
    out.mapped = {raw for raw in schools if wanted(raw)}
    out.missing = schools - out.mapped
    out.found = len(schools)
    out.vanished = {raw for raw in remembered if wanted(raw) and raw not in schools}
    never_seen = {raw for raw in entries if selected and wanted(raw) and raw not in schools}
    out.lost = out.vanished | never_seen
    out.gone = {raw for raw in out.vanished if read.whole or raw in {o["sourcedId"] for o in orgs}}
    for raw, o in there.items():
        out.targets[raw] = (entries.get(raw, {}).get("id") if is_school(o) else None) or prefix + raw
    for raw, target in remembered.items():
        if raw in out.vanished or (raw not in there and not wanted(raw)):
            out.targets[raw] = target
    once = set(out.targets) - set(there) - out.vanished  # schools that were imported and are mapped no more
    # What the store has and the pull does not say anything good of, but which stays all the same.
    for i, row in store_orgs.items():
        raw = i.removeprefix(prefix)
        sent = next((o for o in orgs if o["sourcedId"] == raw), None)
        stays = not read.unsent_go if sent is None else not read.removed_go or is_school(sent)
        if row["entity"] == "District" and i.startswith(prefix) and raw not in out.targets and stays:
            out.targets[raw] = i
    out.present = set(out.targets)
    out.kept_targets = {out.targets[raw] for raw in out.mapped | out.vanished}
    out.vanished_targets = {out.targets[raw] for raw in out.vanished}
    active = {raw for raw in out.mapped if (there[raw].get("status") or "active").lower() == "active"}
    out.imported = {raw: out.targets[raw] for raw in active}

    parents = {raw: o.get("parentSourcedId") for raw, o in there.items() if raw not in out.vanished}
    ever_stored = {**(left or {}), **store_orgs}
    tree = Tree(out, parents, remembered, ever_stored, prefix)
    no_districts = schools | out.vanished | once
    above_schools = {a for raw in out.mapped | out.vanished for a in tree.above(raw)} - no_districts
    for raw in out.present - no_districts:
        schools_above = [a for a in tree.above(raw) if a in no_districts]
        ours = [a for a in schools_above if a in out.mapped or a in out.vanished]
        if ours:
            out.homes[raw] = ours[0]
        stored = store_orgs.get(out.targets[raw], {}).get("entity") == "District"
        comes_by_itself = not schools_above and raw not in excluded and (not selected or (stored and not read.whole))
        if ours or raw in above_schools or comes_by_itself:
            out.passing.add(raw)
    # What leaves or has left the store says where its people belong, if that is a school.
    leaving = {i.removeprefix(prefix): i for i, row in ever_stored.items() if row["entity"] == "District"}
    leaving = {raw: i for raw, i in leaving.items() if i == prefix + raw and raw not in out.present}
    above = {raw: tree.above_stored(i) for raw, i in leaving.items()}
    for raw, i in leaving.items():
        schools_above = [a for a in above[raw] if a in no_districts]
        ours = [a for a in schools_above if a in out.mapped or a in out.vanished]
        if ours:
            out.homes[raw] = ours[0]
            out.passing.add(raw)
        if schools_above:
            out.targets[raw] = i
            out.present.add(raw)
        elif i in store_orgs and raw not in excluded:
            out.leaving.add(raw)
    return out


def refuse_no_school(
    target: str,
    prefix: str,
    there: dict[str, dict[str, Any]],
    remembered: dict[str, str],
    store_orgs: dict[str, dict[str, Any]],
) -> None:
    """A school may not be led to an organisation of another type, as the pull has it or else the store."""
    rows = [o for raw, o in there.items() if prefix + raw == target]
    if rows:
        fits = is_school(rows[0]) or rows[0]["sourcedId"] in remembered
    else:
        fits = target not in store_orgs or store_orgs[target]["entity"] == "School"
    if not fits:
        raise Permanent("a mapping leads to no school", reason="InvalidSpec")


@dataclass
class Tree:
    """Who stands above whom: by the pull's parents, and by the store's where the pull has none to ask."""

    orgs: Orgs
    parents: dict[str, str | None]  # of what is pulled
    remembered: dict[str, str]
    store_orgs: dict[str, dict[str, Any]]
    prefix: str

    def above(self, raw: str) -> list[str]:
        """Raw ids, nearest first, of everything above that counts; a loop ends."""
        return self.climb(self.parent(raw), raw)

    def above_stored(self, i: str) -> list[str]:
        """The same of an organisation that only the store knows."""
        return self.climb(self.known(self.store_orgs[i].get("parentSourcedId")), None)

    def climb(self, current: str | None, raw: str | None) -> list[str]:
        """From one to the next above, until nobody knows or it begins anew."""
        found: list[str] = []
        while current is not None and current not in found and current != raw:
            found.append(current)
            current = self.parent(current)
        return found

    def parent(self, raw: str) -> str | None:
        """The next above: of a pulled organisation as sent, of another as the store has it."""
        if raw in self.parents:
            sent = self.parents[raw]
            if sent is None or sent in self.orgs.targets:
                return sent
            return self.known(self.prefix + sent)
        return self.known((self.store_orgs.get(self.orgs.targets[raw]) or {}).get("parentSourcedId"))

    def known(self, i: str | None) -> str | None:
        """The raw id of an id in the store; where it is gone, of the first one above it that is there."""
        passed: list[str] = []
        while i is not None and i not in passed:
            for meaning in (self.orgs.targets, self.remembered, {r: self.prefix + r for r in self.orgs.targets}):
                raws = [r for r in self.orgs.targets if meaning.get(r) == i]
                if raws:
                    return min(raws, key=lambda r: (r not in self.orgs.mapped, r not in self.parents, r))
            passed.append(i)
            i = (self.store_orgs.get(i) or {}).get("parentSourcedId")
        return None
