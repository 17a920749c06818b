"""A second kind of store works by its record alone: as Jobs with one Secret each, and on the command line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.cli import Bench
from support.commands import Commands
from support.example_store import SECRETS, SPEC, registered
from support.pod import Cluster, connection, credentials
from support.simulated import simulated

HOOK = "support.example_store:register"
READER, WRITER = ({name: SECRETS[name]} for name in ("example-reader", "example-writer"))


@pytest.fixture
def simulator() -> Iterator[Any]:
    with simulated(60) as made:
        yield made


@pytest.fixture
def cluster(warm: Commands, tmp_path: Path) -> Cluster:
    return Cluster(warm, tmp_path)


def test_a_plan_and_an_apply_go_through_with_one_secret_each(cluster: Cluster, simulator: Any) -> None:
    of = connection(simulator.url, store=SPEC)
    cluster.give(of, credentials(simulator) | READER)
    planned = cluster.plan(hook=HOOK)
    cluster.give(of, WRITER)
    applied = cluster.apply("nightly", planned["digest"], hook=HOOK)

    assert applied["revision"] == 1
    assert (cluster.store.parent / "example/rows.db").exists()
    assert not cluster.store.exists()


@pytest.mark.parametrize(("half", "missing"), [("plan", "reader"), ("apply", "writer")])
def test_a_secret_that_is_not_mounted_is_named(cluster: Cluster, simulator: Any, half: str, missing: str) -> None:
    of = connection(simulator.url, store=SPEC)
    cluster.give(of, credentials(simulator) | READER)
    if half == "plan":
        cluster.give(of, credentials(simulator) | WRITER)
        cluster.plan(hook=HOOK, exits=42)
    else:
        cluster.apply("nightly", cluster.plan(hook=HOOK)["digest"], hook=HOOK, exits=42)

    assert cluster.reason == "SecretNotFound"
    said = cluster.report["error"]["message"]
    assert f"team-a/example-{missing}, which spec.store.postgres.{missing}SecretRef names" in said
    assert "the key password" in said


def test_the_command_line_imports_and_exports_and_says_what_it_cannot_do(tmp_path: Path, simulator: Any) -> None:
    bench = Bench(tmp_path, simulator)
    secrets = [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}
        for name, data in SECRETS.items()
    ]
    with registered():
        run = bench.run(manifests=bench.manifests(*secrets, store=SPEC))
        assert run["status"]["outcome"] == "Applied"
        assert not bench.store.exists()

        again = bench.run(manifests=bench.manifests(*secrets, store=SPEC))
        assert again["status"]["outcome"] == "NoChanges"

        bundle = tmp_path / "bundle"
        told = json.loads(bench.call("export", "--to", str(bundle), "--output", "json").stdout)
        assert told["rows"]["users"] > 0

        for words in (("compact",), ("backup", "--to", str(tmp_path / "copy"))):
            refused = bench.call(*words, code=1)
            assert "backup and compact are for a store in one file, and the example store is none" in refused.output
