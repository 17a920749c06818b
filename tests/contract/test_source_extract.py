"""Stage extract against a real server: checkpoints, whole collections, duplicates, progress."""

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from rostersync.errors import Retryable
from rostersync.reading.extract import Wanted, extract
from rostersync.roster import TABLES
from rostersync.sources.staged import schema
from support.quirky import Quirky, Reply, Request, enrollments, orgs, source, staged

MORNING = datetime(2026, 11, 1, 6, tzinfo=UTC)


def at(moment: datetime) -> Callable[[], datetime]:
    return lambda: moment


def test_the_proof_is_written_beside_the_collections(tmp_path: Path) -> None:
    with Quirky({"orgs": orgs(3), "enrollments": enrollments(25)}) as server, source(server) as client:
        proof = extract(client, tmp_path, Wanted(("enrollments", "orgs", "courses")), now=at(MORNING))

    assert json.loads((tmp_path / "proof.json").read_text()) == proof
    assert list(proof["collections"]) == ["orgs", "courses", "enrollments"]
    assert (proof["format"], proof["version"], proof["extractedAt"]) == (1, "1.1", MORNING.isoformat())
    assert proof["collections"]["orgs"] == {
        "offered": True,
        "complete": True,
        "rule": "Total",
        "total": 3,
        "rows": 3,
        "distinct": 3,
        "withoutID": 0,
        "pulls": 1,
        "duplicates": 0,
        "pageSize": 10,
        "requests": 2,
        "reason": None,
    }
    assert not proof["collections"]["courses"]["offered"]


@pytest.mark.parametrize("collection", [table.name for table in TABLES])
def test_a_collection_is_staged_in_the_same_columns_whether_it_has_rows_or_not(collection: str, tmp_path: Path) -> None:
    with Quirky({collection: []}) as server:
        staged(server, tmp_path / "empty", collection)
    with Quirky({collection: [{"sourcedId": "x1"}]}) as server:
        staged(server, tmp_path / "one", collection)

    for name, rows in (("empty", 0), ("one", 1)):
        table = pq.read_table(tmp_path / name / collection / "part-00000.parquet")
        assert table.schema.equals(schema(collection))
        assert table.num_rows == rows


def test_finished_collections_are_taken_up_by_a_retry_of_the_run(tmp_path: Path) -> None:
    failing = True

    def answer(request: Request) -> Reply | None:
        return Reply({}, 500) if request.collection == "enrollments" and request.offset >= 20 and failing else None

    with Quirky({"orgs": orgs(3), "enrollments": enrollments(45)}, answer=answer) as server, source(server) as client:
        with pytest.raises(Retryable):
            extract(client, tmp_path, Wanted(("orgs", "enrollments")), now=at(MORNING))
        assert sorted(p.name for p in tmp_path.iterdir()) == ["orgs"]
        asked = len(server.asked("orgs"))
        failing = False
        proof = extract(client, tmp_path, Wanted(("orgs", "enrollments")), now=at(MORNING + timedelta(hours=5)))

    assert len(server.asked("orgs")) == asked
    assert proof["collections"]["orgs"]["complete"]
    assert proof["collections"]["enrollments"]["distinct"] == 45


def spoil_nothing(folder: Path) -> None:
    """Leave the checkpoint as it is."""


def spoil_file(folder: Path) -> None:
    (folder / "part-00000.parquet").write_bytes(b"half")


def spoil_note(folder: Path) -> None:
    (folder / "done.json").write_text("{")


def remove_note(folder: Path) -> None:
    (folder / "done.json").unlink()


@pytest.mark.parametrize(
    ("later", "keys", "spoil", "read_again"),
    [
        pytest.param(timedelta(hours=5, minutes=59), {"a"}, spoil_nothing, False, id="young"),
        pytest.param(timedelta(hours=6), {"a"}, spoil_nothing, True, id="six hours old"),
        pytest.param(timedelta(hours=-1), {"a"}, spoil_nothing, True, id="of the future"),
        pytest.param(timedelta(0), {"b"}, spoil_nothing, True, id="for other metadata"),
        pytest.param(timedelta(0), {"a"}, spoil_file, True, id="a file that is not whole"),
        pytest.param(timedelta(0), {"a"}, spoil_note, True, id="a note that is not whole"),
        pytest.param(timedelta(0), {"a"}, remove_note, True, id="no note"),
    ],
)
def test_a_checkpoint_is_believed_only_while_young_whole_and_alike(
    later: timedelta, keys: set[str], spoil: Callable[[Path], None], read_again: bool, tmp_path: Path
) -> None:
    with Quirky({"orgs": orgs(3)}) as server, source(server) as client:
        extract(client, tmp_path, Wanted(("orgs",), {"orgs": frozenset({"a"})}), now=at(MORNING))
        asked = len(server.asked("orgs"))
        spoil(tmp_path / "orgs")
        extract(client, tmp_path, Wanted(("orgs",), {"orgs": frozenset(keys)}), now=at(MORNING + later))

    assert (len(server.asked("orgs")) > asked) == read_again
    assert pq.read_table(tmp_path / "orgs" / "part-00000.parquet").num_rows == 3


def test_an_incomplete_collection_is_read_again_by_a_retry(tmp_path: Path) -> None:
    def lies(request: Request) -> Reply | None:
        return Reply({"orgs": orgs(3)[request.offset :]}, headers={"X-Total-Count": "4"})

    with Quirky({"orgs": orgs(3)}, answer=lies) as server, source(server) as client:
        first = extract(client, tmp_path, Wanted(("orgs",)), now=at(MORNING))
        server.answer = lambda request: None
        second = extract(client, tmp_path, Wanted(("orgs",)), now=at(MORNING))

    assert (first["collections"]["orgs"]["complete"], second["collections"]["orgs"]["complete"]) == (False, True)


