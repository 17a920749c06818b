"""Apply, in a store of every kind: a plan becomes the next revision, once, as it was seen, with tombstones and history."""

import json
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rostersync.errors import BaseMoved, Permanent
from rostersync.model import Consent, Entity
from rostersync.plan import codec
from rostersync.plan.apply import apply
from rostersync.stores.engine import connect
from rostersync.stores.port import Store
from support.plans import create, delete, row_hash, table_rows, update, write_manifest, write_plan
from support.stores import Kept

NOW = datetime(2026, 9, 1, 2, 30, tzinfo=UTC)
SCHOOL = {"name": "Whitmore", "type": "school", "identifier": "1001"}
PUPIL: dict[str, Any] = {
    "role": "student",
    "givenName": "One",
    "grades": ["08"],
    "orgSourcedIds": ["FOC-1001"],
    "enabledUser": True,
    "userIds": [{"type": "StateID", "identifier": "77"}],
    "metadata": {"homeroom": "A"},
}
ENROLLED = {"classSourcedId": "FOC-c", "userSourcedId": "FOC-u1", "role": "student", "primary": False}
HOLD = {"reason": "Preview"}


@pytest.fixture
def store(kept: Kept) -> Store:
    return kept.store


@pytest.fixture
def first(store: Store, tmp_path: Path) -> Path:
    plan = write_plan(
        tmp_path / "first",
        [
            create(Entity.SCHOOL, "FOC-1001", **SCHOOL),
            create(Entity.STUDENT, "FOC-u1", **PUPIL),
            create(Entity.TEACHER, "FOC-u2", role="teacher"),
            create(Entity.ENROLLMENT, "FOC-e1", **ENROLLED),
        ],
        schools=[["1001", "FOC-1001"]],
    )
    apply(plan, store.writer(), now=NOW)
    return plan


def test_a_created_record_is_there_with_its_values_and_hash(store: Store, first: Path, tmp_path: Path) -> None:
    rows = table_rows(store, tmp_path, 'SELECT id, entity, status, hash, grades, "userIds", metadata FROM store_users')
    assert sorted(rows)[0] == (
        "FOC-u1",
        "Student",
        "active",
        row_hash(PUPIL),
        ["08"],
        PUPIL["userIds"],
        {"homeroom": "A"},
    )
    assert table_rows(store, tmp_path, "SELECT * FROM store_schools") == [("1001", "FOC-1001")]


def test_an_update_replaces_the_values_and_the_history_keeps_both_sides(
    store: Store, first: Path, tmp_path: Path
) -> None:
    changed = update(Entity.STUDENT, "FOC-u1", PUPIL, grades=["09"], enabledUser=None, metadata={"homeroom": "B"})
    apply(write_plan(tmp_path / "p", [changed], run="run-2", base=1), store.writer(), now=NOW)
    assert table_rows(store, tmp_path, "SELECT grades, \"givenName\" FROM store_users WHERE id = 'FOC-u1'") == [
        (["09"], "One")
    ]
    [(change, before, after)] = table_rows(
        store, tmp_path, "SELECT change, before, after FROM store_history WHERE revision = 2"
    )
    assert change == "Update"
    assert json.loads(before) == {"grades": ["08"], "enabledUser": True, "metadata": {"homeroom": "A"}}
    assert json.loads(after) == {"grades": ["09"], "enabledUser": None, "metadata": {"homeroom": "B"}}


def test_the_history_names_single_keys_of_metadata_as_the_plan_does(store: Store, first: Path, tmp_path: Path) -> None:
    changed = update(Entity.STUDENT, "FOC-u1", PUPIL, metadata={"home.room": "B"})
    changed.names = ["metadata.home.room"]
    apply(write_plan(tmp_path / "p", [changed], run="run-2", base=1), store.writer(), now=NOW)
    [(after,)] = table_rows(store, tmp_path, "SELECT after FROM store_history WHERE revision = 2")
    assert json.loads(after) == {"metadata.home.room": "B"}


def test_a_change_of_entity_is_one_record_under_the_new_one(store: Store, first: Path, tmp_path: Path) -> None:
    moved = update(Entity.STUDENT, "FOC-u1", PUPIL, new_entity=Entity.TEACHER, role="teacher")
    apply(write_plan(tmp_path / "p", [moved], run="run-2", base=1), store.writer(), now=NOW)
    assert table_rows(store, tmp_path, "SELECT entity, role FROM store_users WHERE id = 'FOC-u1'") == [
        ("Teacher", "teacher")
    ]
    [(entity, after)] = table_rows(store, tmp_path, "SELECT entity, after FROM store_history WHERE revision = 2")
    assert (entity, json.loads(after)) == ("Student", {"role": "teacher", "entity": "Teacher"})


