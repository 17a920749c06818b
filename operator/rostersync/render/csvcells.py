"""Cells of a CSV that people open in a spreadsheet. It must show values, and never run them as formulas."""

import json
from collections.abc import Iterable
from typing import Any

BOM = "\ufeff"  # tells a spreadsheet that the file is UTF-8, so that names keep their accents
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\t", "\r")  # the wide forms count, too
_UNSEEN = "\u200b\u200c\u200d\u2060\ufeff"  # of no width


def text(value: Any) -> str:
    """A value as text: lists joined by commas, objects as JSON."""
    if isinstance(value, list | tuple) and all(isinstance(v, str) for v in value):
        return ",".join(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def cell(value: Any) -> str:
    """Like `text`, with an apostrophe before anything that a spreadsheet would take for a formula."""
    shown = text(value)
    return f"'{shown}" if shown.lstrip(_UNSEEN).startswith(_FORMULA) else shown


def row(values: Iterable[Any]) -> list[str]:
    """The cells of one line."""
    return [cell(value) for value in values]
