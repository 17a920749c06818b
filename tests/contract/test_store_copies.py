"""A district moves between stores of any two kinds, with everything that is known of it, whole or not at all."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from rostersync.errors import Permanent
from rostersync.local.copying import copy
from rostersync.model import Entity
from rostersync.plan.apply import apply
from rostersync.roster import TABLES
from rostersync.sent import Sent, SentFile
from rostersync.stores.embedded.store import EmbeddedStore
from rostersync.stores.engine import connect
from rostersync.stores.port import Store
from support.plans import create, delete, update, write_plan
from support.stores import Kept

DAY = datetime(2026, 9, 1, 2, 30, 0, 123456, tzinfo=UTC)
PUPIL: dict[str, Any] = {
    "role": "student",
    "givenName": 'Ünal, "O\'Neil"\n',
    "grades": ["08", ""],
    "orgSourcedIds": [],
    "enabledUser": False,
    "userIds": [{"type": "StateID", "identifier": "77"}, {"type": None, "identifier": ""}],
    "metadata": {"b": "1", "aa": None, "a": "x\\y"},
}
BORN = {"birthDate": "2012-02-29"}
VIEWS = [*(t.name for t in TABLES), "schools", "history"]


def filled(store: Store, folder: Path) -> Store:
    """Two revisions of two sources, a tombstone, history, a school, an outbox and what was sent; and another district."""
    rows = [create(Entity.SCHOOL, "FOC-1", name="S"), create(Entity.STUDENT, "FOC-u1", **PUPIL)]
    rows += [create(Entity.STUDENT, "FOC-u2"), create(Entity.DEMOGRAPHICS, "FOC-u1", **BORN)]
    first = write_plan(folder / "1", rows, schools=[["1", "FOC-1"]])
    apply(first, store.writer(), deliveries=("a/x", "a/y"), now=DAY)
    rows = [update(Entity.STUDENT, "FOC-u1", PUPIL, metadata={"b": "2"}), delete(Entity.STUDENT, "FOC-u2", {})]
    apply(write_plan(folder / "2", rows, run="r2", base=1), store.writer(), deliveries=("a/x",), now=DAY + timedelta(1))
    other = write_plan(folder / "3", [create(Entity.STUDENT, "AD-u1")], run="r3", base=2, source="ad")
    apply(other, store.writer(), now=DAY + timedelta(2))
    store.outbox().settle("springfield", "a/x", 1, Sent(1, "sftp://x", DAY, (SentFile("a.zip", 1, "ab"),), "c"))
    apply(write_plan(folder / "4", [create(Entity.STUDENT, "S-u1")], district="shelbyville"), store.writer(), now=DAY)
    return store


def told(store: Store, scratch: Path, district: str = "springfield") -> dict[str, Any]:
    """Everything that its reader tells."""
    reader = store.reader()
    con: duckdb.DuckDBPyConnection = connect(None, 1, scratch, reader.folders)
    try:
        state = reader.attach(con, district, "focus")
        reader.attach(con, district, None)
        rows = {v: sorted(con.execute(f"SELECT to_json(t) FROM store_{v} t").fetchall()) for v in VIEWS}  # noqa: S608
        each = [reader.revision(con, district, n) for n in range(5)]
        return {
            **rows,
            "state": state,
            "revisions": each,
            "outbox": reader.outbox(con, district),
            "sent": reader.sent(con, district, None),
        }
    finally:
        con.close()


@pytest.fixture
def embedded(tmp_path: Path) -> EmbeddedStore:
    return EmbeddedStore(tmp_path / "embedded" / "roster.duckdb", memory_limit=200_000_000, threads=1)


@pytest.mark.parametrize("back", [False, True], ids=["from the embedded store", "to the embedded store"])
def test_a_copy_is_equal_in_everything(kept: Kept, embedded: EmbeddedStore, tmp_path: Path, back: bool) -> None:
    source, target = (kept.store, embedded) if back else (embedded, kept.store)
    filled(source, tmp_path)
    assert copy(source, target, "springfield", tmp_path / "work") == ("springfield", True)
    assert told(target, tmp_path / "scratch") == told(source, tmp_path / "scratch")
    assert told(target, tmp_path / "scratch", "shelbyville")["state"].exists is False
    assert copy(source, target, "springfield", tmp_path / "work") == ("springfield", False), (
        "copying again does nothing"
    )

    after = create(Entity.STUDENT, "FOC-u2", "Restored", **PUPIL)
    for n, store in enumerate((source, target)):
        apply(write_plan(tmp_path / f"after-{n}", [after], run="r4", base=3), store.writer(), now=DAY + timedelta(3))
    assert told(target, tmp_path / "scratch") == told(source, tmp_path / "scratch"), "and both go on alike"


def test_a_target_with_another_roster_of_the_district_stays_as_it_is(
    kept: Kept, embedded: EmbeddedStore, tmp_path: Path
) -> None:
    filled(embedded, tmp_path)
    apply(write_plan(tmp_path / "own", [create(Entity.STUDENT, "X-1")]), kept.store.writer(), now=DAY)
    before = told(kept.store, tmp_path / "scratch")
    with pytest.raises(Permanent, match="already has a roster of district springfield") as error:
        copy(embedded, kept.store, "springfield", tmp_path / "work")
    assert error.value.reason == "TargetNotEmpty"
    assert told(kept.store, tmp_path / "scratch") == before


def test_a_district_that_is_not_named_or_not_there(kept: Kept, embedded: EmbeddedStore, tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="nothing was ever applied to it"):
        copy(kept.store, embedded, None, tmp_path / "work")
    filled(kept.store, tmp_path)
    for name in (None, "capital"):
        with pytest.raises(Permanent, match="it has: shelbyville, springfield; say --district"):
            copy(kept.store, embedded, name, tmp_path / "work")
    assert not embedded.exists()
    assert not list((tmp_path / "work").glob("**/*.parquet")), "no record is left in the clear"


def test_a_copy_that_would_differ_is_not_made(
    kept: Kept, embedded: EmbeddedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rostersync.stores import contents

    filled(embedded, tmp_path)
    real = contents.table_digest

    def digest(con: Any, name: str, rows: str) -> contents.Digest:
        count, total = real(con, name, rows)
        return count, total + (name == "history" and count > 0 and "read_parquet" in rows)

    monkeypatch.setattr(contents, "table_digest", digest)
    with pytest.raises(Permanent, match=r"would not be equal to what was read \(in history\); nothing was written"):
        copy(embedded, kept.store, "springfield", tmp_path / "work")
    assert told(kept.store, tmp_path / "scratch")["state"].exists is False
