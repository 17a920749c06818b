"""The deliver attempt: deliver what the outbox holds, and settle it.

The roster is copied out of the store first, into bundles, and then the store is free. Bundles of different deliveries go out
side by side, so that a slow receiver keeps no other one waiting. Those of one delivery go out in order, each settled before
the next.
"""

import threading
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from types import MappingProxyType

from rostersync import durable, scratch
from rostersync.api.v1alpha1.connection import Connection
from rostersync.api.v1alpha1.defaults import district
from rostersync.api.v1alpha1.deliveries import Delivery
from rostersync.attempts import DELIVER
from rostersync.deliveries.bundle import config_hash, sent
from rostersync.deliveries.port import Bundle, Place, Receiver
from rostersync.deliveries.registry import place_of
from rostersync.disks import naming
from rostersync.errors import Permanent, Retryable, RostersyncError
from rostersync.execution import interruption, unfinished
from rostersync.execution.bundles import Packer, attached
from rostersync.execution.execution import Execution
from rostersync.execution.failures import told
from rostersync.execution.inputs import Inputs
from rostersync.execution.outbox import outbox_name
from rostersync.execution.receivers import receiver_of
from rostersync.execution.report_files import DeliverReportFile
from rostersync.execution.waiting import when_free
from rostersync.instants import stamp
from rostersync.sent import DeliveryReport, Sent


@dataclass
class _Load:
    """One delivery, and the bundles that wait for it."""

    delivery: Delivery
    place: Place
    receiver: Receiver
    account: str
    asked: str = ""  # its config_hash, once the store was read
    bundles: deque[Bundle] = field(default_factory=deque)
    more: bool = False  # whether there are further ones in the store
    number: int = 0  # of bundles that were sent


def deliver(
    execution: Execution, run: str, report: DeliverReportFile, *, everything: Collection[str] = ()
) -> RostersyncError | None:
    """Deliver what the outbox holds for the connection. Returns the error that the report has.

    `everything`: names of deliveries that get all of the newest roster, whatever their receivers have.

    Each delivery is tried, even after one has failed. The first error is the attempt's.
    """
    try:
        inputs = _inputs(execution)
        report.write()
        attempt = _Attempt(execution, run, report, inputs, everything)
        with naming(**_places(execution, run)):
            attempt.go()
        error = attempt.error()
        if error is None:
            report.done(report.report)
            return None
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
        raise Permanent(
            "A delivery needs the connection's manifests and Secrets, which are never kept: run `rostersync deliver -f …`.",
            reason="NoManifests",
        )
    return execution.inputs


