"""What commands do with the store besides importing: look for a plan, export, find and forget a person, copy, compact."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from rostersync import scratch
from rostersync.deliveries import importable
from rostersync.deliveries.oneroster_csv import write_bundle
from rostersync.deliveries.port import Exported
from rostersync.disks import naming
from rostersync.errors import Permanent
from rostersync.stores.engine import connect
from rostersync.stores.port import Forgotten
from rostersync.stores.registry import open_store


def applied_revision(store: Path, run: str, digest: str, base: int) -> int | None:
    """The revision that the plan of a run made of the store; None when it is not applied."""
    if not store.exists():
        return None
    with _engine(store) as con:
        return open_store(store).reader().applied(con, run, digest, base)


def export(store: Path, folder: Path, district: str | None, strict: bool = False) -> Exported:
    """Write the accepted roster of a district, of all its sources, as a OneRoster 1.1 CSV bundle.

    `strict`: raises Permanent, and writes nothing, when importers would refuse some of it.
    """
    there(store)
    target = folder.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    name = _district(store, district)
    reader = open_store(store).reader()
    with naming(export=target.parent, scratch=_scratch(store)), _engine(store, target.parent) as con:
        reader.attach(con, name, None)
        found = importable.gaps(con)
        if strict and found:
            raise Permanent(
                "The roster would not be importable everywhere, and --strict is given: nothing was written. "
                f"{' '.join(importable.sentences(found))} Mend it in the SIS, or with attributesMapping.",
                reason="NotImportable",
            )
        exported = write_bundle(con, target)
        exported.not_importable = found
        return exported


def forget(store: Path, district: str | None, record: str) -> Forgotten:
    """Remove a person from the store. Without one there is nobody in it; runs may name people all the same."""
    if not store.exists():
        return Forgotten(0, 0, 0, 0, still_active=False)
    return open_store(store).writer().forget(_district(store, district), record)


def person(store: Path, district: str | None, record: str) -> str | None:
    """What a person of the store is called, `Student Ann Lee`; None when there is no such person in a store."""
    if not store.exists():
        return None
    name = _district(store, district)
    reader = open_store(store).reader()
    with _engine(store) as con:
        reader.attach(con, name, None)
        found = con.execute(
            "SELECT concat_ws(' ', entity, givenName, familyName) FROM store_users WHERE id = ?", [record]
        ).fetchone()
    return str(found[0]) if found else None


def backup(store: Path, to: Path) -> None:
    """Copy the store as it is at one moment."""
    there(store)
    open_store(store).writer().backup(to.resolve())


def compact(store: Path) -> tuple[int, int]:
    """Rewrite the store; returns its bytes before and after."""
    there(store)
    return open_store(store).writer().compact()


def there(store: Path) -> None:
    """Raises Permanent when nothing was ever applied."""
    if not store.exists():
        raise Permanent(f"There is no store at {store} yet: nothing was ever applied.", reason="NoStore")


def _district(store: Path, wanted: str | None) -> str:
    """The district meant: the one named, else the only one."""
    with _engine(store) as con:
        known = open_store(store).reader().districts(con)
    if wanted in known or (wanted is None and len(known) == 1):
        return wanted or known[0]
    if wanted is not None:
        raise Permanent(f"The store has no district {wanted}; it has: {', '.join(known)}.", reason="UnknownDistrict")
    if not known:
        raise Permanent("The store is empty: nothing was ever applied.", reason="NoStore")
    raise Permanent(f"The store has several districts: {', '.join(known)}; say --district.", reason="UnknownDistrict")


@contextmanager
def _engine(store: Path, *allowed: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """An engine that may read the store, and write in the folders allowed."""
    place = _scratch(store)
    con = connect(None, None, place, [store.parent, *allowed])
    try:
        yield con
    finally:
        con.close()
        scratch.release(place)


def _scratch(store: Path) -> Path:
    return store.parent / "scratch"
