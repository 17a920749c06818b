"""The reference model's verdict: every hold of a plan, as comparable tuples. Plain Python.

A threshold hold is (reason, entity, change, school, count, population, limit, unit, before, window); every other one
(reason, entity, school).
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

DEFAULTS = {"Delete": 10, "Update": 75, "Create": 50}
EMPTIED = ("Student", "Teacher", "Class")
HOURS = {"h": 1, "d": 24}
OPPOSITE = {"Create": "Delete", "Update": "Update", "Delete": "Create"}


@dataclass(eq=False)
class Entry:
    """What one plan changes, by (entity, school, change), and what was there before, by (entity, school); school None is
    all. `by_school`: whether the store keeps the schools, which it does where a rule asks for them within a window.

    A restore has `of`, the plan that it took back, and the changes that did it apart from the others, in `back`."""

    at: datetime
    count: Counter[Any]
    population: Counter[Any]
    by_school: bool
    of: "Entry | None" = None
    back: Counter[Any] = field(default_factory=Counter)


def entry_of(
    spec: dict[str, Any],
    store: Any,
    changes: dict[Any, Any],
    after: dict[Any, dict[str, Any]],
    now: datetime,
    of: Entry | None = None,
    back: Collection[Any] = (),
) -> Entry:
    """Count a plan as limits do: who changes entity leaves the old one and is new in the other.

    `of`: what a restore took back, of the records `back`. Those are counted where they are put."""
    before = {k: r for k, r in store.rows.items() if r["status"] == "active"}
    schools = {i for (t, i), r in [*before.items(), *after.items()] if t == "orgs" and r["entity"] == "School"}
    population: Counter[Any] = Counter()
    for (table, _), row in before.items():
        population[row["entity"], None] += 1
        population.update((row["entity"], s) for s in schools_of(table, row, schools))
    counts: tuple[Counter[Any], Counter[Any]] = (Counter(), Counter())
    for key, c in changes.items():
        count, ends = counts[key in back], ("Create", "Update") if key in back else ("Create",)
        sides = [(c.change, c.after if c.change in ends else before[key])]
        if c.change == "Update" and c.after["entity"] != before[key]["entity"]:
            sides = [("Delete", before[key]), ("Create", c.after)]
        for change, row in sides:
            for school in [None, *schools_of(key[0], row, schools)]:
                count[row["entity"], school, change] += 1
                count[row["entity"], school, "Any"] += 1
    rules = (spec.get("syncHoldThreshold") or {}).get("rules") or []
    by_school = any(r.get("perSchool") and r.get("window") for r in rules)
    return Entry(now, counts[0], population, by_school, of, counts[1])


def holds_of(
    spec: dict[str, Any],
    store: Any,
    changes: dict[Any, Any],
    after: dict[Any, dict[str, Any]],
    hold_counts: dict[tuple[str, int], int],
    memory: dict[str, Any],
    now: Entry,
) -> set[tuple[Any, ...]]:
    """All holds of a plan that changes something. `after` is the resulting store, by key."""
    before = {k: r for k, r in store.rows.items() if r["status"] == "active"}
    schools = {i for (t, i), r in [*before.items(), *after.items()] if t == "orgs" and r["entity"] == "School"}
    holds = thresholds(spec, before, changes, schools, now, store.log)
    holds |= emptied(before, after, schools)
    for (entity, _), count in hold_counts.items():
        if count:
            holds.add(("RequirementHold", entity, None))
    if spec.get("previewDataUpload"):
        holds.add(("Preview", None, None))
    approval = spec.get("approval") or {}
    if approval.get("holdFirstImport") and (store.memory is None or store.memory.get("partly")):
        holds.add(("FirstImport", None, None))
    if store.memory is None:
        return holds
    if store.memory["prefix"] != memory["prefix"]:
        holds.add(("IdentityChanged", None, None))
    if host(store.memory["service"]) != host(memory["service"]):
        holds.add(("SourceChanged", None, None))
    kinds = Counter(c.change for c in changes.values())
    much = kinds["Delete"] > 0 or kinds["Update"] * 100 > 10 * len(before)
    if store.memory["config"] != memory["config"] and approval.get("holdOnConfigChange", True) and much:
        holds.add(("ConfigChanged", None, None))
    holds |= {("ReKeyed", e, None) for e in rekeyed(before, changes)}
    if any(undoes(row, before.get(key), c) for key, c in changes.items() for row in store.restored.get(key, ())):
        holds.add(("RestoredRecords", None, None))
    return holds


def undoes(restored: tuple[Any, Any], now: Any, change: Any) -> bool:
    """Whether a change has a record again as it was before a restore. `restored`: the record before and after that."""
    was, became = restored
    if was is None or became is None:
        return bool((was is None and change.after is None) or (became is None and now is None))
    if now is None or change.after is None:
        return False
    sides = [flat(row) for row in (was, became, now, change.after)]
    return any(
        sides[0].get(n) != sides[1].get(n) and sides[2].get(n) != sides[0].get(n) == sides[3].get(n)
        for n in sides[0].keys() | sides[1].keys()
    )


def flat(row: dict[str, Any]) -> dict[str, Any]:
    """A record with a value for each key of its metadata."""
    values = {k: v for k, v in row.items() if k not in ("metadata", "status")}
    return values | {f"metadata.{k}": v for k, v in (row["metadata"] or {}).items()}


def host(url: str | None) -> str | None:
    """Host of a URL without scheme, port and path."""
    return url.split("://")[1].split("/")[0].split(":")[0] if url else None


def schools_of(table: str, row: dict[str, Any], schools: set[str]) -> set[str]:
    """The schools that a record belongs to."""
    if table == "users":
        return schools & set(row["orgSourcedIds"] or [])
    if table in ("classes", "enrollments"):
        return schools & {row["schoolSourcedId"]}
    return schools & {row["orgSourcedId"]} if table == "courses" else set()


def thresholds(
    spec: dict[str, Any],
    before: dict[Any, Any],
    changes: dict[Any, Any],
    schools: set[str],
    now: Entry,
    log: list[Entry],
) -> set[Any]:
    """Every limit that is exceeded."""
    rules = list((spec.get("syncHoldThreshold") or {}).get("rules") or [])
    entities = sorted({r["entity"] for r in before.values()} | {e for e, _, _ in now.count})
    holds = set()
    for entity in entities:
        mine = [r for r in rules if r["entity"] in ("*", entity)]
        for change, percent in DEFAULTS.items():
            replaced = any(
                r.get("percent") is not None and not r.get("perSchool") and r["change"] in (change, "Any") for r in mine
            )
            if not replaced:
                mine.append({"change": change, "percent": percent, "window": "24h" if change == "Delete" else None})
        for rule in mine:
            for school in sorted(schools) if rule.get("perSchool") else [None]:
                own = now.count[entity, school, rule["change"]]
                if own == 0:
                    continue
                people = now.population[entity, school]
                said = ("Threshold", entity, rule["change"], school)
                percent, minimum = rule.get("percent"), rule.get("minPopulation", 20)
                for limit, unit, least in ((percent, "Percent", max(minimum, 1)), (rule.get("count"), "Count", 1)):
                    earlier, begun = applied(log, now.at, rule.get("window"), entity, school, rule["change"], least)
                    words = (earlier, rule["window"]) if earlier else (None, None)
                    n, base = (own + earlier, begun) if earlier else (own, people)
                    if above(limit, minimum, n, base) if unit == "Percent" else limit is not None and n > limit:
                        holds.add((*said, n, base, limit, unit, *words))
                    elif unit == "Percent" and above(limit, minimum, own, people):
                        holds.add((*said, own, people, limit, unit, None, None))
    return holds


def above(percent: int | None, minimum: int, n: int, people: int) -> bool:
    """Whether n is more than a share of so many people, where there are enough."""
    return percent is not None and people > 0 and people >= minimum and n * 100 > percent * people


def applied(
    log: list[Entry], now: datetime, window: str | None, entity: str, school: str | None, change: str, least: int
) -> tuple[int, int]:
    """How many such changes were applied within the window and still stand, and how many records there were when it
    began: or when there first were `least`, or with what a restore of something older brought."""
    if window is None:
        return 0, 0
    since = now - timedelta(hours=int(window[:-1]) * HOURS[window[-1]])
    place = (entity, school)
    mine = [e for e in log if e.at > since and (school is None or e.by_school)]
    mine = [e for e in mine if e.count[*place, "Any"] or e.back[*place, "Any"]]
    while mine and begun_with(mine[0], place) < least:
        mine.pop(0)
    if not mine:
        return 0, 0
    counting = [e for e in mine if e.count[*place, "Any"]]
    older = [e for e in mine if e.of and e.of not in counting]  # restores of what no window has
    stands = 0
    for e in counting:
        for one in ("Create", "Update", "Delete") if change == "Any" else (change,):
            taken = sum(r.back[*place, OPPOSITE[one]] for r in mine if r.of is e)
            stands += max(e.count[*place, one] - taken, 0)
    begun = mine[0].population[place] + sum(e.back[*place, "Create"] - e.back[*place, "Delete"] for e in older)
    return stands, begun


def begun_with(entry: Entry, place: tuple[str, str | None]) -> int:
    """How many records a place begins with, if this is the first that a window has of it."""
    return int(entry.population[place] + entry.back[*place, "Create"] - entry.back[*place, "Delete"])


def emptied(before: dict[Any, Any], after: dict[Any, Any], schools: set[str]) -> set[Any]:
    """Entities, and schools that stay, which a plan leaves without what they had."""
    was = Counter(r["entity"] for r in before.values())
    now = Counter(r["entity"] for r in after.values())
    holds: set[Any] = {("EntityEmptied", e, None) for e in was if not now[e]}
    for school in schools:
        stays = all(side.get(("orgs", school), {}).get("entity") == "School" for side in (before, after))
        for entity in EMPTIED if stays else ():
            had, has = (
                any(r["entity"] == entity and school in schools_of(t, r, schools) for (t, _), r in side.items())
                for side in (before, after)
            )
            if had and not has:
                holds.add(("SchoolEmptied", entity, school))
    return holds


def vanishing_holds(
    store: Any, orgs: Any, holds: set[Any], sent: dict[Any, dict[str, Any]], taken: set[Any]
) -> set[Any]:
    """Holds for schools that have vanished; what is said of them for another reason is taken out of `holds`.

    `sent`: what of the resulting store this pull brings; the rest is no member of a school that is gone.
    """
    before = {k: r for k, r in store.rows.items() if r["status"] == "active"}
    told = (store.memory["vanished"] if store.memory else set()) & orgs.vanished
    mapped = {orgs.targets[raw] for raw in orgs.mapped}
    newly = {orgs.targets[raw] for raw in orgs.gone - told}
    known = {orgs.targets[raw] for raw in told} - mapped - newly
    for hold in [h for h in holds if h[0] == "SchoolEmptied" and h[2] in newly | known]:
        holds.discard(hold)
    found = set()
    for school in newly:
        had = [r["entity"] for (t, _), r in before.items() if school in schools_of(t, r, newly)]
        has = [r["entity"] for (t, _), r in sent.items() if school in schools_of(t, r, newly)]
        if set(had) - {"Course", "Enrollment"}:
            found.add(("SchoolVanished", "School", school))
        found |= {("SchoolEmptied", e, school) for e in EMPTIED if e in taken and e in had and e not in has}
    return found


def rekeyed(before: dict[Any, Any], changes: dict[Any, Any]) -> set[str]:
    """Entities of which 20 records or more go, at least half of them paired one to one with new ones."""
    found = set()
    for entity in {c.entity for c in changes.values()} - {"District"}:
        gone = [natural(k, before[k]) for k, c in changes.items() if c.entity == entity and c.change == "Delete"]
        new = [natural(k, c.after) for k, c in changes.items() if c.entity == entity and c.change == "Create"]
        if len(gone) < 20:
            continue
        left, right = Counter(gone), Counter(new)
        pairs = [k for k in left if k is not None and left[k] == right[k] == 1]
        if len(pairs) * 2 >= len(gone):
            found.add(entity)
    return found


def natural(key: Any, row: dict[str, Any]) -> Any:
    """What tells a record apart when its id was re-issued; None when nothing does."""
    table = key[0]
    if table == "users":
        return next(((n, row[n]) for n in ("identifier", "username", "email") if row[n] is not None), None)
    if table == "classes":
        return (row["classCode"], row["schoolSourcedId"]) if row["classCode"] is not None else None
    return row.get("identifier") or row.get("courseCode")
