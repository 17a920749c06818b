"""apply: verifies a plan and hands it to the store. Knows the plan folder; the transaction is the store's.

What may be applied is decided from the plan itself and the consent given, never from a report: a report can be forged
by whoever may create pods.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rostersync.errors import Permanent
from rostersync.model import ApplyReport, Consent, Entity
from rostersync.plan.digest import FORMAT
from rostersync.stores.port import PlanToApply, StoreWriter
from rostersync.stores.source_state import memory_from_dict

_NEEDED = (
    "run", "digest", "district", "source", "baseRevision", "configHash", "entities", "memory", "schoolsImported",
    "files", "holds", "holdsTotal", "noChanges",
)  # fmt: skip


def apply(
    plan: Path,
    writer: StoreWriter,
    consent: Consent | None = None,
    *,
    digest: str | None = None,
    now: datetime | None = None,
    mark: Callable[[str], None] = lambda _: None,
    trouble: Callable[[Exception], None] = lambda _: None,
) -> ApplyReport:
    """Applies the plan folder `plan` as it was seen, once.

    `digest`: the plan that was asked for, where the caller names one. `mark` is told each step as it begins.
    `trouble` is told what failed once the plan was committed. A plan without changes is as good as applied and makes no
    revision. Raises Permanent (ApprovalRequired, OtherPlan, PlanCorrupt), BaseMoved, StoreBusy, DiskFull; the store has
    not moved then. Raises Unsure when nobody can tell.
    """
    mark("verify")
    manifest = read_manifest(plan)
    check_consent(manifest, consent, digest)
    verify_files(plan, manifest["files"])
    if manifest["noChanges"]:
        return ApplyReport(
            run=manifest["run"],
            stage="done",
            digest=manifest["digest"],
            revision=manifest["baseRevision"],
            already_applied=True,
        )
    applied = writer.apply(_to_apply(plan, manifest), consent, now or datetime.now(UTC), mark)
    if applied.trouble is not None:
        trouble(applied.trouble)
    return ApplyReport(
        run=manifest["run"],
        stage="done",
        digest=manifest["digest"],
        revision=applied.revision,
        already_applied=applied.already_applied,
        outbox_pending=applied.outbox_pending,
    )


def read_manifest(plan: Path) -> dict[str, Any]:
    """The plan's manifest.json; Permanent when it is missing or of another format."""
    try:
        manifest: dict[str, Any] = json.loads((plan / "manifest.json").read_text())
    except (OSError, ValueError) as error:
        raise _corrupt("has no readable manifest", detail=str(error)) from None
    if not isinstance(manifest, dict) or "format" not in manifest:
        raise _corrupt("has no readable manifest")
    if manifest["format"] != FORMAT:
        raise Permanent("The plan was made by another version of rostersync; plan again.", reason="PlanFormat")
    if missing := [name for name in _NEEDED if name not in manifest]:
        raise _corrupt(f"has a manifest without {', '.join(missing)}")
    return manifest


def check_consent(manifest: dict[str, Any], consent: Consent | None, digest: str | None) -> None:
    """Refuses a plan other than the one asked for or agreed to, and a held plan that nobody agreed to."""
    if digest is not None and digest != manifest["digest"]:
        raise Permanent(
            f"Asked to apply {digest}, but the plan of run {manifest['run']} is {manifest['digest']}; nothing was "
            "applied.",
            reason="OtherPlan",
        )
    if consent is not None and consent.digest != manifest["digest"]:
        raise Permanent(
            f"The approval is for {consent.digest}, but the plan of run {manifest['run']} is {manifest['digest']}; "
            "nothing was applied. A changed plan needs a new approval.",
            reason="OtherPlan",
        )
    holds = max(int(manifest["holdsTotal"]), len(manifest["holds"]))
    if holds and consent is None:
        raise Permanent(
            f"The plan of run {manifest['run']} is held for {holds} reasons and nobody has approved it; "
            "look at it with `rostersync show` and `rostersync diff`, then approve or reject it.",
            reason="ApprovalRequired",
        )
    previous = manifest.get("previousConnection") or ""
    if previous and consent is not None and consent.approval_uid and consent.previous_connection != previous:
        raise Permanent(
            f"The last plan of this source was applied for connection {previous}, and the approval does not say that its "
            "decider may approve there too; nothing was applied. Make another SyncRun and decide its approval.",
            reason="ApprovalRequired",
        )


def verify_files(plan: Path, files: dict[str, str]) -> None:
    """Checks that the plan's files are all there, unchanged, and that there are no changes besides them."""
    for name, expected in files.items():
        path = plan / name
        if not path.resolve().is_relative_to(plan.resolve()) or not path.is_file():
            raise _corrupt(f"lacks its file {name}")
        with path.open("rb") as file:
            actual = hashlib.file_digest(file, "sha256").hexdigest()
        if actual != expected.removeprefix("sha256:"):
            raise _corrupt(f"has another {name} than when it was made")
    strays = {f"changes/{p.name}" for p in (plan / "changes").glob("*.parquet")} - files.keys()
    if strays:
        raise _corrupt(f"has {len(strays)} files of changes that its manifest does not name")


def _to_apply(plan: Path, manifest: dict[str, Any]) -> PlanToApply:
    changes = {}
    for name in manifest["files"]:
        folder, _, file = name.rpartition("/")
        if folder == "changes":
            entity = file.removesuffix(".parquet")
            if entity not in set(Entity):
                raise _corrupt(f"has changes of an unknown entity in {name}")
            changes[entity] = (plan / name).resolve()
    return PlanToApply(
        run=manifest["run"],
        digest=manifest["digest"],
        district=manifest["district"],
        source=manifest["source"],
        base_revision=manifest["baseRevision"],
        config_hash=manifest["configHash"],
        counts=[*manifest["entities"], *manifest.get("judged", [])],
        memory=memory_from_dict(manifest["memory"]),
        schools=tuple((sis_id, target_id) for sis_id, target_id in manifest["schoolsImported"]),
        changes=changes,
        four_eyes=bool(manifest.get("fourEyes")),
    )


def _corrupt(what: str, detail: str | None = None) -> Permanent:
    return Permanent(f"The plan's folder {what}; nothing was applied. Plan again.", reason="PlanCorrupt", detail=detail)
