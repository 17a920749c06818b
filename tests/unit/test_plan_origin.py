"""What a plan is made from: what this version plans, and the sentence for what it does not plan yet."""

from pathlib import Path

import pytest

from rostersync.errors import NotYetSupported
from rostersync.model import Mode
from rostersync.plan.origin import PlanOrigin, Pulled, Restored, RunScope
from rostersync.sync.preconditions import pulled

EXTRACT = Pulled(Path("extract"), "client")
BACK = Restored("nightly-1")


@pytest.mark.parametrize("mode", [Mode.IMPORT, Mode.DRY_RUN])
def test_a_pull_of_the_whole_district_is_planned(mode: Mode) -> None:
    assert pulled(EXTRACT, RunScope(mode)) is EXTRACT


@pytest.mark.parametrize(
    ("origin", "scope", "fields"),
    [
        (BACK, RunScope(Mode.RESTORE), "spec.mode: Restore"),
        (BACK, RunScope(), "spec.mode: Restore"),
        (EXTRACT, RunScope(Mode.RESTORE), "spec.mode: Restore"),
        (EXTRACT, RunScope(schools=("1001",)), "spec.schools"),
        (EXTRACT, RunScope(Mode.DRY_RUN, ("1001",)), "spec.schools"),
        (BACK, RunScope(Mode.RESTORE, ("1001",)), "spec.mode: Restore, spec.schools"),
    ],
)
def test_restores_and_some_schools_are_refused_as_a_run_of_them_is(
    origin: PlanOrigin, scope: RunScope, fields: str
) -> None:
    with pytest.raises(NotYetSupported) as refused:
        pulled(origin, scope)

    assert str(refused.value) == f"SyncRun {fields}: not supported in this version; leave it out."
