"""Who gets a district's bundles, night after night: every form of OneRoster CSV, through the product's own places.

A receiver knows the standard and what it was sent, and nothing of the product. Its post goes astray now and then: a
volume that cannot be written, a process that ends between sending and noting it, a night without any delivery.
"""

import hashlib
import random
import shutil
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from rostersync.api.v1alpha1.deliveries import Delivery
from rostersync.deliveries.bundle import config_hash, make_bundle, sent
from rostersync.deliveries.port import Bundle, Edition
from rostersync.deliveries.port import Receiver as To
from rostersync.deliveries.registry import place_of
from rostersync.errors import RostersyncError
from rostersync.execution.bundles import Packer
from rostersync.stores.engine import connect
from rostersync.stores.port import Store
from support.oneroster_checks import manifest, problems
from support.oneroster_reader import Content, Reader

DISTRICT = "district"
FORMS: dict[str, dict[str, Any]] = {
    "deltas": {"mode": "Delta", "version": "1.1"},
    "deltas-2": {"mode": "Delta", "version": "1.2"},
    "folder": {"mode": "Bulk", "version": "1.2", "zip": False},
    "zip": {"mode": "Bulk", "version": "1.1"},
    "people": {"mode": "Delta", "version": "1.2", "entities": ["School", "Class", "Student", "Contact", "Enrollment"]},
}


@dataclass
class Receiver:
    """One that is sent bundles. `had`: the revision of the newest one."""

    delivery: Delivery
    volume: Path
    reader: Reader = field(default_factory=Reader)
    had: int = 0
    last: str = ""  # name and checksum of the newest zip

    @property
    def name(self) -> str:
        """Its delivery's name in the outbox."""
        return f"{DISTRICT}/{self.delivery.name}"

    @property
    def version(self) -> str:
        """Of OneRoster."""
        return str(getattr(self.delivery.oneRosterCSV, "version", ""))

    @property
    def narrowed(self) -> bool:
        """Whether it gets only a part of the roster."""
        return getattr(self.delivery.oneRosterCSV, "entities", None) is not None

    def take(self, revision: int, scratch: Path) -> None:
        """Read what lies there. The same zip a second time says nothing new."""
        folder, files = self.volume / "claim", sorted((self.volume / "claim").iterdir())
        assert not [f for f in files if f.name.startswith(".")], "a part of a file is left"
        if files[0].suffix == ".zip":
            newest = files[-1]
            assert newest.name == f"{DISTRICT}-{revision:06}.zip"
            told = newest.name + hashlib.sha256(newest.read_bytes()).hexdigest()
            if told == self.last:
                return
            self.last, folder = told, scratch / "unpacked"
            shutil.rmtree(folder, ignore_errors=True)
            with zipfile.ZipFile(newest) as archive:
                assert archive.testzip() is None
                archive.extractall(folder)
        known = {} if "bulk" in manifest(folder).values() else self.reader.ids
        assert problems(folder, known, required=False, words=False) == [], f"{self.name}, revision {revision}"
        self.reader.take(folder)
        self.had = revision


class Post:
    """Brings what the outbox holds to its receivers."""

    def __init__(self, rng: random.Random, folder: Path, store: Store) -> None:
        self.rng, self.folder, self.store = rng, folder, store
        self.did: Counter[str] = Counter()
        self.receivers = [self._receiver(name, asked) for name, asked in FORMS.items()]

    def _receiver(self, name: str, asked: Mapping[str, Any]) -> Receiver:
        spec = {"name": name, "oneRosterCSV": {**asked}, "directory": {"existingClaim": "claim"}}
        volume = self.folder / "volumes" / name
        volume.mkdir(parents=True)
        return Receiver(Delivery.model_validate(spec), volume)

    @property
    def names(self) -> tuple[str, ...]:
        """In the outbox."""
        return tuple(each.name for each in self.receivers)

    def deliver(self, at: datetime) -> dict[str, Content]:
        """A night's deliveries. Returns what an export has for each receiver that is up to date, by its name."""
        reader, scratch = self.store.reader(), self.folder / "scratch"
        con = connect(None, 1, scratch, [*reader.folders, self.folder])
        try:
            state = reader.attach(con, DISTRICT, None)
            if not state.revision:
                return {}
            packer = Packer(con, reader, DISTRICT, state, scratch / "bundles")
            told = [(each, *self._packed(packer, each, state.forgotten)) for each in self.receivers]
            current = {each.name for each, _, bundles in told if not bundles}
            exports = {r.name: self._exported(con, r.delivery, state.revision, at) for r in self.receivers}
        finally:
            con.close()
        for each, asked, bundles in told:
            if bundles and self._sent(each, asked, bundles, at):
                current.add(each.name)
        return {name: content for name, content in exports.items() if name in current}

    def _packed(self, packer: Packer, each: Receiver, forgotten: int) -> tuple[str, list[Bundle]]:
        asked = config_hash(each.delivery, place_of(each.delivery).account(self._to(each)), forgotten)
        bundles, more = packer.bundles(each.name, each.delivery, asked)
        assert not more
        return asked, bundles

    def _to(self, each: Receiver) -> To:
        return To(each.delivery, {}, lambda claim: each.volume / claim)

    def _sent(self, each: Receiver, asked: str, bundles: list[Bundle], at: datetime) -> bool:
        """Send a receiver's bundles in order; whether all arrived and were noted."""
        place = place_of(each.delivery)
        for bundle in bundles:
            luck = self.rng.random()
            if luck < 0.1:
                self.did["not tried"] += 1
                return False
            if luck < 0.2:
                self._fail(each, bundle)
                return False
            place.send(self._to(each), bundle)
            was = each.last
            each.take(bundle.revision, self.folder / "scratch")
            self.did["came again" if each.last and each.last == was else "bundles"] += 1
            if luck < 0.3:
                self.did["not noted"] += 1
                return False
            made = sent(bundle, place.where(each.delivery), at, asked)
            self.store.outbox().settle(DISTRICT, each.name, bundle.revision, made)
        return True

    def _fail(self, each: Receiver, bundle: Bundle) -> None:
        """The volume is not there tonight."""
        claim, aside = each.volume / "claim", each.volume / "aside"
        if claim.exists():
            claim.rename(aside)
        claim.write_text("no folder")
        with pytest.raises(RostersyncError):
            place_of(each.delivery).send(self._to(each), bundle)
        claim.unlink()
        if aside.exists():
            aside.rename(claim)
        self.did["failed"] += 1

    def _exported(self, con: duckdb.DuckDBPyConnection, asked: Delivery, revision: int, at: datetime) -> Content:
        """What a receiver has who is sent all of the newest roster."""
        whole = asked.model_copy(
            update={
                "oneRosterCSV": asked.oneRosterCSV
                and asked.oneRosterCSV.model_copy(update={"mode": "Bulk", "zip": False})
            }
        )
        found = self.store.reader().revision(con, DISTRICT, revision)
        assert found
        folder = self.folder / "scratch" / "export"
        shutil.rmtree(folder, ignore_errors=True)
        bundle = make_bundle(Edition(con, whole, DISTRICT, revision, found.applied_at), folder)
        reader = Reader()
        reader.take(bundle.files[0].parent)
        return reader.content
