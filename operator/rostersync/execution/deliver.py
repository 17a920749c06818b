"""The deliver attempt: deliver what the outbox holds, and settle it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from rostersync import scratch
from rostersync.api.v1alpha1.connection import Connection
from rostersync.api.v1alpha1.defaults import district
from rostersync.api.v1alpha1.deliveries import Delivery
from rostersync.attempts import DELIVER
from rostersync.deliveries.bundle import make_bundle, sent
from rostersync.deliveries.port import Edition, Receiver
from rostersync.deliveries.registry import place_of
from rostersync.disks import naming
from rostersync.errors import Permanent, RostersyncError
from rostersync.execution import interruption, unfinished
from rostersync.execution.execution import Execution
from rostersync.execution.failures import told
from rostersync.execution.inputs import Inputs, delivery_secret
from rostersync.execution.outbox import outbox_name
from rostersync.execution.report_files import DeliverReportFile
from rostersync.execution.waiting import when_free
from rostersync.stores.engine import connect


def deliver(execution: Execution, run: str, report: DeliverReportFile) -> RostersyncError | None:
    """Deliver what the outbox holds for the connection. Returns the error that the report has.

    Each delivery is tried, even after one has failed. The first error is the attempt's.
    """
    first: RostersyncError | None = None
    try:
        inputs = _inputs(execution)
        report.write()
        with naming(**_places(execution, run)):
            for delivery in inputs.connection.spec.deliveries:
                failed = _one(execution, run, report, inputs, delivery)
                first = first or failed
        if first is None:
            report.done(report.report)
            return None
        error = first
    except Exception as found:  # noqa: BLE001  (whatever happened, the report must say so)
        interruption.check()
        error = told(found, report.at, None)
    except BaseException:
        unfinished.left(report)
        raise
    finally:
        scratch.release(execution.layout.run_scratch(run))
    report.failed(error)
    return error


def _inputs(execution: Execution) -> Inputs:
    if execution.inputs is None:
        raise Permanent("A delivery needs the connection's manifests: run `rostersync run -f …`.", reason="NoManifests")
    return execution.inputs


def _one(
    execution: Execution, run: str, report: DeliverReportFile, inputs: Inputs, delivery: Delivery
) -> RostersyncError | None:
    """Make one delivery, if the outbox has something for it. Returns why it failed."""
    connection = inputs.connection
    name, where = outbox_name(connection, delivery), district(connection)
    try:
        place = place_of(delivery)
        receiver = Receiver(delivery, delivery_secret(inputs, delivery), execution.layout.volume)
        report.stage("pending")
        with _attached(execution, run, connection) as (con, revision, outbox):
            revisions = outbox.get(name, ())
            if not revisions:
                return None
            report.stage("send")
            execution.progress(DELIVER.name, "send", 0, None)
            edition = Edition(con, delivery, where, revision, datetime.now(UTC))
            bundle = make_bundle(edition, scratch.own(execution.layout.run_scratch(run)))
            place.send(receiver, bundle)
        report.stage("settle")
        made = sent(bundle, delivery, place.where(delivery), datetime.now(UTC))
        when_free(lambda: execution.store(run, connection).outbox().settle(where, name, revision, made))
    except Exception as error:  # noqa: BLE001  (the others are still tried)
        interruption.check()
        return told(error, f"{report.at} of {delivery.name}", None)
    report.report.revision = revision
    report.report.sent.append(delivery.name)
    return None


@contextmanager
def _attached(
    execution: Execution, run: str, connection: Connection
) -> Iterator[tuple[duckdb.DuckDBPyConnection, int, dict[str, tuple[int, ...]]]]:
    """The district's roster at its newest revision, read-only, and what is still to be delivered."""
    engine, where = execution.engine, district(connection)
    place = execution.layout.run_scratch(run)
    reader = execution.store(run, connection).reader()
    con = connect(engine.memory_limit, engine.threads, place, [*reader.folders, place])
    try:
        state = when_free(lambda: reader.attach(con, where, None))
        yield con, state.revision, reader.outbox(con, where)
    finally:
        con.close()


def _places(execution: Execution, run: str) -> dict[str, Path]:
    return {"store": execution.layout.store, "scratch": execution.layout.run_scratch(run)}
