"""Which run owns a folder of artifacts. Runs are identified by UID, since a name can be used again."""

from contextlib import suppress

from rostersync.artifacts.folder import Artifacts
from rostersync.errors import Permanent
from rostersync.execution import json_files
from rostersync.execution.layout import Layout

FILE = "run.json"


def uid_of(layout: Layout, run: str) -> str | None:
    """The UID of the run that owns a folder. None when there is no folder, or its owner was never written."""
    with suppress(Permanent):  # a damaged file says nothing
        found = json_files.read_object(layout.folder(run) / FILE)
        return None if found is None else str(found.get("uid"))
    return None


def take(layout: Layout, run: str, uid: str) -> None:
    """Give the folder to this run. What an earlier run of that name left there is removed first."""
    artifacts = Artifacts(layout.artifacts)
    if uid_of(layout, run) == uid:
        return
    artifacts.remove(run)
    artifacts.run_folder(run)
    json_files.write_object(layout.folder(run) / FILE, {"name": run, "uid": uid})


def check(layout: Layout, run: str, uid: str) -> None:
    """Raises Permanent when the folder is gone or belongs to another run."""
    check_uid(uid_of(layout, run), run, uid)


def check_uid(found: str | None, run: str, uid: str) -> None:
    """The same, when it is known whose the artifacts are. Pure."""
    if found is None:
        raise Permanent(
            f"Run {run} has no artifacts: they were removed, or it was never planned here. Nothing was applied; make a "
            "new run.",
            reason="ArtifactsGone",
        )
    if found != uid:
        raise Permanent(
            f"The artifacts of {run} belong to another run of that name ({found}), not to this one ({uid}); nothing "
            "was applied. Make a new run, under a name that was not used yet.",
            reason="RunReplaced",
        )


def finish(layout: Layout, run: str) -> None:
    """Remove what is needed only until a run is final, and what a killed process left."""
    Artifacts(layout.artifacts).finish(run)
