"""What tests of whole commands share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support import example_store
from support.commands import Commands, commands
from support.stores import NAMES, Kept


@pytest.fixture(scope="session")
def warm() -> Iterator[Commands]:
    """Commands as processes that have imported everything already: one for each worker."""
    with commands() as process:
        yield process


@pytest.fixture(params=NAMES)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    """A store of each kind in turn."""
    with example_store.registered():
        yield Kept(request.param, tmp_path / "o'store", tmp_path / "scratch")
