"""Test Connection for people: metadata, which may have hundreds of keys, is folded; JSON has all."""

import pytest

from rostersync.local.commands.check import METADATA_KEYS, _page
from rostersync.sources.port import CheckResult, Filled

SCOPE = "https://purl.imsglobal.org/spec/or/v1p1/scope/roster-core.readonly"


def found(keys: int) -> CheckResult:
    """A source whose students have that many keys of metadata, all filled."""
    names = ["givenName", *(f"metadata.key{i:03}" for i in range(keys))]
    filled = tuple(Filled("Student", name, 10, 10) for name in names)
    return CheckResult("Connection is OK", (), filled, {"users": 10}, ("courses",), (SCOPE,))


def test_many_keys_of_metadata_are_folded(capsys: pytest.CaptureFixture[str]) -> None:
    _page(found(300))
    said = " ".join(capsys.readouterr().out.split())

    assert "givenName, metadata.key000" in said
    assert said.count("metadata.key") == METADATA_KEYS
    assert f"and {300 - METADATA_KEYS} more keys of metadata" in said
    assert len(found(300).as_dict()["attributes"]) == 301


def test_a_few_keys_are_all_named(capsys: pytest.CaptureFixture[str]) -> None:
    _page(found(METADATA_KEYS))
    said = capsys.readouterr().out

    assert said.count("metadata.key") == METADATA_KEYS
    assert "more keys" not in said


def test_a_collection_that_is_not_offered_names_the_scope(capsys: pytest.CaptureFixture[str]) -> None:
    _page(found(1))
    said = capsys.readouterr().out

    assert "Not offered by the source: courses." in said
    assert SCOPE in said.replace("\n", "")
