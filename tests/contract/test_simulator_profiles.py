"""The simulator in the profile of each system: what it refuses, and how, as the system does."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from rostersync.simulator.server import Simulator
from support.sis import CAMPUS, CAMPUS_11, FOCUS, ILLUMINATE, SCOPES, SIS


def token(simulator: Simulator, **form: str) -> httpx.Response:
    login = {"client_id": simulator.client_id, "client_secret": simulator.client_secret}
    return httpx.post(simulator.token_url, data={"grant_type": "client_credentials", **login, **form})


def page(simulator: Simulator, collection: str = "users", scope: str = "", **query: Any) -> httpx.Response:
    known = token(simulator, **({"scope": scope} if scope else {})).json()["access_token"]
    return httpx.get(f"{simulator.url}/{collection}", params=query, headers={"Authorization": f"Bearer {known}"})


def minor(answer: httpx.Response) -> str:
    (told,) = answer.json()["imsx_CodeMinor"]["imsx_codeMinorField"]
    return str(told["imsx_codeMinorFieldValue"])


@pytest.mark.parametrize(
    ("sis", "path", "tokens", "lifetime"),
    [
        (FOCUS, "/focus/api/1.0/ims/oneroster/v1p1", "/focus/api/1.0/ims/oneroster/v1p1/token", 2462),
        (
            CAMPUS,
            "/campus/api/oneroster/v1p2/simulated/ims/oneroster/rostering/v1p2",
            "/campus/oauth2/token?appName=simulated",
            7199,
        ),
        (CAMPUS_11, "/campus/oneroster/simulated/ims/oneroster/v1p1", "/campus/oauth2/token?appName=simulated", 7199),
        (ILLUMINATE, "/live/rest_server.php/Api/ims/oneroster/v1p1", "/live/?OAuth2_AccessToken", 3600),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_each_system_has_its_addresses(sis: SIS, path: str, tokens: str, lifetime: int) -> None:
    with sis.simulated() as simulator:
        assert simulator.url == simulator.origin + path
        assert simulator.token_url == simulator.origin + tokens
        assert token(simulator).json()["expires_in"] == lifetime
        assert page(simulator).status_code == 200
        assert simulator.state()["as"] == simulator.sis.title


@pytest.mark.parametrize("query", ["", "?appName=", "?appName=another"])
def test_campus_gives_no_token_without_the_name_of_the_application(query: str) -> None:
    with CAMPUS.simulated() as simulator:
        answer = httpx.post(
            simulator.token_url.partition("?")[0] + query,
            data={
                "grant_type": "client_credentials",
                "client_id": simulator.client_id,
                "client_secret": simulator.client_secret,
            },
        )
    assert (answer.status_code, answer.json()["error_description"]) == (400, "No Campus Application selected")


@pytest.mark.parametrize(
    "query", [{"limit": 10_001}, {"limit": 0}, {"limit": "all"}, {"offset": -1}, {"sort": "nothing"}]
)
def test_bad_paging_and_sorting_is_invalid_data_to_campus(query: dict[str, Any]) -> None:
    with CAMPUS.simulated() as simulator:
        answer = page(simulator, **query)
    assert (answer.status_code, minor(answer)) == (400, "invalid data")


@pytest.mark.parametrize("sis", [CAMPUS, CAMPUS_11], ids=lambda sis: sis.name)
def test_campus_counts_and_links_in_headers(sis: SIS) -> None:
    with sis.simulated() as simulator:
        answer = page(simulator, limit=10, sort="sourcedId", orderBy="asc")
        total = simulator.roster.total("users")
    assert set(answer.json()) == {"users"}
    assert answer.headers["X-Total-Count"] == str(total)
    assert 'rel="next"' in answer.headers["Link"]
    assert ("roles" in answer.json()["users"][0]) == (sis is CAMPUS)


def test_campus_refuses_a_sixth_request_at_once() -> None:
    with CAMPUS.simulated() as simulator, ThreadPoolExecutor(6) as threads:
        simulator.add_fault("slow:400")
        answers = list(threads.map(lambda _: page(simulator, "orgs"), range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [429]
    assert next(a for a in answers if a.status_code == 429).headers["Retry-After"] == "1"


def test_campus_shows_demographics_to_tokens_with_their_scope() -> None:
    with CAMPUS.simulated() as simulator:
        assert page(simulator, "demographics").status_code == 403
        assert page(simulator, "demographics", scope=SCOPES[0]).status_code == 403
        assert page(simulator, "demographics", scope=" ".join(SCOPES)).status_code == 200
        assert page(simulator, "users", scope=SCOPES[0]).status_code == 200


def test_illuminate_cuts_pages_that_are_too_large() -> None:
    with ILLUMINATE.simulated(600) as simulator:
        answer = page(simulator, limit=5000)
    assert (answer.status_code, len(answer.json()["users"])) == (200, 1000)


def test_a_system_speaks_its_versions_alone() -> None:
    with pytest.raises(ValueError, match="version is one of"):
        SIS("IlluminateConnection", "illuminate", "1.2", "il-").simulated()
