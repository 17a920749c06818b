"""Tables and pages for a terminal. Values are never interpreted, neither as markup nor as escape sequences.

A table never breaks a name or an id. If the terminal is too narrow, whole columns are dropped in an order that each
table gives, and the table says which. A column of sentences folds between words.
"""

import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from rostersync.render.words import plain

WIDE = 1000  # columns where there is no terminal, so that a pipe loses nothing
_GAP = "  "
_LEAST = 28  # columns in which a sentence is still readable
_CHUNK = 500  # lines that are printed at a time


@dataclass(frozen=True)
class Row:
    """A row of cells, and indented lines below it."""

    cells: Sequence[object]
    under: Sequence[str] = ()


def console(stderr: bool = False) -> Console:
    """A console for this process's output, which interprets no markup, highlighting or emoji."""
    stream = sys.stderr if stderr else sys.stdout
    width = shutil.get_terminal_size((WIDE, 50)).columns if stream.isatty() else WIDE
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False)


def table(
    out: Console,
    columns: Sequence[str],
    rows: Iterable[Sequence[object] | Row],
    right: Iterable[str] = (),
    title: str = "",
    *,
    drop: Sequence[str] = (),
    fold: str = "",
    below: Sequence[str] = (),
    last: bool = False,
) -> None:
    """Print a table, and an empty line unless it is the `last` of a page. Columns named in `right` hold numbers.

    If it is too wide, the columns of `drop` are dropped one by one, and then those of `below` become lines under their
    row. The column `fold` holds sentences, which get the remaining width and fold between words.
    """
    found = [row if isinstance(row, Row) else Row(row) for row in rows]
    cells = [[f"{v:,}" if type(v) is int else plain(v) for v in row.cells] for row in found]
    widths = [max([cell_len(name), *(cell_len(line[i]) for line in cells)]) for i, name in enumerate(columns)]
    folded = columns.index(fold) if fold in columns else None
    shown, gone, under = _fit(columns, widths, folded, out.width, drop, below)
    if folded is not None and folded in shown:
        widths[folded] = max(
            min(_LEAST, widths[folded]), min(widths[folded], out.width - _total(widths, shown, folded))
        )
    numbers = {i for i, name in enumerate(columns) if name in set(right)}
    lines = [title] if title else []
    lines += [_line([columns[i] for i in shown], shown, widths, numbers), "─" * min(_total(widths, shown), out.width)]
    head = len(lines)
    for line, row in zip(cells, found, strict=True):
        parts = [_folded(line[i], widths[i]) if i == folded else [line[i]] for i in shown]
        for n in range(max(map(len, parts), default=0)):
            at = [part[n] if n < len(part) else "" for part in parts]
            lines.append(_line(at, shown, widths, numbers))
        for i in under:
            lines += [f"    {text}" for text in _folded(f"{columns[i]}: {line[i]}", out.width - 4) if line[i]]
        lines += [f"    {text}" for more in row.under for text in _folded(plain(more), out.width - 4)]
    for i, text in enumerate(lines[:head]):
        say(out, text, "bold" if i < head - 1 else "")
    for start in range(head, len(lines), _CHUNK):
        say(out, "\n".join(lines[start : start + _CHUNK]))
    if gone:
        say(out, f"Too narrow for: {', '.join(dict.fromkeys(gone))}.", "dim")
    if not last:
        say(out)


def say(out: Console, text: str = "", style: str = "") -> None:
    """Print text. The terminal wraps it, so that commands in it can be copied."""
    out.print(Text(text, style=style), soft_wrap=True)


def _fit(
    columns: Sequence[str], widths: list[int], folded: int | None, width: int, drop: Sequence[str], below: Sequence[str]
) -> tuple[list[int], list[str], list[int]]:
    """The columns that are shown, the names of those that are not, and the columns that go under their row."""
    shown, gone, under = list(range(len(columns))), [], []
    least = [min(w, _LEAST) if i == folded else w for i, w in enumerate(widths)]
    for name in (*drop, *below):
        if _total(least, shown) <= width:
            break
        going = [i for i in shown if columns[i] == name]
        shown = [i for i in shown if i not in going]
        if name in below:
            under += going
        elif going:
            gone.append(name)
    return shown, gone, sorted(under)


def _total(widths: list[int], shown: list[int], without: int | None = None) -> int:
    return sum(widths[i] for i in shown if i != without) + len(_GAP) * max(0, len(shown) - 1)


def _line(at: Sequence[str], shown: list[int], widths: list[int], numbers: set[int]) -> str:
    parts = []
    for text, i in zip(at, shown, strict=True):
        blank = " " * max(0, widths[i] - cell_len(text))
        parts.append(blank + text if i in numbers else text + blank)
    return _GAP.join(parts).rstrip()


def _folded(text: str, width: int) -> list[str]:
    """Lines of at most `width` columns, cut between words. A longer word gets its own line."""
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and cell_len(lines[-1]) + 1 + cell_len(word) > width:
            lines.append(word)
        else:
            lines[-1] += (" " if lines[-1] else "") + word
    return lines
