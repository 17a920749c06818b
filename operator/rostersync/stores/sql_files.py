"""Statements in .sql files: `-- name: X`, comments that say why, then the statement.

Names in braces such as `{table}` are names and column lists from roster.TABLES. Values are always parameters.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


def statement(folder: Path, name: str, names: Mapping[str, str] | None = None) -> str:
    """The statement `file.name` of the files in `folder`, with `names` put in."""
    file, key = name.split(".")
    sql = _statements(folder / f"{file}.sql")[key]
    for placeholder, text in (names or {}).items():
        sql = sql.replace("{" + placeholder + "}", text)
    return sql


@cache
def _statements(path: Path) -> dict[str, str]:
    parts = _NAME.split(path.read_text())
    return {name: text.strip() for name, text in zip(parts[1::2], parts[2::2], strict=True)}
