"""Deletes that are confirmed: records that a pull did not bring are asked for by id before they may be deleted.

A server can leave records out and still send a consistent total. No proof by counting sees that. A missing record that
answers as active shows it: the pull of its collection was not whole, whatever else proved it.

What was answered is kept with the pull (`confirmed.json`), so that a plan that is made from it again needs no source.
"""

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rostersync import durable
from rostersync.sources.port import ByID, Source

FILE = "confirmed.json"
KEY = "byID"  # in the proof of a collection
FORMAT = 1
PATIENCE = 300.0  # seconds
Proof = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Sample:
    """Ids of a collection as the SIS has them: some that a plan deletes, and some that the pull has."""

    missing: tuple[str, ...]
    living: tuple[str, ...] = ()

    def besides(self, known: "Confirmed") -> "Sample":
        """What is left to ask. Nothing if the source cannot be asked."""
        left = () if known.unable else tuple(i for i in self.missing if i not in known.answers)
        return Sample(left, self.living)


@dataclass(frozen=True)
class Confirmed:
    """What a source said about missing records of one collection.

    `unable`: why it says nothing, or no more. It quotes no record.
    """

    answers: Mapping[str, ByID] = field(default_factory=dict)
    unable: str = ""

    @property
    def active(self) -> tuple[str, ...]:
        """The ids of records that are there, although the pull did not bring them."""
        return tuple(sorted(i for i, answer in self.answers.items() if answer is ByID.ACTIVE))

    def and_then(self, later: "Confirmed") -> "Confirmed":
        """Together with what was asked afterwards."""
        return Confirmed({**self.answers, **later.answers}, later.unable or self.unable)


Answered = Callable[[], None]  # called for each record
Confirms = Callable[[Mapping[str, Sample], Answered], Mapping[str, Confirmed]]  # by collection


class Asking:
    """Asks a source for the samples of one plan, in `patience` seconds at most, however often that is made again.

    What was not asked by then is not confirmed. The collection was proved complete without it, so the plan goes on as for
    a source that cannot be asked at all.
    """

    def __init__(self, source: Source, extract: Path, patience: float) -> None:
        self._source, self._extract, self._left = source, extract, patience

    def __call__(self, samples: Mapping[str, Sample], answered: Answered) -> dict[str, Confirmed]:
        """As confirm."""
        began = time.monotonic()
        try:
            return confirm(self._source, self._extract, samples, answered, began + self._left)
        finally:
            self._left -= time.monotonic() - began


def confirm(
    source: Source,
    extract: Path,
    samples: Mapping[str, Sample],
    answered: Answered = lambda: None,
    until: float = math.inf,
) -> dict[str, Confirmed]:
    """Ask the source for samples, and keep its answers with the pull. Returns the new answers."""
    known = read(extract)
    found: dict[str, Confirmed] = {}
    for collection, sample in samples.items():
        found[collection] = _ask(source, collection, sample, answered, until)
        known[collection] = known.get(collection, Confirmed()).and_then(found[collection])
        _write(extract, known)
    return found


def _ask(source: Source, collection: str, sample: Sample, answered: Answered, until: float) -> Confirmed:
    """A server that does not find what it has just sent cannot be believed when it does not find the others either."""
    unable = ""
    for living in sample.living:
        control = source.look_up(collection, (living,), until)
        if control.answers.get(living) is ByID.ACTIVE:
            break
        unable = control.unable or "a record that it has just sent is not found by its id"
    else:
        if unable:
            return Confirmed(unable=unable)
    told = source.look_up(collection, sample.missing, until, answered)
    return Confirmed(told.answers, told.unable)


def read(extract: Path) -> dict[str, Confirmed]:
    """What is kept with a pull, by collection. Nothing if nothing was asked, or if it cannot be read."""
    try:
        kept = json.loads(durable.read(extract / FILE))
        told = kept["collections"] if kept["format"] == FORMAT else {}
        return {
            name: Confirmed({i: ByID(answer) for i, answer in entry["answers"].items()}, entry["unable"])
            for name, entry in told.items()
        }
    except FileNotFoundError:
        return {}


def _write(extract: Path, known: Mapping[str, Confirmed]) -> None:
    told = {name: {"answers": dict(c.answers), "unable": c.unable} for name, c in known.items()}
    text = json.dumps({"format": FORMAT, "collections": told}, indent=1, sort_keys=True, ensure_ascii=False)
    durable.write(extract / FILE, text, lasting=False)


def judged(proof: Proof, confirmed: Mapping[str, Confirmed]) -> dict[str, dict[str, Any]]:
    """The proof, with what the answers add: a collection with a missing record that is active is not complete. Pure."""
    return {name: _judged(told, confirmed.get(name)) for name, told in proof.items()}


def _judged(told: Mapping[str, Any], confirmed: Confirmed | None) -> dict[str, Any]:
    if confirmed is None:
        return dict(told)
    numbers = {str(kind): list(confirmed.answers.values()).count(kind) for kind in ByID}
    asked = {"asked": len(confirmed.answers), **numbers}
    said = {**told, KEY: asked | ({"unable": confirmed.unable} if confirmed.unable else {})}
    if not confirmed.active:
        return said
    n, of = len(confirmed.active), len(confirmed.answers)
    reason = f"{n} of {of} missing records that were asked for by id {'is' if n == 1 else 'are'} there"
    if told.get("reason"):
        reason = f"{told['reason']}; {reason}"
    return said | {"complete": False, "rule": None, "reason": reason}