def test_a_deleted_record_leaves_a_tombstone_with_its_values_and_comes_back_as_one_record(
    store: Store, first: Path, tmp_path: Path
) -> None:
    apply(write_plan(tmp_path / "p", [delete(Entity.STUDENT, "FOC-u1", PUPIL)], run="run-2", base=1), store.writer())
    query = "SELECT status, grades FROM store_users WHERE id = 'FOC-u1'"
    assert table_rows(store, tmp_path, query) == [("tobedeleted", ["08"])]
    [(before, after)] = table_rows(store, tmp_path, "SELECT before, after FROM store_history WHERE revision = 2")
    assert (json.loads(before), after) == (PUPIL, None)
    back = create(Entity.STUDENT, "FOC-u1", "Restored", **PUPIL | {"grades": ["10"]})
    apply(write_plan(tmp_path / "q", [back], run="run-3", base=2), store.writer())
    assert table_rows(store, tmp_path, query) == [("active", ["10"])]
    assert table_rows(
        store, tmp_path, "SELECT change, cause FROM store_history WHERE id = 'FOC-u1' ORDER BY revision"
    ) == [("Create", "SourceCreated"), ("Delete", "SourceMissing"), ("Create", "Restored")]


def test_applying_the_same_plan_twice_is_once(store: Store, first: Path, tmp_path: Path) -> None:
    report = apply(first, store.writer(), now=NOW)
    assert (report.already_applied, report.revision) == (True, 1)
    assert table_rows(store, tmp_path, "SELECT count(*) FROM store_history") == [(4,)]


def test_the_same_changes_of_a_later_run_of_the_same_name_are_written(
    store: Store, first: Path, tmp_path: Path
) -> None:
    """There and back, and there again: the third plan has name and digest of the first, and another base."""
    other = PUPIL | {"grades": ["09"]}
    there, back = ({"grades": ["09"]}, PUPIL), ({"grades": ["08"]}, other)
    for base, (run, (values, before)) in enumerate([("x", there), ("y", back), ("x", there)], start=1):
        plan = write_plan(
            tmp_path / f"p{base}", [update(Entity.STUDENT, "FOC-u1", before, **values)], run=run, base=base
        )
        done = apply(plan, store.writer(), now=NOW)
        assert (done.revision, done.already_applied) == (base + 1, False)
    assert table_rows(store, tmp_path, "SELECT grades FROM store_users WHERE id = 'FOC-u1'") == [(["09"],)]


def test_a_plan_without_changes_makes_no_revision(store: Store, first: Path, tmp_path: Path) -> None:
    report = apply(write_plan(tmp_path / "p", [], run="run-2", base=1), store.writer())
    assert (report.already_applied, report.revision) == (True, 1)
    assert _state(store, tmp_path).revision == 1


def test_a_moved_base_is_refused_and_nothing_moves(store: Store, first: Path, tmp_path: Path) -> None:
    plan = write_plan(tmp_path / "p", [create(Entity.STUDENT, "FOC-u9")], run="run-2", base=0)
    with pytest.raises(BaseMoved):
        apply(plan, store.writer())
    assert table_rows(store, tmp_path, "SELECT count(*) FROM store_users") == [(2,)]


@pytest.mark.parametrize(
    "row",
    [
        create(Entity.STUDENT, "FOC-u1"),
        update(Entity.STUDENT, "FOC-u1", {"givenName": "Other"}, grades=["09"]),
        delete(Entity.STUDENT, "FOC-u7", {}),
    ],
    ids=["created although there", "updated from other values", "deleted although not there"],
)
def test_a_record_that_is_not_what_the_plan_saw_is_refused(store: Store, first: Path, tmp_path: Path, row: Any) -> None:
    with pytest.raises(BaseMoved):
        apply(write_plan(tmp_path / "p", [row], run="run-2", base=1), store.writer())
    assert _state(store, tmp_path).revision == 1


def test_a_record_that_changes_twice_in_a_plan_is_refused(store: Store, first: Path, tmp_path: Path) -> None:
    rows = [create(Entity.STUDENT, "FOC-u9"), create(Entity.TEACHER, "FOC-u9")]
    with pytest.raises(Permanent, match="twice"):
        apply(write_plan(tmp_path / "p", rows, run="run-2", base=1), store.writer())


def test_a_held_plan_needs_a_consent_to_this_very_plan(kept: Kept, store: Store, tmp_path: Path) -> None:
    plan = write_plan(tmp_path / "p", [create(Entity.STUDENT, "FOC-u1")], holds=[HOLD], fourEyes=True)
    digest = codec.read(plan).digest
    with pytest.raises(Permanent) as none:
        apply(plan, store.writer())
    assert none.value.reason == "ApprovalRequired"
    with pytest.raises(Permanent) as other:
        apply(plan, store.writer(), Consent("registrar", "sha256:other", "fine"))
    assert other.value.reason == "OtherPlan"
    assert not store.exists()
    apply(plan, store.writer(), Consent("registrar", digest, "fine", "uid-1"), now=NOW)
    assert kept.revisions() == [
        (1, "focus", "run-1", digest, "registrar", "uid-1", "fine", False, NOW.replace(tzinfo=None), "c0")
    ]


