"""The port of a source: what rostersync asks of a student information system, and what it gets back.

A source reads; it neither decides what a pull proves (reading/completeness.py) nor writes files (reading/extract.py).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import pyarrow as pa

COLLECTIONS = ("orgs", "academicSessions", "courses", "classes", "users", "enrollments", "demographics")


@dataclass(frozen=True)
class Credentials:
    """What the credentials Secret holds: keys clientID and clientSecret. Never printed."""

    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)


@dataclass(frozen=True)
class Page:
    """Some rows of a collection in staged form (sources/staged.py), as they came: duplicates included.

    `offset` is the position of the first row in the collection; `total` what the server says there is.
    """

    offset: int
    batch: pa.RecordBatch
    without_id: int
    total: int | None


class End(StrEnum):
    """How a pull came to its end."""

    NEXT = "Next"  # the server's own next ended, and nothing lay beyond
    EMPTY = "Empty"  # a page that held the last known record and nothing after it
    TOTAL = "Total"  # as many rows as the server's total, and nothing more could be asked
    REFUSED = "Refused"  # the server refused to go on: proves nothing
    CUT = "Cut"  # nothing more came although the server says that there is more: proves nothing
    STUCK = "Stuck"  # the server sent the same page or link again and again: proves nothing
    MOVED = "Moved"  # the server's revision changed while pages were read: proves nothing


@dataclass(frozen=True)
class Reading:
    """What was observed in one pull of one collection.

    `total` is what the server said first, `highest` the most it said and `recount` what it said at the end; None where
    it said nothing.
    `rows` counts everything received, duplicates and rows without sourcedId included.
    `revision` is the server's own revision of what it shows (x-perm-rev); None where it has none.
    `seamless` False: the server takes whole pages only, so it could not be seen whether they fit together.
    `doubts` are answers that contradict others, in words with numbers: with any of them, the pull proves nothing.
    `status` is that of the answer that refused the collection, where it is not offered; `scope` what the token may lack.
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
    doubts: tuple[str, ...] = ()
    status: int | None = None
    scope: str = ""


@dataclass(frozen=True)
class SchoolFound:
    """A school of the source, for Schools Mapping."""

    id: str
    name: str | None


@dataclass(frozen=True)
class Filled:
    """How often an entity's attribute had a value among the rows that were looked at."""

    entity: str
    attribute: str
    filled: int
    sampled: int


@dataclass(frozen=True)
class CheckResult:
    """What Test Connection found. `totals` has None where the source gives no total; `scopes` are those that the token may
    lack, where a collection was refused for want of rights."""

    message: str
    schools: tuple[SchoolFound, ...]
    attributes: tuple[Filled, ...]
    totals: dict[str, int | None]
    not_offered: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()


class Source(Protocol):
    """A student information system."""

    version: str

    def pull(self, collection: str, metadata: frozenset[str], sink: Callable[[Page], None]) -> Reading:
        """Read a whole collection once; `sink` gets every page, in the caller's thread, in any order of offsets.

        `metadata` names the metadata keys that are wanted; others are dropped while decoding.
        Raises Permanent or Retryable (errors.py). A collection that is not offered has `offered` False.
        """
        ...

    def on_wait(self, told: Callable[[str, float, float], None]) -> None:
        """`told` gets what the source waits for, the seconds so far, and the seconds that it waits at most."""
        ...

    def check(self, skip: frozenset[str] = frozenset()) -> CheckResult:
        """Test Connection: token, schools, and a sample of every collection but those of `skip`. Raises as `pull` does,
        and Permanent (NothingToSee) when the source answers and shows nobody."""
        ...

    def close(self) -> None:
        """Give connections back."""
        ...
