"""A small district of three schools, as a bundle, and the same without some of its people."""

import csv
import shutil
from collections.abc import Collection
from pathlib import Path

DISTRICT = Path(__file__).parents[1] / "data" / "district-small"
NORTH, SOUTH = "77e645bc-0a64-4e88-af2d-60095cabcd53", "62073d85-3b72-4863-b132-f25a3e634fcb"


def rows(file: Path) -> list[dict[str, str]]:
    """The lines of a CSV file."""
    return list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))


def students(school: str) -> list[str]:
    """Ids of those who are at this school only."""
    people = rows(DISTRICT / "users.csv")
    return [row["sourcedId"] for row in people if row["role"] == "student" and row["orgSourcedIds"] == school]


def without(people: Collection[str], folder: Path) -> Path:
    """The bundle without these people and what belongs to them, in a new folder."""
    shutil.copytree(DISTRICT, folder)
    for name, column in (("users", "sourcedId"), ("enrollments", "userSourcedId"), ("demographics", "sourcedId")):
        found = rows(folder / f"{name}.csv")
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as out:
            writer = csv.DictWriter(out, found[0].keys())
            writer.writeheader()
            writer.writerows(row for row in found if row[column] not in people)
    return folder
