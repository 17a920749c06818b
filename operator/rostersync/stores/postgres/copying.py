"""A district out of the database and into it, with everything that is known of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from rostersync.errors import Permanent
from rostersync.roster import METADATA_TYPE, SQL_TYPES, Kind
from rostersync.stores import contents
from rostersync.stores.postgres import several
from rostersync.stores.postgres.failures import is_of_server, translated
from rostersync.stores.postgres.session import Session

_STREAM = "postgres_stream"
_BATCH = 16_384
_MADE_OF_JSON = (SQL_TYPES[Kind.USER_IDS], METADATA_TYPE)


def save(con: duckdb.DuckDBPyConnection, session: Session, folder: Path) -> None:
    """Writes the district of the session's transaction."""
    for name in contents.NAMES:
        with _read(con, session, name) as rows:
            contents.write_table(con, folder, name, rows)


def fill(con: duckdb.DuckDBPyConnection, session: Session, district: str, folder: Path) -> bool:
    """Writes the district, inside the session's transaction. False if the same was there already."""

    def there(name: str) -> contents.Digest:
        with _read(con, session, name) as rows:
            return contents.table_digest(con, name, rows)

    found = {name: there(name) for name in contents.NAMES}
    if any(count for count, _ in found.values()):
        if found != {name: contents.table_digest(con, name, contents.rows_of(folder, name)) for name in contents.NAMES}:
            contents.refuse_not_empty(session.login.where, district)
        return False
    for name in contents.NAMES:
        made = ", ".join(f"{_as_sent(column, kind)} AS {column}" for column, kind in contents.columns_of(name))
        session.copy_in(name, con.sql(f"SELECT {made} FROM {contents.rows_of(folder, name)}").to_arrow_reader(_BATCH))
    contents.check(con, folder, there)
    if several.memory(session) is not None:
        session.run("several.keep_older_programs_away")
    return True


@contextmanager
def _read(con: duckdb.DuckDBPyConnection, session: Session, name: str) -> Iterator[str]:
    """The district's rows of a table, as a relation that can be read once."""
    if name in ("aliases", "owners") and not several.is_there(session):
        nothing = ", ".join(f"CAST(NULL AS {kind}) AS {column}" for column, kind in contents.columns_of(name))
        yield f"(SELECT {nothing} WHERE false)"
        return
    asked = ", ".join(_as_read(column, kind) for column, kind in contents.columns_of(name))
    made = ", ".join(
        f"CAST({column} AS JSON) AS {column}" if kind in _MADE_OF_JSON else column
        for column, kind in contents.columns_of(name)
    )
    with session.stream("read.everything", {"table": name, "columns": asked}) as rows:
        con.register(_STREAM, rows)
        try:
            yield f"(SELECT {made} FROM {_STREAM})"
        except duckdb.Error as error:
            if is_of_server(error):
                raise translated(error, "read", session.login) from None
            raise
        finally:
            con.unregister(_STREAM)


def _as_read(column: str, kind: str) -> str:
    if kind == "TIMESTAMP":
        return f"{column} AT TIME ZONE 'UTC' AS {column}"
    return f"{column}::text AS {column}" if kind in _MADE_OF_JSON or column in ('"before"', '"after"') else column


def _as_sent(column: str, kind: str) -> str:
    if kind == "UUID":
        return f"unhex(replace(CAST({column} AS VARCHAR), '-', ''))"
    return f"CAST(to_json({column}) AS VARCHAR)" if kind in _MADE_OF_JSON else column


def check_there(made: bool, where: str) -> None:
    """A source must have something."""
    if not made:
        raise Permanent(f"There is no store at {where} yet: nothing was ever applied.", reason="NoStore")
