"""Apply: verifies a plan and passes it to the store, which runs the transaction.

What may be applied is decided from the plan itself and the consent given, never from a report. Anybody who may create
pods can forge a report.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from rostersync.errors import Permanent
from rostersync.model import ApplyReport, Consent, Entity
from rostersync.plan import codec
from rostersync.plan.checksums import verify_files
from rostersync.plan.folder import CHANGES, LINKS, OWNERS, ROSTER
from rostersync.plan.manifest import Manifest
from rostersync.stores.port import PlanToApply, StoreWriter
from rostersync.stores.several import RosterToApply


def apply(
    plan: Path,
    writer: StoreWriter,
    consent: Consent | None = None,
    *,
    digest: str | None = None,
    deliveries: tuple[str, ...] = (),
    now: datetime | None = None,
    mark: Callable[[str], None] = lambda _: None,
    trouble: Callable[[Exception], None] = lambda _: None,
) -> ApplyReport:
    """Apply the plan in the folder `plan` as it was approved, once.

    `digest`: the plan that was asked for, where the caller names one. `deliveries`: their names in the outbox. `mark`
    is told each step as it begins, `trouble` what failed after the commit. A plan without changes counts as applied and
    creates no revision.

    Raises Permanent (ApprovalRequired, OtherPlan, PlanCorrupt, PlanFormat), BaseMoved, StoreBusy or DiskFull when
    nothing was applied, and Unsure when only the store knows whether it was.
    """
    mark("verify")
    manifest = codec.read(plan)
    check_consent(manifest, consent, digest)
    verify_files(plan, manifest.files)
    if manifest.no_changes:
        return ApplyReport(
            run=manifest.run,
            stage="done",
            digest=manifest.digest,
            revision=manifest.base_revision,
            already_applied=True,
        )
    to_apply = replace(_to_apply(plan, manifest), deliveries=deliveries)
    applied = writer.apply(to_apply, consent, now or datetime.now(UTC), mark)
    if applied.trouble is not None:
        trouble(applied.trouble)
    return ApplyReport(
        run=manifest.run,
        stage="done",
        digest=manifest.digest,
        revision=applied.revision,
        already_applied=applied.already_applied,
        outbox_pending=applied.outbox_pending,
    )


def check_consent(manifest: Manifest, consent: Consent | None, digest: str | None) -> None:
    """Refuse a plan other than the one asked for or approved, and a held plan that nobody approved."""
    if digest is not None and digest != manifest.digest:
        raise Permanent(
            f"Asked to apply {digest}, but the plan of run {manifest.run} is {manifest.digest}; nothing was applied.",
            reason="OtherPlan",
        )
    if consent is not None and consent.digest != manifest.digest:
        raise Permanent(
            f"The approval is for {consent.digest}, but the plan of run {manifest.run} is {manifest.digest}; "
            "nothing was applied. A changed plan needs a new approval.",
            reason="OtherPlan",
        )
    if manifest.held and consent is None:
        raise Permanent(
            f"The plan of run {manifest.run} is held for {manifest.held} reasons and nobody has approved it; "
            "look at it with `rostersync show` and `rostersync diff`, then approve or reject it.",
            reason="ApprovalRequired",
        )
    previous = manifest.previous_connection
    if previous and consent is not None and consent.approval_uid and consent.previous_connection != previous:
        raise Permanent(
            f"The last plan of this source was applied for connection {previous}, and the approval does not say that its "
            "decider may approve there too; nothing was applied. Make another SyncRun and decide its approval.",
            reason="ApprovalRequired",
        )


def _to_apply(plan: Path, manifest: Manifest) -> PlanToApply:
    roster = None
    if manifest.several is not None:
        if not {LINKS, OWNERS} <= manifest.files.keys():
            raise codec.corrupt(f"has no {LINKS} or no {OWNERS}")
        links, owners = ((plan / name).resolve() for name in (LINKS, OWNERS))
        roster = RosterToApply(manifest.several, _changes(plan, manifest, ROSTER), links, owners, manifest.taken_from)
    return PlanToApply(
        run=manifest.run,
        digest=manifest.digest,
        district=manifest.district,
        source=manifest.source,
        base_revision=manifest.base_revision,
        config_hash=manifest.config_hash,
        entities=manifest.entities,
        judged=manifest.judged,
        memory=manifest.memory_of_whole or manifest.memory,
        schools=manifest.schools_imported,
        changes=_changes(plan, manifest, CHANGES),
        four_eyes=manifest.four_eyes,
        whole=not (manifest.restores or manifest.only_schools),
        schema=manifest.store_schema,
        roster=roster,
    )


def _changes(plan: Path, manifest: Manifest, within: str) -> dict[str, Path]:
    """The files of changes in a folder of the plan, by entity."""
    changes = {}
    for name in manifest.files:
        folder, _, file = name.rpartition("/")
        if folder == within:
            entity = file.removesuffix(".parquet")
            if entity not in set(Entity):
                raise codec.corrupt(f"has changes of an unknown entity in {name}")
            changes[entity] = (plan / name).resolve()
    return changes
