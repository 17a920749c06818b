"""Checksums of a plan's files. They detect damage, such as after a power cut."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from rostersync.plan import codec
from rostersync.plan.folder import CHANGES, MANIFEST, ROSTER


def checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a plan, by its path inside the folder."""
    found = {}
    for file in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST):
        with file.open("rb") as opened:
            found[str(file.relative_to(folder))] = hashlib.file_digest(opened, "sha256").hexdigest()
    return found


def _inside(path: Path, plan: Path) -> bool:
    """Whether there is such a file in the plan's folder. The name may be anything."""
    try:
        return path.resolve().is_relative_to(plan.resolve()) and path.is_file()
    except (OSError, ValueError):
        return False


def verify_files(plan: Path, files: Mapping[str, str]) -> None:
    """Check that the plan's files are present and unchanged, and that there are no others. Raises PlanCorrupt."""
    for name, expected in files.items():
        path = plan / name
        if not _inside(path, plan):
            raise codec.corrupt(f"lacks its file {name!r}" if "\0" in name else f"lacks its file {name}")
        with path.open("rb") as file:
            actual = hashlib.file_digest(file, "sha256").hexdigest()
        if actual != expected.removeprefix("sha256:"):
            raise codec.corrupt(f"has another {name} than when it was made")
    strays = {f"{of}/{p.name}" for of in (CHANGES, ROSTER) for p in (plan / of).glob("*.parquet")} - files.keys()
    if strays:
        raise codec.corrupt(f"has {len(strays)} files of changes that its manifest does not name")
