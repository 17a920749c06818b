"""Two bundles that others made, served by `rostersync simulate`, imported and exported again: nothing is lost or added.

The expectation is read from the CSV files themselves, not through any code of the importer.
"""

import csv
import json
import signal
import unicodedata
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.commands import Commands, Desk, until

DATA = Path(__file__).parents[1] / "data"
BUNDLES = ("district-small", "classlink-style")
FILES = ("orgs", "academicSessions", "courses", "classes", "users", "enrollments", "demographics")
ENTITIES = ("District", "School", "Calendar", "Course", "Class", "Student", "Teacher", "Contact", "Admin", "Enrollment")
OF_ROLE = {
    "student": "Student",
    "teacher": "Teacher",
    "aide": "Teacher",
    "administrator": "Admin",
    "guardian": "Contact",
    "parent": "Contact",
    "relative": "Contact",
    "proctor": "Teacher",
}
SETS = ("grades", "orgSourcedIds", "agentSourcedIds", "termSourcedIds")
LEFT_OUT = ("status", "dateLastModified", "password")
Rows = dict[str, dict[str, str | tuple[str, ...]]]


@contextmanager
def served(desk: Desk, bundle: str, version: str) -> Iterator[dict[str, str]]:
    """`rostersync simulate` with a bundle; what its first line says."""
    running = desk.start("simulate", "--bundle", DATA / bundle, "--version", version, "--port", "0")
    try:
        out = running.folder / "out"
        until(lambda: out.exists() and out.read_text().endswith("\n"))
        yield json.loads(out.read_text())
    finally:
        running.kill(signal.SIGTERM)
        assert running.wait().code == 0


def connect(desk: Desk, said: dict[str, str], version: str, **spec: Any) -> None:
    """The smallest connection to it, with `spec` over it."""
    delivery = {
        "serviceURL": said["url"],
        "insecureHTTP": True,
        "version": version,
        "credentialsSecretRef": {"name": "c"},
    }
    secret = {"ROSTERSYNC_CLIENT_ID": said["clientID"], "ROSTERSYNC_CLIENT_SECRET": "simulator-secret"}
    desk.env |= secret
    manifest = {
        "apiVersion": "rostersync.dev/v1alpha1",
        "kind": "FocusConnection",
        "metadata": {"name": "sample"},
        "spec": {"termsOfUse": {"accepted": True}, "deliveryConfig": delivery, **spec},
    }
    desk.write("connection.yaml", yaml.safe_dump(manifest))


def rows_of(folder: Path, file: str) -> list[dict[str, str]]:
    path = folder / f"{file}.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8-sig", newline="") as opened:
        return list(csv.DictReader(opened))


def canonical(folder: Path, file: str) -> Rows:
    """Records by sourcedId: trimmed, NFC, sets sorted, without status, dateLastModified, passwords and metadata."""
    found: Rows = {}
    for row in rows_of(folder, file):
        kept: dict[str, str | tuple[str, ...]] = {}
        for name, value in row.items():
            if name and name not in LEFT_OUT and not name.startswith("metadata."):  # no name: a comma too many
                text = unicodedata.normalize("NFC", value.strip())
                kept[name] = tuple(sorted({part.strip() for part in text.split(",")})) if name in SETS else text
        assert row["sourcedId"] not in found
        found[row["sourcedId"]] = kept
    return found


def counted(bundle: str, demographics: bool) -> dict[str, int]:
    """Records per entity, from the files."""
    folder = DATA / bundle
    of: Counter[str] = Counter(OF_ROLE[r["role"]] for r in rows_of(folder, "users"))
    of.update("School" if r["type"] == "school" else "District" for r in rows_of(folder, "orgs"))
    for file, entity in (("academicSessions", "Calendar"), ("courses", "Course"), ("classes", "Class")):
        of[entity] = len(rows_of(folder, file))
    of["Enrollment"] = len(rows_of(folder, "enrollments"))
    if demographics:
        of["Demographics"] = len(rows_of(folder, "demographics"))
    return {entity: number for entity, number in of.items() if number}


