"""Tables and pages for a terminal. Values are shown as they are: never read as markup, never obeyed as escapes."""

import shutil
import sys
from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rostersync.render.words import plain

WIDE = 200  # columns where no terminal says how many it has, so that a pipe loses nothing


def console(stderr: bool = False) -> Console:
    """A console for this process's output, without markup, highlighting or emoji in what others wrote."""
    stream = sys.stderr if stderr else sys.stdout
    width = shutil.get_terminal_size((WIDE, 50)).columns if stream.isatty() else WIDE
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False)


def grid(columns: Sequence[str], rows: Iterable[Sequence[object]], right: Iterable[str] = (), title: str = "") -> Table:
    """A table; columns named in `right` hold numbers. Long cells fold, nothing is cut."""
    numbers = set(right)
    table = Table(box=SIMPLE_HEAD, title=title or None, title_justify="left", title_style="bold", pad_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(f"{v:,}" if type(v) is int else plain(v)) for v in row))
    return table


def say(out: Console, text: str = "", style: str = "") -> None:
    """One line of text; wrapped by the terminal, not by us, so that commands in it can be copied."""
    out.print(Text(text, style=style), soft_wrap=True)
