"""What goes wrong inside of a command on purpose: functions for the `hook` of a command, run before it begins.

Errors quote records, as those of libraries do. `SABOTAGE` in the environment is a folder to say things in.
Over 300 lines, of a few lines for each way to go wrong.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from support.marked import BIRTH, EMAIL, FAMILY, GIVEN


def crash_in_shape() -> None:
    """A plain exception with a record in its text, and another one in its cause."""

    def shape(context: Any, *_: Any) -> None:
        try:
            raise KeyError(f"{GIVEN} {FAMILY}")  # noqa: TRY301 - a cause that holds a record
        except KeyError as error:
            raise ValueError(f"cannot shape {GIVEN} {FAMILY}, born {BIRTH}") from error

    _instead("shape", shape)


def crash_in_link() -> None:
    """DuckDB quotes the value that it cannot cast."""
    _before("link", lambda context: context.con.execute("SELECT CAST(? AS DATE)", [f"{GIVEN} on {BIRTH}"]).fetchall())


def crash_in_compare() -> None:
    """DuckDB quotes the key that breaks a constraint."""

    def fail(context: Any) -> None:
        context.con.execute("CREATE TEMP TABLE one (email VARCHAR PRIMARY KEY)")
        for _ in range(2):
            context.con.execute("INSERT INTO one VALUES (?)", [EMAIL])

    _before("compare", fail)


def crash_without_memory() -> None:
    """A MemoryError that quotes a record."""

    def fail(context: Any) -> None:
        raise MemoryError(f"no room for {GIVEN}")

    _before("require", fail)


def crash_in_extract() -> None:
    """The extract breaks off on a record."""
    from rostersync.reading.pull_writer import PullWriter

    def write(self: Any, page: Any) -> None:
        if page.batch.schema.get_field_index("givenName") >= 0:
            raise ValueError(str(page.batch.to_pylist()[0]))
        original(self, page)

    original = PullWriter.write
    PullWriter.write = write  # type: ignore[method-assign]


def truncated_part() -> None:
    """Half of a Parquet part is gone between extract and plan."""
    from rostersync.execution import source as opening

    def stage_extract(source: Any, connection: Any, folder: Path, progress: Any, finished: Any) -> None:
        original(source, connection, folder, progress, finished)
        part = next((folder / "users").glob("part-*.parquet"))
        part.write_bytes(part.read_bytes()[: part.stat().st_size // 2])

    original = opening.stage_extract
    opening.stage_extract = stage_extract


def strange_part() -> None:
    """A Parquet part has text where a list belongs."""
    from rostersync.execution import source as opening

    def stage_extract(source: Any, connection: Any, folder: Path, progress: Any, finished: Any) -> None:
        original(source, connection, folder, progress, finished)
        part = next((folder / "users").glob("part-*.parquet"))
        table = pq.read_table(part)
        at = table.schema.get_field_index("orgSourcedIds")
        pq.write_table(table.set_column(at, "orgSourcedIds", table.column("givenName")), part)

    original = opening.stage_extract
    opening.stage_extract = stage_extract


def crash_in_apply() -> None:
    """A constraint of the store breaks within the transaction."""
    from rostersync.stores.embedded import applying

    def write(con: Any, table: Any, *rest: Any) -> None:
        con.execute("SELECT CAST(? AS INTEGER)", [f"{GIVEN} {FAMILY}"]).fetchall()

    applying._write = write  # type: ignore[assignment]


def spill_and_wait() -> None:
    """Spills records to scratch in the middle of the plan, says so, and waits."""

    def wait(context: Any) -> None:
        context.con.execute("SET memory_limit = '48MB'")
        context.con.execute(
            "CREATE TEMP TABLE spilled AS SELECT ? || md5(range::VARCHAR) || md5((-range)::VARCHAR) AS a FROM range(1200000)",
            [GIVEN],
        )
        _say("spilled")
        _wait()

    _before("link", wait)


def wait_in_extract() -> None:
    """Waits once the users are there, with their pull not yet in its place."""
    from rostersync.reading.pull_writer import PullWriter

    def finish(self: Any, reading: Any) -> Any:
        done = original(self, reading)
        if "users" in self.folder.name:
            _say("reached")
            _wait()
        return done

    original = PullWriter.finish
    PullWriter.finish = finish  # type: ignore[method-assign]


def wait_in_freeze() -> None:
    """Waits when some files of the plan are written."""
    from rostersync.sync import freeze

    def write_issues(context: Any, folder: Path) -> Any:
        _say("reached")
        _wait()
        return original(context, folder)

    original = freeze.write_issues
    freeze.write_issues = write_issues


def wait_before_commit() -> None:
    """Waits with everything written and nothing committed."""
    from rostersync.stores.embedded import applying

    def write(*args: Any) -> None:
        original(*args)
        _say("reached")
        _wait(float(os.environ.get("SABOTAGE_SECONDS", "60")))

    original = applying._write_revision
    applying._write_revision = write  # type: ignore[assignment]


def clock() -> None:
    """The clock is off by SABOTAGE_SECONDS."""
    from datetime import timedelta

    from rostersync.local import drive

    def now() -> Any:
        return original() + timedelta(seconds=float(os.environ["SABOTAGE_SECONDS"]))

    original = drive.now_utc
    drive.now_utc = now
    drive.Driver.__init__.__defaults__ = (now, None)


def signalled() -> None:
    """SABOTAGE_SIGNAL comes SABOTAGE_SECONDS after the stage SABOTAGE_AT of a half has begun: 0 is at once."""
    import threading

    from rostersync.execution.report_files import PlanReportFile

    number, seconds = int(os.environ["SABOTAGE_SIGNAL"]), float(os.environ["SABOTAGE_SECONDS"])

    def stage(self: Any, name: str) -> None:
        original(self, name)
        if name != os.environ["SABOTAGE_AT"]:
            return
        if seconds:
            threading.Timer(seconds, os.kill, (os.getpid(), number)).start()
        else:
            os.kill(os.getpid(), number)

    parent = PlanReportFile.__mro__[1]
    original = parent.stage  # type: ignore[attr-defined]
    parent.stage = stage  # type: ignore[attr-defined]


def signalled_while_copying() -> None:
    """SABOTAGE_SIGNAL comes while a query runs, once a store or a bundle is being written anew."""
    import threading

    from rostersync import durable
    from rostersync.stores.engine import connect

    def made(path: Path, **options: Any) -> Any:
        threading.Timer(0.1, os.kill, (os.getpid(), int(os.environ["SABOTAGE_SIGNAL"]))).start()
        connect(None, None, Path("scratch")).execute("SELECT sum(hash(range)) FROM range(1000000000000)").fetchall()
        return original(path, **options)

    original = durable.made
    durable.made = made


def wait_while_copying() -> None:
    """Waits with a new store or a bundle written, which has not got its name yet."""
    from rostersync import durable

    def settle(*args: Any, **options: Any) -> None:
        _say("reached")
        _wait()
        original(*args, **options)

    def write(path: Path, data: Any, **options: Any) -> None:
        part = durable.part_of(path)
        part.write_bytes(data.encode() if isinstance(data, str) else data)
        part.replace(path)

    original = durable.settle
    durable.settle, durable.write = settle, write


def wait_between_halves_of_forget() -> None:
    """Waits before the second of both: store and artifacts."""
    from rostersync.local import forgetting, store

    begun = list[str]()

    def waiting(act: Callable[..., Any], name: str) -> Callable[..., Any]:
        def later(*args: Any) -> Any:
            if begun:
                _say("reached")
                _wait()
            begun.append(name)
            return act(*args)

        return later

    forgetting.forget_artifacts = waiting(forgetting.forget_artifacts, "artifacts")
    store.forget = waiting(store.forget, "store")


def wait_before_details_go() -> None:
    """Waits when the artifacts of a run are about to be removed."""
    _around_removal(before=True)


def wait_after_details_went() -> None:
    """Waits when the artifacts of one run are gone, and others still there."""
    _around_removal(before=False)


def _around_removal(*, before: bool) -> None:
    from rostersync.artifacts.folder import Artifacts

    def remove(self: Any, run: str) -> None:
        if not before:
            original(self, run)
        _say("reached")
        _wait()

    original = Artifacts.remove
    Artifacts.remove = remove  # type: ignore[method-assign]


def wait_before_written_anew() -> None:
    """Waits when the store has forgotten somebody, and its file is still the old one."""
    from rostersync.stores.embedded.writer import EmbeddedWriter

    def rewrite(*_: Any) -> None:
        _say("reached")
        _wait()

    EmbeddedWriter._rewrite = rewrite  # type: ignore[assignment, method-assign]


def wait_in_send() -> None:
    """Waits with bundles made and nothing sent."""
    from rostersync.deliveries import directory

    def folder(receiver: Any) -> Path:
        _say("reached")
        _wait()
        return original(receiver)

    original = directory._folder
    directory._folder = folder


def wait_in_copy() -> None:
    """Waits with a bundle half sent: its file has not got its name yet."""
    from rostersync.deliveries import directory

    def copied(source: Path, target: Path) -> Any:
        yield from original(source, target)
        _say("reached")
        _wait()

    original = directory._copied
    directory._copied = copied


def _wait(seconds: float = 60) -> None:
    """In short steps: a signal that comes just before a sleep does not end it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.05)


def _say(word: str) -> None:
    (Path(os.environ["SABOTAGE"]) / word).touch()


def _before(stage: str, act: Callable[[Any], Any]) -> None:
    from rostersync.sync import pipeline

    original = getattr(pipeline, stage)

    def both(context: Any, *more: Any, **named: Any) -> Any:
        act(context)
        return original(context, *more, **named)

    _instead(stage, both)


def _instead(stage: str, act: Callable[[Any], Any]) -> None:
    from rostersync.sync import pipeline

    setattr(pipeline, stage, act)
