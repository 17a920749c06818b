"""The reference model's verdict: every hold of a plan, as comparable tuples. Plain Python.

A threshold hold is (reason, entity, change, school, count, population, limit, unit); every other one
(reason, entity, school).
"""

from collections import Counter
from typing import Any

DEFAULTS = {"Delete": 10, "Update": 75, "Create": 50}
EMPTIED = ("Student", "Teacher", "Class")


def holds_of(spec: dict[str, Any], store: Any, changes: dict[Any, Any], after: dict[Any, dict[str, Any]],
             hold_counts: dict[tuple[str, int], int], memory: dict[str, Any]) -> set[tuple[Any, ...]]:  # fmt: skip
    """All holds of a plan that changes something. `after` is the resulting store, by key."""
    before = {k: r for k, r in store.rows.items() if r["status"] == "active"}
    schools = {i for (t, i), r in [*before.items(), *after.items()] if t == "orgs" and r["entity"] == "School"}
    holds = thresholds(spec, before, changes, schools)
    holds |= emptied(before, after, schools)
    for (entity, _), count in hold_counts.items():
        if count:
            holds.add(("RequirementHold", entity, None))
    if spec.get("previewDataUpload"):
        holds.add(("Preview", None, None))
    approval = spec.get("approval") or {}
    if store.memory is None:
        if approval.get("holdFirstImport"):
            holds.add(("FirstImport", None, None))
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
    return holds


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


def thresholds(spec: dict[str, Any], before: dict[Any, Any], changes: dict[Any, Any], schools: set[str]) -> set[Any]:
    """Every limit that is exceeded."""
    rules = list((spec.get("syncHoldThreshold") or {}).get("rules") or [])
    entities = sorted({r["entity"] for r in before.values()} | {c.entity for c in changes.values()})
    population: Counter[Any] = Counter()
    for (table, _), row in before.items():
        population[row["entity"], None] += 1
        population.update((row["entity"], s) for s in schools_of(table, row, schools))
    count: Counter[Any] = Counter()
    for key, c in changes.items():
        row = c.after if c.change == "Create" else before[key]
        for school in [None, *schools_of(key[0], row, schools)]:
            count[c.entity, school, c.change] += 1
            count[c.entity, school, "Any"] += 1
    holds = set()
    for entity in entities:
        mine = [r for r in rules if r["entity"] in ("*", entity)]
        for change, percent in DEFAULTS.items():
            replaced = any(
                r.get("percent") is not None and not r.get("perSchool") and r["change"] in (change, "Any") for r in mine
            )
            if not replaced:
                mine.append({"change": change, "percent": percent})
        for rule in mine:
            for school in sorted(schools) if rule.get("perSchool") else [None]:
                people, n = population[entity, school], count[entity, school, rule["change"]]
                told = ("Threshold", entity, rule["change"], school, n, people)
                percent, minimum = rule.get("percent"), rule.get("minPopulation", 20)
                if percent is not None and people > 0 and people >= minimum and n * 100 > percent * people:
                    holds.add((*told, percent, "Percent"))
                if rule.get("count") is not None and n > rule["count"]:
                    holds.add((*told, rule["count"], "Count"))
    return holds


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


def vanishing_holds(store: Any, orgs: Any, holds: set[Any], sent: dict[Any, dict[str, Any]],
                    taken: set[Any]) -> set[Any]:  # fmt: skip
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
