"""The result of Schools Mapping: the place of every organisation, and the schools that have vanished."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from rostersync.model import Schools


class State(StrEnum):
    """What a reference to an organisation means for the scope of a record."""

    MAPPED = "mapped"  # a mapped school of this pull
    PASSING = "passing"  # not a school: it is above or below a mapped one, or all organisations are wanted
    VANISHED = "vanished"  # a mapped school that was imported once and is no longer a school of the source
    UNMAPPED = "unmapped"  # known, but not wanted


@dataclass(frozen=True)
class Place:
    """The place of one organisation.

    `state` is for records that refer to it, `own` for its own row. `leads_to` is its id in the store. `home` is the id
    that records which refer to it belong to: that of the nearest mapped school above, if there is one.
    """

    state: State
    leads_to: str
    home: str
    own: State


@dataclass(frozen=True)
class Scope:
    """The result of Schools Mapping.

    `places`: by raw id, every organisation that scopes records. `kept_targets`: the schools in the store that the
    mapping still leads to. `vanished_targets`: those of them that protect what refers to them. `vanished`: the vanished
    schools by raw id. `gone`: those that the pull proves to be missing, because it is complete or says so itself.
    `leaving`: by raw id, organisations other than schools that would leave the store and have no school above them.
    """

    places: Mapping[str, Place]
    kept_targets: frozenset[str]
    vanished_targets: frozenset[str]
    vanished: Mapping[str, str]
    gone: frozenset[str]
    leaving: frozenset[str]
    imported: tuple[tuple[str, str], ...]
    schools: Schools

    @property
    def mapped_targets(self) -> frozenset[str]:
        """The schools in the store that a school of this pull leads to."""
        return frozenset(p.leads_to for p in self.places.values() if p.state is State.MAPPED)
