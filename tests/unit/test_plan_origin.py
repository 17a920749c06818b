"""What a plan is made from, as the run asks for it."""

from typing import Any

import pytest

from rostersync.model import Entity
from rostersync.plan.origin import Restored, restored_by


@pytest.mark.parametrize(
    ("spec", "restored"),
    [
        ({}, None),
        ({"mode": "Import", "schools": ["1001"]}, None),
        ({"mode": "DryRun"}, None),
        ({"mode": "Restore", "restoreOf": "r1"}, Restored("r1")),
        (
            {"mode": "Restore", "restoreOf": "r1", "entities": ["Student"], "schools": ["1001"]},
            Restored("r1", (Entity.STUDENT,), ("1001",)),
        ),
    ],
)
def test_a_run_reads_its_source_or_takes_back_what_another_changed(spec: dict[str, Any], restored: object) -> None:
    assert restored_by(spec) == restored
