"""Runs the statements of the embedded store, which are in this folder's .sql files (stores/sql_files.py)."""

import re
from pathlib import Path
from typing import Any

import duckdb

from rostersync.stores.sql_files import statement

_PARAMETER = re.compile(r"\$([a-z_]+)")


def execute(
    con: duckdb.DuckDBPyConnection, name: str, names: dict[str, str] | None = None, **values: Any
) -> duckdb.DuckDBPyConnection:
    """Runs the statement `file.name`. Puts `names` in, and passes those of `values` that it mentions as parameters."""
    sql = statement(Path(__file__).parent, name, names)
    return con.execute(sql, {k: values[k] for k in set(_PARAMETER.findall(sql))} or None)


def number(result: duckdb.DuckDBPyConnection) -> int:
    """The single number of a statement: the rows it wrote, or the one value it selected (0 for null)."""
    row = result.fetchone()
    return int(row[0] or 0) if row else 0
