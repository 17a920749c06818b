"""What is planned from a source: what this version plans, and the sentence for what it does not plan yet."""

import pytest

from rostersync.errors import NotYetSupported
from rostersync.model import Mode
from rostersync.plan.origin import RunScope
from rostersync.sync.preconditions import supported


@pytest.mark.parametrize("schools", [(), ("1001",)])
@pytest.mark.parametrize("mode", [Mode.IMPORT, Mode.DRY_RUN])
def test_a_pull_is_planned_for_the_whole_district_or_some_schools(mode: Mode, schools: tuple[str, ...]) -> None:
    supported(RunScope(mode, schools))


@pytest.mark.parametrize(
    ("scope", "fields"),
    [
        (RunScope(Mode.RESTORE), "spec.mode: Restore"),  # it is planned from the store
        (RunScope(Mode.RESTORE, ("1001",)), "spec.mode: Restore"),
    ],
)
def test_restores_are_not_planned_from_a_source(scope: RunScope, fields: str) -> None:
    with pytest.raises(NotYetSupported) as refused:
        supported(scope)

    assert str(refused.value) == f"SyncRun {fields}: not supported in this version; leave it out."