class _Attempt:
    """One attempt. Only the thread that made it touches store and report."""

    def __init__(
        self, execution: Execution, run: str, report: DeliverReportFile, inputs: Inputs, everything: Collection[str]
    ) -> None:
        self.everything = everything
        self.execution, self.run, self.report, self.inputs = execution, run, report, inputs
        self.connection: Connection = inputs.connection
        self.district = district(self.connection)
        self.scratch = scratch.own(execution.layout.run_scratch(run))
        self.failed: dict[str, RostersyncError] = {}
        self.done: dict[str, DeliveryReport] = {}

    def go(self) -> None:
        """Pack and send, in rounds, until nothing is left that did not fail."""
        loads = [load for delivery in self.connection.spec.deliveries if (load := self._load(delivery))]
        while loads:
            self._pack(loads)
            self._send([load for load in loads if load.bundles])
            loads = [load for load in loads if load.more and load.delivery.name not in self.failed]

    def error(self) -> RostersyncError | None:
        """The first error, in the order of the spec. Others are named."""
        names = [d.name for d in self.connection.spec.deliveries if d.name in self.failed]
        if not names:
            return None
        first = self.failed[names[0]]
        if len(names) == 1:
            return first
        kind = Permanent if all(isinstance(e, Permanent) for e in self.failed.values()) else Retryable
        return kind(f"{first} Other deliveries failed, too: {', '.join(names[1:])}.", reason=first.reason)

    def _load(self, delivery: Delivery) -> _Load | None:
        try:
            place = place_of(delivery)
            receiver = receiver_of(self.inputs, delivery, self.execution.layout, self.execution.network)
        except Exception as error:  # noqa: BLE001  (the others are still tried)
            self._note(delivery, error)
            return None
        return _Load(delivery, place, receiver, place.account(receiver))

    def _pack(self, loads: Sequence[_Load]) -> None:
        """Copy what is pending out of the store, from which it must be possible to take it."""
        self.report.stage("pending")
        self.execution.store(self.run, self.connection).outbox().check()
        with attached(self.execution, self.run, self.connection) as (con, state, reader):
            everything = {
                outbox_name(self.connection, load.delivery) for load in loads if load.delivery.name in self.everything
            }
            packer = Packer(con, reader, self.district, state, self.scratch, everything=everything)
            for load in loads:
                name = outbox_name(self.connection, load.delivery)
                # Somebody may be forgotten while a bundle is on its way. Then what was sent counts as something else.
                load.asked = config_hash(load.delivery, load.account, state.forgotten)
                try:
                    if packer.pending(name):
                        self.report.stage("bundle")
                        self.execution.progress(DELIVER.name, f"bundle {load.delivery.name}", 0, None)
                    elif (last := packer.last(name, load.asked)) and load.delivery.name not in self.done:
                        self._report(load, last)  # an attempt whose report was lost may have sent it
                    bundles, load.more = packer.bundles(name, load.delivery, load.asked)
                    load.bundles.extend(bundles)
                except Exception as error:  # noqa: BLE001  (the others are still packed)
                    self._note(load.delivery, error)
                    load.more = False

    def _send(self, loads: Sequence[_Load]) -> None:
        """Send the bundles of all deliveries side by side."""
        if not loads:
            return
        self.report.stage("send")
        ended: SimpleQueue[tuple[_Load, Bundle, Exception | None]] = SimpleQueue()
        for load in loads:
            self._start(load, ended)
        busy = len(loads)
        while busy:
            load, bundle, error = ended.get()
            try:
                if error is None:
                    self._settle(load, bundle)
            except Exception as found:  # noqa: BLE001  (the others are still tried)
                error = found
            if error is not None:
                self._note(load.delivery, error)
                load.bundles.clear()
            if load.bundles:
                self._start(load, ended)
            else:
                busy -= 1

    def _start(self, load: _Load, ended: "SimpleQueue[tuple[_Load, Bundle, Exception | None]]") -> None:
        bundle = load.bundles.popleft()
        self.execution.progress(DELIVER.name, f"send {load.delivery.name}", bundle.revision, None)

        def carry() -> None:
            try:
                load.place.send(load.receiver, bundle)
            except Exception as error:  # noqa: BLE001  (told in the attempt's own thread)
                ended.put((load, bundle, error))
            else:
                ended.put((load, bundle, None))

        threading.Thread(target=carry, name=f"send-{load.delivery.name}", daemon=True).start()

    def _settle(self, load: _Load, bundle: Bundle) -> None:
        delivery, name = load.delivery, outbox_name(self.connection, load.delivery)
        made = sent(bundle, load.place.where(delivery), datetime.now(UTC).replace(microsecond=0), load.asked)
        self.report.stage("settle")
        outbox = self.execution.store(self.run, self.connection).outbox
        when_free(lambda: outbox().settle(self.district, name, bundle.revision, made))
        load.number += 1
        self._report(load, made, bundle.left_out)
        self.report.stage("send")
        for path in bundle.files:
            durable.discard(path)

    def _report(self, load: _Load, made: Sent, left_out: Mapping[str, int] = MappingProxyType({})) -> None:
        only = made.files[0].sha256 if len(made.files) == 1 else ""
        name, bundles = load.delivery.name, load.number
        self.done[name] = DeliveryReport(
            name,
            made.where,
            made.revision,
            bundles,
            len(made.files),
            made.bytes,
            only,
            stamp(made.at),
            left_out=dict(left_out),
        )
        self.report.report.revision = max(made.revision, self.report.report.revision or 0)
        self._tell()

    def _note(self, delivery: Delivery, error: Exception) -> None:
        """Remember why a delivery failed. What it has sent before stays in the report."""
        interruption.check()
        said = self.failed[delivery.name] = told(error, f"{self.report.at} of {delivery.name}", None)
        known = self.done.get(delivery.name) or DeliveryReport(delivery.name)
        self.done[delivery.name] = DeliveryReport(
            **vars(known) | {"error": {"reason": said.reason, "message": str(said)}}
        )
        self._tell()

    def _tell(self) -> None:
        names = [d.name for d in self.connection.spec.deliveries]
        self.report.report.deliveries = sorted(self.done.values(), key=lambda d: names.index(d.name))


def _places(execution: Execution, run: str) -> dict[str, Path]:
    return {"store": execution.layout.store, "scratch": execution.layout.run_scratch(run)}
