"""Schools Mapping, decided: which organisations a pull maps, which vanished, and what each maps to in the store.

Pure. Organisations are few (thousands at most), so they are decided one by one.

An organisation is looked up in the pull and in the store together. A chain of parents that the pull interrupts
continues in the store, and what the pull does not send but the store keeps can still be referred to. A department that
leaves the store, or has left it, still says where it was: people who are sent with it belong to the school above it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from rostersync.api.v1alpha1.connection import ConnectionSpec
from rostersync.errors import Permanent
from rostersync.model import Schools
from rostersync.sync.scope import Place, Scope, State
from rostersync.tables.context import read_only

ACTIVE = "active"
REMOVED = ("tobedeleted", "inactive")
LISTED = 20  # school ids of each kind that a report lists


@dataclass(frozen=True)
class Org:
    """One organisation of the pull, with raw values."""

    id: str
    is_school: bool
    status: str | None = None
    parent: str | None = None

    @property
    def removed(self) -> bool:
        """Whether the source explicitly removed it. For a School that means vanished."""
        return (self.status or ACTIVE).lower() in REMOVED

    @property
    def accepted(self) -> bool:
        """Whether the status clearly says that it exists. An unknown status decides nothing."""
        return (self.status or ACTIVE).lower() == ACTIVE


@dataclass(frozen=True)
class StoredOrg:
    """One organisation of the store, with ids of the store. `left`: only its tombstone is there."""

    is_school: bool
    parent: str | None = None
    left: bool = False


@dataclass(frozen=True)
class Reading:
    """What the pull of organisations allows a plan to do.

    `whole`: it was proved complete. `unsent_go`, `removed_go`: organisations other than schools leave the store when
    they are not sent, or are sent as removed.
    """

    whole: bool = True
    unsent_go: bool = False
    removed_go: bool = True


READ = Reading()


@dataclass(frozen=True)
class SchoolRules:
    """Schools Mapping as configured. `targets` holds the entries' target ids by raw SIS id (None: no target given)."""

    auto: bool = True
    targets: Mapping[str, str | None] = field(default_factory=dict)
    exclude: frozenset[str] = frozenset()
    prefix: str = ""

    @classmethod
    def of(cls, spec: ConnectionSpec) -> "SchoolRules":
        """The Schools Mapping of a connection."""
        configured = spec.schoolsMapping
        return cls(
            auto=configured.mode == "Auto",
            targets={s.sourcedId: (s.target.existing or s.target.id if s.target else None) for s in configured.schools},
            exclude=frozenset(configured.exclude),
            prefix=spec.sisIDPrefix,
        )

    def wants(self, sis_id: str) -> bool:
        """Whether a school of that raw id is mapped."""
        return sis_id not in self.exclude and (self.auto or sis_id in self.targets)

    def target(self, sis_id: str) -> str:
        """The id in the store of a school with that raw id."""
        return self.targets.get(sis_id) or self.prefix + sis_id


