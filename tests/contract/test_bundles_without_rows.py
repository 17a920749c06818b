"""A file that has no rows any more empties what the receiver had of it; one that never had any says nothing."""

from pathlib import Path

import pytest

from rostersync.api.v1alpha1.deliveries import Delivery
from rostersync.execution.bundles import Packer
from rostersync.model import Entity
from rostersync.stores.engine import connect
from support.days import Day, Roster, district
from support.oneroster_checks import manifest, problems
from support.oneroster_reader import Reader

EVERY = [e.value for e in Entity]
MOST = [e.value for e in Entity if e is not Entity.DEMOGRAPHICS]


def bundle(roster: Roster, number: int, version: str, entities: list[str] | None = None) -> Path:
    """The newest roster, as files."""
    csv = {"mode": "Bulk", "version": version, "zip": False, **({"entities": entities} if entities else {})}
    asked = Delivery.model_validate({"name": "d", "oneRosterCSV": csv, "directory": {"existingClaim": "c"}})
    reader, folder = roster.store.reader(), roster.folder / f"bundles-{number}"
    folder.mkdir()
    con = connect(None, 1, folder, [*reader.folders, folder])
    try:
        state = reader.attach(con, "rivers", None)
        (made,), _ = Packer(con, reader, "rivers", state, folder, everything=["d"]).bundles("d", asked, "")
        return made.files[0].parent
    finally:
        con.close()


def told() -> Day:
    return district().add("demographics", "s1", sex="female")


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_a_receiver_loses_the_last_demographics(tmp_path: Path, version: str) -> None:
    roster, receiver = Roster(tmp_path), Reader()
    roster.run(told(), entities=EVERY)
    receiver.take(bundle(roster, 1, version))
    assert receiver.ids["demographics"] == {"s1"}

    roster.run(district(), entities=EVERY, bulkUploadMode=True)
    files = bundle(roster, 2, version)
    receiver.take(files)

    assert receiver.ids["demographics"] == set()
    assert problems(files, required=False, words=False) == []


def test_who_never_had_demographics_or_did_not_ask_is_not_told_of_them(tmp_path: Path) -> None:
    roster = Roster(tmp_path)
    roster.run(district())
    assert manifest(bundle(roster, 1, "1.1"))["file.demographics"] == "absent"

    roster.run(told(), entities=EVERY)
    roster.run(district(), entities=EVERY, bulkUploadMode=True)
    assert manifest(bundle(roster, 2, "1.1", entities=MOST))["file.demographics"] == "absent"


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_the_last_demographics_go_with_a_person_who_is_forgotten(tmp_path: Path, version: str) -> None:
    roster, receiver = Roster(tmp_path), Reader()
    roster.run(told(), entities=EVERY)
    receiver.take(bundle(roster, 1, version))

    roster.store.writer().forget("rivers", "s1")
    receiver.take(bundle(roster, 2, version))

    assert receiver.ids["demographics"] == set()
