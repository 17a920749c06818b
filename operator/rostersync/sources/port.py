"""The port of a source: what rostersync asks of a student information system, and what it gets.

A source only reads. It neither decides what a pull proves (reading/completeness.py) nor writes files
(reading/extract.py).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

import pyarrow as pa

COLLECTIONS = ("orgs", "academicSessions", "courses", "classes", "users", "enrollments", "demographics")


@dataclass(frozen=True)
class Credentials:
    """How the client identifies itself to the source. Never printed."""

    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    user_key: str = field(default="", repr=False)  # with its secret: where signatures are a client's and a user's
    user_secret: str = field(default="", repr=False)


@dataclass(frozen=True)
class Page:
    """Some rows of a collection in staged form (sources/staged.py), as they came, duplicates included.

    `offset` is the position of the first row in the collection, `total` the number of rows that the server names.
    `unread` has the positions in the page (from 0) of the first rows of `without_id`, where they are known.
    """

    offset: int
    batch: pa.RecordBatch
    without_id: int
    total: int | None
    unread: tuple[int, ...] = ()


class End(StrEnum):
    """How a pull came to its end."""

    NEXT = "Next"  # the server's next links ended, and nothing lay beyond
    EMPTY = "Empty"  # a page had the last known record and nothing after it
    PAGES = "Pages"  # the server's pages ended; only a still directory or another pull shows that nothing was missed
    TOTAL = "Total"  # as many rows came as the server's total, and no more could be asked for
    REFUSED = "Refused"  # the server refused to go on; proves nothing
    CUT = "Cut"  # nothing more came, although the server says that there is more; proves nothing
    STUCK = "Stuck"  # the server sent the same page or link again and again; proves nothing
    MOVED = "Moved"  # the server's revision changed while pages were being read; proves nothing


@dataclass(frozen=True)
class Reading:
    """What was observed in one pull of one collection.

    `total` is what the server named first, `highest` the largest total that it named, and `recount` what it named at
    the end; None where it named none. `rows` counts everything received, duplicates and rows without sourcedId
    included. `revision` is the server's revision of its data (x-perm-rev); None where it has none. `seamless` is False
    where the server takes whole pages only, so that nobody could see whether they join up, or where its end could be
    asked for only once. `linked`: it was read along the server's own addresses, so nobody saw that either. `doubts` are answers that
    contradict others, in words with numbers. With any of them, the pull proves nothing. `status` is that of the answer
    that refused a collection that is not offered; `scope` is what the token may lack. `still`: the source's own count of
    changes was the same before and after the pull. `left_out` are people that the source has, but whom no rule of the
    connection takes.
    """

    offered: bool
    end: End = End.EMPTY
    total: int | None = None
    recount: int | None = None
    highest: int | None = None
    rows: int = 0
    page_size: int = 0
    requests: int = 0
    revision: str | None = None
    seamless: bool = True
    linked: bool = False
    doubts: tuple[str, ...] = ()
    status: int | None = None
    scope: str = ""
    still: bool = False
    left_out: int = 0


TIME_OVER = "the time for asking by id was over"  # why a source was not asked for all


class ByID(StrEnum):
    """What a source said about one record that it was asked for by id."""

    ACTIVE = "active"
    GONE = "gone"  # it is not there, or is marked as removed
    UNCLEAR = "unclear"  # anything else, no answer included


@dataclass(frozen=True)
class LookedUp:
    """Answers by id. An id that was not asked for is missing.

    `unable` says why this source cannot be asked for records of this collection by id, or no longer answers. It quotes
    no record, and is empty if every id was asked for.
    """

    answers: Mapping[str, ByID]
    unable: str = ""


@dataclass(frozen=True)
class SchoolFound:
    """A school of the source, for Schools Mapping."""

    id: str
    name: str | None


@dataclass(frozen=True)
class Filled:
    """How often an attribute of an entity had a value among the sampled rows."""

    entity: str
    attribute: str
    filled: int
    sampled: int


@dataclass(frozen=True)
class CheckResult:
    """What Test Connection found. `totals` has None where the source names no total. `scopes` are those that the token
    may lack, where a collection was refused for lack of rights.
    """

    message: str
    schools: tuple[SchoolFound, ...]
    attributes: tuple[Filled, ...]
    totals: dict[str, int | None]
    not_offered: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Everything, for programs. No records."""
        return {
            "message": self.message,
            "schools": [{"sourcedId": s.id, "name": s.name} for s in self.schools],
            "totals": dict(self.totals),
            "attributes": [vars(f) for f in self.attributes],
            "notOffered": list(self.not_offered),
            "scopes": list(self.scopes),
        }


class Source(Protocol):
    """A student information system."""

    version: str

    def pull(self, collection: str, metadata: frozenset[str], sink: Callable[[Page], None]) -> Reading:
        """Read a whole collection once. `sink` gets every page in the caller's thread, in any order of offsets.

        `metadata` names the wanted metadata keys; others are dropped while decoding.
        Raises Permanent or Retryable (errors.py). A collection that is not offered has `offered` False.
        """
        ...

    def look_up(
        self, collection: str, ids: Sequence[str], until: float, answered: Callable[[], None] = lambda: None
    ) -> LookedUp:
        """Ask for single records by their ids. It never raises Permanent or Retryable: no answer is an answer, too.

        Nothing is waited for beyond `until` (time.monotonic). `answered` is called in the caller's thread for each id.
        """
        ...

    def on_wait(self, told: Callable[[str, float, float], None]) -> None:
        """Call `told` with what the source waits for, the seconds so far, and the seconds that it waits at most."""
        ...

    def check(self, skip: frozenset[str] = frozenset()) -> CheckResult:
        """Test Connection: token, schools, and a sample of every collection but those of `skip`. Raises as `pull` does,
        and Permanent (NothingToSee) when the source answers but shows nobody."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...
