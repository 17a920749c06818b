"""A server as its administrator runs it: in another language, read-only, with limits, behind a pool, changed by hand."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rostersync.errors import BaseMoved, Permanent, Retryable
from rostersync.model import Entity
from rostersync.plan.apply import apply
from support import postgres
from support.cluster.debian import need
from support.cluster.processes import free_ports, own_folder, start, tail
from support.plans import create, table_rows, write_plan
from support.postgres import PASSWORD, Server
from support.postgres_desk import Desk, desk_in


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with desk_in(tmp_path, "operated") as made:
        made.apply()
        yield made


def later(desk: Desk) -> Path:
    """A plan for the next revision."""
    return write_plan(desk.folder / "later", [create(Entity.STUDENT, "FOC-u2")], run="run-2", base=1)


def test_transactions_that_only_read_by_default_are_no_obstacle(desk: Desk) -> None:
    for role in ("roster_reader", "roster_writer"):
        desk.admin(f'ALTER ROLE {role} IN DATABASE "{desk.name}" SET default_transaction_read_only = on')
    desk.store().outbox().settle("springfield", "x/feed", 1, None)
    assert apply(later(desk), desk.store().writer()).revision == 2


def test_an_idle_limit_of_the_administrator_ends_no_apply(desk: Desk) -> None:
    desk.admin(f'ALTER DATABASE "{desk.name}" SET idle_in_transaction_session_timeout = 300')

    def mark(step: str) -> None:
        if step == "users":
            time.sleep(0.8)

    assert apply(later(desk), desk.store().writer(), mark=mark).revision == 2


def test_a_schema_that_was_dropped_is_a_store_that_moved(desk: Desk) -> None:
    desk.admin("DROP SCHEMA rostersync CASCADE")
    with pytest.raises(BaseMoved):
        apply(later(desk), desk.store().writer())


def test_a_table_that_was_dropped_is_named_as_a_change_by_hand(desk: Desk) -> None:
    desk.admin("DROP TABLE rostersync.history")
    with pytest.raises(Permanent, match="somebody has changed the schema by hand") as error:
        apply(later(desk), desk.store().writer())
    assert error.value.reason == "StoreSpoiled"
    assert desk.admin("SELECT max(revision) FROM rostersync.revisions") == [(1,)]


def test_a_password_that_changed_between_plan_and_apply_is_refused_until_the_secret_has_it(desk: Desk) -> None:
    plan = later(desk)
    with pytest.raises(Permanent) as error:
        apply(plan, desk.store(password="yesterday's").writer())
    assert error.value.reason == "LoginRefused"
    assert apply(plan, desk.store().writer()).revision == 2


def test_a_role_that_was_dropped_is_named(desk: Desk) -> None:
    with pytest.raises(Permanent, match="role roster_gone; correct Secret rosters-writer"):
        apply(later(desk), desk.store(user="roster_gone").writer())


@pytest.fixture(scope="module")
def german() -> Iterator[Server]:
    """A server that speaks German."""
    need({"localedef": "locales"}, "the tests of the PostgreSQL store in another language")
    if not Path("/usr/share/i18n/locales/de_DE").exists():
        need({"no-such-command-locales": "locales"}, "the tests of the PostgreSQL store in another language")
    with own_folder("german") as folder, own_folder("locales") as locales:
        locales.chmod(0o755)
        done = ["localedef", "-i", "de_DE", "-f", "UTF-8", str(locales / "de_DE.UTF-8")]
        subprocess.run(done, check=False, capture_output=True)
        for path in locales.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        made = postgres.make(folder)
        made.settings |= {"lc_messages": "de_DE.UTF-8"}
        made.starts = lambda command, log: start(command, log, LOCPATH=str(locales))
        made.begin()
        made.roles()
        yield made
        made.kill()


def test_a_server_of_another_language_is_understood_by_its_codes(german: Server, tmp_path: Path) -> None:
    german.database("deutsch")
    desk = Desk(tmp_path, german, "deutsch")
    desk.apply()
    assert german.admin("SELECT current_setting('lc_messages')") == [("de_DE.UTF-8",)]
    refused = desk.refused(desk.store(password="falsch"))
    assert "Passwort" in (refused.detail or ""), "it speaks German"
    assert isinstance(refused, Retryable)
    assert refused.reason == "LoginRefused"
    assert "the server answered and did not let role roster_reader in. Check user, password and database" in str(
        refused
    )
    desk.admin("REVOKE INSERT ON rostersync.revisions FROM roster_writer")
    plan = later(desk)
    with pytest.raises(Permanent, match="role roster_writer lacks a right there"):
        apply(plan, desk.store().writer())
    desk.admin("GRANT INSERT ON rostersync.revisions TO roster_writer")
    assert apply(plan, desk.store().writer()).revision == 2


def test_behind_a_pool_of_transactions_everything_works(desk: Desk) -> None:
    """pgbouncer gives each transaction another connection of the server's."""
    need({"pgbouncer": "pgbouncer"}, "the tests of the PostgreSQL store behind a pool", services=False)
    with own_folder("pool") as folder:
        [port] = free_ports(1)
        users = folder / "users"
        written = PASSWORD.replace('"', '""')
        users.write_text("".join(f'"{role}" "{written}"\n' for role in ("roster_reader", "roster_writer")))
        (folder / "ini").write_text(
            f"[databases]\n* = host=127.0.0.1 port={desk.server.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
            f"listen_port = {port}\nunix_socket_dir =\nauth_type = plain\nauth_file = {users}\npool_mode = transaction\n"
            "server_tls_sslmode = require\ndefault_pool_size = 3\n"
        )
        folder.chmod(0o755)
        for path in (users, folder / "ini"):
            path.chmod(0o644)
        as_user = ["setpriv", "--reuid=65534", "--clear-groups", "--"] if os.geteuid() == 0 else []
        program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or "pgbouncer"
        process = start([*as_user, program, str(folder / "ini")], folder / "log")
        try:
            store = desk.store(**{"port": str(port), "sslmode": "disable", "ca.crt": ""})
            for _ in range(100):
                try:
                    assert table_rows(store, desk.folder, "SELECT id FROM store_users") == [("FOC-u1",)]
                    break
                except Retryable:
                    assert process.poll() is None, tail(folder / "log")
                    time.sleep(0.1)
            assert apply(later(desk), store.writer()).revision == 2
            assert len(table_rows(store, desk.folder, "SELECT id FROM store_users")) == 2
            store.outbox().settle("springfield", "x/feed", 2, None)
            assert store.writer().forget("springfield", "FOC-u2").rows == 1
            assert table_rows(store, desk.folder, "SELECT id FROM store_users") == [("FOC-u1",)]
        finally:
            process.kill()
            process.wait()
