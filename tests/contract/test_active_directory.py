"""Active Directory as a district's only source, on the command line: Test Connection, import, days that follow, restore."""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rostersync.plan import codec
from support.cli import name_of, reason_of
from support.directory import DISABLED, PUPILS, SPRINGFIELD, STAFF, STUDENTS, TEACHERS, Person, change, move, remove
from support.directory_desk import Desk
from support.samba import Server, samba, shared

WHY = ("--reason", "end of term", "--by", "dana")


@pytest.fixture
def directory() -> Iterator[Server]:
    """One that a test may change."""
    with samba(SPRINGFIELD) as server:
        yield server


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, shared(SPRINGFIELD))


def exported(desk: Desk) -> dict[str, dict[str, str]]:
    bundle = desk.folder / f"bundle-{len(list(desk.folder.iterdir()))}"
    desk.call("export", "--to", str(bundle))
    with (bundle / "users.csv").open(newline="") as file:
        return {row["username"]: row for row in csv.DictReader(file)}


def changes(run: dict[str, Any]) -> Counter[tuple[str, str]]:
    """How often each change of each entity is planned."""
    kinds = ("created", "updated", "deleted")
    counts = {(entry["entity"], kind): entry[kind] for entry in run["status"]["entities"] for kind in kinds}
    return +Counter(counts)


def test_a_connection_is_tested(desk: Desk) -> None:
    told = desk.call("check", *desk.manifests()).output
    assert "Connection is OK" in told
    found = json.loads(desk.call("check", *desk.manifests(), "--output", "json").stdout)
    assert found["message"] == (
        "Connection is OK. Below DC=ad,DC=springfield,DC=example: 1 Admin, 61 Students, 8 Teachers; 3 persons left out, "
        "whom no rule of entities takes"
    )
    assert found["totals"] == {"orgs": 1, "users": 70}
    filled = {(f["entity"], f["attribute"]): (f["filled"], f["sampled"]) for f in found["attributes"]}
    assert filled["Student", "identifier"][0] < filled["Student", "username"][0]


def test_everybody_is_imported_with_what_the_directory_knows(desk: Desk) -> None:
    mapping = [{"entity": "Student", "attribute": "phone", "from": "metadata.department"}]
    run = desk.run(manifests=desk.manifests(attributesMapping=mapping))
    assert run["status"]["outcome"] == "Applied"
    assert changes(run) == {
        ("District", "created"): 1,
        ("Student", "created"): 61,
        ("Teacher", "created"): 8,
        ("Admin", "created"): 1,
    }
    manifest = codec.read(desk.state / "artifacts" / name_of(run) / "plan")
    assert (manifest.district, manifest.source) == ("springfield", "ad-springfield")
    proof = manifest.proof["users"]
    assert (proof["rule"], proof["complete"], proof["leftOut"]) == ("Still", True, 3)

    rows = exported(desk)
    assert "away" not in rows, "who is disabled is not read"
    assert rows["s0"]["identifier"] == "9000"
    assert rows["s0"]["phone"] == "Grade 0"
    assert (rows["muller"]["givenName"], rows["muller"]["familyName"]) == ("Jürgen", "Müller ß")
    assert rows["muller"]["email"] == "muller@springfield.example"
    assert rows["head"]["role"] == "administrator"
    assert rows["t0"]["role"] == rows["t7"]["role"] == "teacher"
    assert {row["orgSourcedIds"] for row in rows.values()} == {"directory"}
    assert reason_of(desk.run(manifests=desk.manifests(attributesMapping=mapping))) == "NoChanges"


