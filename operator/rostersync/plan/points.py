"""What a stored plan proves, point by point, and what it cannot prove. Pure: others look, this judges."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rostersync.plan.manifest import Manifest
from rostersync.stores.port import Revision

APPROVED = "Approved"


class Result(StrEnum):
    """How a point came out. Only what contradicts, or a plan that cannot be looked at, fails a verification."""

    PROVED = "Proved"
    CONTRADICTED = "Contradicted"
    UNKNOWN = "Unknown"


@dataclass(frozen=True)
class Point:
    """One thing that was looked at."""

    name: str
    result: Result
    message: str


@dataclass(frozen=True)
class Found:
    """What was found of a run. Texts of `*_problem` say why something could not be looked at, or is not as it was.

    `damaged`: the problem is damage, and not only something that is missing. `status` is the run's own, None where its
    object is gone. `revisions`: those of its name in the store, None where the store cannot be read.
    `otherwise`: what the manifest says that its run or its files say otherwise. `history_differs`: changes of the revision in
    the store that are not the plan's, or the other way round; `history_lacks`: those of them that only the plan has.
    `forgotten_since`: somebody was forgotten after the plan was made.
    """

    run: str
    manifest: Manifest | None = None
    manifest_problem: str = ""
    files: int = 0
    size: int = 0  # bytes of all files, unsealed
    files_problem: str = ""
    digest_problem: str = ""
    otherwise: str = ""
    damaged: bool = False
    sealed: bool = False
    status: Mapping[str, Any] | None = None
    approval: Mapping[str, Any] | None = None
    revisions: tuple[Revision, ...] | None = ()
    store_problem: str = ""
    history_differs: int | None = None
    history_lacks: int = 0
    forgotten_since: bool = False


LIMITS = (
    "That nobody who may write artifacts, approvals and the store has changed all of them together.",
    "Who the named person is: without a cluster, names are as they were given.",
    "That the store still has these values: later plans may have changed them.",
    "That what the manifest says besides is as it was: the digest covers district, source, configuration, schools and changes.",
)


def points(found: Found) -> tuple[Point, ...]:
    """Every point, in the order in which one rests on the other."""
    made = (_plan(found), _files(found), _digest(found), _seal(found), _run(found))
    return (*made, _consent(found), _revision(found), _changes(found))


def verified(made: Sequence[Point]) -> bool:
    """Whether the plan was looked at as a whole, and nothing contradicts it."""
    proved = {p.name for p in made if p.result is Result.PROVED}
    return {"Plan", "Files", "Digest"} <= proved and all(p.result is not Result.CONTRADICTED for p in made)


def revision_of(found: Found) -> Revision | None:
    """The revision that the plan created; if the plan is gone, the newest that the run's digest or name created."""
    revisions = found.revisions or ()
    if m := found.manifest:
        own = [r for r in revisions if (r.digest, r.source, r.number) == (m.digest, m.source, m.base_revision + 1)]
    else:
        digest = _told_digest(found)
        own = [r for r in revisions if digest in (None, r.digest)]
    return own[-1] if own else None


def _plan(found: Found) -> Point:
    if found.manifest is None:
        return Point("Plan", _of_problem(found), found.manifest_problem)
    m = found.manifest
    if found.otherwise:
        return Point("Plan", Result.CONTRADICTED, found.otherwise)
    about = f"takes back run {m.restores}" if m.restores else f"of source {m.source}"
    return Point("Plan", Result.PROVED, f"made for revision {m.base_revision} of district {m.district}, {about}")


def _files(found: Found) -> Point:
    if found.manifest is None:
        return Point("Files", Result.UNKNOWN, "without the plan, nothing says what its files were")
    if found.files_problem:
        return Point("Files", Result.CONTRADICTED, found.files_problem)
    return Point(
        "Files", Result.PROVED, f"{found.files} files, {found.size:,} bytes, with the checksums of the manifest"
    )


def _digest(found: Found) -> Point:
    if found.manifest is None or found.files_problem:
        return Point("Digest", Result.UNKNOWN, "it is computed from the files of changes, which are not as they were")
    if found.digest_problem:
        return Point("Digest", Result.CONTRADICTED, found.digest_problem)
    return Point("Digest", Result.PROVED, f"computed anew from the files: {found.manifest.digest}")


def _seal(found: Found) -> Point:
    if found.manifest is None:
        return Point("Seal", Result.UNKNOWN, "there is no plan to open")
    if not found.sealed:
        return Point(
            "Seal", Result.UNKNOWN, "the plan is not sealed, so whoever may write its folder could have made it"
        )
    return Point("Seal", Result.PROVED, "opened with the key: every file is as it was sealed")


