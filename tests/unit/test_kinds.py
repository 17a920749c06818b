"""The table of kinds: what each record says is true of its model."""

import pytest

from rostersync.api.kinds import KINDS, by_plural, connections


@pytest.mark.parametrize("name", KINDS)
def test_a_record_names_the_model_of_its_kind(name: str) -> None:
    kind = KINDS[name]
    assert kind.model.model_fields["kind"].default == name == kind.name
    assert by_plural(kind.plural) is kind


def test_connections_are_those_that_runs_can_name() -> None:
    assert [kind.name for kind in connections()] == ["FocusConnection"]
