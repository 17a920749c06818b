"""Renders the simulator's pages to files once, so that serving them later costs next to nothing.

For each collection one file of pages one behind the other, and one of their byte offsets.
"""

import json
import multiprocessing
import shutil
from array import array
from pathlib import Path

import msgspec
from pages import BASE_PATH
from sizes import COLLECTIONS, PAGE, SEED, STEP, Bench

from rostersync.simulator.district import District, DistrictDay
from rostersync.simulator.layout import Size

BASE = f"https://district.focus.example{BASE_PATH}"
CHUNK = 200  # pages that one process renders at a time

_days: dict[tuple[int, int], DistrictDay] = {}


def day_of(students: int, day: int) -> DistrictDay:
    """The district of that many students on that day: about 9 enrolments and 0.31 classes for each student."""
    if (students, day) not in _days:
        size = Size(students, guardians=0, classes_per_student=9, class_size=28, students_per_teacher=20)
        _days[students, day] = District(size, SEED).day(day)
    return _days[students, day]


def page(students: int, day: int, collection: str, offset: int) -> bytes:
    """One page as Focus sends it; the next URL is relative to the host, which is not known yet."""
    roster = day_of(students, day)
    total = roster.total(collection)
    rows = list(roster.rows(collection, offset, offset + PAGE, BASE))
    reached = offset + len(rows)
    following = f"{BASE_PATH}/{collection}?limit={PAGE}&offset={reached}" if reached < total else ""
    return msgspec.json.encode({collection: rows, "pagination": {"next": following}, "total": total})


def _chunk(task: tuple[int, int, str, int]) -> list[bytes]:
    students, day, collection, start = task
    total = day_of(students, day).total(collection)
    return [page(students, day, collection, o) for o in range(start, min(total, start + CHUNK * STEP), STEP)]


def rendered(bench: Bench, day: int) -> Path:
    """The folder of that day's pages, made if it is not there yet."""
    folder = bench.folder / f"pages-day{day}"
    if (folder / "totals.json").exists():
        return folder
    making = folder.with_name(folder.name + ".making")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    roster = day_of(bench.students, day)
    totals = {c: roster.total(c) for c in COLLECTIONS}
    with multiprocessing.get_context("fork").Pool() as pool:
        for collection, total in totals.items():
            tasks = [(bench.students, day, collection, start) for start in range(0, max(total, 1), CHUNK * STEP)]
            offsets = array("Q", [0])
            with (making / f"{collection}.pages").open("wb") as file:
                for pages in pool.imap(_chunk, tasks):
                    for one in pages:
                        file.write(one)
                        offsets.append(file.tell())
            (making / f"{collection}.offsets").write_bytes(offsets.tobytes())
    (making / "totals.json").write_text(json.dumps(totals))
    making.rename(folder)
    return folder
