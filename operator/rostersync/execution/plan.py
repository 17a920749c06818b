"""The plan attempt: read the source, compare it with the store, and freeze a plan. It only reads the store."""

from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from rostersync.api.v1alpha1.connection import Connection
from rostersync.disks import is_full, naming
from rostersync.errors import Permanent, RostersyncError
from rostersync.execution import json_files, source, unfinished
from rostersync.execution.execution import Execution
from rostersync.execution.outbox import outbox_names
from rostersync.execution.report_files import PlanReportFile
from rostersync.execution.waiting import when_free
from rostersync.execution.workspace import Workspace, stored_connection
from rostersync.model import PlanReport
from rostersync.plan import codec
from rostersync.plan.origin import PlanOrigin, Pulled, Restored, RunScope
from rostersync.reading import confirming
from rostersync.reading.confirming import Confirms
from rostersync.sources.port import Source
from rostersync.sync import pipeline


def plan(
    execution: Execution,
    run: str,
    report: PlanReportFile,
    as_of: datetime,
    *,
    restored: Restored | None = None,
    schools: tuple[str, ...] = (),
    again: bool = False,
) -> RostersyncError | None:
    """Read the source (`again`: use the staged extract) and freeze a plan. Returns the error that the report has.

    `restored`: what is taken back; the plan is then made from the store alone. `schools`: ids in the store of those that an
    import is limited to.

    Raises DiskFull when there is no space to plan again. Then it is as if the attempt had not begun.
    """
    work = Workspace(execution.layout, run, None)
    try:
        with naming(artifacts=work.folder):
            work.artifacts.clear(run)
            report.write()
            connection = _connection(execution, work.folder)
            work = execution.workspace(run, connection)
            if restored:
                report.done(_restore(execution, connection, work, report, as_of, restored))
            else:
                report.done(_plan(execution, connection, work, report, as_of, RunScope(schools=schools), again))
    except Exception as error:  # noqa: BLE001  (whatever happened, the report must say so)
        unfinished.check_interrupted(report)
        if again and is_full(error):
            unfinished.no_room(error, report, work)  # the plan before this one may have been approved
        return unfinished.failed(error, report, work)
    except BaseException:
        unfinished.left(report)  # SIGTERM, Ctrl-C
        raise
    finally:
        work.close()
    return None


def _connection(execution: Execution, folder: Path) -> Connection:
    """The connection that the run is planned with, kept so that the run can continue without its inputs."""
    if execution.inputs is None:
        return stored_connection(folder)
    connection = execution.inputs.connection
    data = connection.model_dump(mode="json", by_alias=True, exclude_unset=True)
    json_files.write_object(folder / "connection.json", data)
    return connection


def _plan(
    execution: Execution,
    connection: Connection,
    work: Workspace,
    report: PlanReportFile,
    as_of: datetime,
    scope: RunScope,
    again: bool,
) -> PlanReport:
    with naming(**work.places), ExitStack() as closing:
        confirms: Confirms | None = None
        if again:
            extract, client = work.open("extract"), _client_of(work.open("plan"))
        else:
            extract = work.making("extract")
            opened, client = _open(execution, report)
            closing.callback(opened.close)
            source.stage_extract(opened, connection, extract, execution.progress, execution.checkpoint)
            confirms = confirming.Asking(opened, extract, confirming.PATIENCE)
        inputs = _inputs(execution, connection, work, as_of, Pulled(extract, client))
        inputs = replace(inputs, confirms=confirms, scope=scope)
        made = when_free(lambda: pipeline.plan(inputs, execution.progress, report.stage))
        work.keep("plan")
        if not again:
            work.keep("extract")
    return made


def _restore(
    execution: Execution,
    connection: Connection,
    work: Workspace,
    report: PlanReportFile,
    as_of: datetime,
    restored: Restored,
) -> PlanReport:
    """The plan that takes back what a run changed. The source is not contacted."""
    with naming(**work.places):
        inputs = _inputs(execution, connection, work, as_of, restored)
        made = when_free(lambda: pipeline.plan(inputs, execution.progress, report.stage))
        work.keep("plan")
    return made


def _inputs(
    execution: Execution, connection: Connection, work: Workspace, as_of: datetime, origin: PlanOrigin
) -> pipeline.PlanInputs:
    return pipeline.PlanInputs(
        connection=connection,
        run=work.run,
        origin=origin,
        out=work.making("plan"),
        scratch=work.place,
        reader=execution.store(work.run, connection).reader(),
        as_of=as_of,
        deliveries=outbox_names(connection),
        memory_limit=execution.engine.memory_limit,
        threads=execution.engine.threads,
    )


def _open(execution: Execution, report: PlanReportFile) -> tuple[Source, str]:
    """The source, and a hash that identifies its client."""
    if execution.inputs is None:
        raise Permanent("A new plan reads the source: run `rostersync run -f …`.", reason="NoManifests")
    report.stage("extract")
    return source.open_source(execution.inputs, execution.env, execution.network)


def _client_of(plan: Path) -> str:
    """The hash of the client of an earlier plan."""
    return codec.read(plan).memory.client_id_hash
