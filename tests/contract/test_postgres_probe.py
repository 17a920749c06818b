"""Test Connection of the PostgreSQL store: what is found of each login, as a sentence with the place and the remedy."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rostersync.api.v1alpha1.storage import Store as StoreSpec
from rostersync.errors import RostersyncError
from rostersync.model import Entity
from rostersync.plan.apply import apply
from rostersync.stores.kind import Opening
from rostersync.stores.postgres.kind import POSTGRES
from support.cluster.processes import free_ports
from support.plans import create, write_plan
from support.pod import Cluster, connection, credentials
from support.postgres import PASSWORD, SPEC
from support.postgres_desk import READER, WRITER, Desk, desk_in
from support.simulated import simulated

Secrets = dict[str, dict[str, str]]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with desk_in(tmp_path, "probe") as made:
        yield made


def probe(desk: Desk, secrets: Secrets) -> str:
    assert POSTGRES.probes is not None
    return POSTGRES.probes(StoreSpec.model_validate(SPEC), Opening(desk.folder, desk.folder / "x", secrets=secrets))


def refused(desk: Desk, secrets: Secrets) -> RostersyncError:
    with pytest.raises(RostersyncError) as error:
        probe(desk, secrets)
    assert PASSWORD not in str(error.value) + (error.value.detail or "")
    return error.value


def test_both_logins_are_tested_before_the_first_apply_and_after_it(desk: Desk) -> None:
    secrets = desk.server.secrets(desk.name)
    found = probe(desk, secrets)
    assert f"PostgreSQL at 127.0.0.1:{desk.server.port}, database {desk.name}, schema rostersync (PostgreSQL " in found
    assert "TLSv1.3, no schema yet: the first apply makes it): role roster_reader can read and cannot write." in found
    assert "Role roster_writer can write." in found

    desk.apply()
    assert "schema version 3): role roster_reader" in probe(desk, secrets)
    only = probe(desk, {READER: secrets[READER]})
    assert "The writer (Secret rosters-writer) was not tested: only applies have its Secret." in only


def test_nothing_is_left_of_a_test(desk: Desk) -> None:
    probe(desk, desk.server.secrets(desk.name))
    assert desk.admin("SELECT count(*) FROM pg_namespace WHERE nspname = 'rostersync'") == [(0,)]
    assert not list(desk.folder.glob("**/*.crt"))


def _changed(side: str, **changes: str) -> Callable[[Desk, Secrets], None]:
    def change(_: Desk, secrets: Secrets) -> None:
        secrets[side] |= {key: str(free_ports(1)[0]) if text == "CLOSED" else text for key, text in changes.items()}

    return change


def _told(*statements: str) -> Callable[[Desk, Secrets], None]:
    def change(desk: Desk, _: Secrets) -> None:
        desk.apply()
        for sql in statements:
            desk.admin(sql.replace("DATABASE", f'DATABASE "{desk.name}"'))

    return change


WRONG = {
    "the reader's password": (_changed(READER, password="wrong"), "LoginRefused", "correct Secret rosters-reader"),
    "the writer's password": (_changed(WRITER, password="wrong"), "LoginRefused", "correct Secret rosters-writer"),
    "a port where nothing is": (_changed(READER, port="CLOSED"), "StoreUnreachable", "nothing answers there"),
    "a name without address": (_changed(WRITER, host="no.invalid"), "StoreUnreachable", "host name is not known"),
    "an unknown authority": (_changed(READER, **{"ca.crt": ""}), "TLSFailed", "does not verify"),
    "two schemas": (_changed(READER, schema="north"), "SecretsDisagree", "name different schemas"),
    "a reader's role that is none": (_changed(WRITER, reader="nobody_here"), "StoreRefused", "CREATE ROLE"),
    "a reader that could write": (
        _told("GRANT DELETE ON rostersync.users TO roster_reader"),
        "ReaderCanWrite",
        "Give the reader a role of its own",
    ),
    "a newer schema": (
        _told("INSERT INTO rostersync.migrations (version, name, needs) VALUES (99, '0099_later', 99)"),
        "StoreTooNew",
        "has schema 99",
    ),
    "a schema of somebody else": (
        _told("ALTER DATABASE OWNER TO postgres", "ALTER SCHEMA rostersync OWNER TO postgres"),
        "StoreRefused",
        "make it the owner of the schema and its tables",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_a_sentence_with_a_remedy(desk: Desk, name: str) -> None:
    change, reason, said = WRONG[name]
    secrets = desk.server.secrets(desk.name)
    change(desk, secrets)
    found = refused(desk, secrets)
    assert (found.reason, said in str(found)) == (reason, True), str(found)


@pytest.mark.parametrize("there", ["nothing", "an empty schema", "a roster"])
def test_a_write_is_tried_and_taken_back(desk: Desk, there: str) -> None:
    if there == "a roster":
        desk.apply()
    if there == "an empty schema":
        desk.admin("CREATE SCHEMA rostersync AUTHORIZATION roster_writer")
        desk.admin("GRANT USAGE ON SCHEMA rostersync TO roster_reader")
        desk.admin(f'ALTER DATABASE "{desk.name}" OWNER TO {desk.server.superuser}')
    known = "SELECT (SELECT count(*) FROM pg_namespace), (SELECT count(*) FROM pg_class)"
    before = desk.admin(known)
    assert "Role roster_writer can write." in probe(desk, desk.server.secrets(desk.name))
    assert desk.admin(known) == before

    desk.admin("CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'frozen'; END $$")
    desk.admin(
        "CREATE EVENT TRIGGER frozen ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION refuse()"
    )
    found = refused(desk, desk.server.secrets(desk.name))
    assert "Tried to test writing to the roster store" in str(found)
    assert "PostgreSQL refused (P0001)" in str(found)


def test_a_writer_that_may_not_make_the_schema_is_told_so_before_the_first_apply(desk: Desk) -> None:
    desk.admin(f'ALTER DATABASE "{desk.name}" OWNER TO {desk.server.superuser}')
    found = refused(desk, desk.server.secrets(desk.name))
    assert found.reason == "StoreRefused"
    assert "cannot make the schema of the roster store" in str(found)
    assert "GRANT CREATE ON DATABASE to it." in str(found)


def test_an_old_schema_can_be_brought_up_to_date(desk: Desk) -> None:
    desk.apply()
    for sql in ("DROP FUNCTION rostersync.settle", "DELETE FROM rostersync.migrations WHERE version >= 2"):
        desk.admin(sql)
    assert "Role roster_writer can write, and can bring it to version 3." in probe(desk, desk.server.secrets(desk.name))


def test_a_job_tests_the_store_with_the_reader_s_secret(desk: Desk, warm: object) -> None:
    secrets = desk.server.secrets(desk.name)
    apply(write_plan(desk.folder / "p", [create(Entity.STUDENT, "FOC-u1")]), desk.store().writer())
    with simulated(40) as simulator:
        pod = Cluster(warm, desk.folder / "pod")
        given = credentials(simulator) | {READER: secrets[READER]}
        pod.give(connection(simulator.url, store=SPEC), given)
        done = pod.run("check")
        assert "role roster_reader can read and cannot write" in pod.report["store"]["where"]
        assert "was not tested" in done.json["store"]["message"]

        wrong = {READER: secrets[READER] | {"password": "hunter2"}}
        pod.give(connection(simulator.url, store=SPEC), credentials(simulator) | wrong)
        pod.run("check")
        assert pod.report["message"] == "Connection is OK", "the source is told apart from the store"
        assert pod.report["store"]["error"]["reason"] == "LoginRefused"
        assert "hunter2" not in pod.log.read_text()

        pod.give(connection(simulator.url, store=SPEC), credentials(simulator))
        pod.run("check")
        assert pod.report["store"]["error"]["reason"] == "SecretNotFound"
