"""Rendered pages, read one by one: for each collection a file of pages, one behind the other, and their offsets."""

import json
import os
from array import array
from pathlib import Path

BASE_PATH = "/focus/api/1.0/ims/oneroster/v1p1"


class Pages:
    """The pages of a folder. Read, not mapped: mapped files would count as memory of whoever measures it."""

    def __init__(self, folder: Path) -> None:
        self.totals: dict[str, int] = json.loads((folder / "totals.json").read_text())
        self._offsets: dict[str, array[int]] = {}
        self._files: dict[str, int] = {}
        for collection in self.totals:
            offsets = array("Q")
            offsets.frombytes((folder / f"{collection}.offsets").read_bytes())
            self._offsets[collection] = offsets
            self._files[collection] = os.open(folder / f"{collection}.pages", os.O_RDONLY)

    def count(self, collection: str) -> int:
        """How many pages."""
        return len(self._offsets[collection]) - 1

    def __getitem__(self, at: tuple[str, int]) -> bytes:
        collection, number = at
        start, end = self._offsets[collection][number : number + 2]
        return os.pread(self._files[collection], end - start, start)