def decide(
    orgs: Iterable[Org],
    mapping: SchoolRules,
    remembered: Mapping[str, str],
    stored: Mapping[str, StoredOrg],
    reading: Reading = READ,
) -> Scope:
    """The scope of one pull.

    `remembered` maps every SIS school ever imported to its id in the store. `stored` has the organisations of the store
    by id, and those other than schools even after they have left it.

    Raises:
        Permanent: InvalidSpec, when the mapping leads a school to an organisation that is not a school.
    """
    sent = {o.id: o for o in orgs}
    active = {i: o for i, o in stored.items() if not o.left}
    pulled = {i: o for i, o in sent.items() if not o.removed}
    _check_targets(mapping, pulled, remembered, active)
    schools = {i for i, o in pulled.items() if o.is_school}
    mapped = {i for i in schools if mapping.wants(i)}
    # A school that is sent as something else is no longer a school. It has vanished too, and its row says nothing.
    vanished = {i for i in remembered if i not in schools and mapping.wants(i)}
    dropped = {i for i in remembered if i not in schools and not mapping.wants(i)}
    targets = {i: (mapping.target(i) if o.is_school else mapping.prefix + i) for i, o in pulled.items()}
    targets.update({i: remembered[i] for i in vanished})
    targets.update({i: remembered[i] for i in dropped if i not in pulled})
    gaps = _gaps(sent, targets, mapping.prefix, active, reading)
    targets.update(gaps)
    chains = _Chains(
        {i: o for i, o in pulled.items() if i not in vanished}, targets, mapped, remembered, mapping.prefix, stored
    )
    wanted = mapped | vanished
    no_district = schools | vanished | {i for i in dropped if i not in pulled}
    above_wanted = {a for i in wanted for a in chains.above(i) if a not in no_district}
    places = {i: Place(State.UNMAPPED, t, t, State.UNMAPPED) for i, t in targets.items() if i in no_district}
    places.update({i: Place(State.VANISHED, targets[i], targets[i], State.VANISHED) for i in vanished})
    places.update({i: Place(State.MAPPED, targets[i], targets[i], State.MAPPED) for i in mapped})
    districts = {i for i, o in active.items() if not o.is_school}
    for i in targets.keys() - no_district:
        home, fenced = _home(chains.above(i), wanted, no_district)
        every = mapping.auto and not fenced and i not in mapping.exclude
        # If organisations were not read completely, an organisation of the store may stand above others that are
        # unknown.
        unread = not reading.whole and targets[i] in districts and not fenced and i not in mapping.exclude
        if home is not None or i in above_wanted or every or unread:
            state = State.VANISHED if home in vanished else State.PASSING
            places[i] = Place(state, targets[i], targets[home or i], State.PASSING)
        else:
            places[i] = Place(State.UNMAPPED, targets[i], targets[i], State.UNMAPPED)
    leaving = set()
    for raw, target in _leaving(targets, mapping.prefix, stored).items():
        home, fenced = _home(chains.above_stored(target), wanted, no_district)
        if home is not None:
            state = State.VANISHED if home in vanished else State.PASSING
            places[raw] = Place(state, target, targets[home], State.PASSING)
        elif fenced:
            places[raw] = Place(State.UNMAPPED, target, target, State.UNMAPPED)
        elif target in active and raw not in mapping.exclude:
            leaving.add(raw)
    never_seen = set() if mapping.auto else {i for i in mapping.targets if mapping.wants(i)} - schools - vanished
    missing = schools - mapped
    return Scope(
        places=read_only(places),
        kept_targets=frozenset(targets[i] for i in wanted),
        vanished_targets=frozenset(targets[i] for i in vanished),
        vanished=read_only({i: targets[i] for i in vanished}),
        gone=frozenset(i for i in vanished if reading.whole or i in sent),
        leaving=frozenset(leaving),
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


def _check_targets(
    mapping: SchoolRules, pulled: Mapping[str, Org], remembered: Mapping[str, str], stored: Mapping[str, StoredOrg]
) -> None:
    """Refuse a target that the pull, or else the store, knows as something that never was a school."""
    by_id = {mapping.prefix + i: o.is_school or i in remembered for i, o in pulled.items()}
    for sis_id, target in sorted(mapping.targets.items()):
        if target in (None, mapping.prefix + sis_id) or not mapping.wants(sis_id):
            continue
        is_school = by_id.get(target, target not in stored or stored[target].is_school)
        if not is_school:
            raise Permanent(
                f"schoolsMapping leads school {sis_id} to {target}, which is an organisation but not a school; give the "
                "entry a target.id of its own, or that of a school",
                reason="InvalidSpec",
            )


def _gaps(
    sent: Mapping[str, Org],
    known: Mapping[str, str],
    prefix: str,
    stored: Mapping[str, StoredOrg],
    reading: Reading,
) -> dict[str, str]:
    """Organisations of the store that the pull does not confirm and that still stay: raw id to id."""
    gaps = {}
    for target, org in stored.items():
        raw = target.removeprefix(prefix)
        row = sent.get(raw)
        goes = reading.unsent_go if row is None else reading.removed_go and not row.is_school
        if not org.is_school and target.startswith(prefix) and raw not in known and not goes:
            gaps[raw] = target
    return gaps


def _leaving(known: Mapping[str, str], prefix: str, stored: Mapping[str, StoredOrg]) -> dict[str, str]:
    """Organisations other than schools that leave the store, or have left it, and are not sent: raw id to id."""
    return {
        target.removeprefix(prefix): target
        for target, org in stored.items()
        if not org.is_school and target.startswith(prefix) and target.removeprefix(prefix) not in known
    }


def _home(chain: Iterable[str], wanted: set[str], schools: set[str]) -> tuple[str | None, bool]:
    """(the nearest wanted school of a chain, or else whether it has only schools that are not wanted)."""
    fenced = False
    for above in chain:
        if above in wanted:
            return above, False
        fenced = fenced or above in schools
    return None, fenced


class _Chains:
    """The parents of an organisation: from the pull if it has one, else from the store."""

    def __init__(
        self,
        pulled: Mapping[str, Org],
        targets: Mapping[str, str],
        mapped: set[str],
        remembered: Mapping[str, str],
        prefix: str,
        stored: Mapping[str, StoredOrg],
    ) -> None:
        self.pulled, self.targets, self.remembered, self.prefix, self.stored = (
            pulled,
            targets,
            remembered,
            prefix,
            stored,
        )
        # If several organisations have one id in the store, a mapped school comes first, then one that is sent. Former
        # ids of an organisation (another target, or none) lead to it too.
        last_speaks = sorted(targets, key=lambda i: (i not in mapped, i not in pulled, i), reverse=True)
        self.by_id = {prefix + i: i for i in targets}
        self.by_id.update({remembered[i]: i for i in last_speaks if i in remembered})
        self.by_id.update({targets[i]: i for i in last_speaks})

    def above(self, org: str) -> Iterator[str]:
        """Raw ids, nearest first. Ends where no parent is known, and at a loop."""
        return self._climb(self._parent(org), {org})

    def above_stored(self, target: str) -> Iterator[str]:
        """The same for an organisation that only the store knows, by its id there."""
        return self._climb(self._first_known(self.stored[target].parent), set())

    def _climb(self, above: str | None, seen: set[str]) -> Iterator[str]:
        while above is not None and above not in seen:
            seen.add(above)
            yield above
            above = self._parent(above)

    def _parent(self, org: str) -> str | None:
        if org in self.pulled:
            parent = self.pulled[org].parent
            if parent is None or parent in self.targets:
                return parent
            return self._first_known(self.remembered.get(parent, self.prefix + parent))
        row = self.stored.get(self.targets[org])
        return self._first_known(row.parent) if row else None

    def _first_known(self, target: str | None) -> str | None:
        """The raw id of an organisation of the store, or of the first one above it that still counts."""
        seen: set[str] = set()
        while target is not None and target not in self.by_id and target not in seen:
            seen.add(target)
            row = self.stored.get(target)
            target = row.parent if row else None
        return self.by_id.get(target) if target is not None else None