def test_an_approval_counts_only_with_the_connection_that_applied_before(store: Store, tmp_path: Path) -> None:
    plan = write_plan(tmp_path / "p", [create(Entity.STUDENT, "FOC-u1")], holds=[HOLD], previousConnection="north")
    digest = codec.read(plan).digest
    for other in ("", "south"):
        with pytest.raises(Permanent) as error:
            apply(plan, store.writer(), Consent("carl", digest, "mine", "uid-1", previous_connection=other))
        assert error.value.reason == "ApprovalRequired"
    assert not store.exists()
    apply(plan, store.writer(), Consent("dana", digest, "fine", "uid-1", previous_connection="north"), now=NOW)
    assert store.exists()


def test_a_plan_other_than_the_one_asked_for_is_refused(store: Store, tmp_path: Path) -> None:
    plan = write_plan(tmp_path / "p", [create(Entity.STUDENT, "FOC-u1")])
    with pytest.raises(Permanent) as error:
        apply(plan, store.writer(), digest="sha256:asked")
    assert error.value.reason == "OtherPlan"


@pytest.mark.parametrize("what", ["changed", "missing", "stray", "lossy"])
def test_a_plan_whose_files_are_not_what_was_made_is_refused(store: Store, tmp_path: Path, what: str) -> None:
    plan = write_plan(tmp_path / "p", [create(Entity.STUDENT, "FOC-u1")])
    file = plan / "changes" / "Student.parquet"
    if what == "changed":
        file.write_bytes(file.read_bytes() + b"x")
    elif what == "missing":
        file.unlink()
    elif what == "stray":
        (plan / "changes" / "Teacher.parquet").write_bytes(file.read_bytes())
    else:
        _retype(plan, "Student", "hash::UHUGEINT AS hash")  # which DuckDB writes as a DOUBLE
    with pytest.raises(Permanent) as error:
        apply(plan, store.writer())
    assert error.value.reason == "PlanCorrupt"


def test_a_refusal_of_duckdb_is_told_without_the_value_it_quotes(store: Store, tmp_path: Path) -> None:
    plan = write_plan(tmp_path / "p", [create(Entity.CALENDAR, "FOC-t", title="Term")])
    _retype(plan, "Calendar", "'Zyxquil' AS \"startDate\"")
    with pytest.raises(Permanent) as error:
        apply(plan, store.writer())
    assert "Zyxquil" in (error.value.detail or "")
    assert "Zyxquil" not in "".join(traceback.format_exception(error.value))
    assert _state(store, tmp_path).revision == 0


def test_sources_of_one_store_are_kept_apart(store: Store, first: Path, tmp_path: Path) -> None:
    other = write_plan(tmp_path / "o", [create(Entity.STUDENT, "FOC-u1", givenName="Two")], source="ad", base=1)
    apply(other, store.writer())
    elsewhere = write_plan(tmp_path / "e", [create(Entity.STUDENT, "FOC-u1")], district="shelby", base=0)
    apply(elsewhere, store.writer())
    query = "SELECT \"givenName\" FROM store_users WHERE id = 'FOC-u1'"
    assert table_rows(store, tmp_path, query) == [("One",)]
    assert table_rows(store, tmp_path, query, source="ad") == [("Two",)]
    assert sorted(table_rows(store, tmp_path, query, source=None)) == [("One",), ("Two",)]
    assert _state(store, tmp_path).other_sources == ("ad",)
    assert _state(store, tmp_path, "shelby").other_sources == ()
    gone = delete(Entity.STUDENT, "FOC-u1", {"givenName": "Two"})
    apply(write_plan(tmp_path / "g", [gone], source="ad", run="run-2", base=2), store.writer())
    assert _state(store, tmp_path).other_sources == (), "a source of which only tombstones are left"


def test_the_store_remembers_what_a_source_was_applied_with(store: Store, first: Path, tmp_path: Path) -> None:
    state = _state(store, tmp_path)
    assert state.exists
    assert state.last is not None
    assert (state.last.prefix, state.last.host, state.last.revision, state.last.applied_at) == (
        "FOC-",
        "focus.example",
        1,
        NOW,
    )


def _retype(plan: Path, entity: str, column: str) -> None:
    """Writes a plan's changes anew with another column in place of one."""
    file = plan / "changes" / f"{entity}.parquet"
    con = connect(None, 1, plan.parent / "scratch", [plan])
    con.execute(f"CREATE TABLE c AS SELECT * REPLACE ({column}) FROM '{file}'")  # noqa: S608
    con.execute(f"COPY c TO '{file}' (FORMAT parquet)")
    con.close()
    write_manifest(plan, "sha256:x")


def _state(store: Store, scratch: Path, district: str = "springfield") -> Any:
    con = connect(None, 1, scratch, store.reader().folders)
    try:
        return store.reader().attach(con, district, "focus")
    finally:
        con.close()
