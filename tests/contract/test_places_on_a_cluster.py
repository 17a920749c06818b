"""A Job delivers to real places, and contacts no address that a Job may not contact."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rostersync.simulator.server import Simulator
from support.commands import Commands
from support.gateway import KEY, Gateway, gateway
from support.places import DISTRICT
from support.pod import ENGINE, Cluster, connection, credentials
from support.sftp import LOGIN, names
from support.simulated import simulated
from support.sshd import Sshd, sshd

DELIVER = ("deliver", "--run", "nightly", "--uid", "uid-1", "--number", 1, *ENGINE)
SECRETS = {"feed": LOGIN, "bucket": KEY}


@pytest.fixture
def receivers(tmp_path: Path) -> Iterator[tuple[Sshd, Gateway]]:
    with sshd(tmp_path / "sshd") as server, gateway(tmp_path / "gateway") as bucket:
        yield server, bucket


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with simulated(40) as made:
        yield made


@pytest.fixture
def pod(warm: Commands, simulator: Simulator, tmp_path: Path, receivers: tuple[Sshd, Gateway]) -> Cluster:
    server, bucket = receivers
    made = Cluster(warm, tmp_path / "cluster")
    to_bucket = {"name": "bucket", "oneRosterCSV": {"zip": False}, "objectStorage": bucket.storage()}
    given = connection(simulator.url, deliveries=[server.delivery(), to_bucket])
    made.give(given, credentials(simulator))
    made.imported()
    made.give(given, SECRETS)
    return made


def test_a_job_delivers_to_a_server_and_a_bucket(pod: Cluster, receivers: tuple[Sshd, Gateway]) -> None:
    server, bucket = receivers
    pod.run(*DELIVER)

    assert names(server) == {f"{DISTRICT}-000001.zip"}
    assert {"springfield/latest.json", "springfield/000001/users.csv"} <= bucket.objects().keys()


def test_a_job_contacts_no_address_of_its_own_machine(pod: Cluster, receivers: tuple[Sshd, Gateway]) -> None:
    server, bucket = receivers
    pod.trial = False
    before = server.log.read_text()
    pod.run(*DELIVER, exits=42)

    assert pod.reason == "AddressRefused"
    assert server.log.read_text() == before
    assert bucket.objects() == {}
