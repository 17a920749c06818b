"""The apply attempt: write a plan to the store, in one transaction."""

from datetime import UTC, datetime

from rostersync.api.v1alpha1.connection import Connection
from rostersync.api.v1alpha1.times import parse_duration
from rostersync.attempts import APPLY
from rostersync.disks import is_full, naming
from rostersync.errors import Permanent, RostersyncError, StoreBusy, StoreUnreachable, Unsure
from rostersync.execution import interruption, unfinished
from rostersync.execution.execution import Execution
from rostersync.execution.failures import told
from rostersync.execution.outbox import outbox_names
from rostersync.execution.progress import log
from rostersync.execution.report_files import ApplyReportFile
from rostersync.execution.waiting import when_free
from rostersync.execution.workspace import Workspace, stored_connection
from rostersync.model import Consent
from rostersync.plan import apply as applying
from rostersync.plan import codec
from rostersync.plan.manifest import Manifest
from rostersync.plan.verify import verify_digest


def apply(
    execution: Execution,
    run: str,
    report: ApplyReportFile,
    digest: str,
    consent: Consent | None,
    *,
    known_held: bool = False,
) -> RostersyncError | None:
    """Write the plan to the store, once. Returns the error that the report has.

    `known_held`: the plan was held when it was made, whatever its folder says now.

    Raises StoreBusy when another process keeps using the store, StoreUnreachable and DiskFull. Then it is as if the attempt
    had not begun. Raises Unsure when only the store knows. Then it is as if the attempt was lost.
    """
    report.report.digest = digest
    work = Workspace(execution.layout, run, None)
    try:
        with naming(artifacts=work.folder):
            report.write()
        # a Job's own connection goes first: the digest vouches for the plan alone, not for what lies beside it
        connection = execution.inputs.connection if execution.inputs else stored_connection(work.folder)
        work = execution.workspace(run, connection)
        with interruption.held():
            planned = _apply(execution, connection, work, report, digest, consent, known_held)
        _expire(execution, connection, planned.district, work)
    except (StoreBusy, StoreUnreachable):
        report.forget()
        raise
    except Unsure as error:
        told(error, report.report.stage, work.errors)
        raise  # the report stays as it is, since the next command asks the store
    except Exception as error:  # noqa: BLE001  (whatever happened, the report must say so)
        unfinished.check_interrupted(report)
        if is_full(error):
            unfinished.no_room(error, report, work)
        return unfinished.failed(error, report, work)
    except BaseException:
        unfinished.left(report)  # SIGTERM, Ctrl-C
        raise
    finally:
        work.close()
    return None


def _apply(
    execution: Execution,
    connection: Connection,
    work: Workspace,
    report: ApplyReportFile,
    digest: str,
    consent: Consent | None,
    known_held: bool,
) -> Manifest:
    def mark(stage: str) -> None:
        if stage == "commit":
            interruption.hold()
        report.stage(stage)
        execution.progress(APPLY.name, stage, 0, None)

    plan, engine = work.open("plan"), execution.engine
    with naming(**work.places):
        manifest = codec.read(plan)
        if known_held and not manifest.held and consent is None:
            raise Permanent(
                f"The plan of run {work.run} was held when it was made, and nobody has approved it; nothing was "
                "applied. Look at it with `rostersync show` and `rostersync diff`, then approve or reject it.",
                reason="ApprovalRequired",
            )
        verify_digest(plan, manifest, work.place, engine.memory_limit, engine.threads)
    writer = execution.store(work.run, connection).writer()
    made = when_free(
        lambda: applying.apply(
            plan,
            writer,
            consent,
            digest=digest,
            deliveries=outbox_names(connection),
            mark=mark,
            trouble=lambda e: _later(e, "closed", work),
        )
    )
    try:
        report.done(made)
    except OSError as error:
        _later(error, "done", work)
    return manifest


def _expire(execution: Execution, connection: Connection, district: str, work: Workspace) -> None:
    """Remove former values that are older than the connection keeps them. If it fails, the next apply does it."""
    kept = parse_duration(connection.spec.history.records.maxAge)
    try:
        execution.store(work.run, connection).writer().expire(district, kept, datetime.now(UTC))
    except Exception as error:  # noqa: BLE001  (the plan is applied, even if retention fails)
        interruption.check()
        _later(error, "expire", work)


def _later(error: Exception, stage: str, work: Workspace) -> None:
    """Log what failed after the commit. The plan is applied, and the next command cleans up."""
    said = told(error, stage, work.errors)
    log("warning", stage=stage, reason=said.reason, message=f"The plan is applied. What failed after that: {said}")
