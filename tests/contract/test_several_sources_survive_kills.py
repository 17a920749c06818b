"""Killed at any step, an apply in a district of two sources leaves the old revision or the new one, in all that is kept of it.

Plans are made once, on a store that nobody kills; every store then has to go through the same revisions. After each kill it must
be exactly what that store was: contributions, links, whose values stand, the roster, both histories, the outbox.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engine.test_several_sources import FIRST, SECOND, ours, theirs
from rostersync.plan.apply import apply
from rostersync.stores.embedded.store import EmbeddedStore
from support import postgres
from support.days import Planned, Roster
from support.killing import Kill, Killer, consent_to
from support.several_stored import Stored, agrees, stored
from support.stores import KINDS, Kept

FEED = ("rivers/feed",)
SOURCES = ["rivers", "campus"]
OWNED: dict[str, Any] = {
    "masterFields": [{"entity": "Student", "attributes": ["phone", "sms"], "source": "rivers", "mode": "DoNotOverride"}]
}
LONGEST = {"commit": 0.006, "committed": 0.02}  # seconds after the step within which the kill comes
COMMITS = 4  # kills in the moment of COMMIT, unless one of them comes after it


@dataclass
class Revision:
    """A plan, the steps of its apply, and what a store is after it."""

    planned: Planned
    steps: list[str]
    after: Stored


@pytest.fixture(scope="module")
def revisions(tmp_path_factory: pytest.TempPathFactory) -> list[Revision]:
    """Sources join; then one of the first leaves and one of the second becomes one with another; then all is taken back."""
    folder = tmp_path_factory.mktemp("never-killed")
    roster, made = Roster(folder), list[Revision]()
    gone = ours().without("users", "s2").without("enrollments", "e2").change("users", "s1", phone=None)
    merged = theirs().change("users", "93", email="s3@x.example", orgSourcedIds=["71"]).change("users", "91", sms="6")
    nights = [(ours(), FIRST), (theirs(), SECOND), (gone, FIRST), (merged.without("enrollments", "83"), SECOND)]
    for day, words in nights:
        planned, steps = roster.plan(day, **words | OWNED), list[str]()
        apply(
            planned.folder,
            roster.store.writer(),
            consent_to(planned.folder),
            deliveries=FEED,
            now=planned.manifest.as_of,
            mark=steps.append,
        )
        found = stored(roster.store, "rivers", SOURCES, folder / "scratch")
        made.append(Revision(planned, steps, found))
        agrees(found, FEED, [r.planned for r in made])
    return made


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    with Killer() as process:
        yield process


@pytest.fixture(params=["embedded", "postgres"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    folder = tmp_path / "store"
    with KINDS[request.param].there(folder):
        yield Kept(request.param, folder, tmp_path / "scratch")


def test_the_steps_tell_contributions_from_the_roster(revisions: list[Revision]) -> None:
    steps = revisions[1].steps
    assert steps.index("users") < steps.index("roster") < steps.index("roster users") < steps.index("links")
    assert steps.index("links") < steps.index("revision") < steps.index("commit")
    assert "roster" not in revisions[0].steps


def test_a_killed_apply_leaves_the_roster_of_all_sources_old_or_new(
    kept: Kept, killer: Killer, revisions: list[Revision]
) -> None:
    rng = random.Random(11)
    first, *later = revisions
    apply(first.planned.folder, kept.store.writer(), consent_to(first.planned.folder), deliveries=FEED)
    old, new, before = 0, 0, first
    for revision in later:
        early = [step for step in revision.steps if step not in ("commit", "committed", "closed")]
        for step in [*early, *["commit"] * COMMITS, "committed"]:
            marks = _killed(kept, killer, revision.planned, step, rng.uniform(0, LONGEST.get(step, 0.002)))
            found = stored(kept.store, "rivers", SOURCES, kept.scratch)
            assert found in (before.after, revision.after), f"neither revision, killed after {marks[-1]}"
            applied = found == revision.after
            assert applied or "committed" not in marks
            assert not applied or "commit" in marks
            old, new = old + (not applied), new + applied
            if applied:
                break
        plan = revision.planned.folder
        for _ in range(2):
            report = apply(plan, kept.store.writer(), consent_to(plan), deliveries=FEED)
            assert (report.revision, report.already_applied) == (revision.after.revision, True)
        assert stored(kept.store, "rivers", SOURCES, kept.scratch) == revision.after
        before = revision
    assert old >= sum(len(r.steps) for r in later) / 2
    assert new == len(later)


def test_the_next_apply_completes_what_was_killed_while_the_roster_was_written(
    kept: Kept, killer: Killer, revisions: list[Revision]
) -> None:
    for number, revision in enumerate(revisions):
        plan = revision.planned.folder
        if number:
            _killed(kept, killer, revision.planned, "links", 0)
        report = apply(plan, kept.store.writer(), consent_to(plan), deliveries=FEED)
        assert (report.revision, report.already_applied) == (number + 1, False)
    assert stored(kept.store, "rivers", SOURCES, kept.scratch) == revisions[-1].after


def _killed(kept: Kept, killer: Killer, planned: Planned, after: str, delay: float) -> list[str]:
    """The steps that an apply reached before it was killed."""
    store, plan = kept.store, str(planned.folder)
    if isinstance(store, EmbeddedStore):
        return killer.kill(Kill(str(store.path), plan, after, delay, approved=True, deliveries=FEED))
    secrets = KINDS[kept.name].secrets(kept.folder)
    marks = killer.kill(Kill(str(kept.scratch), plan, after, delay, secrets=secrets, approved=True, deliveries=FEED))
    postgres.server().let_go()
    return marks
