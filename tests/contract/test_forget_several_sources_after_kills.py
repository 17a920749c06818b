"""`forget` in a district of two sources, killed anywhere: run again, it ends what it began, whatever id of the person it is given.

Each source has a mark of its own in the person's names. One run waits for a decision and names the person by the second source's
id alone, so it can only be found by who knows both ids.
"""

import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from rostersync.simulator.roster import Row
from rostersync.simulator.server import Simulator
from support.commands import Commands, Desk, until
from support.rosters import Rows, by_hand
from support.simulated import simulated

LIGHT = ("--threads", "1", "--memory", "300")
OURS, THEIRS = "Qzxfirst", "Qzxsecond"
FOLDER = {"name": "passport", "oneRosterCSV": {}, "directory": {"existingClaim": "passport", "path": "in"}}
WORDS: dict[str, Any] = {
    "termsOfUse": {"accepted": True},
    "bulkUploadMode": True,
    "district": "springfield",
    "multipleDataSources": True,
    "compareByDomainsOfUniqueness": True,
    "domainsOfUniqueness": [{"entity": "Student", "attributes": ["identifier"]}],
    "entities": ["School", "Student"],
}
ALWAYS = {"rules": [{"entity": "Student", "change": "Update", "count": 0}]}


def connection(name: str, simulator: Simulator, **spec: Any) -> str:
    delivery = {"serviceURL": simulator.url, "insecureHTTP": True, "credentialsSecretRef": {"name": "c"}}
    head = {"apiVersion": "rostersync.dev/v1alpha1", "kind": "FocusConnection", "metadata": {"name": name}}
    return yaml.safe_dump({**head, "spec": {**WORDS, "deliveryConfig": delivery, **spec}})


class Person:
    """One student of both systems, with other ids in the second one."""

    def __init__(self, focus: Simulator, accounts: Simulator) -> None:
        self.systems = {"focus": focus, "accounts": accounts}
        self.rows = {name: by_hand(simulator.roster) for name, simulator in self.systems.items()}
        others = self.rows["accounts"]["users"]
        others[:] = [row | {"sourcedId": f"x{row['sourcedId']}", "agents": []} for row in others]
        self.raw = str(next(r["sourcedId"] for r in self.rows["focus"]["users"] if r["role"] == "student"))
        self.ids = (self.raw, f"ac-x{self.raw}")
        self.says("focus", familyName=OURS)
        self.says("accounts", familyName=THEIRS)

    def says(self, name: str, **values: str) -> None:
        """What a system says of the person from now on."""
        raw = self.raw if name == "focus" else f"x{self.raw}"
        rows: list[Row] = self.rows[name]["users"]
        rows[:] = [row | values if row["sourcedId"] == raw else row for row in rows]
        self.systems[name].serve(Rows(self.rows[name]))


@pytest.fixture(scope="module")
def imported(warm: Commands, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, Person]]:
    """Both imported and delivered, and a run of the second one that waits."""
    desk = Desk(warm, tmp_path_factory.mktemp("imported"))
    with (
        simulated(12) as focus,
        simulated(12, client_id=focus.client_id, client_secret=focus.client_secret) as accounts,
    ):
        person = Person(focus, accounts)
        desk.env |= {"ROSTERSYNC_CLIENT_ID": focus.client_id, "ROSTERSYNC_CLIENT_SECRET": focus.client_secret}
        desk.write("focus.yaml", connection("focus", focus, deliveries=[FOLDER]))
        desk.write("accounts.yaml", connection("accounts", accounts, sisIDPrefix="ac-"))
        desk.write("held.yaml", connection("accounts", accounts, sisIDPrefix="ac-", syncHoldThreshold=ALWAYS))
        desk("run", "-f", "focus.yaml", "-q", *LIGHT, exits=0)
        desk("run", "-f", "accounts.yaml", "-q", *LIGHT, exits=3)
        desk("approve", "--reason", "one roster", exits=0)
        person.says("accounts", middleName=THEIRS)
        desk("run", "-f", "held.yaml", "-q", *LIGHT, exits=3)
        yield desk, person


@pytest.fixture
def desk(imported: tuple[Desk, Person], warm: Commands, tmp_path: Path) -> Desk:
    made = Desk(warm, tmp_path, {k: v for k, v in imported[0].env.items() if k.startswith("ROSTERSYNC_")})
    shutil.copytree(imported[0].state, made.state)
    for name in ("focus.yaml", "accounts.yaml", "held.yaml"):
        shutil.copy(imported[0].home / name, made.home)
    return made