@pytest.mark.parametrize(("demographics", "version"), [(False, "1.1"), (True, "1.1"), (True, "1.2")])
@pytest.mark.parametrize("bundle", BUNDLES)
def test_what_is_served_is_what_is_exported(
    warm: Commands, tmp_path: Path, bundle: str, demographics: bool, version: str
) -> None:
    desk = Desk(warm, tmp_path)
    with served(desk, bundle, version) as said:
        spec = {"entities": [*ENTITIES, "Demographics"]} if demographics else {}
        connect(desk, said, version, **spec)
        first = desk("run", "-f", "connection.yaml", "-q", "-o", "json", exits=0).json["status"]
        again = desk("run", "-f", "connection.yaml", "-q", "-o", "json", exits=0).json["status"]
    wanted = counted(bundle, demographics)
    assert (first["outcome"], again["outcome"]) == ("Applied", "NoChanges")
    assert {e["entity"]: e["created"] for e in first["entities"] if e["created"]} == wanted
    assert {e["entity"]: e["unchanged"] for e in again["entities"] if e["unchanged"]} == wanted
    for held_back in ("skipped", "duplicates", "deferred", "updated", "deleted"):
        assert first["totals"][held_back] == 0
    assert first["plan"]["digest"] != again["plan"]["digest"]
    assert first["holdsTotal"] == 0

    desk("export", "--to", "bundle", exits=0)
    exported = desk.home / "bundle"
    for file in FILES:
        if file == "demographics" and not demographics:
            assert not (exported / "demographics.csv").exists()
            continue
        assert canonical(exported, file) == canonical(DATA / bundle, file), file
    lines = {r["propertyName"]: r["value"] for r in rows_of(exported, "manifest")}
    assert lines["file.demographics"] == ("bulk" if demographics else "absent")
    assert all(not r["status"] and not r["dateLastModified"] for f in FILES for r in rows_of(exported, f))


@pytest.mark.parametrize("bundle", BUNDLES)
def test_the_two_versions_of_oneroster_are_one_roster(warm: Commands, tmp_path: Path, bundle: str) -> None:
    """A district that goes over from 1.1 to 1.2: nothing is deleted or created, and the export stays as it was."""
    desk = Desk(warm, tmp_path)
    for version, code in (("1.1", 0), ("1.2", 3)):
        with served(desk, bundle, version) as said:
            connect(desk, said, version, bulkUploadMode=True)
            status = desk("run", "-f", "connection.yaml", "-q", "-o", "json", exits=code).json["status"]
        if version == "1.2":
            assert "SourceChanged" in {h["reason"] for h in status["holds"]}
            assert (status["totals"]["created"], status["totals"]["deleted"]) == (0, 0)
            desk("approve", desk.runs()[0]["metadata"]["name"], "--reason", "we go over to 1.2", exits=0)
        desk("export", "--to", version, exits=0)
    for file in (*FILES, "manifest"):
        old, new = (desk.home / version / f"{file}.csv" for version in ("1.1", "1.2"))
        assert old.exists() == new.exists()
        assert not old.exists() or old.read_text() == new.read_text(), file


def test_a_bundle_of_ours_can_be_served_and_imported_again(warm: Commands, tmp_path: Path) -> None:
    desk = Desk(warm, tmp_path)
    with served(desk, "classlink-style", "1.1") as said:
        connect(desk, said, "1.1")
        desk("run", "-f", "connection.yaml", "-q", exits=0)
    desk("export", "--to", "first", exits=0)
    with served(desk, str(desk.home / "first"), "1.1") as said:
        connect(desk, said, "1.1")
        done = desk("run", "-f", "connection.yaml", "-q", "-o", "json", exits=0)
    assert done.json["status"]["outcome"] == "NoChanges"
