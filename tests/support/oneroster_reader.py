"""A small reader of OneRoster CSV: it keeps what bundles say, in the order in which they come."""

from dataclasses import dataclass, field
from pathlib import Path

from support.oneroster_checks import manifest, read

Content = dict[str, dict[str, dict[str, str]]]


@dataclass
class Reader:
    """What was read so far: by file and id, the cells that are not blank."""

    files: Content = field(default_factory=dict)

    def take(self, folder: Path) -> None:
        """Read one bundle."""
        for name, mode in ((k.removeprefix("file."), v) for k, v in manifest(folder).items() if k.startswith("file.")):
            if mode == "bulk":
                self.files[name] = {}
            if mode == "absent":
                continue
            for row in read(folder, name)[1]:
                if row["status"] == "tobedeleted":
                    assert row["sourcedId"] in self.files.setdefault(name, {}), f"{name}: deleted, and was never there"
                    del self.files[name][row["sourcedId"]]
                else:
                    self.files.setdefault(name, {})[row["sourcedId"]] = {
                        k: v for k, v in row.items() if v and k not in ("status", "dateLastModified")
                    }

    @property
    def ids(self) -> dict[str, set[str]]:
        """The ids that were read, by file."""
        return {name: set(rows) for name, rows in self.files.items()}

    @property
    def content(self) -> Content:
        """Without files that have no rows."""
        return {name: rows for name, rows in self.files.items() if rows}
