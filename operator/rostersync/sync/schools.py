"""Schools Mapping, decided: which organisations a pull maps, which vanished, and where each leads in the store.

Pure. Organisations are few (thousands at most), so they are decided one by one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from rostersync.model import Schools

ACTIVE = "active"
REMOVED = ("tobedeleted", "inactive")
LISTED = 20  # school ids of each kind that a report carries


class State(StrEnum):
    """What a reference to an organisation means for the scope of a record."""

    MAPPED = "mapped"  # a mapped school of this pull
    ANCESTOR = "ancestor"  # stands above a mapped school
    VANISHED = "vanished"  # a mapped school that was imported once and is no school of the source any more
    UNMAPPED = "unmapped"  # in the pull, and nobody wants it


@dataclass(frozen=True)
class Org:
    """One organisation of the pull, raw values."""

    id: str
    is_school: bool
    status: str | None = None
    parent: str | None = None

    @property
    def removed(self) -> bool:
        """Explicitly taken out by the source; for a School that means vanished."""
        return (self.status or ACTIVE).lower() in REMOVED

    @property
    def accepted(self) -> bool:
        """Whether the status says plainly that it is there; an unknown one decides nothing."""
        return (self.status or ACTIVE).lower() == ACTIVE


@dataclass(frozen=True)
class SchoolRules:
    """Schools Mapping as configured. `targets` holds the entries' target ids by raw SIS id (None: none given)."""

    auto: bool = True
    targets: Mapping[str, str | None] = field(default_factory=dict)
    exclude: frozenset[str] = frozenset()
    prefix: str = ""

    def wants(self, sis_id: str) -> bool:
        """Whether a school of that raw id is mapped."""
        return sis_id not in self.exclude and (self.auto or sis_id in self.targets)

    def target(self, sis_id: str) -> str:
        """The id in the store of a school with that raw id."""
        return self.targets.get(sis_id) or self.prefix + sis_id


@dataclass(frozen=True)
class Scope:
    """What Schools Mapping came to.

    `states` and `targets` are by raw id of every organisation that scopes records; `kept_targets` are the schools
    in the store that the mapping still leads to; `vanished_targets` those of them that protect what refers to them.
    """

    states: Mapping[str, State]
    targets: Mapping[str, str]
    kept_targets: frozenset[str]
    vanished_targets: frozenset[str]
    imported: tuple[tuple[str, str], ...]
    schools: Schools


def decide(
    orgs: Iterable[Org], mapping: SchoolRules, remembered: Mapping[str, str], store_parents: Mapping[str, str | None]
) -> Scope:
    """The scope of one pull.

    `remembered` maps every SIS school ever imported to its id in the store; `store_parents` the organisations in the
    store to their parents' ids.
    """
    pulled = {o.id: o for o in orgs if not o.removed}
    schools = {o.id for o in pulled.values() if o.is_school}
    mapped = {i for i in schools if mapping.wants(i)}
    # A school that is sent as something else is no school any more: gone too, and its row says nothing (rules 1.4).
    vanished = {i for i in remembered if i not in schools and mapping.wants(i)}
    targets = {i: (mapping.target(i) if o.is_school else mapping.prefix + i) for i, o in pulled.items()}
    targets.update({i: remembered[i] for i in vanished})
    states = dict.fromkeys(pulled, State.UNMAPPED)
    states.update(dict.fromkeys(vanished, State.VANISHED))
    for i in mapped:
        for above in _above(i, pulled):
            if not pulled[above].is_school and above not in vanished:
                states[above] = State.ANCESTOR
    by_target = {t: i for i, t in targets.items() if i in pulled}
    for i in vanished:
        for above in _above_in_store(remembered[i], store_parents, by_target, pulled, targets):
            if not pulled[above].is_school and above not in vanished:
                states[above] = State.ANCESTOR
    states.update(dict.fromkeys(mapped, State.MAPPED))
    never_seen = set() if mapping.auto else {i for i in mapping.targets if mapping.wants(i)} - schools - vanished
    missing = schools - mapped
    return Scope(
        states=states,
        targets=targets,
        kept_targets=frozenset(targets[i] for i in mapped | vanished),
        vanished_targets=frozenset(targets[i] for i in vanished),
        imported=tuple(sorted((i, targets[i]) for i in mapped if pulled[i].accepted)),
        schools=Schools(
            found=len(schools),
            mapped=len(mapped),
            missing=len(missing),
            vanished=len(vanished | never_seen),
            missing_ids=tuple(sorted(missing)[:LISTED]),
            vanished_ids=tuple(sorted(vanished | never_seen)[:LISTED]),
        ),
    )


def _above(org: str, pulled: Mapping[str, Org]) -> list[str]:
    """Every organisation above one, nearest first; a parent that is not in the pull ends the chain, so does a loop."""
    chain: list[str] = []
    parent = pulled[org].parent
    while parent is not None and parent in pulled and parent not in chain and parent != org:
        chain.append(parent)
        parent = pulled[parent].parent
    return chain


def _above_in_store(
    target: str,
    store_parents: Mapping[str, str | None],
    by_target: Mapping[str, str],
    pulled: Mapping[str, Org],
    targets: Mapping[str, str],
) -> list[str]:
    """What stands above a vanished school: the store's word for it, and the pull's from where it knows the parent."""
    chain: list[str] = []
    seen = {target}
    parent = store_parents.get(target)
    while parent is not None and parent not in seen:
        seen.add(parent)
        raw = by_target.get(parent)
        if raw is None:
            parent = store_parents.get(parent)
            continue
        chain.append(raw)
        above = pulled[raw].parent
        parent = targets.get(above) if above else None
    return chain
