"""A PostgreSQL server on loopback, as tests start it: in a temporary folder, with TLS and passwords, one for each test process.

It runs as an unprivileged user, since PostgreSQL refuses root. Debian's package is installed where it is missing.
ROSTERSYNC_TEST_POSTGRES is the uri of a superuser on another server; then nothing can be looked up on its disk.
"""

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import adbc_driver_postgresql.dbapi as driver
import pytest
import trustme
from adbc_driver_manager import Error as DriverError

from rostersync.api.v1alpha1.storage import Store as StoreSpec
from rostersync.stores.kind import Opening
from rostersync.stores.port import Store
from rostersync.stores.postgres.kind import POSTGRES
from support.cluster.debian import need
from support.cluster.processes import free_ports, kill, own_folder, start, tail

NAMED = "ROSTERSYNC_TEST_POSTGRES"
SECRETS = ("rosters-reader", "rosters-writer")  # as samples name them
PASSWORD = "no-Secret'of\\ anybody"  # with what has to be quoted
SPEC = {"postgres": {"readerSecretRef": {"name": SECRETS[0]}, "writerSecretRef": {"name": SECRETS[1]}}}
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",  # the machine does not crash, only the server
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "wal_recycle": "off",  # as README says for who wants people gone from the log, too
    "max_connections": "60",
    "shared_buffers": "32MB",
    "ssl": "on",
    "lc_messages": "C",
}


