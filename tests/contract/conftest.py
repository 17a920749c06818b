"""What tests of whole commands share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.commands import Commands, commands
from support.stores import KINDS, NAMES, Kept


@pytest.fixture(scope="session")
def warm() -> Iterator[Commands]:
    """Commands as processes that have imported everything already: one for each worker."""
    with commands() as process:
        yield process


@pytest.fixture(params=NAMES)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    """A store of each kind in turn."""
    folder = tmp_path / "o'store"
    with KINDS[request.param].there(folder):
        yield Kept(request.param, folder, tmp_path / "scratch")
