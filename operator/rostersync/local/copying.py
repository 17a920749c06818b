"""Copies a district from one store into another, of whatever kinds."""

import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path

from rostersync import scratch
from rostersync.api.v1alpha1.defaults import district as district_of
from rostersync.api.v1alpha1.storage import Store as StoreSpec
from rostersync.errors import Permanent
from rostersync.local import manifest_files
from rostersync.local.state import State
from rostersync.local.targets import outside, state_with
from rostersync.stores.embedded.kind import FILE
from rostersync.stores.engine import connect
from rostersync.stores.kind import Opening
from rostersync.stores.port import Store
from rostersync.stores.registry import open_store

_REMEDY = f"put its manifest beside the connection's, or {manifest_files.BY_ENVIRONMENT}"


def place(state: State, path: Path, env: Mapping[str, str]) -> tuple[Store, str | None]:
    """The store that a path stands for, and its district where that is known.

    A state folder, or its store's file: the embedded store there. Otherwise manifests: the store of the connection, with
    its Secrets.
    """
    file = path / "store" / FILE
    if file.exists() or not path.exists() or path.name == FILE or _is_state(path):
        folder = path.parent if path.name == FILE else file.parent
        return open_store(StoreSpec(), Opening(folder)), None
    found = manifest_files.load([path], env)
    secrets = {**manifest_files.store_secrets(env), **found.secrets}
    opening = Opening(state.layout.store, secrets=secrets, remedy=_REMEDY)
    return open_store(found.connection.spec.store, opening), district_of(found.connection)


def copy(source: Store, target: Store, district: str | None, work: Path) -> tuple[str, bool]:
    """Copies a district, by default the only one. Returns its name, and whether anything had to be written.

    `work`: a folder where records may be in the clear meanwhile.
    """
    folder = scratch.own(work) / f"copy-{uuid.uuid4().hex[:8]}"
    folder.mkdir(mode=0o700)
    try:
        reader = source.reader()
        con = connect(None, None, work, [*reader.folders, folder])
        try:
            known = reader.districts(con)
            name = district or (known[0] if len(known) == 1 else None)
            if name is None or name not in known:
                there = f"it has: {', '.join(known)}; say --district" if known else "nothing was ever applied to it"
                raise Permanent(
                    f"The source ({source.where}) has no district {name or 'that is meant'}; {there}.",
                    reason="UnknownDistrict",
                )
            reader.save(con, name, folder)
        finally:
            con.close()
        return name, target.writer().fill(name, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        scratch.release(work)


def store_or_outside(state: State, path: Path, option: str) -> Path:
    """As `targets.outside`, but a whole state folder, or its store's file, may be meant: that is where a store belongs."""
    root = state_with(state, path)
    return path if root and path.resolve() in (root, root / "store" / FILE) else outside(state, path, option)


def _is_state(path: Path) -> bool:
    return path.is_dir() and ((path / "runs").is_dir() or not any(path.iterdir()))
