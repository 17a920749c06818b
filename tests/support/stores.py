"""The kinds of stores that the contract suite (tests/contract/test_store_*.py) runs over.

Each record of the registry has an entry here, and so has the example store: what its spec and its Secrets are, and how to
look behind the port's back. A new store gets the whole suite with its entry.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from rostersync.api.v1alpha1.storage import Store as StoreSpec
from rostersync.stores.engine import connect
from rostersync.stores.kind import Opening
from rostersync.stores.placement import Placement
from rostersync.stores.port import Store
from rostersync.stores.registry import STORES, kind_of
from support import example_store, postgres

Secrets = dict[str, dict[str, str]]


class Revision(NamedTuple):
    """What a store records of an apply."""

    revision: int
    source: str
    run: str
    digest: str
    decided_by: str | None
    approval_uid: str | None
    reason: str | None
    four_eyes: bool | None
    applied_at: Any
    config_hash: str


@dataclass(frozen=True)
class Kind:
    """`at_rest`: everything that a store in a folder keeps on disk; `revisions`: what it recorded, in order.

    `secrets`: what opens the store of a folder. `there`: around a test, whatever the store needs besides.
    """

    at_rest: Callable[[Path], Iterator[bytes]]
    revisions: Callable[[Store, Path], list[Revision]]
    spec: dict[str, Any] = field(default_factory=dict)
    secrets: Callable[[Path], Secrets] = lambda _: {}
    there: Callable[[Path], AbstractContextManager[None]] = lambda _: nullcontext()


def _files(folder: Path) -> Iterator[bytes]:
    return (path.read_bytes() for path in folder.rglob("*") if path.is_file())


def _revisions(table: str) -> Callable[[Store, Path], list[Revision]]:
    def found(store: Store, scratch: Path) -> list[Revision]:
        con = connect(None, 1, scratch, store.reader().folders)
        try:
            store.reader().attach(con, "springfield", None)
            names = "decided_by, approval_uid, approver_reason, four_eyes_enforced, applied_at, config_hash"
            rows = con.execute(f"SELECT revision, source, run, digest, {names} FROM {table} ORDER BY revision")  # noqa: S608
            return [Revision(*row) for row in rows.fetchall()]
        finally:
            con.close()

    return found


def _database(folder: Path) -> str:
    """The database that stands for a folder."""
    return "d" + hashlib.md5(str(folder).encode(), usedforsecurity=False).hexdigest()[:16]


@contextmanager
def _in_a_database(folder: Path) -> Iterator[None]:
    postgres.server().database(_database(folder))
    yield
    postgres.server().drop(_database(folder))


EXAMPLE = "example"
KINDS = {
    "embedded": Kind(_files, _revisions("store.revisions")),
    "postgres": Kind(
        lambda folder: postgres.server().files(_database(folder)),
        _revisions("postgres_revisions"),
        postgres.SPEC,
        lambda folder: postgres.server().secrets(_database(folder)),
        _in_a_database,
    ),
    EXAMPLE: Kind(
        _files,
        _revisions("store.revisions"),
        example_store.SPEC,
        lambda _: example_store.SECRETS,
        lambda _: example_store.registered(),
    ),
}
NAMES = (*STORES, EXAMPLE)


@dataclass(frozen=True)
class Kept:
    """A store of some kind in `folder`, empty at first. `scratch` is for engines that look into it."""

    name: str
    folder: Path
    scratch: Path

    @property
    def store(self) -> Store:
        """The store, with all Secrets that it may need."""
        return self.opened(KINDS[self.name].secrets(self.folder))

    @property
    def placement(self) -> Placement:
        """Where it would lie on a cluster."""
        spec = self._spec()
        return kind_of(spec).places(spec, "springfield")

    def opened(self, secrets: Secrets) -> Store:
        """The store as who has only these Secrets gets it."""
        spec = self._spec()
        opening = Opening(self.folder, self.scratch / "writes", memory_limit=200_000_000, threads=1, secrets=secrets)
        return kind_of(spec).opens(spec, opening)

    def for_reading(self) -> Store | None:
        """The store as who has the reader's Secrets alone gets it. None where a volume is the only right."""
        if not self.placement.writer_secrets:
            return None
        readers = {secret.name for secret in self.placement.reader_secrets}
        return self.opened(
            {name: data for name, data in KINDS[self.name].secrets(self.folder).items() if name in readers}
        )

    def holds(self, text: str) -> bool:
        """Whether a text is anywhere on its disk."""
        return any(text.encode() in part for part in KINDS[self.name].at_rest(self.folder))

    def revisions(self) -> list[Revision]:
        """What it recorded of every apply."""
        return KINDS[self.name].revisions(self.store, self.scratch)

    def _spec(self) -> StoreSpec:
        return StoreSpec.model_validate(KINDS[self.name].spec)
