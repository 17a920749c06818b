"""The table of kinds: what each record says is true of its model."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from rostersync.api import crd, generated_files, policies
from rostersync.api.kinds import DEFAULT_CONNECTION, KINDS, Kind, Ref, by_plural, connections
from rostersync.api.policies_connections import safety_fields
from rostersync.api.v1alpha1.connection import ConnectionSpec
from rostersync.api.v1alpha1.syncapproval import SyncApprovalStatus
from rostersync.api.v1alpha1.syncrun import ConnectionRef
from rostersync.errors import Permanent
from rostersync.local.commands.run import run
from rostersync.sources.profile import in_words, variables
from rostersync.sources.registry import PROFILES
from support.example_kind import registered

ROOT = Path(__file__).parents[2]
PRODUCT = ROOT / "operator" / "rostersync"
RECORDS = ["api/kinds.py", "sources/registry.py"]
IN_WORDS = ["plugin/commands/approve.py"]  # help that has a name of the default kind in an example
SIMULATED = "simulator/profiles.py"  # what the simulator can be, which no kind needs


def naming(word: str) -> list[str]:
    """Files of the product that have a word, in whatever case."""
    return [
        path.relative_to(PRODUCT).as_posix()
        for path in sorted(PRODUCT.rglob("*.py"))
        if re.search(word, path.read_text(), re.IGNORECASE)
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
    with registered():
        names = [kind.name for kind in connections()]
        assert ConnectionRef.model_json_schema()["properties"]["kind"]["enum"] == names
        for name in names:
            assert ConnectionRef(kind=name, name="springfield").kind == name
        for name in KINDS.keys() - names:
            with pytest.raises(ValidationError):
                ConnectionRef(kind=name, name="springfield")


@pytest.mark.parametrize("kind", connections(), ids=lambda kind: kind.name)
def test_a_kind_of_connection_costs_its_api_file_and_one_record_in_each_registry(kind: Kind) -> None:
    """And its profile, which does not name the kind. Nothing else in the product does."""
    others = IN_WORDS if kind.name == DEFAULT_CONNECTION else []
    assert naming(kind.singular) == sorted([f"api/v1alpha1/{kind.singular}.py", *RECORDS, *others])


@pytest.mark.parametrize(
    ("sis", "its_own"),
    [
        ("infinite.?campus", ["api/v1alpha1/infinitecampusconnection.py", "sources/infinite_campus.py"]),
        ("illuminate", ["api/v1alpha1/illuminateconnection.py", "sources/illuminate.py"]),
    ],
)
def test_what_is_particular_to_a_system_stands_in_two_files(sis: str, its_own: list[str]) -> None:
    assert [path for path in naming(sis) if not path.startswith("simulator/")] == sorted(its_own + RECORDS)
    assert SIMULATED in naming(sis)


@pytest.mark.parametrize("kind", connections(), ids=lambda kind: kind.name)
def test_the_default_page_size_of_a_kind_is_that_of_its_profile(kind: Kind) -> None:
    (spec,) = {kind.model.model_fields["spec"].annotation}
    config = spec.model_fields["deliveryConfig"].annotation
    assert config.model_fields["pageSize"].default == PROFILES[kind.name].page_size


def test_what_the_default_kind_is_matters_to_references_alone() -> None:
    """Whoever else asks for it would work for one kind only."""
    assert naming("DEFAULT_CONNECTION") == [
        "api/kinds.py",  # the references of people and of objects, and the keys made of them, leave it out
        "api/v1alpha1/syncrun.py",  # the API server fills it in
    ]


@pytest.mark.parametrize("path", generated_files.repository())
def test_chart_and_base_have_what_follows_from_its_record(path: str) -> None:
    with registered():
        assert "exampleconnection" in generated_files.repository()[path]


def test_an_approval_has_room_for_the_policies_of_a_dozen_kinds() -> None:
    """It remembers policy and binding of each; without room no held run could ever be decided."""
    (limit,) = (mark.max_length for mark in SyncApprovalStatus.model_fields["policies"].metadata)
    now = 2 * len([*policies.validating(), *policies.mutating()])
    with registered():
        each = 2 * len([*policies.validating(), *policies.mutating()]) - now
    assert now + (12 - len(connections())) * each <= limit


def test_nothing_else_of_chart_and_base_names_a_kind() -> None:
    made = {ROOT / path for path in generated_files.repository()}
    files = [path for folder in ("charts", "deploy/base") for path in (ROOT / folder).rglob("*") if path.is_file()]
    texts = {path.name: path.read_text() for path in files if path not in made}
    naming = {name for name, text in texts.items() for kind in connections() if kind.singular in text.lower()}
    assert naming <= {"NOTES.txt"}, "which has an example"
    (category,) = {name for kind in KINDS.values() for name in crd.definition(kind)["spec"]["names"]["categories"]}
    assert f"kubectl get {category} -A" in texts["NOTES.txt"]


def test_the_help_of_run_has_variables_of_profiles() -> None:
    told = set(re.findall(r"(\w+) as (ROSTERSYNC_\w+)", run.help or ""))
    assert told
    assert told <= {item for kind in connections() for item in variables(PROFILES[kind.name].keys).items()}


def test_every_kind_of_connection_has_a_profile() -> None:
    assert PROFILES.keys() == {kind.name for kind in connections()}


def test_a_kind_of_connection_says_which_keys_its_secret_has() -> None:
    """The type of deliveryConfig does not, since kinds share it."""
    with registered():
        for kind in connections():
            (spec,) = {kind.model.model_fields["spec"].annotation}
            keys = in_words(PROFILES[kind.name].keys)
            assert f"Its Secret has the keys {keys}." in spec.model_fields["deliveryConfig"].description


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
    kinds = ", ".join(f"{kind.singular} ({kind.short})" for kind in connections())
    with pytest.raises(Permanent, match=re.escape(f"NAME or KIND/NAME, where KIND is one of {kinds}.")):
        Ref.parse(said)
