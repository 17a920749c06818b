"""What commands do with a state folder's store besides importing: find a plan, export, find and forget a person."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

import duckdb

from rostersync import scratch
from rostersync.api.v1alpha1.storage import Store as StoreSpec
from rostersync.deliveries import importable
from rostersync.deliveries.oneroster_csv import write_bundle
from rostersync.deliveries.port import Exported
from rostersync.disks import naming
from rostersync.errors import Permanent
from rostersync.execution.workspace import stored_connection
from rostersync.local.manifest_files import BY_ENVIRONMENT, store_secrets
from rostersync.local.state import State
from rostersync.local.targets import outside
from rostersync.sent import Sent
from rostersync.stores.embedded.kind import FILE
from rostersync.stores.engine import connect
from rostersync.stores.kind import Opening
from rostersync.stores.port import Forgotten, Store, StoreFile
from rostersync.stores.registry import kind_of


def store_of(state: State, run: str | None = None) -> Store:
    """The store of a run's connection, by default the newest run's. The embedded one when no connection is known."""
    spec = _spec(state, run)
    return kind_of(spec).opens(
        spec, Opening(state.layout.store, secrets=store_secrets(os.environ), remedy=BY_ENVIRONMENT)
    )


def file_of(state: State) -> StoreFile:
    """The store as one file, to copy and compact. Raises Permanent when there is none, or it is not one file."""
    kind = kind_of(_spec(state))
    if kind.file is None:
        raise Permanent(
            f"backup and compact are for a store in one file, and {kind.title} is none: use its own tools.",
            reason="NotOneFile",
        )
    there(store_of(state))
    return kind.file(Opening(state.layout.store))


def applied_revision(state: State, run: str, digest: str, base: int) -> int | None:
    """The revision that a run's plan created in the store. None when it is not applied."""
    store = store_of(state, run)
    if not store.exists():
        return None
    with opened(state, store) as con:
        return store.reader().applied(con, run, digest, base)


def export(
    state: State, folder: Path, district: str | None, version: Literal["1.1", "1.2"] = "1.1", strict: bool = False
) -> Exported:
    """Write the accepted roster of a district, of all its sources, as a OneRoster CSV bundle.

    `strict`: raises Permanent, and writes nothing, when importers would refuse some of it.
    """
    store = store_of(state)
    there(store)
    target = outside(state, folder, "--to").resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    name = _district(state, store, district)
    reader = store.reader()
    with naming(export=target.parent, scratch=_scratch(state)), opened(state, store, target.parent) as con:
        reader.attach(con, name, None)
        found = importable.gaps(con, version)
        if strict and found:
            raise Permanent(
                "The roster would not be importable everywhere, and --strict is given: nothing was written. "
                f"{' '.join(importable.sentences(found))} Fix it in the SIS, or with attributesMapping.",
                reason="NotImportable",
            )
        exported = write_bundle(con, target, version)
        exported.not_importable = found
        return exported


def forget(state: State, district: str | None, record: str) -> Forgotten:
    """Remove a person from the store. When there is no store, nobody is in it, but runs may still name the person."""
    store = store_of(state)
    if not store.exists():
        return Forgotten(0, 0, 0, 0, still_active=False)
    return store.writer().forget(_district(state, store, district), record)


def ids_of(state: State, district: str | None, record: str) -> tuple[str, ...]:
    """All ids that a person has in the store: in the roster, and in each of several sources. At least this one."""
    store = store_of(state)
    if not store.exists():
        return (record,)
    name = _district(state, store, district)
    with opened(state, store) as con:
        return store.reader().same_person(con, name, record)


def left_behind(state: State) -> Path | None:
    """The embedded store's file that is still there after the roster moved to a store of another kind."""
    file = state.layout.store / FILE
    return file if kind_of(_spec(state)).file is None and file.exists() else None


def person(state: State, district: str | None, ids: Sequence[str]) -> str | None:
    """The name of a person in the roster, such as `Student Ann Lee`. None when there is no such person or no store.

    `ids`: those that the person has in the store.
    """
    store = store_of(state)
    if not store.exists():
        return None
    name = _district(state, store, district)
    with opened(state, store) as con:
        store.reader().attach(con, name, None)
        found = con.execute(
            "SELECT concat_ws(' ', entity, givenName, familyName) FROM store_users WHERE list_contains(?, id) ORDER BY status LIMIT 1",
            [list(ids)],
        ).fetchone()
    return str(found[0]) if found else None


@contextmanager
def attached(state: State, store: Store, district: str | None) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
    """The store with its views of the intended district, and that district's name."""
    name = _district(state, store, district)
    with opened(state, store) as con:
        store.reader().attach(con, name, None)
        yield con, name


def sent_with(state: State, district: str | None, ids: Sequence[str]) -> dict[str, tuple[Sent, ...]]:
    """What was delivered while a person was in the roster, by delivery. It cannot be called back."""
    store = store_of(state)
    if not store.exists():
        return {}
    with attached(state, store, district) as (con, name):
        people = "entity IN ('Student', 'Teacher', 'Contact', 'Admin', 'Demographics')"
        there = con.execute(
            f"""SELECT min(revision), max(revision), (
                SELECT bool_or(status = 'active') FROM store_users WHERE list_contains($ids, id))
            FROM store_history WHERE list_contains($ids, id) AND {people}""",  # noqa: S608 - the entities above
            {"ids": list(ids)},
        ).fetchone()
        if there is None or there[0] is None:
            return {}
        first, last = there[0], None if there[2] else there[1]
        sent = store.reader().sent(con, name, None)
    while_there = {
        n: tuple(s for s in e if first <= s.revision and (last is None or s.revision <= last)) for n, e in sent.items()
    }
    return {n: each for n, each in while_there.items() if each}


def there(store: Store) -> None:
    """Raises Permanent when nothing was ever applied."""
    if not store.exists():
        raise Permanent(f"There is no store at {store.where} yet: nothing was ever applied.", reason="NoStore")


def _spec(state: State, run: str | None = None) -> StoreSpec:
    for name in [run] if run else [r["metadata"]["name"] for r in state.runs()]:
        with suppress(Permanent):
            return stored_connection(state.layout.folder(name)).spec.store
    return StoreSpec()


def _district(state: State, store: Store, wanted: str | None) -> str:
    """The intended district: the one that is named, else the only one."""
    with opened(state, store) as con:
        known = store.reader().districts(con)
    if wanted in known or (wanted is None and len(known) == 1):
        return wanted or known[0]
    if wanted is not None:
        raise Permanent(f"The store has no district {wanted}; it has: {', '.join(known)}.", reason="UnknownDistrict")
    if not known:
        raise Permanent("The store is empty: nothing was ever applied.", reason="NoStore")
    raise Permanent(f"The store has several districts: {', '.join(known)}; say --district.", reason="UnknownDistrict")


@contextmanager
def opened(state: State, store: Store, *allowed: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """An engine that may read the store, and write to the allowed folders."""
    place = _scratch(state)
    con = connect(None, None, place, [*store.reader().folders, *allowed])
    try:
        yield con
    finally:
        con.close()
        scratch.release(place)


def _scratch(state: State) -> Path:
    return state.layout.store / "scratch"
