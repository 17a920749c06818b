"""OneRoster as a source against the simulator and its faults: what is staged is the district, or is known not to be."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rostersync.reading.extract import Wanted, extract
from rostersync.simulator.server import Simulator
from rostersync.sources.oneroster.client import OneRoster
from rostersync.sources.oneroster.endpoint import ServiceEndpoint
from rostersync.sources.port import COLLECTIONS, Credentials
from support.quirky import IMPATIENT, Staged
from support.simulated import ids, simulated
from support.sis import SIS, SYSTEMS

PATIENCE = replace(IMPATIENT, attempts=8)  # what strikes every sixth request may strike one page several times running


def staged(simulator: Simulator, folder: Path, *collections: str, **options: Any) -> Staged:
    settings: dict[str, Any] = {
        "service_url": simulator.url,
        "authentication_url": simulator.token_url,
        "insecure_http": True,
        "version": simulator.version,
        "page_size": 100,
        "timeout_seconds": 5.0,
        "patience": PATIENCE,
    }
    users = (simulator.user_key, simulator.user_secret) if simulator.sis.users and "authentication" in options else ()
    credentials = Credentials(simulator.client_id, simulator.client_secret, *users)
    with OneRoster(ServiceEndpoint(**(settings | options)), credentials) as client:
        proof = extract(client, folder, Wanted(collections or COLLECTIONS))
    return Staged(proof["collections"], folder)


def login(sis: SIS) -> dict[str, Any]:
    return {"authentication": "OAuth1"} if sis.signed else {}


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_a_whole_district_is_staged_and_proved(version: str, tmp_path: Path) -> None:
    with simulated(version=version) as simulator:
        result = staged(simulator, tmp_path)
        for collection in COLLECTIONS:
            assert sorted(result.rows(collection)) == sorted(ids(simulator.roster, collection))
            assert result.proof[collection]["complete"], collection


HARMLESS = [
    "429:0,every=5",
    "429:none,every=7",
    "500,every=6",
    "502,every=6",
    "503,every=6",
    "504,every=6",
    "disconnect,every=6",
    "truncated,every=6",
    "truncated:wire,every=6",
    "html,every=6,after=8",
    "missing-envelope,every=6",
    "no-totals",
    "short-pages:30",
    "limit-refused:40",
    "limit-fails:40",
    "unsorted",
    "token-expiry,every=9",
    "next:off",
    "next:relative",
    "links:standard",
    "links:bare",
    "links:relative",
    "links:off-by-one",
    "links:internal",
    "links:none",
    "perm-rev,once,after=4",
    "credentials:basic",
    "credentials:form",
    "credentials:cookie",
    "null-references",
    "odd-values",
    "odd-casing",
    "passwords",
    "duplicate-rows",
]


@pytest.mark.parametrize("fault", HARMLESS)
def test_faults_that_can_be_lived_with_lose_nothing(fault: str, tmp_path: Path) -> None:
    with simulated(faults=[fault]) as simulator:
        result = staged(simulator, tmp_path, "orgs", "users", "enrollments")
        for collection in ("orgs", "users", "enrollments"):
            assert sorted(result.rows(collection)) == sorted(ids(simulator.roster, collection))
            assert result.proof[collection]["complete"], collection


# What each system adds to Focus: Link headers in place of pagination in the body, strict sorting, limits, other tokens.
ON_OTHERS = [
    "429:0,every=5",
    "500,every=6",
    "disconnect,every=6",
    "truncated:wire,every=6",
    "html,every=6,after=8",
    "no-totals",
    "short-pages:30",
    "limit-refused:40",
    "unsorted",
    "token-expiry,every=9",
    "links:relative",
    "links:none",
    "duplicate-rows",
]


@pytest.mark.parametrize("fault", ON_OTHERS)
@pytest.mark.parametrize("sis", SYSTEMS[1:], ids=lambda sis: sis.name)
def test_they_lose_nothing_of_another_system_either(sis: SIS, fault: str, tmp_path: Path) -> None:
    with sis.simulated(120, faults=[fault]) as simulator:
        result = staged(simulator, tmp_path, "orgs", "users", "enrollments", **login(sis))
        for collection in ("orgs", "users", "enrollments"):
            assert sorted(result.rows(collection)) == sorted(ids(simulator.roster, collection))
            assert result.proof[collection]["complete"], collection


@pytest.mark.parametrize("sis", SYSTEMS, ids=lambda sis: sis.name)
def test_rows_that_a_system_hides_make_their_collection_incomplete(sis: SIS, tmp_path: Path) -> None:
    with sis.simulated(120, faults=["wrong-total:3,on=users"]) as simulator:
        result = staged(simulator, tmp_path, "orgs", "users", max_concurrent_requests=1, **login(sis))

    assert (result.proof["users"]["complete"], result.proof["orgs"]["complete"]) == (False, True)


@pytest.mark.parametrize("fault", ["wrong-total,on=users", "wrong-total:-3,on=users"])
def test_faults_that_hide_rows_make_their_collection_incomplete(fault: str, tmp_path: Path) -> None:
    with simulated(faults=[fault]) as simulator:
        result = staged(simulator, tmp_path, "orgs", "users", max_concurrent_requests=1)

    assert (result.proof["users"]["complete"], result.proof["users"]["pulls"]) == (False, 3)
    assert result.proof["orgs"]["complete"]


@pytest.mark.parametrize("fault", ["403,on=demographics", "404,on=demographics"])
def test_demographics_that_may_not_be_read_are_not_offered(fault: str, tmp_path: Path) -> None:
    with simulated(faults=[fault]) as simulator:
        assert not staged(simulator, tmp_path, "demographics").proof["demographics"]["offered"]
