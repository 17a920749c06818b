"""What a pull of a directory proves, also while the directory moves; and what is read of overlapping bases and long lists."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rostersync.reading.extract import Wanted, extract
from rostersync.sources.active_directory.client import ActiveDirectory
from rostersync.sources.port import Page, Reading, Source
from support.directory import PUPILS, SPRINGFIELD, STUDENTS, Person, change, entry, group_dn, move
from support.directory_desk import opened, people
from support.samba import BASE, Server, samba, shared

USERS = Wanted(("users",))


@pytest.fixture(scope="module")
def server() -> Server:
    return shared(SPRINGFIELD)


@pytest.fixture
def own() -> Iterator[Server]:
    """One that a test may change."""
    with samba(SPRINGFIELD) as made:
        yield made


class Meddled:
    """A source while whose pulls something happens, after the first page of each."""

    def __init__(self, source: Source, meddle: Callable[[int], None]) -> None:
        self._source, self._meddle, self.pulls, self.version = source, meddle, 0, source.version

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def pull(self, collection: str, metadata: frozenset[str], sink: Callable[[Page], None]) -> Reading:
        self.pulls += 1
        first = True

        def between(page: Page) -> None:
            nonlocal first
            sink(page)
            if first:
                first = False
                self._meddle(self.pulls)

        return self._source.pull(collection, metadata, between)


def proof_of(source: Any, folder: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = extract(source, folder, USERS)["collections"]["users"]
    finally:
        source.close()
    return found


def test_a_still_directory_is_read_once(server: Server, tmp_path: Path) -> None:
    proof = proof_of(opened(server), tmp_path)
    assert (proof["rule"], proof["pulls"], proof["rows"], proof["leftOut"]) == ("Still", 1, 70, 3)


def test_a_directory_that_changes_something_else_is_read_twice(own: Server, tmp_path: Path) -> None:
    def meddle(pull: int) -> None:
        own.modify(change(PUPILS[0].dn, "replace", sn=f"Name {pull}"))

    proof = proof_of(Meddled(opened(own), meddle), tmp_path)
    assert (proof["rule"], proof["pulls"], proof["complete"]) == ("Twice", 2, True)


def test_a_directory_that_moves_all_the_time_proves_nothing(own: Server, tmp_path: Path) -> None:
    def meddle(pull: int) -> None:
        own.add(Person(f"new{pull}").ldif())

    proof = proof_of(Meddled(opened(own), meddle), tmp_path)
    assert (proof["rule"], proof["pulls"], proof["complete"]) == (None, 3, False)
    assert "the source changed while it was read, and pulls did not agree" in proof["reason"]


def test_somebody_who_moves_between_two_bases_is_there_once(own: Server, tmp_path: Path) -> None:
    """From one that was not read yet to one that was, and back."""
    west = f"OU=West,{BASE}"
    own.add(entry(west, "organizationalUnit"))
    rules = [{"entity": "Student", "organizationalUnits": [west, STUDENTS]}]
    source = opened(own, baseDNs=[west, STUDENTS], entities=rules, pageSize=5)

    def meddle(pull: int) -> None:
        if pull == 1:
            own.modify(move(PUPILS[59].dn, "CN=s59", west))

    proof = proof_of(Meddled(source, meddle), tmp_path)
    assert (proof["complete"], proof["distinct"]) == (True, 61)


def test_values_that_come_in_ranges_are_completed(server: Server) -> None:
    source = opened(server)
    assert isinstance(source, ActiveDirectory)
    session = source._open()
    dn = group_dn("teachers")
    whole = session.find(dn, ["member"], "")
    part = session.find(dn, ["member;range=0-1"], "")
    assert whole is not None
    assert part is not None
    assert [*part[1]] == ["member;range=0-1"]
    assert sorted(session.complete(*part)["member"]) == sorted(whole[1]["member"])
    assert len(whole[1]["member"]) == 6
    assert session.complete(*whole) == whole[1]
    source.close()


def test_bases_below_others_are_read_once(server: Server) -> None:
    rows, _ = people(opened(server, baseDNs=[STUDENTS.lower(), BASE]))
    assert len(rows) == 70


@pytest.mark.parametrize("name", ["Domain Users", "Users"])
def test_the_primary_group_counts_too(server: Server, name: str) -> None:
    """memberOf does not name it. The second group has the first one in it."""
    rows, reading = people(opened(server, entities=[{"entity": "Student", "groups": [name]}]))
    assert (len(rows), reading.left_out) == (73, 0)
