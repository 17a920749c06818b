"""A second kind of connection works by its profile, its API file and one record in each registry."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from rostersync.api import crd, policies, roles
from rostersync.api.kinds import KINDS
from rostersync.plan import codec
from support.cli import Bench
from support.example_kind import registered
from support.simulated import simulated

SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "example-account"}}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with registered(), simulated(60) as simulator:
        yield Bench(tmp_path, simulator)


def example(bench: Bench, district: str = "lakeside") -> dict[str, Any]:
    """A connection of the same name as the bench's own, with the roster of another district."""
    made = bench.connection(district=district)
    made["kind"] = "ExampleConnection"
    made["spec"]["deliveryConfig"]["credentialsSecretRef"] = {"name": "example-account"}
    return made


def files(bench: Bench, *objects: dict[str, Any], keys: tuple[str, str] = ("accountName", "accessKey")) -> list[str]:
    known = dict(zip(keys, (bench.simulator.client_id, bench.simulator.client_secret), strict=True))
    path = bench.folder / "example.yaml"
    path.write_text(yaml.safe_dump_all([*objects, SECRET | {"stringData": known}]))
    return ["-f", str(path)]


def test_it_is_planned_applied_and_shown(bench: Bench) -> None:
    plan = json.loads(bench.call("plan", *files(bench, example(bench)), "--quiet").stdout)
    bench.call("apply", plan["run"], "--quiet")

    run = bench.show(plan["run"])
    assert run["status"]["outcome"] == "Applied"
    assert run["spec"]["connectionRef"] == {"kind": "ExampleConnection", "name": "springfield"}
    manifest = codec.read(bench.state / "artifacts" / plan["run"] / "plan")
    assert (manifest.district, manifest.source) == ("lakeside", "ex-springfield")


def test_its_secret_has_its_own_keys(bench: Bench) -> None:
    wrong = files(bench, example(bench), keys=("clientID", "clientSecret"))

    told = bench.call("run", *wrong, "--quiet", code=None)

    assert "it needs the keys accountName and accessKey" in told.output


def test_refused_credentials_are_said_to_be_where_they_were_found(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the Secret under the keys of the kind, or in the variables that were taken instead."""
    connection = example(bench)
    given = files(bench, connection)
    bench.simulator.client_secret = "another"
    told = bench.call("run", *given, "--quiet", code=1)
    assert "check Secret default/example-account, keys accountName and accessKey" in told.output

    (bench.folder / "example.yaml").write_text(yaml.safe_dump(connection))
    monkeypatch.setenv("ROSTERSYNC_ACCOUNT_NAME", "x")
    monkeypatch.setenv("ROSTERSYNC_ACCESS_KEY", "y")
    told = bench.call("run", *given, "--quiet", code=1)
    assert "check ROSTERSYNC_ACCOUNT_NAME and ROSTERSYNC_ACCESS_KEY" in told.output
    assert "Secret" not in told.output


def test_it_asks_for_what_its_profile_says(bench: Bench) -> None:
    """Pages of 40; and without classes there is still something to import."""
    bench.simulator.add_fault("404:-1,on=classes")
    run = bench.run(manifests=files(bench, example(bench)))

    assert run["status"]["outcome"] in ("Applied", "AppliedIncomplete")
    asked = [seen.query for seen in bench.simulator.requests if seen.path.endswith("/orgs")]
    assert asked[0]["limit"] == "40"

    refused = bench.call("run", *bench.manifests(), "--quiet", code=None)
    assert "Focus does not offer classes" in refused.output
    assert "let the credential read it (in Focus: Setup > Third Party Systems)" in refused.output

    bench.simulator.add_fault("404:-1,on=orgs")
    refused = bench.call("run", *files(bench, example(bench)), "--quiet", code=None)
    assert "Example does not offer orgs" in refused.output
    assert 'let the credential read it"' in refused.output


def test_two_kinds_of_one_name_are_two_connections(bench: Bench) -> None:
    bench.run()
    bench.run(manifests=files(bench, example(bench)))

    def listed(connection: str) -> list[str]:
        found = json.loads(bench.call("runs", "--connection", connection, "--output", "json").stdout)
        return [item["spec"]["connectionRef"]["kind"] for item in found["items"]]

    assert listed("springfield") == ["FocusConnection"]
    assert listed("exampleconnection/springfield") == ["ExampleConnection"]


def test_crd_policies_and_roles_follow_from_its_record(bench: Bench) -> None:
    made = crd.definition(KINDS["ExampleConnection"])
    assert made["spec"]["names"]["plural"] == "exampleconnections"
    settings = policies.Settings()
    names = {p["metadata"]["name"] for p in policies.validating_policies(settings)}
    assert {f"exampleconnection-{what}.rostersync.dev" for what in ("secrets", "safety", "status")} <= names
    assert "exampleconnections/status" in json.dumps(roles.operator_rules())
    assert "'ExampleConnection': 'exampleconnections'}[object.spec.connectionRef.kind]" in json.dumps(
        policies.validating_policies(settings)
    )
