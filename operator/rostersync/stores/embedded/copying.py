"""A district out of the store's file and into it, with everything that is known of it."""

from pathlib import Path

import duckdb

from rostersync.stores import contents
from rostersync.stores.embedded import schema, several

_VARIABLE = "copied_district"


def save(con: duckdb.DuckDBPyConnection, district: str, folder: Path) -> None:
    """Writes the district of the file attached as `store`."""
    con.execute(f"SET VARIABLE {_VARIABLE} = $district", {"district": district})
    for name in contents.NAMES:
        contents.write_table(con, folder, name, _rows(con, name))


def fill(con: duckdb.DuckDBPyConnection, district: str, folder: Path, where: str) -> bool:
    """Writes into the file attached as `store`, inside the caller's transaction. False if the same was there already."""
    con.execute(f"SET VARIABLE {_VARIABLE} = $district", {"district": district})
    there = {name: contents.table_digest(con, name, _rows(con, name)) for name in contents.NAMES}
    if any(count for count, _ in there.values()):
        if there != {name: contents.table_digest(con, name, contents.rows_of(folder, name)) for name in contents.NAMES}:
            contents.refuse_not_empty(where, district)
        return False
    for name in contents.NAMES:
        listed = ", ".join(column for column, _ in contents.columns_of(name))
        made = listed.replace('"hash"', 'CAST("hash" AS UHUGEINT)')
        con.execute(f"INSERT INTO store.{name} ({listed}) SELECT {made} FROM {contents.rows_of(folder, name)}")
    contents.check(con, folder, lambda name: contents.table_digest(con, name, _rows(con, name)))
    if several.memory(con, district) is not None:
        several.set_format(con)
    return True


def _rows(con: duckdb.DuckDBPyConnection, name: str) -> str:
    """The district's rows of a table. Stores of earlier versions may lack one that came later."""
    if name == "aliases" and not schema.has(con, "owners"):
        return f"(SELECT *, '' AS tbl FROM store.{name} WHERE district = getvariable('{_VARIABLE}'))"
    if name not in schema.LATER or schema.has(con, name):
        return f"(FROM store.{name} WHERE district = getvariable('{_VARIABLE}'))"
    nothing = ", ".join(f"CAST(NULL AS {kind}) AS {column}" for column, kind in contents.columns_of(name))
    return f"(SELECT {nothing} WHERE false)"
