"""What the pulls of one collection prove (complete, or not, or to be pulled again). Pure: truth table in the tests.

A pull that proves nothing creates and updates, but nothing may be deleted that leans on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from rostersync.sources.port import End

MAX_PULLS = 3


class Rule(StrEnum):
    """Why a collection is known to be complete. All but the last need pages that fit together (`Pulled.seamless`)."""

    TOTAL = "Total"  # distinct ids equal the server's total, counted again at the end
    NEXT_END = "NextEnd"  # the server's own next ended, nothing came twice, and no total contradicts it
    ORDERED = "Ordered"  # an empty page was reached, and ids came distinct and strictly ascending
    TWICE = "Twice"  # another pull gave the same set of ids


@dataclass(frozen=True)
class Pulled:
    """What was observed in one pull. `ids` is equal for equal sets of ids; `ascending` says all ids came in order."""

    end: End
    total: int | None
    recount: int | None
    rows: int
    distinct: int
    without_id: int
    ascending: bool
    ids: str
    seamless: bool = True  # each page began with the record that the one before had ended with

    @property
    def expected(self) -> int | None:
        """How many records there are, by the server's latest word."""
        return self.total if self.recount is None else self.recount

    @property
    def duplicates(self) -> int:
        """Rows that repeated an id."""
        return self.rows - self.without_id - self.distinct


@dataclass(frozen=True)
class Proof:
    """The judgement. `rule` None: not proved; `again`: another pull may prove it."""

    rule: Rule | None
    again: bool = False

    @property
    def complete(self) -> bool:
        """Whether the collection is known to be complete."""
        return self.rule is not None


def prove(pulls: Sequence[Pulled]) -> Proof:
    """Judge the latest pull in the light of the earlier ones; at least one pull."""
    last = pulls[-1]
    if last.without_id:
        return Proof(None)  # another pull would bring the same records without an id
    rule = _rule(last, pulls[:-1])
    return Proof(rule, again=rule is None and len(pulls) < MAX_PULLS)


def best(pulls: Sequence[Pulled]) -> int:
    """Index of the pull to keep when none is proved: most ids, the latest of equals."""
    return max(range(len(pulls)), key=lambda i: (pulls[i].distinct, i))


def _rule(last: Pulled, earlier: Sequence[Pulled]) -> Rule | None:
    if last.end in (End.STUCK, End.MOVED):
        return None
    if last.expected is not None:
        if last.distinct != last.expected:
            return None
        if last.seamless:
            return Rule.TOTAL
    elif last.rows and last.seamless:  # an empty collection without a total is believed when it was empty twice
        if last.end is End.NEXT and not last.duplicates:
            return Rule.NEXT_END
        if last.end is End.EMPTY and last.ascending:
            return Rule.ORDERED
    if any(e.end not in (End.STUCK, End.MOVED) and (e.distinct, e.ids) == (last.distinct, last.ids) for e in earlier):
        return Rule.TWICE
    return None
