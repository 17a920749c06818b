"""What is planned from a source: what this version plans, and the sentence for what it does not plan yet."""

import pytest

from rostersync.errors import NotYetSupported
from rostersync.model import Mode
from rostersync.plan.origin import RunScope
from rostersync.sync.preconditions import supported


@pytest.mark.parametrize("mode", [Mode.IMPORT, Mode.DRY_RUN])
def test_a_pull_of_the_whole_district_is_planned(mode: Mode) -> None:
    supported(RunScope(mode))


@pytest.mark.parametrize(
    ("scope", "fields"),
    [
        (RunScope(Mode.RESTORE), "spec.mode: Restore"),  # it is planned from the store
        (RunScope(schools=("1001",)), "spec.schools"),
        (RunScope(Mode.DRY_RUN, ("1001",)), "spec.schools"),
        (RunScope(Mode.RESTORE, ("1001",)), "spec.mode: Restore, spec.schools"),
    ],
)
def test_restores_and_some_schools_are_refused_as_a_run_of_them_is(scope: RunScope, fields: str) -> None:
    with pytest.raises(NotYetSupported) as refused:
        supported(scope)

    assert str(refused.value) == f"SyncRun {fields}: not supported in this version; leave it out."