def _run(found: Found) -> Point:
    told = _told_digest(found)
    if told is None:
        return Point("Run", Result.UNKNOWN, "the run's own record is gone, or is not at hand")
    if found.manifest is None:
        return Point("Run", Result.UNKNOWN, f"it was planned as {told}")
    if told != found.manifest.digest:
        return Point("Run", Result.CONTRADICTED, f"its status names another plan: {told}")
    told_holds = (found.status or {}).get("holdsTotal") or 0
    if isinstance(told_holds, int) and told_holds > found.manifest.held:
        text = f"its status names {told_holds} reasons to hold the plan, and the manifest {found.manifest.held}"
        return Point("Run", Result.CONTRADICTED, text)
    return Point("Run", Result.PROVED, "its status names this digest")


def _consent(found: Found) -> Point:
    m, approval, revision = found.manifest, found.approval, revision_of(found)
    spec: Mapping[str, Any] = (approval or {}).get("spec") or {}
    by, told = spec.get("decidedBy"), m.digest if m else _told_digest(found)
    if approval and told and spec.get("planDigest") != told:
        return Point("Consent", Result.CONTRADICTED, f"the approval is for another plan: {spec.get('planDigest')}")
    if revision and approval and (revision.decided_by, spec.get("decision")) != (by, APPROVED):
        who = f"{revision.decided_by or 'nobody'} approved it"
        return Point("Consent", Result.CONTRADICTED, f"the store says that {who}; the approval: {_decided(spec)}")
    if revision and approval and revision.approval_uid not in (None, approval["metadata"].get("uid")):
        return Point("Consent", Result.CONTRADICTED, "the store names another SyncApproval than the one that is here")
    if revision and m and m.held and not revision.decided_by:
        return Point(
            "Consent", Result.CONTRADICTED, f"the plan is held for {m.held} reasons, and was applied without one"
        )
    if revision and revision.decided_by:
        rest = ", and so does its SyncApproval" if approval else "; its SyncApproval is not at hand"
        eyes = {True: "; four eyes were enforced", False: "; four eyes were not enforced"}.get(bool(revision.four_eyes))
        shown = eyes if revision.four_eyes is not None else ""
        return Point("Consent", Result.PROVED, f"the revision says that {revision.decided_by} approved{rest}{shown}")
    if m and not m.held:
        return Point("Consent", Result.PROVED, "none was needed: the plan has no holds")
    if approval:
        return Point("Consent", Result.PROVED, f"for this digest: {_decided(spec)}")
    return Point("Consent", Result.UNKNOWN, "no decision about this plan is at hand")


def _decided(spec: Mapping[str, Any]) -> str:
    return f"{spec['decision']} by {spec.get('decidedBy')}" if spec.get("decision") else "not decided yet"


def _revision(found: Found) -> Point:
    m, status = found.manifest, found.status or {}
    if found.revisions is None:
        return Point("Revision", Result.UNKNOWN, found.store_problem)
    if made := revision_of(found):
        when = made.applied_at.strftime("%Y-%m-%d %H:%M UTC")
        text = f"the store's revision {made.number} of {when} names this run and {made.digest}"
        return Point("Revision", Result.PROVED, text)
    if m and m.no_changes:
        return Point("Revision", Result.PROVED, "none: the plan changes nothing")
    if status.get("revision") and not status.get("plan", {}).get("noChanges"):
        text = f"the run was applied as revision {status['revision']}, which the store does not have for this plan"
        return Point("Revision", Result.CONTRADICTED, text)
    others = ", ".join(str(r.number) for r in found.revisions)
    more = f"; runs of this name made {others}, from other plans" if others else ""
    return Point("Revision", Result.UNKNOWN, f"the store has none of this plan: it was not applied{more}")


def _changes(found: Found) -> Point:
    if found.history_differs is None or found.manifest is None:
        return Point("Changes", Result.UNKNOWN, "compared only for a plan that is whole and was applied")
    if found.history_differs and found.forgotten_since and found.history_differs == found.history_lacks:
        text = (
            f"the store's history lacks {found.history_lacks:,} of the plan's changes, and has no others; somebody was "
            "forgotten since, which removes a person's changes"
        )
        return Point("Changes", Result.UNKNOWN, text)
    if found.history_differs:
        text = f"{found.history_differs:,} changes in the store's history differ from those of the plan"
        return Point("Changes", Result.CONTRADICTED, text)
    number = revision_of(found)
    count = number.changes if number else 0
    return Point("Changes", Result.PROVED, f"the store's history has the plan's {count:,} changes, and no others")


def _told_digest(found: Found) -> str | None:
    told: str | None = ((found.status or {}).get("plan") or {}).get("digest")
    return told


def _of_problem(found: Found) -> Result:
    return Result.CONTRADICTED if found.damaged else Result.UNKNOWN
