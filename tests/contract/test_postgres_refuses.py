"""Bad Secrets, servers and schemas: each a sentence with the place and the remedy, without secrets; and nothing was done."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rostersync.errors import Permanent, Retryable, RostersyncError
from rostersync.model import Entity
from rostersync.plan.apply import apply
from support import postgres
from support.cluster.processes import free_ports
from support.plans import create, table_rows, write_plan
from support.postgres import PASSWORD
from support.postgres_desk import READER, WRITER, Desk, desk_in


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with desk_in(tmp_path, "refuses") as made:
        yield made


@pytest.mark.parametrize("side", ["read", "write"])
@pytest.mark.parametrize(
    ("changes", "kind", "reason", "said"),
    [
        (
            {"password": "hunter2"},
            Permanent,
            "LoginRefused",
            "refused the password of role roster_{side}r; correct Secret",
        ),
        (
            {"user": "nobody_here"},
            Permanent,
            "LoginRefused",
            "refused the password of role nobody_here; correct Secret",
        ),
        (
            {"database": "not_there"},
            Permanent,
            "DatabaseNotFound",
            "there is no such database; create it, or correct Secret",
        ),
        (
            {"host": "nowhere.invalid"},
            Retryable,
            "StoreUnreachable",
            "the host name is not known; check host in Secret",
        ),
        ({"port": "CLOSED"}, Retryable, "StoreUnreachable", "nothing answers there; check host and port in Secret"),
        (
            {"ca.crt": ""},
            Permanent,
            "TLSFailed",
            "certificate does not verify (unknown authority, or expired); put the",
        ),
    ],
    ids=["password", "role", "database", "host", "port", "authority"],
)
def test_a_server_that_cannot_be_used(
    desk: Desk, side: str, changes: dict[str, str], kind: type[RostersyncError], reason: str, said: str
) -> None:
    changes = {key: str(free_ports(1)[0]) if text == "CLOSED" else text for key, text in changes.items()}
    found = desk.refused(desk.store(**changes), side)
    name = "read" if side == "read" else "write"
    assert isinstance(found, kind)
    assert found.reason == reason
    assert said.format(side="reade" if side == "read" else "write") in str(found)
    assert f"rosters-{name}" in str(found)
    assert "Tried to connect to the roster store (PostgreSQL at " in str(found)


def test_a_certificate_for_another_host_or_of_another_authority(desk: Desk) -> None:
    with postgres.started() as server:
        server.database("tls")
        theirs = Desk(desk.folder, server, "tls")
        old, server.authority = server.authority, postgres.certify(server, "other.example")
        server.restart()
        found = theirs.refused(theirs.store())
        assert (found.reason, type(found)) == ("TLSFailed", Permanent)
        assert "certificate is for another host name; use the name that it has as host in Secret rosters-reader" in str(
            found
        )
        found = theirs.refused(theirs.store(**{"ca.crt": old}))
        assert found.reason == "TLSFailed"
        assert "put the authority's certificate under the key ca.crt of Secret rosters-reader" in str(found)


@pytest.mark.parametrize(
    "right",
    [
        "GRANT INSERT ON rostersync.users TO roster_reader",
        "GRANT TRUNCATE ON rostersync.history TO roster_reader",
        "GRANT CREATE ON SCHEMA rostersync TO roster_reader",
        "DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO roster_reader', current_database()); END $$",
    ],
)
def test_a_reader_that_could_write_is_refused(desk: Desk, right: str) -> None:
    desk.apply()
    assert table_rows(desk.store(), desk.folder, "SELECT id FROM store_users") == [("FOC-u1",)]
    desk.admin(right)
    found = desk.refused(desk.store())
    assert (found.reason, type(found)) == ("ReaderCanWrite", Permanent)
    assert "Role roster_reader, with which Secret rosters-reader reads the roster store" in str(found)
    assert "nothing was read. Give the reader a role of its own" in str(found)


def test_the_writer_s_login_is_no_reader_even_of_an_empty_database(desk: Desk) -> None:
    for user in ("roster_writer", desk.server.superuser):
        password = PASSWORD if user == "roster_writer" else desk.server.password
        assert desk.refused(desk.store(user=user, password=password)).reason == "ReaderCanWrite"


def test_the_reader_s_role_can_select_and_nothing_else(desk: Desk) -> None:
    desk.apply()
    theirs = desk.as_reader()
    tables = [
        str(name)
        for (name,) in theirs.admin(
            "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'rostersync'::regnamespace",
            desk.name,
        )
    ]
    assert len(tables) > 10
    for table in tables:
        of = f'rostersync."{table}"'
        theirs.admin(f"TABLE {of}", desk.name)
        for sql in (f"DELETE FROM {of}", f"TRUNCATE {of}", f"DROP TABLE {of}"):  # noqa: S608
            with pytest.raises(postgres.DriverError, match=r"permission denied|must be owner"):
                theirs.admin(sql, desk.name)
    for sql in ("CREATE TABLE rostersync.mine (a int)", "CREATE SCHEMA mine"):
        with pytest.raises(postgres.DriverError, match="permission denied"):
            theirs.admin(sql, desk.name)


def test_a_reader_without_rights_is_told_how_to_get_them_and_gets_them_with_the_next_apply(desk: Desk) -> None:
    silent = desk.store(reader="")
    apply(write_plan(desk.folder / "p", [create(Entity.STUDENT, "FOC-u1")]), silent.writer())
    found = desk.refused(silent)
    assert found.reason == "StoreRefused"
    assert "Role roster_reader may not read the roster store" in str(found)
    assert "under the key reader of the writer's Secret" in str(found)

    rows = [create(Entity.STUDENT, "FOC-u2")]
    apply(write_plan(desk.folder / "q", rows, run="run-2", base=1), desk.store().writer())
    assert len(table_rows(desk.store(), desk.folder, "SELECT id FROM store_users")) == 2

    missing = desk.refused(desk.store(reader="nobody_here"), "write")
    assert "There is no role nobody_here, which the key reader of Secret rosters-writer names" in str(missing)


@pytest.mark.parametrize("side", ["read", "write"])
def test_a_schema_of_a_newer_version_is_refused_and_left_alone(desk: Desk, side: str) -> None:
    desk.apply()
    desk.admin("INSERT INTO rostersync.migrations (version, name, needs) VALUES (99, '0099_later', 99)")
    found = desk.refused(desk.store(), side)
    assert (found.reason, type(found)) == ("StoreTooNew", Permanent)
    assert "has schema 99, and this version of rostersync knows schemas up to" in str(found)
    assert desk.server.admin("SELECT max(revision) FROM rostersync.revisions", desk.name) == [(1,)]


def test_a_newer_schema_that_says_that_it_can_still_be_used_is_used(desk: Desk) -> None:
    desk.apply()
    desk.admin("INSERT INTO rostersync.migrations (version, name, needs) VALUES (99, '0099_another_index', 1)")
    rows = [create(Entity.STUDENT, "FOC-u2")]
    apply(write_plan(desk.folder / "q", rows, run="run-2", base=1), desk.store().writer())
    assert len(table_rows(desk.store(), desk.folder, "SELECT id FROM store_users")) == 2


def test_a_writer_that_may_not_make_the_schema_is_told_so(desk: Desk) -> None:
    desk.admin(f'ALTER DATABASE "{desk.name}" OWNER TO {desk.server.superuser}')
    found = desk.refused(desk.store(), "write")
    assert found.reason == "StoreRefused"
    assert "role roster_writer lacks a right there" in str(found)
    assert "GRANT CREATE ON DATABASE" in str(found)


def test_two_schemas_of_one_database_are_two_stores(desk: Desk) -> None:
    desk.apply()
    other = desk.store(schema="north")
    assert not other.exists()
    apply(write_plan(desk.folder / "q", [create(Entity.STUDENT, "FOC-n1")]), other.writer())
    assert table_rows(other, desk.folder, "SELECT id FROM store_users") == [("FOC-n1",)]
    assert table_rows(desk.store(), desk.folder, "SELECT id FROM store_users") == [("FOC-u1",)]


def test_a_secret_that_is_not_given_is_named(desk: Desk) -> None:
    secrets = desk.server.secrets(desk.name)
    desk.apply()
    reading = postgres.opened(desk.folder / "s", {READER: secrets[READER]})
    found = desk.refused(reading, "write")
    assert found.reason == "SecretNotFound"
    assert "Secret rosters-writer, which spec.store.postgres.writerSecretRef names, is not given" in str(found)
    with pytest.raises(Permanent, match="Secret rosters-reader, which"):
        postgres.opened(desk.folder / "s", {})
    assert postgres.opened(desk.folder / "s", {WRITER: secrets[WRITER]}).exists(), "who may write may read"


def test_two_secrets_that_name_different_schemas_are_refused_at_once(desk: Desk) -> None:
    secrets = desk.server.secrets(desk.name)
    secrets[READER] = secrets[READER] | {"schema": "north"}
    with pytest.raises(
        Permanent, match="Secret rosters-reader has north and Secret rosters-writer has rostersync"
    ) as error:
        postgres.opened(desk.folder / "s", secrets)
    assert error.value.reason == "SecretsDisagree"