class Server:
    """One server. `folder` is None for one that others started."""

    def __init__(self, folder: Path | None, host: str, port: int, superuser: str, password: str) -> None:
        self.folder, self.host, self.port = folder, host, port
        self.superuser, self.password = superuser, password
        self.authority = ""
        self.settings = dict(_SETTINGS)
        self.starts: Callable[[list[str | Path], Path], subprocess.Popen[bytes]] = start
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def runs(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The first of its processes."""
        assert self._process is not None, "the server does not run"
        return self._process.pid

    @property
    def data(self) -> Path:
        """The server's files. A test that looks at those of another server is skipped."""
        if self.folder is None:
            pytest.skip(f"the disk of the server that {NAMED} names cannot be looked at: unset it, to start one")
        return self.folder / "data"

    def begin(self) -> None:
        """Start the process and wait until it answers."""
        assert self.folder is not None
        settings = [f"-c{name}={value}" for name, value in self.settings.items()]
        log = self.folder / "log"
        place: list[str | Path] = ["-D", self.data, "-p", str(self.port)]
        self._process = self.starts(
            [*_as_user(), "--pdeathsig", "KILL", "--", _bin("postgres"), *place, *settings], log
        )
        self.answers()

    def answers(self) -> None:
        """Wait until it answers."""
        assert self.folder is not None
        for _ in range(600):
            try:
                self.admin("SELECT 1")
            except DriverError:
                assert self.runs, tail(self.folder / "log")
                time.sleep(0.05)
            else:
                return
        raise AssertionError(tail(self.folder / "log"))

    def stop(self) -> None:
        """End it as a crash would: SIGQUIT, immediate mode."""
        if self._process is not None:
            self._process.send_signal(3)
            self._process.wait(timeout=30)
            self._process = None

    def restart(self) -> None:
        """A crash, and the recovery."""
        self.stop()
        self.begin()

    def kill(self) -> None:
        """SIGKILL. Its backends notice."""
        kill(self._process)
        self._process = None

    def admin(self, sql: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """A statement as the superuser, outside of a transaction."""
        with self.connection(database) as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def let_go(self) -> None:
        """Wait until the server has noticed that a client is dead."""
        asked = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rostersync'"
        for _ in range(1000):
            if self.admin(asked) == [(0,)]:
                return
            time.sleep(0.02)
        raise AssertionError("a dead client's backend is still there")

    @contextmanager
    def connection(self, database: str) -> Iterator[driver.Cursor]:
        """A cursor of the superuser."""
        given = {
            "host": self.host,
            "port": self.port,
            "user": self.superuser,
            "password": self.password,
            "dbname": database,
        }
        con = driver.connect(" ".join(f"{k}={_quoted(v)}" for k, v in given.items()), autocommit=True)
        try:
            with con.cursor() as cursor:
                yield cursor
        finally:
            con.close()

    def database(self, name: str, **changes: str) -> dict[str, dict[str, str]]:
        """A new database that the writer owns, and the two Secrets for it. `changes` are for both."""
        self.admin(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self.admin(f'CREATE DATABASE "{name}" OWNER roster_writer')
        return self.secrets(name, **changes)

    def secrets(self, name: str, **changes: str) -> dict[str, dict[str, str]]:
        """The two Secrets for a database."""
        common = {"host": self.host, "port": str(self.port), "database": name, "password": PASSWORD}
        common |= {"ca.crt": self.authority} if self.authority else {"sslmode": "prefer"}
        reader = common | {"user": "roster_reader"} | changes
        writer = common | {"user": "roster_writer", "reader": "roster_reader"} | changes
        return dict(zip(SECRETS, (reader, writer), strict=True))

    def drop(self, name: str) -> None:
        """Take a database away."""
        self.admin(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def files(self, name: str) -> Iterator[bytes]:
        """What the disk has of a database, log included."""
        [(oid,)] = self.admin(f"SELECT oid::bigint FROM pg_database WHERE datname = '{name}'")  # noqa: S608
        for folder in (self.data / "base" / str(oid), self.data / "pg_wal"):
            yield from (path.read_bytes() for path in folder.rglob("*") if path.is_file())

    def roles(self) -> None:
        """The roles that an administrator makes."""
        for role in ("roster_reader", "roster_writer"):
            self.admin(f"DO $$ BEGIN CREATE ROLE {role}; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
            self.admin(f"ALTER ROLE {role} LOGIN PASSWORD {_literal(PASSWORD)}")
        self.admin("GRANT pg_checkpoint TO roster_writer")
        self.admin("GRANT EXECUTE ON FUNCTION pg_switch_wal() TO roster_writer", "template1")


def opened(
    folder: Path,
    secrets: Mapping[str, Mapping[str, str]],
    memory_limit: int | None = 100_000_000,
    threads: int | None = 1,
) -> Store:
    """The store that these Secrets are for."""
    opening = Opening(folder, folder / "scratch", memory_limit=memory_limit, threads=threads, secrets=secrets)
    return POSTGRES.opens(StoreSpec.model_validate(SPEC), opening)


_RUNNING = ExitStack()


@cache
def server() -> Server:
    """The server of this process, which ends with it."""
    named = os.environ.get(NAMED)
    if named:
        parts = urlsplit(named)
        found = Server(
            None, parts.hostname or "127.0.0.1", parts.port or 5432, parts.username or "postgres", parts.password or ""
        )
        found.roles()
        return found
    return _RUNNING.enter_context(started())


@contextmanager
def started(**settings: str) -> Iterator[Server]:
    """A server of one's own, with these settings besides."""
    with own_folder("postgres") as folder:
        made = make(folder)
        made.settings |= settings
        made.begin()
        made.roles()
        try:
            yield made
        finally:
            made.kill()


def make(folder: Path, log: Path | None = None) -> Server:
    """The files of a server, in a folder. `log`: the empty folder for its log (WAL), where that is to lie elsewhere."""
    made = Server(folder, "127.0.0.1", free_ports(1)[0], "postgres", "super")
    folder.chmod(0o711)
    password = folder / "password"
    password.write_text(made.password)
    made.data.mkdir(mode=0o700)
    for path in (password, made.data):
        _give(path)
    command = [*_as_user(), "--", _bin("initdb"), "-D", made.data, "-U", made.superuser, f"--pwfile={password}"]
    options = ["--auth=scram-sha-256", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"]
    if log is not None:
        _give(log)
        options.append(f"--waldir={log}")
    done = subprocess.run([*map(str, command), *options], capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done.stderr
    made.authority = certify(made, "127.0.0.1", "localhost")
    return made


def certify(server: Server, *names: str) -> str:
    """Give a server a certificate for these names. Returns its authority's, in PEM form."""
    authority = trustme.CA()
    certificate = authority.issue_cert(*names)
    key, chain = server.data / "server.key", server.data / "server.crt"
    certificate.private_key_pem.write_to_path(key)
    chain.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    key.chmod(0o600)
    for path in (key, chain):
        _give(path)
    return authority.cert_pem.bytes().decode()


@cache
def _folder() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[4]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    need({"no-such-command-postgresql": "postgresql"}, "the tests of the PostgreSQL store")
    return sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))[-1].parent


def _bin(name: str) -> Path:
    return _folder() / name


def _owner() -> str | None:
    """Whom the server runs as: not root."""
    return "postgres" if os.geteuid() == 0 and _folder() else None


def _give(path: Path) -> None:
    """Make the server's user the owner of a file."""
    owner = _owner()
    if owner is not None:
        found = pwd.getpwnam(owner)
        os.chown(path, found.pw_uid, found.pw_gid)


def _as_user() -> list[str]:
    owner = _owner()
    if owner is None:
        return ["setpriv"]
    found = pwd.getpwnam(owner)
    return ["setpriv", f"--reuid={found.pw_uid}", f"--regid={found.pw_gid}", "--clear-groups"]


def _quoted(value: object) -> str:
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
