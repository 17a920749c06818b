"""What tests of whole commands share."""

from collections.abc import Iterator

import pytest

from support.commands import Commands, commands


@pytest.fixture(scope="session")
def warm() -> Iterator[Commands]:
    """Commands as processes that have imported everything already: one for each worker."""
    with commands() as process:
        yield process
