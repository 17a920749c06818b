"""The port of a delivery, which carries an accepted roster out of the store."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rostersync.api.v1alpha1.storage import Delivery

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
class Parcel:
    """What a delivery has to carry out.

    `con` has the views `store_<table>` of the district's roster, of all its sources, at `revision`. `revisions`: what was
    applied and not carried out yet, ascending. `scratch` is a folder that goes with the attempt. `secret`: key to text.
    """

    delivery: Delivery
    revision: int
    revisions: tuple[int, ...]
    con: "duckdb.DuckDBPyConnection"
    scratch: Path
    secret: Mapping[str, str] = field(repr=False)


class Send(Protocol):
    """Carries a roster to where the delivery says."""

    def __call__(self, parcel: Parcel) -> None:
        """Returns when the receiver has it. Whoever reads there sees the former roster or this one, never half of one.

        The same parcel may come twice, since a process can be killed right after it was sent. Raises RostersyncError.
        """
        ...


@dataclass(frozen=True)
class DeliveryKind:
    """All that the rest needs to know of one way to deliver. `keys`: what its Secret must have."""

    secret: Callable[[Delivery], str]  # the Secret's name
    keys: tuple[str, ...]
    send: Send
