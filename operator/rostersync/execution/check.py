"""The check attempt, Test Connection: does the source answer, and what does Schools Mapping make of its schools?"""

from dataclasses import dataclass, replace
from typing import Any

from rostersync.api.v1alpha1.connection import Connection
from rostersync.execution.homes import home_of
from rostersync.execution.inputs import Inputs, artifacts_secret
from rostersync.execution.layout import Layout
from rostersync.execution.probe import as_dict, probe_deliveries, probe_store
from rostersync.execution.report_files import CheckReportFile
from rostersync.execution.source import open_source
from rostersync.model import CheckReport, Probe, Schools
from rostersync.reading.read_set import private
from rostersync.sources.network import Network
from rostersync.sources.port import CheckResult, Page, Source
from rostersync.sync.schools import Org, SchoolRules, decide


@dataclass(frozen=True)
class Found:
    """What was found in a source. `vanished`: ids of mapped schools that it does not have."""

    result: CheckResult
    schools: Schools
    mapped: frozenset[str]
    vanished: tuple[str, ...]
    deliveries: tuple[Probe, ...] = ()
    store: Probe | None = None

    def as_dict(self) -> dict[str, Any]:
        """Everything for the Job's log: what the source has, and what is mapped of it. No records."""
        found = self.result.as_dict()
        schools = [school | {"mapped": school["sourcedId"] in self.mapped} for school in found["schools"]]
        return found | {"schools": schools, "vanished": list(self.vanished)} | as_dict(self.store, self.deliveries)


def check(inputs: Inputs, report: CheckReportFile, network: Network, layout: Layout) -> Found:
    """Test the connection, its store and its deliveries, write the report and return everything found. Raises the source's error."""
    report.stage("store")
    store = report.report.store = probe_store(inputs, layout, network)
    report.stage("deliveries")
    deliveries = report.report.deliveries = probe_deliveries(inputs, layout, network)
    report.stage("connect")
    source, _ = open_source(inputs, {}, network)
    try:
        found = _look(source, inputs.connection)
    finally:
        source.close()
    if probes := home_of(inputs.connection.spec.artifacts).probes:
        report.stage("artifacts")
        probes(inputs.connection, artifacts_secret(inputs.connection, inputs.secrets), network)
    report.done(CheckReport("done", found.result.message, found.schools, deliveries=deliveries, store=store))
    return replace(found, deliveries=tuple(deliveries), store=store)


def _look(source: Source, connection: Connection) -> Found:
    result = source.check(private(connection))
    pages: list[Page] = []
    source.pull("orgs", frozenset(), pages.append)
    return mapped(result, orgs_of(pages), SchoolRules.of(connection.spec))


def mapped(result: CheckResult, orgs: list[Org], rules: SchoolRules) -> Found:
    """What Schools Mapping makes of a source's organisations, whatever the store remembers. Pure."""
    scope = decide(orgs, rules, {}, {})
    schools = {o.id for o in orgs if o.is_school and not o.removed}
    wanted = {i for i in rules.targets if rules.wants(i)}
    vanished = set() if rules.auto else wanted - schools
    return Found(result, scope.schools, frozenset(i for i in schools if rules.wants(i)), tuple(sorted(vanished)))


def orgs_of(pages: list[Page]) -> list[Org]:
    """The organisations in these pages. If an id comes twice, the first one counts."""
    orgs: dict[str, Org] = {}
    for page in pages:
        columns = [page.batch.column(n).to_pylist() for n in ("sourcedId", "type", "status", "parentSourcedId")]
        for id_, kind, status, parent in zip(*columns, strict=True):
            orgs.setdefault(id_, Org(id_, (kind or "").lower() == "school", status, parent))
    return list(orgs.values())
