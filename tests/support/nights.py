"""A district's life, night after night, in the engine and in the reference model side by side.

Most nights are imports, some of them of pulls that are not whole. Others are about one school, take back what an earlier
night did, or begin after somebody was forgotten; and people edit the connection: its prefix, entities, schools, filters.
"""

import copy
import random
import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rostersync.errors import Permanent
from rostersync.model import Consent
from rostersync.plan.apply import apply
from rostersync.plan.origin import Restored
from rostersync.stores.port import Store
from support.districts import changed_connection, connection, grow
from support.receiving import DISTRICT
from support.reference import Key, Model, ModelPlan, ModelStore
from support.reference_gate import Entry
from support.reference_restore import restore
from support.reference_scoped import Scoped
from support.side_by_side import Engine, Planned, differences
from support.staging import stage

FIRST_NIGHT = datetime(2026, 1, 10, 3, tzinfo=UTC)
Roster = dict[Key, dict[str, Any]]
Applied = tuple[Planned, Roster, Roster, Entry]


class Nights:
    """One district. `outbox`: the names of its deliveries."""

    def __init__(self, rng: random.Random, folder: Path, store: Store | None, outbox: tuple[str, ...]) -> None:
        self.rng, self.folder, self.outbox = rng, folder, outbox
        self.engine = Engine(folder)
        self.store: Store = store or self.engine.store
        self.engine.store = self.store  # type: ignore[assignment]
        self.model = ModelStore()
        self.district = grow(rng)
        self.spec = {**connection(rng, self.district), "onIncompleteRead": "Apply"}
        self.applied: list[Applied] = []
        self.number = 0
        self.did: Counter[str] = Counter()

    @property
    def now(self) -> datetime:
        """When this night is."""
        return FIRST_NIGHT + timedelta(days=self.number)

    def night(self) -> None:
        """What happens in the next night. Afterwards the store has what the model has."""
        self.number += 1
        what = self.rng.choice(["import"] * 7 + ["school", "restore", "forget"])
        if what == "restore" and self.applied:
            self._take_back()
        else:
            self.district.next_day()
            if self.number > 1 and self.rng.random() < 0.25:
                self._edit()
            self._import(some=what == "school")
            if what == "forget":
                self._forget()
        assert self.engine.rows() == self.model.rows, f"night {self.number}"
        shutil.rmtree(self.folder / "artifacts", ignore_errors=True)

    def _edit(self) -> None:
        self.spec = {**changed_connection(self.rng, self.district, self.spec), "onIncompleteRead": "Apply"}
        self.did["edits"] += 1

    def _import(self, *, some: bool) -> None:
        proof = self.district.proof()
        pull = self.district.pull(proof)
        extract = stage(self.folder / "artifacts" / "extract", pull, proof)
        run, model = f"run-{self.number}", Model(self.spec)
        schools: tuple[str, ...] = ()

        def plans() -> Planned:
            return self.engine.plan(self.spec, extract, run, self.now, schools=schools)

        expected: ModelPlan | None = None
        reason = ""
        try:
            expected = model.plan(pull, proof, self.model, self.now)
        except Permanent as refused:
            reason = refused.reason
        if expected is None:
            with pytest.raises(Permanent) as error:
                plans()
            assert error.value.reason == reason, f"night {self.number}"
            self.spec = {**connection(self.rng, self.district), "onIncompleteRead": "Apply"}
            self.did["refused"] += 1
            return
        if some and model.orgs.kept_targets:
            schools = (self.rng.choice(sorted(model.orgs.kept_targets)),)
            expected = Scoped(model, expected, set(schools)).plan()
        planned = plans()
        told = f"night {self.number}, schools {schools}, spec {self.spec}"
        found = differences(expected, planned, self.model)
        assert found == [], f"{told}: {found}"
        if expected.changes:
            before = roster(self.model)
            self.model.apply(expected)
            self._apply(planned)
            self.applied.append((planned, before, roster(self.model), self.model.log[-1]))
            self.did["of a school" if schools else "imports"] += 1

    def _take_back(self) -> None:
        """Restore what one of the last nights did."""
        place = self.rng.randrange(max(0, len(self.applied) - 5), len(self.applied))
        run, was, became, entry = self.applied[place]
        changed = {key: (entity, change) for key, (entity, change, _, _) in run.changes.items()}
        later = {key for other, *_ in self.applied[place + 1 :] for key in other.changes}
        made = restore(changed, was, became, roster(self.model), later, set())
        back = self.engine.restore(self.spec, Restored(run.manifest.run), f"run-{self.number}", self.now)
        assert back.changes == made.changes, f"night {self.number}, restore of {run.manifest.run}"
        if back.changes:
            before = roster(self.model)
            self._apply(back)
            self.model.restore(self.spec, made, entry, self.now)
            self.applied.append((back, before, roster(self.model), self.model.log[-1]))
            self.did["restores"] += 1

    def _apply(self, planned: Planned) -> None:
        consent = Consent(decided_by="somebody", digest=planned.manifest.digest, reason="test")
        apply(planned.folder, self.store.writer(), consent, now=self.now, deliveries=self.outbox)

    def _forget(self) -> None:
        """Somebody is forgotten, with enrolments and demographics. What was done before is not taken back any more."""
        people = sorted(i for table, i in self.model.rows if table == "users")
        if not people:
            return
        person = self.rng.choice(people)
        self.store.writer().forget(DISTRICT, person)
        for table, i in list(self.model.rows):
            row = self.model.rows[table, i]
            if (table in ("users", "demographics") and i == person) or row.get("userSourcedId") == person:
                del self.model.rows[table, i]
            elif table == "users" and person in (row["agentSourcedIds"] or []):
                left = [a for a in row["agentSourcedIds"] if a != person]
                self.model.rows[table, i] = {**row, "agentSourcedIds": left or None}
        self.applied.clear()
        self.did["forgotten"] += 1


def roster(store: ModelStore) -> Roster:
    """Active records as they are now."""
    active = {key: row for key, row in store.rows.items() if row["status"] == "active"}
    return {key: {n: copy.copy(v) for n, v in row.items() if n != "status"} for key, row in active.items()}