def test_what_a_crash_left_is_swept_away_and_never_believed(tmp_path: Path) -> None:
    left = tmp_path / ".orgs.part-2"
    left.mkdir()
    (left / "part-00000.parquet").write_bytes(b"half")

    with Quirky({"orgs": orgs(3)}) as server:
        result = staged(server, tmp_path, "orgs")

    assert len(result.rows("orgs")) == 3
    assert sorted(p.name for p in tmp_path.iterdir()) == ["orgs", "proof.json"]
    assert sorted(p.name for p in (tmp_path / "orgs").iterdir()) == ["done.json", "part-00000.parquet"]


NEWER = {"sourcedId": "u1", "dateLastModified": "2026-08-02T00:00:00Z", "givenName": "Ada", "role": "student"}
OLDER = {"sourcedId": "u1", "dateLastModified": "2026-08-02T01:00:00+02:00", "givenName": "Zoe", "role": "student"}
COPY = {**NEWER, "dateLastModified": "2026-08-01T00:00:00Z"}
UNDATED = {"sourcedId": "u1", "givenName": "Zuzu", "role": "student"}
OTHER = {"sourcedId": "u2", "role": "student"}


@pytest.mark.parametrize("order", list(permutations([NEWER, OLDER, COPY, OTHER]))[::5])
def test_of_duplicates_the_newest_stands_whatever_the_order(order: tuple[dict[str, Any], ...], tmp_path: Path) -> None:
    with Quirky({"users": list(order)}, sorts=False) as server:
        result = staged(server, tmp_path, "users", page_size=2)

    rows = result.rows("users")
    assert set(rows) == {"u1", "u2"}
    assert rows["u1"]["givenName"] == "Ada"
    assert result.proof["users"]["duplicates"] == 2
    assert not (tmp_path / "users" / "contradictory.parquet").exists()


def test_rows_that_contradict_each_other_are_named_beside_the_collection(tmp_path: Path) -> None:
    data = {"users": [NEWER, UNDATED, OTHER, {**OTHER, "role": "teacher"}]}
    with Quirky(data, sorts=False) as server:
        staged(server, tmp_path, "users")

    named = pq.read_table(tmp_path / "users" / "contradictory.parquet").to_pylist()
    assert named == [{"sourcedId": "u1", "entity": "Student"}, {"sourcedId": "u2", "entity": None}]
    done = json.loads((tmp_path / "users" / "done.json").read_text())
    assert "contradictory.parquet" in done["files"]


def test_records_that_came_and_went_meanwhile_are_counted_again_at_the_end(tmp_path: Path) -> None:
    """The total of the first page is no longer true at the end; the recount is."""
    rows = enrollments(45)

    def answer(request: Request) -> Reply | None:
        if request.collection == "enrollments":
            server.data["enrollments"] = rows[:42] if request.nth == 1 else rows
        return None

    with Quirky(answer=answer) as server:
        proof = staged(server, tmp_path, "enrollments").proof["enrollments"]

    assert (proof["rule"], proof["total"], proof["distinct"]) == ("Total", 45, 45)


def test_a_total_that_is_never_reached_is_incomplete(tmp_path: Path) -> None:
    def answer(request: Request) -> Reply | None:
        reply = server.page(request)
        reply.headers["X-Total-Count"] = "46"
        return reply if request.collection == "enrollments" else None

    with Quirky({"enrollments": enrollments(45)}, answer=answer) as server:
        proof = staged(server, tmp_path, "enrollments").proof["enrollments"]

    assert (proof["complete"], proof["rule"], proof["pulls"], proof["total"], proof["rows"]) == (False, None, 3, 46, 45)


def test_progress_says_how_many_rows_of_how_many(tmp_path: Path) -> None:
    said: list[tuple[str, str, int, int | None]] = []
    with Quirky({"enrollments": enrollments(25)}) as server, source(server) as client:
        extract(client, tmp_path, Wanted(("enrollments",)), lambda *what: said.append(what))

    assert said[-1] == ("extract", "enrollments", 25, 25)
    assert [s[2] for s in said] == [10, 20, 25] or sorted(s[2] for s in said)[-1] == 25


def test_the_same_records_are_staged_whatever_page_size_order_and_threads(tmp_path: Path) -> None:
    data = {"enrollments": enrollments(95)}
    seen = []
    for i, (size, threads, sorts) in enumerate([(10, 1, True), (7, 4, True), (100, 2, False), (33, 3, False)]):
        with Quirky(data, sorts=sorts, total="header" if i % 2 else None) as server:
            result = staged(server, tmp_path / str(i), "enrollments", page_size=size, max_concurrent_requests=threads)
        seen.append(result.rows("enrollments"))

    assert all(rows == seen[0] for rows in seen)


@pytest.mark.parametrize("most", [1, 2, 4])
def test_no_more_is_asked_for_at_once_than_the_connection_allows(most: int, tmp_path: Path) -> None:
    asked, seen, alone = 0, 0, threading.Lock()

    def answer(request: Request) -> Reply | None:
        nonlocal asked, seen
        with alone:
            asked += 1
            seen = max(seen, asked)
        time.sleep(0.02)
        with alone:
            asked -= 1
        return None

    with Quirky({"enrollments": enrollments(300)}, answer=answer) as server:
        result = staged(server, tmp_path, "enrollments", max_concurrent_requests=most)

    assert len(result.rows("enrollments")) == 300
    assert min(most, 2) <= seen <= most  # a busy machine may not get to all of them
