"""Progress for people: bars when standard error is a terminal, JSON lines otherwise. Names and numbers only."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

Progress = Callable[[str, str, int, int | None], None]
EVERY = 2.0  # seconds between two lines about the same thing


def log(level: str, **fields: Any) -> None:
    """One JSON line on standard error."""
    line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "level": level, **fields}
    print(json.dumps(line, ensure_ascii=False), file=sys.stderr, flush=True)


class Lines:
    """Progress as JSON lines: each stage once, the end of each collection, and a line every two seconds in between."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock, self.stage, self.said = clock, "", 0.0
        self.ended: tuple[str, int] | None = None  # the last collection whose end was logged, and its rows

    def __call__(self, stage: str, what: str, done: int, total: int | None) -> None:
        """Report progress."""
        now = self.clock()
        read = stage == "extract" and done == total
        if read and self.ended == (what, done):
            return
        self.ended = (what, done) if read else None
        if stage == self.stage and not read and now - self.said < EVERY:
            return
        self.stage, self.said = stage, now
        log("info", stage=stage, what=what, done=done, **({} if total is None else {"total": total}))


@contextmanager
def shown(quiet: bool = False) -> Iterator[Progress]:
    """A callback that shows progress. Bars are removed at the end."""
    if quiet:
        yield lambda *_: None
    elif not sys.stderr.isatty():
        yield Lines()
    else:
        with _bars() as bars:
            yield bars


@contextmanager
def _bars() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.table import Column

    console = Console(file=sys.stderr)
    columns = (
        TextColumn("{task.fields[stage]:>10}"),
        TextColumn("{task.description:<18}"),
        BarColumn(None, table_column=Column(max_width=40)),  # gives way, so that the time is always seen
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        TimeElapsedColumn(table_column=Column(no_wrap=True)),
    )
    tasks: dict[tuple[str, str], Any] = {}
    with Progress(*columns, console=console, transient=True) as bars:

        def show(stage: str, what: str, done: int, total: int | None) -> None:
            if tasks and stage not in {s for s, _ in tasks}:
                for task in tasks.values():
                    bars.remove_task(task)
                tasks.clear()
            key = (stage, what if stage == "extract" else "")  # collections side by side, tables one after another
            if key not in tasks:
                tasks[key] = bars.add_task(what, total=total, stage=stage)
            bars.update(tasks[key], description=what, completed=done, total=total)

        yield show
