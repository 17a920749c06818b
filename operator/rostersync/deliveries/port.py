"""The port of a delivery, which carries an accepted roster out of the store."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

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


class BundleWriter(Protocol):
    """Writes a roster to files."""

    def __call__(self, con: duckdb.DuckDBPyConnection, folder: Path, version: str = "1.1") -> Exported:
        """Writes the active records of the views `store_<table>` in `con` to `folder`, which appears whole."""
        ...
