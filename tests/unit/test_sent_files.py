"""The files of a delivery as a store keeps them."""

import json

import pytest

from rostersync.sent import SentFile
from rostersync.stores.source_state import files_as_text, files_from_text

ONE = SentFile("springfield-000007.zip", 1024, "ab" * 32)


def test_what_was_written_is_read() -> None:
    assert files_from_text(files_as_text([ONE, ONE])) == (ONE, ONE)


@pytest.mark.parametrize(
    "other",
    [
        1,
        None,
        "x",
        [],
        {},
        {"name": "x", "bytes": 1},
        {"name": 1, "bytes": 1, "sha256": "x"},
        {"name": "x", "bytes": 1e400, "sha256": "x"},
    ],
    ids=str,
)
def test_what_is_no_file_spoils_nothing(other: object) -> None:
    assert files_from_text(json.dumps([other, vars(ONE)])) == (ONE,)


def test_a_later_version_may_say_more_of_a_file() -> None:
    assert files_from_text(json.dumps([{**vars(ONE), "rows": 12}])) == (ONE,)
