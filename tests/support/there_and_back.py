"""Plans that change every record, there and back, and whether a store has exactly one revision of that: for tests of kills."""

from pathlib import Path
from typing import Any

from rostersync.model import Entity
from rostersync.stores.engine import connect
from rostersync.stores.port import Store
from support.plans import Row, create, delete, row_hash, update

PEOPLE = 60
RECORDS = 2 * PEOPLE + 1


def first() -> list[Row]:
    """Revision 1: the content of even parity … except for the record that comes and goes."""
    return [
        create(Entity.SCHOOL, "FOC-s", name="School 0"),
        *(create(Entity.STUDENT, f"FOC-u{n}", **_pupil(n, 0)) for n in range(PEOPLE)),
        *(create(Entity.ENROLLMENT, f"FOC-e{n}", **_enrolled(n, 0)) for n in range(PEOPLE)),
    ]


def changes(parity: int) -> list[Row]:
    """From one content to the other: everything changes, and half of the enrolments go or come back."""
    was, now = (0, 1) if parity else (1, 0)
    half = range(PEOPLE // 2, PEOPLE)
    return [
        update(Entity.SCHOOL, "FOC-s", {"name": f"School {was}"}, name=f"School {now}"),
        *(update(Entity.STUDENT, f"FOC-u{n}", _pupil(n, was), **_pupil(n, now)) for n in range(PEOPLE)),
        *(update(Entity.ENROLLMENT, f"FOC-e{n}", _enrolled(n, was), **_enrolled(n, now)) for n in range(PEOPLE // 2)),
        *(
            delete(Entity.ENROLLMENT, f"FOC-e{n}", _enrolled(n, 0))
            if parity
            else create(Entity.ENROLLMENT, f"FOC-e{n}", "Restored", **_enrolled(n, 0))
            for n in half
        ),
    ]


def revision_that_is_whole(store: Store, scratch: Path, revisions: str, users: str | None = None) -> int:
    """The revision found, after checking that all tables agree with exactly that revision.

    `revisions` and `users` are what the engine calls these tables of the store, with all columns.
    """
    con = connect(100_000_000, 1, scratch, store.reader().folders)
    try:
        state = store.reader().attach(con, "springfield", "focus")
        if state.revision == 0:
            assert con.execute("SELECT count(*) FROM store_users").fetchall() == [(0,)]
            return 0
        version = (state.revision - 1) % 2
        assert state.last is not None
        assert state.last.revision == state.revision
        assert con.execute("SELECT name, status FROM store_orgs").fetchall() == [(f"School {version}", "active")]
        pupils = con.execute("SELECT id, grades, hash, status FROM store_users ORDER BY hash").fetchall()
        assert pupils == sorted(
            ((f"FOC-u{n}", [f"{version:02}"], row_hash(_pupil(n, version)), "active") for n in range(PEOPLE)),
            key=lambda row: row[2],
        )
        enrolled = con.execute('SELECT id, "classSourcedId", hash, status FROM store_enrollments').fetchall()
        assert sorted(enrolled) == sorted(
            (f"FOC-e{n}", f"FOC-c{v}", row_hash(_enrolled(n, v)), status)
            for n in range(PEOPLE)
            for v, status in [(version, "active") if n < PEOPLE // 2 else (0, ("active", "tobedeleted")[version])]
        )
        if users:
            assert con.execute(f"SELECT DISTINCT revision FROM {users}").fetchall() == [(state.revision,)]  # noqa: S608
        history = con.execute("SELECT revision, count(*) FROM store_history GROUP BY 1 ORDER BY 1").fetchall()
        assert history == [(r, RECORDS) for r in range(1, state.revision + 1)]
        numbers = con.execute(f"SELECT revision FROM {revisions} ORDER BY 1").fetchall()  # noqa: S608
        assert numbers == [(r,) for r in range(1, state.revision + 1)]
        return state.revision
    finally:
        con.close()


def _pupil(n: int, version: int) -> dict[str, Any]:
    return {"givenName": f"Name {n}", "grades": [f"{version:02}"], "orgSourcedIds": ["FOC-s"]}


def _enrolled(n: int, version: int) -> dict[str, Any]:
    return {"classSourcedId": f"FOC-c{version}", "userSourcedId": f"FOC-u{n}"}