def test_the_days_of_a_directory(directory: Server, tmp_path: Path) -> None:
    """Renamed: the same person. Recycled: another one. Moved out of the unit, disabled or deleted: gone."""
    desk = Desk(tmp_path, directory)
    desk.run()
    before = exported(desk)
    s = {person.account: person for person in PUPILS}
    directory.modify(
        change(s["s1"].dn, "replace", sn="Lovelace", mail="lovelace@springfield.example")
        + move(s["s2"].dn, "CN=renamed", STUDENTS)
        + move(s["s3"].dn, "CN=s3", STAFF)
        + change(s["s4"].dn, "replace", userAccountControl=str(DISABLED))
        + remove(s["s5"].dn)
        + remove(s["s6"].dn)
    )
    directory.add(Person("s6", cn="another", given="Grace", family="Hopper").ldif())

    run = desk.run()
    assert changes(run) == {("Student", "created"): 1, ("Student", "updated"): 1, ("Student", "deleted"): 4}
    after = exported(desk)
    assert before.keys() - after.keys() == {"s3", "s4", "s5"}
    assert after["s1"]["sourcedId"] == before["s1"]["sourcedId"]
    assert after["s2"] == before["s2"]
    assert after["s6"]["sourcedId"] != before["s6"]["sourcedId"]
    confirmed = codec.read(desk.state / "artifacts" / name_of(run) / "plan").proof["users"]["byID"]
    assert (confirmed["asked"], confirmed["gone"], confirmed["active"]) == (4, 4, 0)


def test_a_group_that_loses_its_members_is_held_and_taken_back(directory: Server, tmp_path: Path) -> None:
    desk = Desk(tmp_path, directory)
    limit = {"rules": [{"entity": "Teacher", "change": "Delete", "count": 3}]}
    desk.run()
    group = "CN=maths,OU=Groups,DC=ad,DC=springfield,DC=example"
    directory.modify("".join(change(group, "delete", member=t.dn) for t in TEACHERS[:4]))
    held = desk.run(code=3, manifests=desk.manifests(syncHoldThreshold=limit))
    assert changes(held) == {("Teacher", "deleted"): 4}
    desk.call("approve", name_of(held), *WHY)
    assert "t0" not in exported(desk)

    directory.end()
    restored = json.loads(desk.call("restore", name_of(held), "--quiet", "--output", "json", code=3).stdout)
    desk.call("approve", name_of(restored), *WHY)
    assert exported(desk)["t0"]["role"] == "teacher"


def test_who_is_read_belongs_to_the_configuration(desk: Desk) -> None:
    """A rule that changes asks, as any configuration that deletes does."""
    desk.run()
    desk.delivery = {"entities": [{"entity": "Student", "organizationalUnits": [STUDENTS]}]}
    held = desk.run(code=3)
    assert "ConfigChanged" in {hold["reason"] for hold in held["status"]["holds"]}


def test_disabled_accounts_that_a_filter_lets_through_are_not_active(directory: Server, tmp_path: Path) -> None:
    """They count as deleted by the source, with and without Bulk Upload Mode."""
    desk = Desk(tmp_path, directory)
    desk.delivery = {"filter": "(&(objectCategory=person)(objectClass=user))"}
    desk.run(manifests=desk.manifests(bulkUploadMode=False))
    assert "away" not in exported(desk)
    directory.modify(change(PUPILS[0].dn, "replace", userAccountControl=str(DISABLED)))
    run = desk.run(manifests=desk.manifests(bulkUploadMode=False))
    assert changes(run) == {("Student", "deleted"): 1}


def test_everybody_can_belong_to_a_school(desk: Desk) -> None:
    desk.delivery = {"organization": {"sourcedId": "north", "name": "North High", "type": "school"}}
    run = desk.run()
    assert run["status"]["schools"]["mapped"] == 1
    assert exported(desk)["s0"]["orgSourcedIds"] == "north"


def test_a_directory_that_only_adds_needs_another_source(desk: Desk) -> None:
    desk.delivery = {"unmatched": "HoldBack"}
    told = desk.call("run", *desk.manifests(), "--quiet", code=None)
    assert told.exit_code == 1
    assert "spec.deliveryConfig.unmatched" in told.output
    assert "has no other source yet" in told.output.replace("\n", " ")
