"""The embedded store's SQL is in this folder's .sql files: `-- name: X`, comments that say why, then the statement.

Names in braces such as `{table}` are names and column lists from roster.TABLES. Values are always parameters.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)
_PARAMETER = re.compile(r"\$([a-z_]+)")


@cache
def statements(file: str) -> dict[str, str]:
    """The statements of `<file>.sql` by name, comments included."""
    parts = _NAME.split((Path(__file__).parent / f"{file}.sql").read_text())
    return {name: text.strip() for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def execute(
    con: duckdb.DuckDBPyConnection, name: str, names: dict[str, str] | None = None, **values: Any
) -> duckdb.DuckDBPyConnection:
    """Runs the statement `file.name`. Puts `names` in, and passes those of `values` that it mentions as parameters."""
    file, key = name.split(".")
    sql = statements(file)[key]
    for placeholder, text in (names or {}).items():
        sql = sql.replace("{" + placeholder + "}", text)
    return con.execute(sql, {k: values[k] for k in set(_PARAMETER.findall(sql))} or None)


def number(result: duckdb.DuckDBPyConnection) -> int:
    """The single number of a statement: the rows it wrote, or the one value it selected (0 for null)."""
    row = result.fetchone()
    return int(row[0] or 0) if row else 0