@pytest.fixture
def person(imported: tuple[Desk, Person]) -> Person:
    return imported[1]


def killed(desk: Desk, hook: str, *words: Any) -> None:
    """A command that came as far as its hook says, and was killed there."""
    said = desk.root / "said"
    said.mkdir()
    running = desk.start(*words, hook=f"support.sabotage:{hook}", SABOTAGE=str(said))
    until((said / "reached").exists, 120)
    running.kill()
    assert running.wait().code == -9


def naming(desk: Desk, person: Person) -> list[str]:
    """Files of store and artifacts, and half-sent ones, that have an id or a mark of the person, or cannot be looked into."""
    found = []
    delivered = desk.state / "volumes" / "passport" / "in"
    for path in (p for p in desk.home.rglob("*") if p.is_file()):
        if path.parent == delivered and not path.name.startswith("."):
            continue  # it was handed over, which is said
        try:
            if path.suffix == ".parquet":
                text = str(pq.read_table(path).to_pylist()).encode()
            elif zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as opened:
                    text = b"".join(opened.read(name) for name in opened.namelist())
            else:
                text = path.read_bytes()
        except (OSError, pa.ArrowException):  # not finished
            text = OURS.encode()
        if any(word.encode() in text for word in (*person.ids, f"x{person.raw}", OURS, THEIRS)):
            found.append(str(path.relative_to(desk.home)))
    return found


MOMENTS = {
    "before the second of its halves": "wait_between_halves_of_forget",
    "before the details of the first run go": "wait_before_details_go",
    "after the details of the first run": "wait_after_details_went",
}


@pytest.mark.parametrize("which", [0, 1], ids=["by the roster's id", "by the second source's id"])
@pytest.mark.parametrize("hook", MOMENTS.values(), ids=MOMENTS)
def test_forget_ends_what_a_killed_one_began(desk: Desk, person: Person, hook: str, which: int) -> None:
    assert naming(desk, person)
    waiting = desk.runs()[0]["metadata"]["name"]
    killed(desk, hook, "forget", person.ids[which], "--yes")
    assert naming(desk, person)

    done = desk("forget", person.ids[which], "--yes", exits=0)

    assert naming(desk, person) == []
    assert "Removed: " in done.out
    assert "The person was active" in done.out
    assert "Was delivered, and cannot be called back" in done.out
    assert json.loads(desk("show", waiting, "-o", "json").out)["status"]["outcome"] == "Cancelled"


def test_a_forget_that_was_killed_before_the_file_was_written_anew_says_that_it_is_done(
    desk: Desk, person: Person
) -> None:
    killed(desk, "wait_before_written_anew", "forget", person.ids[1], "--yes")
    assert naming(desk, person)

    done = desk("forget", person.ids[1], "--yes", exits=1)

    assert naming(desk, person) == []
    assert "was interrupted before, it is done now" in done.err


def test_who_left_one_source_is_forgotten_there_too(desk: Desk, person: Person) -> None:
    rows = person.rows["accounts"]["users"]
    person.systems["accounts"].serve(
        Rows(person.rows["accounts"] | {"users": [r for r in rows if r["sourcedId"] != f"x{person.raw}"]})
    )
    try:
        desk("run", "-f", "accounts.yaml", "-q", *LIGHT, exits=0)
    finally:
        person.systems["accounts"].serve(Rows(person.rows["accounts"]))

    asked = desk("forget", person.ids[1])
    assert f"{OURS} ({person.ids[1]}) for good?" in asked.out + asked.err
    desk("forget", person.ids[0], "--yes", exits=0)

    assert naming(desk, person) == []


@pytest.mark.parametrize("hook", ["wait_in_send", "wait_in_copy"])
def test_forget_removes_what_a_killed_delivery_left(desk: Desk, person: Person, hook: str) -> None:
    killed(desk, hook, "deliver", "-f", "focus.yaml", "--everything")
    left = [p for p in desk.state.rglob("*") if p.suffix == ".zip" or ".zip." in p.name]
    assert any(p.parent.name != "in" or p.name.startswith(".") for p in left)

    desk("forget", person.ids[0], "--yes", exits=0)

    assert naming(desk, person) == []
