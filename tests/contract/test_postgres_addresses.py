"""Jobs contact a database only at addresses that they may contact, and where its name led when it was looked up."""

from dataclasses import replace
from pathlib import Path

from rostersync.sources.network import Network
from rostersync.stores.postgres.login import login
from rostersync.stores.postgres.session import Session
from support import postgres
from support.pod import Cluster, connection, credentials
from support.postgres import SECRETS, SPEC
from support.simulated import simulated


def test_the_server_is_contacted_at_the_address_that_was_found_and_its_certificate_is_for_the_name(
    tmp_path: Path,
) -> None:
    with postgres.started() as server:
        server.authority = postgres.certify(server, "db.district.example")
        server.restart()
        given = server.secrets("postgres", host="db.district.example")[SECRETS[1]]
        asked: list[str] = []

        def resolve(host: str, _: int) -> list[str]:
            asked.append(host)
            return ["127.0.0.1"]

        reach = Network(guarded=True, loopback=True, resolve=resolve)
        with Session(replace(login(given, "w", "Secret w"), reach=reach), tmp_path) as session:
            session.execute("SELECT 1")
        assert asked == ["db.district.example"]


def test_a_job_contacts_no_database_on_its_own_machine(warm: object, tmp_path: Path) -> None:
    name = "addresses_" + tmp_path.name[-14:].replace("-", "_")
    secrets = postgres.server().database(name)
    with simulated(40) as simulator:
        pod = Cluster(warm, tmp_path)
        pod.give(connection(simulator.url, store=SPEC), credentials(simulator) | secrets)
        digest = pod.plan()["digest"]
        pod.trial = False
        pod.apply("nightly", digest, exits=42)
        assert pod.reason == "AddressRefused"
        assert "PostgreSQL at 127.0.0.1" in pod.report["error"]["message"]
        assert "a loopback address, which a Job may not contact" in pod.report["error"]["message"]
        pod.trial = True
        assert pod.apply("nightly", digest)["revision"] == 1
    postgres.server().drop(name)
