"""The two ports of a delivery: formats, which make a bundle of a roster, and places, which bring a bundle to its reader."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rostersync.api.v1alpha1.deliveries import Delivery

if TYPE_CHECKING:  # the operator reads the registry, and has no use for the engine
    import duckdb


@dataclass
class Exported:
    """What an export wrote: `rows` by file.

    `not_expressible` counts values that had to be left out, and `not_importable` records that importers are likely to
    refuse, both by `file.attribute`.
    """

    rows: dict[str, int] = field(default_factory=dict)
    not_expressible: dict[str, int] = field(default_factory=dict)
    not_importable: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Edition:
    """The roster of a district, of all its sources, at one revision, for one delivery.

    `con` has the views `<views><table>` of it. `applied_at` (aware) is when the revision was applied. `since`: the revision
    that the receiver has, whose views are `before_<table>`; None when it has none, or is to get everything. `forgotten`:
    whether somebody was forgotten, whose records a receiver may still have.
    """

    con: "duckdb.DuckDBPyConnection"
    delivery: Delivery
    district: str
    revision: int
    applied_at: datetime
    since: int | None = None
    views: str = "store_"  # the newest revision's; those of an older one are made beside them
    forgotten: bool = False


@dataclass(frozen=True)
class Written:
    """The files of an edition, in the order in which a reader must find them.

    `left_out`: what the format cannot say of the roster, as numbers by `file.attribute`.
    """

    files: tuple[Path, ...]
    left_out: Mapping[str, int]


@dataclass(frozen=True)
class Format:
    """What is delivered. `deltas`: whether a delivery gets every revision, by what changed in it.

    `write` writes the files of an edition into an empty folder. The same edition gives the same bytes.
    """

    write: Callable[[Edition, Path], Written]
    deltas: Callable[[Delivery], bool]
    zipped: Callable[[Delivery], bool]


@dataclass(frozen=True)
class Bundle:
    """The files of one revision as they are sent: one zip, or files of which the last says that all are there.

    `left_out`: as `Written` has it.
    """

    district: str
    revision: int
    files: tuple[Path, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Receiver:
    """Where a bundle goes. `secret`: key to text. `volume`: the folder where a claim is mounted.

    `refusal`: why an address must not be contacted, or None. `progress` is told bytes that were sent, and of how many.
    """

    delivery: Delivery
    secret: Mapping[str, str] = field(repr=False)
    volume: Callable[[str], Path]
    refusal: Callable[[str], str | None] = lambda _: None
    progress: Callable[[int, int], None] = lambda _done, _total: None


class Send(Protocol):
    """Brings a bundle to its place."""

    def __call__(self, receiver: Receiver, bundle: Bundle) -> None:
        """Returns when the receiver has it. Whoever reads there sees each file whole or not at all, and the last one last.

        The same bundle may come twice, since a process can be killed right after it was sent. Raises RostersyncError.
        """
        ...


@dataclass(frozen=True)
class Place:
    """Where is delivered to: all that the rest needs to know of one way.

    `secret`: the name of its Secret, if it has one. `keys`: what the Secret must have, one of each group. `claim`: the
    volume claim that it needs, if any. `where`: the place in words, without user or password. `probe` logs in, writes,
    renames and removes a file, and raises RostersyncError where that fails. `account` tells receivers apart that share a
    place, such as the users of a server.
    """

    secret: Callable[[Delivery], str | None]
    keys: tuple[tuple[str, ...], ...]
    claim: Callable[[Delivery], str | None]
    where: Callable[[Delivery], str]
    send: Send
    probe: Callable[[Receiver], None]
    account: Callable[[Receiver], str] = lambda _: ""

    @property
    def needs(self) -> str:
        """Its Secret's keys in words: `user, and password or privateKey`."""
        return ", and ".join(" or ".join(group) for group in self.keys)
