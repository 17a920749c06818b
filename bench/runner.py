"""Runs one script of the benchmark after the other, beside a server of pages."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from meter import Measured, measure
from rich.console import Console
from sizes import HERE, Bench

console = Console(stderr=True)


@contextlib.contextmanager
def serving(pages: Path, *options: str) -> Iterator[str]:
    """A server of rendered pages in a process of its own; its Service URL."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "serve.py"), str(pages), *options], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


class Runner:
    """Runs one thing after the other and keeps what it took."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.got: dict[str, Measured] = {}

    def run(
        self, name: str, script: str, *arguments: object, limited: bool = True, python: str = sys.executable
    ) -> None:
        """Measures `python bench/script arguments`."""
        console.print(f"[dim]{name} …[/dim]")
        command = [python, str(HERE / script), *map(str, arguments)]
        self.got[name] = measure(command, self.bench.memory if limited else None)
