"""One connection to the server. Rows go both ways as Arrow, by COPY, without an object of Python for each."""

import os
import ssl
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import adbc_driver_postgresql.dbapi as driver
import certifi
from adbc_driver_manager import Error as DriverError

from rostersync.errors import RostersyncError
from rostersync.scratch import own
from rostersync.stores.engine import interruptible
from rostersync.stores.port import Mark
from rostersync.stores.postgres.addresses import reached
from rostersync.stores.postgres.failures import is_of_server, no_connection, translated
from rostersync.stores.postgres.login import Login
from rostersync.stores.sql_files import statement

if TYPE_CHECKING:
    import pyarrow as pa

READING = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"  # one snapshot, and no write even by mistake
WRITING = "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE"  # after the lock, see what the former holder committed


@dataclass(frozen=True)
class Scope:
    """What the statements of a transaction are about, in the order of scope.settings. "" for what they do not need.

    `source` is "" for all sources. `now` and `before` are ISO 8601.
    """

    district: str = ""
    source: str = ""
    now: str = ""
    before: str = ""
    reader: str = ""
    revision: str = ""


EVERYTHING = Scope()


class Session:
    """A connection, to be closed. Errors of the driver are translated.

    Statements find tables by the search path and what they are about by settings (scope.sql), which hold until the
    transaction ends: so no text of a connection is part of a statement, and COPY, which takes no parameters, knows them.
    """

    def __init__(self, login: Login, scratch: Path) -> None:
        self.login = login
        self._doing = "read"
        parameters = reached(login)
        with _root_certificates(login, scratch) as certificates:
            try:
                self._con = driver.connect(login.conninfo(parameters, certificates), autocommit=True)
            except DriverError as error:
                raise no_connection(error, login) from None
        interruptible(self)

    def interrupt(self) -> None:
        """Cancel what runs. Called from another thread."""
        with suppress(DriverError):
            self._con.adbc_cancel()

    def close(self) -> None:
        """End the connection, and with it a transaction that is still open."""
        with suppress(DriverError):
            self._con.close()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def rows(self, name: str, *values: Any, names: Mapping[str, str] | None = None) -> list[tuple[Any, ...]]:
        """The rows of the statement `file.name`, a few."""
        with self._cursor() as cursor:
            cursor.execute(_sql(name, names), values or None)
            found: list[tuple[Any, ...]] = cursor.fetchall()
            return found

    def run(self, name: str, *values: Any, names: Mapping[str, str] | None = None) -> None:
        """The statement `file.name`, for what it does."""
        self.execute(_sql(name, names), *values)

    def number(self, name: str, *values: Any, names: Mapping[str, str] | None = None) -> int:
        """The one number that the statement `file.name` gives."""
        return int(self.rows(name, *values, names=names)[0][0] or 0)

    def changed(self, name: str, names: Mapping[str, str] | None = None) -> int:
        """Runs the statement `file.name`. Returns how many rows it wrote."""
        with self._cursor() as cursor:
            cursor.execute(_sql(name, names))
            return int(cursor.rowcount)

    def execute(self, sql: str, *values: Any) -> None:
        """A statement of ours as text."""
        with self._cursor() as cursor:
            cursor.execute(sql, values or None)
            if cursor.description:  # the driver only tells of what goes wrong in a SELECT while its rows are fetched
                cursor.fetchall()

    @contextmanager
    def stream(self, name: str, names: Mapping[str, str] | None = None) -> "Iterator[pa.RecordBatchReader]":
        """The rows of the statement `file.name` as a stream of batches, however many there are."""
        with self._cursor() as cursor:
            cursor.execute(_sql(name, names))
            yield cursor.fetch_record_batch()

    def copy_in(self, table: str, rows: "pa.RecordBatchReader", *, temporary: bool = False) -> int:
        """COPY rows into a table of the schema, or into a temporary one. Returns how many."""
        with self._cursor() as cursor, rows:  # which are closed, so that the engine can go on
            schema = None if temporary else self.login.schema
            return int(cursor.adbc_ingest(table, rows, mode="append", temporary=temporary, db_schema_name=schema))

    @contextmanager
    def transaction(
        self, begin: str, doing: str, scope: Scope = EVERYTHING, mark: Mark = lambda _: None
    ) -> Iterator[None]:
        """All or nothing."""
        self._doing = doing
        try:
            self.execute(begin)
            self.run("scope.settings", self.login.schema, *astuple(scope))
            mark("begin")
            yield
            mark("commit")
            self.execute("COMMIT")
        except BaseException:
            with suppress(RostersyncError):
                self.execute("ROLLBACK")
            raise
        mark("committed")

    @contextmanager
    def _cursor(self) -> "Iterator[driver.Cursor]":
        cursor = self._con.cursor()
        try:
            yield cursor
        except DriverError as error:
            raise translated(error, self._doing, self.login) from None
        except RostersyncError:
            raise
        except Exception as error:  # Arrow has types of its own for what ends a stream
            if is_of_server(error):
                raise translated(error, self._doing, self.login) from None
            raise
        finally:
            with suppress(DriverError):
                cursor.close()


def _sql(name: str, names: Mapping[str, str] | None) -> str:
    return statement(Path(__file__).parent, name, names)


@contextmanager
def _root_certificates(login: Login, scratch: Path) -> Iterator[str]:
    """A file with the authorities to trust, which libpq reads while it connects."""
    if not login.ca:
        yield _of_the_system()
        return
    path = own(scratch) / f"ca-{uuid.uuid4().hex[:8]}.crt"
    path.write_text(login.ca)
    try:
        yield str(path)
    finally:
        path.unlink(missing_ok=True)


def _of_the_system() -> str:
    paths = ssl.get_default_verify_paths()
    there = [path for path in (paths.cafile, paths.openssl_cafile) if path and os.path.isfile(path)]
    return there[0] if there else certifi.where()
