"""Rendered pages, read without copying: for each collection a file of pages, one behind the other, and their offsets."""

import json
import mmap
from array import array
from pathlib import Path

BASE_PATH = "/focus/api/1.0/ims/oneroster/v1p1"


class Pages:
    """The pages of a folder, read without copying."""

    def __init__(self, folder: Path) -> None:
        self.totals: dict[str, int] = json.loads((folder / "totals.json").read_text())
        self._offsets: dict[str, array[int]] = {}
        self._bytes: dict[str, memoryview] = {}
        for collection in self.totals:
            offsets = array("Q")
            offsets.frombytes((folder / f"{collection}.offsets").read_bytes())
            self._offsets[collection] = offsets
            with (folder / f"{collection}.pages").open("rb") as file:
                self._bytes[collection] = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

    def count(self, collection: str) -> int:
        """How many pages."""
        return len(self._offsets[collection]) - 1

    def __getitem__(self, at: tuple[str, int]) -> memoryview:
        collection, number = at
        offsets = self._offsets[collection]
        return self._bytes[collection][offsets[number] : offsets[number + 1]]
