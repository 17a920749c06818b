"""What the pulls of one collection prove: complete, not complete, or to be pulled again. Pure, with a truth table.

A pull that is not proved complete creates and updates records, but nothing that depends on it may be deleted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from rostersync.sources.port import End

MAX_PULLS = 3


class Rule(StrEnum):
    """Why a collection is known to be complete. No answer of the server may contradict another one.

    If pages were not seen to fit together (`Pulled.seamless`), each rule needs a second pull with the same ids. So it does if
    an earlier pull brought more records.
    """

    TOTAL = "Total"  # as many rows as the server's total, counted again at the end; only exact copies came twice
    NEXT_END = "NextEnd"  # the server's own next ended, and all repeated rows were exact copies
    STILL = "Still"  # the server's pages ended, and its count of changes was the same before and after
    ORDERED = "Ordered"  # nothing came after the last record, and ids were ascending
    TWICE = "Twice"  # nothing came after the last record, and another pull gave the same set of ids


@dataclass(frozen=True)
class Pulled:
    """What was observed in one pull. `ids` is equal for equal sets of ids.

    `ascending`: ids came in order, with repeated ones side by side. `copies`: rows that repeat an id side by side and
    are exact copies.
    """

    end: End
    total: int | None
    recount: int | None
    rows: int
    distinct: int
    without_id: int
    ascending: bool
    ids: str
    seamless: bool = True  # each page was seen to begin with the record that ended the one before
    copies: int = 0
    highest: int | None = None  # the highest total that the server named
    still: bool = False  # the server's count of changes was the same before and after
    doubts: tuple[str, ...] = ()  # answers that contradict others

    @property
    def expected(self) -> int | None:
        """The number of records, by the server's latest answer."""
        return self.total if self.recount is None else self.recount

    @property
    def duplicates(self) -> int:
        """Rows that repeated an id."""
        return self.rows - self.without_id - self.distinct

    @property
    def readable(self) -> int:
        """Rows that count as received: one for each id, and its exact copies."""
        return self.distinct + self.copies


@dataclass(frozen=True)
class Proof:
    """The judgement. `rule` None: not proved, for `reason`. `again`: another pull may prove it."""

    rule: Rule | None
    again: bool = False
    reason: str | None = field(default=None, compare=False)

    @property
    def complete(self) -> bool:
        """Whether the collection is known to be complete."""
        return self.rule is not None


def prove(pulls: Sequence[Pulled]) -> Proof:
    """Judge the latest pull in the light of the earlier ones. There is at least one pull."""
    last, earlier = pulls[-1], pulls[:-1]
    found = _missing(last) or _rule(last, earlier)
    if isinstance(found, Rule):
        return Proof(found)
    # Another pull would bring the same records without an id.
    return Proof(None, again=not last.without_id and len(pulls) < MAX_PULLS, reason=found)


def best(pulls: Sequence[Pulled]) -> int:
    """Index of the pull to keep when none is proved: the one with the most ids, and the latest of equals."""
    return max(range(len(pulls)), key=lambda i: (pulls[i].distinct, i))


def _missing(pull: Pulled) -> str | None:
    """Why a pull proves nothing, whatever other pulls brought. None when it may prove something."""
    if pull.without_id:
        return f"{_rows(pull.without_id)} without a readable id"
    if pull.end is End.MOVED:
        return "the server's revision changed while pages were read"
    if pull.end is End.STUCK:
        return f"the server sent the same page again and again after {_rows(pull.rows)}"
    if pull.doubts:
        more = f" (and {len(pull.doubts) - 1} more)" if len(pull.doubts) > 1 else ""
        return pull.doubts[0] + more
    if pull.end not in (End.NEXT, End.EMPTY, End.TOTAL, End.PAGES):
        return f"the server did not go on after {_rows(pull.rows)}"
    if pull.total is not None and pull.recount is None:
        return f"total {pull.total} at first, and none when it was counted again"
    if pull.expected is not None and pull.readable != pull.expected:
        return f"total {pull.expected}, received {pull.distinct}, duplicates {pull.duplicates}"
    return None


def _rule(last: Pulled, earlier: Sequence[Pulled]) -> Rule | str:
    """The rule by which a pull is proved, or why none holds."""
    known = [e for e in earlier if _missing(e) is None and (e.ids or not e.distinct)]
    alike = any((e.distinct, e.ids) == (last.distinct, last.ids) for e in known)
    copied = last.duplicates == last.copies
    most = max((e.distinct for e in earlier), default=0)
    if most > last.distinct and not (alike and last.distinct):
        return f"received {last.distinct}, and {most} the time before"
    if last.expected is not None:
        if not copied:
            return f"total {last.expected}, received {last.distinct}, duplicates {last.duplicates}"
        if last.highest is not None and last.highest > last.expected:
            return f"the total fell from {last.highest} to {last.expected} while pages were read"
        return Rule.TOTAL if last.seamless or alike else _ONCE
    if last.rows and last.end is End.NEXT:
        if not copied:
            return f"received {last.distinct}, duplicates {last.duplicates}"
        return Rule.NEXT_END if last.seamless or alike else _ONCE
    if last.rows and last.end is End.PAGES and last.still and copied:
        return Rule.STILL
    if last.rows and last.seamless and last.ascending and copied and last.end is not End.PAGES:
        return Rule.ORDERED
    if alike:  # an empty collection without a total is believed after two empty pulls
        return Rule.TWICE
    numbers = ", ".join(str(pull.distinct) for pull in (*earlier, last))
    if last.end is End.PAGES:
        return f"the source changed while it was read, and pulls did not agree: {numbers} ids"
    return f"no total, no order, and pulls that did not agree: {numbers} ids"


_ONCE = "nobody could see whether its pages join up, and no second pull gave the same ids"


def _rows(number: int) -> str:
    return "1 row" if number == 1 else f"{number} rows"
