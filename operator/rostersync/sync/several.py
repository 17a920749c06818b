"""The roster of a district with several sources, as a step of a plan: after the plan's own changes are known, `sync/merge/` says what
they do to it.

A district with one source has none of this: what that source contributes is the roster.
"""

from collections.abc import Callable
from dataclasses import dataclass

from rostersync.api.v1alpha1.connection import ConnectionSpec
from rostersync.errors import Permanent
from rostersync.hold.facts import facts_of_roster
from rostersync.hold.gate import Facts, Switches, both, verdict
from rostersync.model import Cause, EntityCounts, Hold
from rostersync.plan.effective import config_hash, differing_fields, district_settings
from rostersync.roster import TABLES, Table
from rostersync.stores.port import StoreReader, StoreState
from rostersync.stores.several import Several
from rostersync.sync.merge import contributions, results
from rostersync.sync.merge.stage import merge, some_held
from rostersync.sync.merge.words import Words
from rostersync.tables.context import Context
from rostersync.tables.counts import Tally


@dataclass(frozen=True)
class Sources:
    """What a plan knows of the district's sources. `new_words`: it says something else of them than the district does so far."""

    several: Several
    words: Words
    targets: frozenset[str]
    taken_from: str
    new_words: bool


@dataclass(frozen=True)
class United:
    """What a plan does to the roster of several sources."""

    sources: Sources
    touched: tuple[Table, ...]
    tallies: dict[str, Tally]
    counts: tuple[EntityCounts, ...]

    @property
    def relinked(self) -> int:
        """How many records of the roster are no longer what they were one with."""
        return sum(
            n for t in self.tallies.values() for (_, _, _, cause), n in t.changes.items() if cause == Cause.RELINKED
        )

    @property
    def causes(self) -> dict[str, int]:
        """How many changes of the roster each cause has, the most frequent first."""
        found: dict[str, int] = {}
        for known in self.tallies.values():
            for (_, _, _, cause), number in known.changes.items():
                found[cause] = found.get(cause, 0) + number
        return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))


def begin(context: Context, reader: StoreReader, state: StoreState, *, brings: bool, partly: bool) -> Sources | None:
    """Attach what the other sources contributed. None if there are no others.

    `partly`: the plan is not about the whole district. Raises Permanent: DistrictSettingsDiffer, NoOtherSource.
    """
    if state.several is None and not state.other_sources:
        if not brings:
            raise Permanent(
                f"Source {context.source} only adds to people whom other sources bring (spec.deliveryConfig.unmatched), and district "
                f"{context.district} has no other source yet; nothing was planned. Import the other one first.",
                reason="NoOtherSource",
            )
        return None
    several = contributions.sources_after(context, state, brings=brings)
    mine = district_settings(context.spec)
    new_words = state.several is not None and state.several.settings != mine
    if new_words:
        _check_newer(context, state, partly=partly)
    contributions.attach(context, reader, state)
    several = Several(several.sources, mine, several.since)
    return Sources(
        several,
        contributions.words_of(context, several),
        _targets(context.spec),
        contributions.taken_from(state),
        new_words,
    )


def settle(
    context: Context, sources: Sources | None, plan: Callable[[frozenset[str]], None]
) -> tuple[Table, ...] | None:
    """Make the roster of what `plan` leaves, again and again, until nothing more must be held back because of other sources.

    `plan` gets the tables that have a `held_back_<table>`. Returns the tables of which the roster may change; None
    without other sources.
    """
    if sources is None:
        plan(frozenset())
        return None
    held, more = frozenset[str](), True
    while more:
        plan(held)
        touched = _merge(context, sources)
        new = contributions.hold_back(context, held) if some_held(context) else frozenset[str]()
        held, more = held | new, bool(new)
    return touched


def unite(context: Context, sources: Sources, touched: tuple[Table, ...] | None = None) -> United:
    """What the plan does to the roster. `touched`: it was made already, and this may change."""
    touched = _merge(context, sources) if touched is None else touched
    tallies = {table.name: results.tally(context, table, touched) for table in TABLES}
    return United(sources, touched, tallies, tuple(results.counts_of(tallies)))


def verdict_of(facts: Facts, switches: Switches, united: United | None) -> list[Hold]:
    """All holds of a plan: about what it changes itself, and about what that does to the roster."""
    own = verdict(facts, switches)
    if united is None:
        return own
    return both(own, verdict(facts_of_roster(facts, united.tallies, united.counts, united.relinked), switches))


def check_existing(context: Context, *, several: bool) -> None:
    """Raises Permanent if Schools Mapping names a school that is not in the roster. `several`: sources make it together."""
    for number, school in enumerate(context.spec.schoolsMapping.schools):
        wanted = school.target.existing if school.target else None
        if wanted is None:
            continue
        there = [
            f"FROM {name}_orgs WHERE status = 'active' AND entity = 'School' AND id = ?" for name in ("store", "roster")
        ]
        if not any(context.con.execute(f"SELECT 1 {each}", [wanted]).fetchall() for each in there[: 1 + several]):
            raise Permanent(
                f"spec.schoolsMapping.schools[{number}].target.existing: district {context.district} has no school {wanted}; "
                "nothing was planned. Correct the id, import the source that brings the school first, or make a new school with id.",
                reason="SchoolNotThere",
            )


def _merge(context: Context, sources: Sources) -> tuple[Table, ...]:
    contributions.lay_out(context)
    return merge(context, sources.words, targets=sources.targets, new_words=sources.new_words)


def _targets(spec: ConnectionSpec) -> frozenset[str]:
    """Ids of schools in the roster that Schools Mapping names: whoever names one says which school it is."""
    named = [school.target for school in spec.schoolsMapping.schools if school.target is not None]
    return frozenset(target.existing or target.id or "" for target in named) - {""}


def _check_newer(context: Context, state: StoreState, *, partly: bool) -> None:
    """Raises Permanent unless this connection's words are newer than the district's, and its plan can make them the district's."""
    known, mine = (state.several.settings if state.several else {}), district_settings(context.spec)
    fields = " and ".join(differing_fields(mine, known))
    if state.last is not None and state.last.settings == config_hash(mine):
        raise Permanent(
            f"{fields} of source {context.source} differ from what another connection has made the rule for district "
            f"{context.district} since; nothing was planned. Give every connection of the district the same.",
            reason="DistrictSettingsDiffer",
        )
    if partly:
        raise Permanent(
            f"{fields} of source {context.source} differ from what district {context.district} goes by, and only an import of "
            "the whole district can change that; nothing was planned. Run one first.",
            reason="DistrictSettingsDiffer",
        )
