"""Looks at a stored plan, its approval and its revision, so that `plan/points.py` can say what they prove.

A run's folder may be that of a volume of a cluster, which has no objects of runs and approvals.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from rostersync import sealing
from rostersync.api.v1alpha1.defaults import district as district_of
from rostersync.errors import Permanent, RostersyncError
from rostersync.execution.inputs import artifact_key
from rostersync.execution.workspace import Workspace, stored_connection
from rostersync.local.state import State, is_name
from rostersync.local.store import opened, store_of
from rostersync.plan import codec
from rostersync.plan.checksums import verify_files
from rostersync.plan.manifest import Manifest
from rostersync.plan.points import Found, revision_of
from rostersync.plan.verify import differing, otherwise, verify_digest
from rostersync.stores.port import Revision

_DAMAGE = ("PlanCorrupt", "ArtifactKeyWrong")


def look(state: State, run: str, approval: Mapping[str, Any] | None = None) -> Found:
    """Everything that can be found about a run. Raises Permanent (UnknownRun) when nothing is.

    `approval`: the SyncApproval to look at, where the state folder has none.
    """
    known = state.find(run) if is_name(run) else state.run(run)
    found: dict[str, Any] = {
        "run": run,
        "status": known and (known.get("status") or {}),
        "approval": approval or state.approval(run),
    }
    if state.layout.folder(run).is_dir():
        found |= _looked(state, run, found)
    else:
        found["manifest_problem"] = "the run has no artifacts here; they were removed, or are on another volume"
        found |= _store(state, run, None, None, found)
    made = Found(**found)
    if known is None and not made.revisions and not state.layout.folder(run).is_dir():
        state.run(run)  # raises, and names the newest runs
    return made


def _looked(state: State, run: str, known: Mapping[str, Any]) -> dict[str, Any]:
    """What the run's folder and the store have."""
    work = _workspace(state, run)
    try:
        folder = work.open("plan")
        found = {**_plan(folder, work, run), "sealed": sealing.is_sealed(state.layout.folder(run) / "plan")}
        whole = None if found.get("files_problem") else folder
        return found | _store(state, run, found.get("manifest"), whole, {**known, **found})
    except RostersyncError as error:
        told = {"manifest_problem": _sentence(error), "damaged": error.reason in _DAMAGE}
        return told | _store(state, run, None, None, known)
    finally:
        work.close()


def _workspace(state: State, run: str) -> Workspace:
    key = None
    with suppress(RostersyncError):
        key = artifact_key(stored_connection(state.layout.folder(run)), {}, os.environ)
    return Workspace(state.layout, run, key)


def _plan(folder: Path, work: Workspace, run: str) -> dict[str, Any]:
    """The manifest, the files and the digest of an opened plan."""
    try:
        manifest = codec.read(folder)
    except Permanent as error:
        return {"manifest_problem": _sentence(error), "damaged": error.reason in _DAMAGE}
    found: dict[str, Any] = {"manifest": manifest, "files": len(manifest.files)}
    try:
        verify_files(folder, manifest.files)
    except Permanent as error:
        return found | {"files_problem": _sentence(error)}
    found["size"] = sum((folder / name).stat().st_size for name in manifest.files)
    try:
        changed = verify_digest(folder, manifest, work.place)
    except Permanent as error:
        return found | {"digest_problem": _sentence(error)}
    return found | {"otherwise": otherwise(manifest, run, changed)}


def _store(
    state: State, run: str, manifest: Manifest | None, folder: Path | None, found: Mapping[str, Any]
) -> dict[str, Any]:
    """The revisions of the run, and how many changes of the store's history differ from the plan's."""
    try:
        store = store_of(state, run)
        if not store.exists():
            return {"revisions": ()}
        district = manifest.district if manifest else _district(state, run)
        with opened(state, store, *([folder] if folder else [])) as con:
            reader = store.reader()
            revisions: list[Revision] = []
            forgotten = 0
            for each in [district] if district else reader.districts(con):
                last = reader.attach(con, each, manifest.source if manifest else None).last
                forgotten = last.forgotten if last else 0
                revisions += reader.revisions(con, each, run)
            made = revision_of(Found(run, manifest, revisions=tuple(revisions), status=found.get("status")))
            compared: dict[str, Any] = {}
            if manifest and folder and made and not found.get("digest_problem"):
                lacks, more = differing(con, manifest, folder, made.number)
                since = forgotten > manifest.memory.forgotten
                compared = {"history_lacks": lacks, "history_differs": lacks + more, "forgotten_since": since}
            return {"revisions": tuple(revisions), **compared}
    except RostersyncError as error:
        return {"revisions": None, "store_problem": str(error)}


def _district(state: State, run: str) -> str | None:
    with suppress(RostersyncError):
        return district_of(stored_connection(state.layout.folder(run)))
    return None


def _sentence(error: RostersyncError) -> str:
    """An error of somebody who wanted to apply, without what that is told."""
    return str(error).replace("; nothing was applied. Plan again.", "").rstrip(".")
