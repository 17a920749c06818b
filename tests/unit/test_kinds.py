"""The table of kinds: what each record says is true of its model."""

import re
from pathlib import Path

import pytest

from rostersync.api.kinds import KINDS, Ref, by_plural, connections
from rostersync.api.policies_connections import safety_fields
from rostersync.api.v1alpha1.connection import ConnectionSpec
from rostersync.errors import Permanent
from rostersync.sources.registry import PROFILES
from support.example_kind import registered

PRODUCT = Path(__file__).parents[2] / "operator" / "rostersync"
ITS_OWN = ["api/v1alpha1/focusconnection.py"]  # and its profile, sources/focus.py, which does not name the kind
RECORDS = ["api/kinds.py", "sources/registry.py"]
IN_WORDS = [  # help that has a name in an example
    "local/commands/common.py",
    "local/commands/importing.py",
    "plugin/commands/approve.py",
]


@pytest.mark.parametrize("name", KINDS)
def test_a_record_names_the_model_of_its_kind(name: str) -> None:
    kind = KINDS[name]
    assert kind.model.model_fields["kind"].default == name == kind.name
    assert by_plural(kind.plural) is kind


def test_a_kind_of_connection_says_so_in_its_name() -> None:
    """Names of claims and runs end in the kind, and must not look like those of the default kind."""
    assert all(re.fullmatch("[A-Z][A-Za-z]*Connection", kind.name) for kind in connections())


def test_connections_are_those_that_runs_can_name() -> None:
    assert [kind.name for kind in connections()] == ["FocusConnection"]


def test_a_kind_of_connection_costs_its_own_files_and_one_record_in_each_registry() -> None:
    """Nothing else in the product names one; the operator's own cache looks the default kind up in the table."""
    naming = [
        path.relative_to(PRODUCT).as_posix()
        for path in sorted(PRODUCT.rglob("*.py"))
        if re.search("focusconnection", path.read_text(), re.IGNORECASE)
    ]
    assert naming == sorted(ITS_OWN + RECORDS + IN_WORDS)


def test_every_kind_of_connection_has_a_profile() -> None:
    assert PROFILES.keys() == {kind.name for kind in connections()}


@pytest.mark.parametrize("kind", connections(), ids=lambda kind: kind.name)
def test_kinds_differ_in_delivery_config_alone(kind) -> None:
    """What waives an approval in one kind does so in all."""
    (spec,) = {kind.model.model_fields["spec"].annotation}
    assert list(spec.model_fields) == list(ConnectionSpec.model_fields)
    assert safety_fields(spec) == safety_fields(ConnectionSpec)


@pytest.mark.parametrize(
    ("said", "ref", "key"),
    [
        ("springfield", Ref("FocusConnection", "springfield"), "springfield"),
        ("focusconnection/springfield", Ref("FocusConnection", "springfield"), "springfield"),
        ("fcon/springfield", Ref("FocusConnection", "springfield"), "springfield"),
    ],
)
def test_the_default_kind_is_kept_by_name_alone(said: str, ref: Ref, key: str) -> None:
    """As it was before there were others, so that locks and runs of today are found."""
    assert (Ref.parse(said), ref.key) == (ref, key)
    assert Ref.of({"name": "springfield"}) == ref


def test_another_kind_of_the_same_name_is_kept_apart() -> None:
    ref = Ref("ExampleConnection", "springfield")
    assert (ref.key, ref.in_words) == ("exampleconnection/springfield", "ExampleConnection springfield")
    assert ref.plural == "exampleconnections"
    with registered():
        assert Ref.of_key(ref.key) == ref
        said = (
            "exampleconnection",
            "exampleconnections",
            "xcon",
            "ExampleConnection",
            "exampleconnection.rostersync.dev",
        )
        assert {Ref.parse(f"{kind}/springfield") for kind in said} == {ref}


@pytest.mark.parametrize(
    "said", ["syncrun/one", "cron/springfield", "/springfield", "focusconnection/", "a/b/springfield"]
)
def test_what_is_no_connection_is_refused_with_the_kinds_there_are(said: str) -> None:
    with pytest.raises(Permanent, match=r"NAME or KIND/NAME, where KIND is one of focusconnection \(fcon\)\."):
        Ref.parse(said)
