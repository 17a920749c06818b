"""Cells of a CSV that people open in a spreadsheet, which must show a value and never run it."""

import json
from collections.abc import Iterable
from typing import Any

BOM = "\ufeff"  # tells a spreadsheet that the file is UTF-8, so that names keep their accents
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def text(value: Any) -> str:
    """A value as text: lists joined by commas, objects as JSON."""
    if isinstance(value, list | tuple) and all(isinstance(v, str) for v in value):
        return ",".join(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def cell(value: Any) -> str:
    """As `text`, with an apostrophe before what a spreadsheet would take for a formula."""
    shown = text(value)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown


def row(values: Iterable[Any]) -> list[str]:
    """The cells of a line."""
    return [cell(value) for value in values]
