"""A connection's page: its part in the district, whether its connections agree, and whose value counts."""

import io
from collections.abc import Sequence
from typing import Any

import pytest
from rich.console import Console

from rostersync.render.connection import Shown, page
from rostersync.render.districts import member, standing
from support.merging import SPEC as VALID

DOMAINS = [{"entity": "Student", "attributes": ["email"]}, {"entity": "Teacher", "attributes": ["email"]}]
MASTERS: list[dict[str, Any]] = [
    {"entity": "Student", "attributes": ["phone", "username"], "source": "two", "mode": "Master"},
    {"entity": "Student", "attributes": ["*"], "source": "one", "mode": "DoNotOverride"},
]
SPEC = VALID.model_dump(mode="json", exclude_none=True) | {
    "district": "springfield",
    "multipleDataSources": True,
    "compareByDomainsOfUniqueness": True,
    "domainsOfUniqueness": DOMAINS,
    "masterFields": MASTERS,
}


def connection(name: str, **spec: Any) -> dict[str, Any]:
    head = {"apiVersion": "rostersync.dev/v1alpha1", "kind": "FocusConnection"}
    return {**head, "metadata": {"name": name}, "spec": SPEC | spec}


def shown(*connections: dict[str, Any], runs: Sequence[dict[str, Any]] = ()) -> list[str]:
    """The lines of the first connection's page."""
    out = Console(file=io.StringIO(), width=200, markup=False, highlight=False)
    page(out, Shown(connections[0], runs, connections))
    assert isinstance(out.file, io.StringIO)
    return [" ".join(line.split()) for line in out.file.getvalue().splitlines()]


def run(name: str, connection: str, *, sources: Sequence[str] = (), **status: Any) -> dict[str, Any]:
    """A run of a connection; `sources` of the roster, as its status has them."""
    roster = {"roster": {"sources": sources}} if sources else {}
    return {"metadata": {"name": name}, "spec": {"connectionRef": {"name": connection}}, "status": status | roster}


ONE = connection("one")
STANDS = {  # another connection, and what is said of it
    "the same": (connection("two"), "agrees"),
    "the same domains in another order": (connection("two", domainsOfUniqueness=DOMAINS[::-1]), "agrees"),
    "other domains": (connection("two", domainsOfUniqueness=DOMAINS[:1]), "differs in spec.domainsOfUniqueness"),
    "other Master Fields": (connection("two", masterFields=MASTERS[:1]), "differs in spec.masterFields"),
    "both": (
        connection("two", masterFields=[], domainsOfUniqueness=DOMAINS[:1]),
        "differs in spec.domainsOfUniqueness and spec.masterFields",
    ),
    "Master Fields in another order": (
        connection("two", masterFields=MASTERS[::-1]),
        "differs in spec.masterFields (the order)",
    ),
    "for an only source": (
        connection("two", multipleDataSources=False, masterFields=[]),
        "knows of no other source (spec.multipleDataSources)",
    ),
    "not valid": (connection("two", entities=["Nothing"]), "is not valid"),
    "of the same source": (
        connection("two", sourceID="one"),
        "has the same source, and only the older connection reads it",
    ),
}


@pytest.mark.parametrize(("other", "said"), STANDS.values(), ids=STANDS)
def test_whether_another_connection_agrees(other: dict[str, Any], said: str) -> None:
    assert standing(member(ONE), member(other)) == said
    assert f"{member(other).source} two {said}" in shown(ONE, other)


@pytest.mark.parametrize("spec", [{}, {"multipleDataSources": False, "masterFields": []}], ids=["several", "only"])
def test_an_only_source_has_a_short_page(spec: dict[str, Any]) -> None:
    lines = shown(connection("one", **spec), connection("other", district="shelbyville"))
    assert lines[:3] == ["FocusConnection one", "District: springfield", "Source: one"]
    assert len(lines) <= 5
    assert not any("spec.masterFields" in line for line in lines)


LONE = {
    "for an only source": ({"multipleDataSources": False, "masterFields": []}, "is for an only source"),
    "not valid": ({"entities": ["Nothing"]}, "is not valid."),
}


@pytest.mark.parametrize(("spec", "said"), LONE.values(), ids=LONE)
def test_a_connection_that_takes_no_part_says_why(spec: dict[str, Any], said: str) -> None:
    lines = shown(connection("one", **spec), connection("two"))
    assert "two two" in lines
    assert said in lines[-1]


def test_settings_that_all_share_stand_once() -> None:
    lines = shown(ONE, connection("two"))
    assert "Student, Teacher email" in lines
    assert "Student phone, username two whenever it has one" in lines
    assert any(line.startswith("Student all others, but no references one where none was before") for line in lines)
    assert "All of this stands alike in one, two." in lines
    assert not any("Stands in" in line for line in lines)


def test_where_a_setting_stands_is_said_once_connections_differ() -> None:
    lines = shown(ONE, connection("two", masterFields=MASTERS[:1]))
    assert "Student phone, username two whenever it has one all" in lines
    assert any(line.endswith("stays only one") for line in lines)
    assert "Entity Attributes" in lines, "they agree in who is the same"
    assert "The connections differ. Give all of them the same settings before the next run." in lines


def test_a_source_that_no_connection_has_is_named() -> None:
    assert any("two (of no connection here)" in line for line in shown(ONE, connection("three")))


def test_sources_stand_in_order_of_age_where_it_is_known() -> None:
    lines = shown(ONE, connection("two"), runs=[run("r2", "two"), run("r1", "one", sources=["two", "one"])])
    assert lines.index("two two agrees") < lines.index("one one this one")
    assert any(line.endswith("(two, then one).") for line in lines)
    assert not any(
        "then" in line for line in shown(ONE, connection("two"), runs=[run("r1", "else", sources=["b", "a"])])
    )


def test_without_master_fields_the_oldest_source_counts() -> None:
    two = (connection("one", masterFields=[]), connection("two", masterFields=[]))
    assert any(
        line.startswith("Whose value counts: that of the source that was imported first") for line in shown(*two)
    )


READY = {
    "ready": (("True", "Ready"), "Ready: True"),
    "suspended": (("True", "Suspended"), "Ready: True, Suspended: why"),
    "not": (("False", "DistrictSettingsDiffer"), "Ready: False, DistrictSettingsDiffer: why"),
}


@pytest.mark.parametrize(("found", "said"), READY.values(), ids=READY)
def test_a_connection_says_whether_it_is_ready(found: tuple[str, str], said: str) -> None:
    condition = {"type": "Ready", "status": found[0], "reason": found[1], "message": "why"}
    status = {"conditions": [condition], "nextRunTime": "2026-11-30T02:00:00Z"}
    lines = shown(ONE | {"status": status})
    assert said in lines
    assert "Next run: 2026-11-30T02:00:00Z" in lines


def test_a_connection_names_its_newest_run_and_counts_those_that_wait() -> None:
    held = {"conditions": [{"type": "Succeeded", "status": "Unknown", "reason": "AwaitingApproval"}]}
    lines = shown(ONE, runs=[run("r3", "two", **held), run("r2", "one", **held), run("r1", "one", **held)])
    assert "Last run: r2: AwaitingApproval" in lines
    assert "Held: 2 runs" in lines
    assert "Last run: none yet" in shown(ONE)
