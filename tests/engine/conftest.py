"""A store of its own for each test."""

from pathlib import Path

import pytest

from support.days import Roster


@pytest.fixture
def roster(tmp_path: Path) -> Roster:
    """An empty store and the runs to be made on it."""
    return Roster(tmp_path)
