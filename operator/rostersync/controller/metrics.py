"""Metrics for Prometheus: the names that dashboards for controllers know, and those that only this operator has."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from rostersync.api.kinds import Ref
from rostersync.api.objects import condition
from rostersync.controller.cluster.cache import RUNS, place
from rostersync.controller.runs.reports import moment
from rostersync.controller.shared import Shared
from rostersync.lifecycle.outcomes import succeeded_reason
from rostersync.model import Phase


class Metrics:
    """Counters of this process, and gauges that are read from the cache at each scrape."""

    def __init__(self, shared: Shared) -> None:
        self.registry = CollectorRegistry()
        self.reconciles = Counter(
            "controller_runtime_reconcile_total",
            "Reconciliations by result.",
            ["controller", "result"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "controller_runtime_reconcile_time_seconds",
            "Duration of one reconciliation.",
            ["controller"],
            buckets=(0.005, 0.02, 0.1, 0.5, 2, 10),
            registry=self.registry,
        )
        self.leader = Gauge(
            "leader_election_master_status", "1 while this process leads.", ["name"], registry=self.registry
        )
        self.registry.register(_FromStore(shared))

    def text(self) -> bytes:
        """All metrics in the format of Prometheus."""
        return generate_latest(self.registry)


class _FromStore:
    def __init__(self, shared: Shared) -> None:
        self.shared = shared

    def collect(self) -> Iterator[Metric]:
        shared = self.shared
        yield GaugeMetricFamily("workqueue_depth", "Keys waiting to be reconciled.", len(shared.queue))
        requests = CounterMetricFamily("rest_client_requests", "Requests to the API server.", labels=["method", "code"])
        for (method, code), count in shared.cluster.requests.items():
            requests.add_metric([method, str(code)], count)
        yield requests
        deliveries = CounterMetricFamily(
            "rostersync_deliveries",
            "Deliveries that were tried, by result.",
            labels=["namespace", "connection", "result"],
        )
        for (namespace, connection, result), count in shared.delivered.items():
            deliveries.add_metric([namespace, connection, result], count)
        yield deliveries
        yield from self._runs()
        last = GaugeMetricFamily(
            "rostersync_connection_last_success_timestamp_seconds",
            "When a connection's last good run ended.",
            labels=["namespace", "connection"],
        )
        ready = GaugeMetricFamily("rostersync_connection_ready", "1 when Ready.", labels=["namespace", "connection"])
        held = GaugeMetricFamily(
            "rostersync_connection_held_runs", "Runs that wait for a decision.", labels=["namespace", "connection"]
        )
        of_delivery = ["namespace", "connection", "delivery"]
        delivered = GaugeMetricFamily(
            "rostersync_delivery_last_success_timestamp_seconds", "When a delivery last arrived.", labels=of_delivery
        )
        failing = GaugeMetricFamily("rostersync_delivery_failing", "1 while a delivery fails.", labels=of_delivery)
        for _, obj in shared.store.connections():
            ref, namespace, status = Ref.to(obj), obj["metadata"]["namespace"], obj.get("status") or {}
            names = [namespace, ref.key]
            now = condition(status, "Ready")
            ready.add_metric(names, 1.0 if now and now["status"] == "True" else 0.0)
            open_runs = shared.store.related(RUNS, f"begun/{place(namespace, ref)}")
            held.add_metric(
                names, sum(1 for r in open_runs if succeeded_reason(r["status"]) == Phase.AWAITING_APPROVAL)
            )
            for delivery in status.get("deliveries") or ():
                of = [*names, delivery["name"]]
                failing.add_metric(of, 1.0 if delivery["state"] == "Failed" else 0.0)
                if sent := moment(delivery.get("time")):
                    delivered.add_metric(of, sent.timestamp())
            run = status.get("lastRun") or {}
            ended = moment(run.get("completionTime"))
            if ended and run.get("outcome") in ("Applied", "AppliedIncomplete", "NoChanges"):
                last.add_metric(names, ended.timestamp())
        yield delivered
        yield failing
        yield last
        yield ready
        yield held

    def _runs(self) -> Iterator[Metric]:
        counts: dict[str, int] = {}
        for run in self.shared.store.all(RUNS):
            status = run.get("status") or {}
            state = str(status.get("outcome") or succeeded_reason(status) or "New")
            counts[state] = counts.get(state, 0) + 1
        runs = GaugeMetricFamily("rostersync_syncruns", "SyncRuns by state.", labels=["state"])
        for state, count in sorted(counts.items()):
            runs.add_metric([state], count)
        yield runs
