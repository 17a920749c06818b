"""Which records of which sources a plan joins to records of the roster, and which it parts from them."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rostersync.plan.folder import LINKS

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Joined:
    """A source's record, by its id there. `joins`: it is in the roster's record from now on; else it was until now."""

    source: str
    id: str
    joins: bool


class Links:
    """The links that a plan changes, in columns: they are asked for a page of records at a time."""

    def __init__(self, plan: Path) -> None:
        import pyarrow.parquet as pq

        file = plan / LINKS
        self._links = pq.read_table(file) if file.exists() else None

    def of(self, table: str, ids: "pa.Array") -> Mapping[str, Sequence[Joined]]:
        """What joins or leaves these records of a table, by their ids in the roster."""
        import pyarrow.compute as pc

        found: dict[str, list[Joined]] = defaultdict(list)
        if self._links is None:
            return found
        links = self._links.filter(pc.equal(self._links["tbl"], table))
        for column in ("record_id", "was"):
            for row in links.filter(pc.is_in(links[column], value_set=ids)).to_pylist():
                if row["record_id"] != row["was"] and row[column] is not None:
                    found[row[column]].append(Joined(row["source"], row["id"], joins=column == "record_id"))
        return found


def lines(joined: Sequence[Joined]) -> Iterator[str]:
    """For a page, one a record."""
    for each in joined:
        yield f"{'joined' if each.joins else 'left'} by {each.id} of {each.source}"


def as_dict(joined: Sequence[Joined]) -> dict[str, Any]:
    """For JSON; without keys where nothing joins or leaves."""
    told = {
        word: [{"source": each.source, "id": each.id} for each in joined if each.joins is joins]
        for word, joins in (("joined", True), ("left", False))
    }
    return {word: records for word, records in told.items() if records}
