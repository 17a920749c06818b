"""The simulator over HTTP: Focus' OneRoster API as far as it is known, and each fault as a client meets it.

Over 300 lines: one topic, in the order of the API; most tests are a few lines against the same server.
"""

import base64
import json
import ssl
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from rostersync.simulator.bundle import Bundle, read_csv
from rostersync.simulator.district import District
from rostersync.simulator.events import COLLECTIONS
from rostersync.simulator.faults import NAMES, Faults
from rostersync.simulator.server import Simulator
from support.simulated import Client, everything, ids, simulated

SAMPLES = Path(__file__).parents[3] / "shared" / "samples"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with simulated() as running:
        yield running


@pytest.fixture
def client(simulator: Simulator) -> Iterator[Client]:
    with Client(simulator) as connected:
        yield connected


# -- tokens -----------------------------------------------------------------------------------------------------


def credentials(simulator: Simulator) -> dict[str, str]:
    return {
        "grant_type": "client_credentials",
        "client_id": simulator.client_id,
        "client_secret": simulator.client_secret,
    }


def placed(simulator: Simulator, where: str) -> dict[str, Any]:
    both = credentials(simulator)
    basic = base64.b64encode(f"{simulator.client_id}:{simulator.client_secret}".encode()).decode()
    return {
        "form": {"data": both},
        "query": {"params": both},
        "basic": {"data": {"grant_type": "client_credentials"}, "headers": {"Authorization": f"Basic {basic}"}},
    }[where]


@pytest.mark.parametrize("where", ["form", "query", "basic"])
def test_a_token_is_given_for_credentials_in_any_place(simulator: Simulator, where: str) -> None:
    answer = httpx.post(simulator.token_url, **placed(simulator, where))
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"request_id", "access_token", "token_type", "expiration", "expires_in", "scope"}
    assert len(body["access_token"]) == 64
    assert body["expires_in"] == 2462
    again = httpx.post(simulator.token_url, **placed(simulator, where)).json()
    assert again["access_token"] == body["access_token"], "a token with life in it is given again"


@pytest.mark.parametrize("needed", ["form", "query", "basic"])
def test_a_server_may_want_the_credentials_in_one_place_only(simulator: Simulator, needed: str) -> None:
    simulator.add_fault(f"credentials:{needed}")
    for where in ("form", "query", "basic"):
        assert httpx.post(simulator.token_url, **placed(simulator, where)).status_code == (
            200 if where == needed else 401
        )


def test_a_server_may_want_a_scope_or_the_cookie_again(simulator: Simulator) -> None:
    simulator.add_fault("credentials:scope")
    assert httpx.post(simulator.token_url, data=credentials(simulator)).status_code == 400
    assert httpx.post(simulator.token_url, data=credentials(simulator) | {"scope": "*"}).status_code == 200
    simulator.clear_faults()
    simulator.add_fault("credentials:cookie")
    with Client(simulator) as client:
        assert client.page("orgs").status_code == 200
        client.cookies.clear()
        assert client.page("orgs").status_code == 401


def test_wrong_credentials_and_missing_tokens_get_401(simulator: Simulator) -> None:
    wrong = credentials(simulator) | {"client_secret": "guess"}
    assert httpx.post(simulator.token_url, data=wrong).status_code == 401
    assert httpx.post(simulator.token_url, data={"grant_type": "password"}).status_code == 400
    for headers in ({}, {"Authorization": "Bearer guess"}, {"Authorization": "Basic guess"}):
        assert httpx.get(f"{simulator.url}/orgs", headers=headers).status_code == 401


def test_a_token_expires_and_a_new_one_is_given() -> None:
    with simulated(10, token_lifetime=0.2) as simulator, Client(simulator) as client:
        assert client.page("orgs").status_code == 200
        deadline = time.monotonic() + 10
        while client.page("orgs").status_code == 200 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert client.page("orgs").status_code == 401
        with Client(simulator) as renewed:
            assert renewed.page("orgs").status_code == 200


# -- pages ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [7, 100, 5000])
def test_all_pages_together_are_the_collection(simulator: Simulator, client: Client, limit: int) -> None:
    for collection in COLLECTIONS:
        rows = client.all(collection, limit=limit)
        assert [row["sourcedId"] for row in rows] == ids(simulator.roster, collection)


def test_a_page_says_where_the_rest_is(client: Client) -> None:
    answer = client.page("users", limit=10, offset=5)
    body = answer.json()
    assert set(body) == {"users", "pagination", "total"}
    assert answer.headers["X-Total-Count"] == str(body["total"])
    assert len(body["users"]) == 10
    following = client.get(body["pagination"]["next"]).json()["users"]
    assert following == client.page("users", limit=10, offset=15).json()["users"]
    last = client.page("users", limit=10, offset=body["total"] - 3).json()
    assert (len(last["users"]), last["pagination"]["next"]) == (3, "")
    beyond = client.page("users", limit=10, offset=body["total"] + 3).json()
    assert (beyond["users"], beyond["pagination"]["next"]) == ([], "")
    assert len(client.page("users").json()["users"]) == 100, "the standard's default"


def test_backwards_and_bad_questions(client: Client) -> None:
    up = [o["sourcedId"] for o in client.page("classes", sort="sourcedId", orderBy="asc", limit=500).json()["classes"]]
    down = client.page("classes", sort="sourcedId", orderBy="desc", limit=500).json()["classes"]
    assert [o["sourcedId"] for o in down] == up[::-1] == sorted(up, reverse=True)
    assert client.page("classes", sort="title").status_code == 200
    for bad in ({"limit": 0}, {"limit": "x"}, {"offset": -1}, {"filter": "role='student'"}):
        answer = client.page("classes", **bad)
        assert answer.status_code == 400
        assert "classes" not in answer.json()
    assert client.page("pupils").status_code == 404
    assert client.get(f"{client.service}x/orgs").status_code == 404


def test_parts_of_collections_have_the_keys_of_the_whole(simulator: Simulator, client: Client) -> None:
    for part, key, test in (
        ("schools", "orgs", lambda r: r["type"] == "school"),
        ("students", "users", lambda r: r["role"] == "student"),
        ("teachers", "users", lambda r: r["role"] in ("teacher", "aide")),
        ("terms", "academicSessions", lambda r: r["type"] != "schoolYear"),
    ):
        rows = client.all(part, key)
        assert rows
        assert [r["sourcedId"] for r in rows] == [r["sourcedId"] for r in everything(simulator.roster, key) if test(r)]


def test_single_records_and_404_for_a_user_without_demographics(simulator: Simulator, client: Client) -> None:
    with_demographics = set(ids(simulator.roster, "demographics"))
    students = ids(simulator.roster, "students")
    lacking = [s for s in students if s not in with_demographics]
    assert lacking
    assert client.get(f"{client.service}/demographics/{lacking[0]}").status_code == 404
    found = client.get(f"{client.service}/demographics/{min(with_demographics)}").json()
    assert found["demographics"]["sourcedId"] == min(with_demographics)
    assert client.get(f"{client.service}/users/{students[0]}").json()["user"]["role"] == "student"
    assert client.get(f"{client.service}/students/{students[0]}").json()["user"]["sourcedId"] == students[0]
    teacher = ids(simulator.roster, "teachers")[0]
    assert client.get(f"{client.service}/students/{teacher}").status_code == 404


def test_focus_sends_one_role_dashed_uuids_and_nulls(client: Client) -> None:
    users = client.all("users")
    assert {type(u["role"]) for u in users} == {str}
    assert all(len(u["sourcedId"]) == 36 and u["sourcedId"].count("-") == 4 for u in users)
    students = [u for u in users if u["role"] == "student"]
    assert all(u["metadata"]["stateId"] and u["metadata"]["lunchStatus"] is None for u in students)
    assert {u["middleName"] is None for u in students} == {True, False}
    assert all("/schools/" in u["orgs"][0]["href"] for u in students)


def test_oneroster_1_2_has_roles_links_and_no_body_paging() -> None:
    with simulated(version="1.2") as simulator, Client(simulator) as client:
        assert simulator.url.endswith("/rostering/v1p2")
        answer = client.page("users", limit=10)
        assert set(answer.json()) == {"users"}
        assert answer.headers["X-Total-Count"] == str(simulator.roster.total("users"))
        following = client.get(answer.links["next"]["url"]).json()["users"]
        assert following == client.page("users", limit=10, offset=10).json()["users"]
        users = client.page("users", limit=5000).json()["users"]
        assert not any("role" in u or "orgs" in u for u in users)
        assert all(sum(r["roleType"] == "primary" for r in u["roles"]) == 1 for u in users)
        assert {u["enabledUser"] for u in users} == {"true"}
        assert {r["role"] for u in users for r in u["roles"]} >= {"student", "teacher", "parent", "siteAdministrator"}


# -- days and events --------------------------------------------------------------------------------------------


def control(simulator: Simulator, what: str, order: dict[str, Any]) -> httpx.Response:
    return httpx.post(f"{simulator.origin}/_simulator/{what}", content=json.dumps(order))


def test_days_and_events_are_changed_while_it_runs(simulator: Simulator, client: Client) -> None:
    monday = client.all("students", "users")
    assert control(simulator, "day", {}).json()["day"] == 1
    assert control(simulator, "day", {"day": 30}).json()["day"] == 30
    assert client.all("students", "users") != monday
    control(simulator, "day", {"day": 0})
    assert client.all("students", "users") == monday
    state = control(simulator, "event", {"event": "wiped-table:users"}).json()
    assert state["events"] == {"wiped": ["users"]}
    assert client.page("users").json() == {"users": [], "pagination": {"next": ""}, "total": 0}
    control(simulator, "event", {"clear": True})
    assert client.all("students", "users") == monday
    assert httpx.get(f"{simulator.origin}/_simulator").json()["totals"]["orgs"] == 2


@pytest.mark.parametrize(
    ("what", "order"),
    [
        ("day", {"day": -1}),
        ("day", {"day": "x"}),
        ("event", {"event": "fire"}),
        ("fault", {"fault": "fire"}),
        ("x", {}),
    ],
)
def test_a_wrong_order_is_refused_and_changes_nothing(
    simulator: Simulator, client: Client, what: str, order: dict[str, Any]
) -> None:
    before = client.all("users")
    answer = control(simulator, what, order)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert client.all("users") == before


# -- faults -----------------------------------------------------------------------------------------------------

STATUSES = {
    "429": 429,
    "429:none": 429,
    "500": 500,
    "502": 502,
    "503": 503,
    "504": 504,
    "403": 403,
    "404": 404,
    "limit-refused:20": 400,
    "limit-fails:20": 500,
    "echo-names": 500,
    "token-expiry": 401,
}


@pytest.mark.parametrize(("fault", "status"), STATUSES.items())
def test_faults_that_are_a_status(simulator: Simulator, client: Client, fault: str, status: int) -> None:
    control(simulator, "fault", {"fault": f"{fault},after=1,once"})
    answers = [client.page("users", limit=50) for _ in range(3)]
    assert [a.status_code for a in answers] == [200, status, 401 if fault == "token-expiry" else 200]
    struck = answers[1]
    assert struck.headers.get("Retry-After") == ("1" if fault == "429" else None)
    assert struck.headers["Content-Type"] == ("text/html" if status in (502, 504) else "application/json")
    if fault == "echo-names":
        assert all(u["familyName"] in struck.text for u in answers[0].json()["users"][:5])
    assert [seen.status for seen in simulator.requests][-2] == status


def test_small_limits_pass_where_large_ones_fail(simulator: Simulator, client: Client) -> None:
    simulator.add_fault("limit-fails:20")
    assert client.page("users", limit=20).status_code == 200


def test_a_truncated_page_is_not_json_or_ends_early(simulator: Simulator, client: Client) -> None:
    simulator.add_fault("truncated,once")
    with pytest.raises(json.JSONDecodeError):
        client.page("users").json()
    simulator.add_fault("truncated:wire,once")
    with pytest.raises(httpx.RemoteProtocolError):
        client.page("users")
    simulator.add_fault("disconnect,once")
    with pytest.raises(httpx.RemoteProtocolError):
        client.page("users")
    assert client.page("users").status_code == 200


def test_200_that_is_no_page(simulator: Simulator, client: Client) -> None:
    simulator.add_fault("html,once")
    assert client.page("users").headers["Content-Type"] == "text/html"
    simulator.add_fault("missing-envelope,once")
    assert "users" not in client.page("users").json()


def test_totals_that_are_wrong_or_absent(simulator: Simulator, client: Client) -> None:
    true = simulator.roster.total("users")
    for fault, total in (("wrong-total", true + 7), ("wrong-total:-3", true - 3)):
        simulator.add_fault(f"{fault},once")
        answer = client.page("users")
        assert (answer.json()["total"], answer.headers["X-Total-Count"]) == (total, str(total))
    simulator.add_fault("no-totals,once")
    answer = client.page("users")
    assert "total" not in answer.json()
    assert "X-Total-Count" not in answer.headers


def pull(client: Client, limit: int) -> list[str]:
    """Advances by rows received, until an empty page."""
    received: list[str] = []
    while rows := client.page("users", limit=limit, offset=len(received), sort="sourcedId").json()["users"]:
        received += [row["sourcedId"] for row in rows]
    return received


def test_pages_may_be_short_without_anything_being_lost(simulator: Simulator, client: Client) -> None:
    simulator.add_fault("short-pages:13")
    simulator.add_fault("next:off")
    assert len(client.page("users", limit=50).json()["users"]) == 13
    assert pull(client, 50) == ids(simulator.roster, "users")


def test_duplicates_over_pages_push_other_rows_out(simulator: Simulator, client: Client) -> None:
    simulator.add_fault("duplicate-rows")
    total = simulator.roster.total("users")
    received = pull(client, 50)[:total]
    assert max(Counter(received).values()) == 2
    assert set(received) < set(ids(simulator.roster, "users"))


def test_orders_that_are_none(simulator: Simulator, client: Client) -> None:
    expected = ids(simulator.roster, "users")
    simulator.add_fault("unsorted")
    received = pull(client, 50)
    assert received != expected
    assert sorted(received) == expected
    assert pull(client, 50) == received
    simulator.clear_faults()
    simulator.add_fault("unstable-order")
    unstable = pull(client, 50)
    assert len(unstable) == len(expected)
    assert set(unstable) != set(expected)


def test_a_slow_server_waits(simulator: Simulator, client: Client) -> None:
    simulator.add_fault("slow:150")
    begun = time.monotonic()
    client.page("orgs")
    assert time.monotonic() - begun >= 0.15


@pytest.mark.parametrize("style", ["standard", "bare", "relative", "off-by-one", "internal"])
def test_link_headers_in_every_style(simulator: Simulator, client: Client, style: str) -> None:
    simulator.add_fault(f"links:{style}")
    answer = client.page("users", limit=10)
    assert "pagination" not in answer.json()
    following = answer.headers["Link"]
    assert ("<" in following) == (style not in ("bare", "off-by-one"))
    assert (f"{simulator.origin}/" in following) == (style in ("standard", "bare", "off-by-one"))
    assert ("offset=11" in following) == (style == "off-by-one")
    assert 'rel="next"' in following
    assert 'rel="next"' not in client.page("users", limit=10, offset=10_000).headers["Link"]


def test_nothing_may_say_where_the_rest_is() -> None:
    with simulated(version="1.2", faults=["links:none", "no-totals"]) as simulator, Client(simulator) as client:
        answer = client.page("users", limit=10)
        assert set(answer.json()) == {"users"}
        assert not {"link", "x-total-count"} & set(answer.headers)
        assert pull(client, 50) == ids(simulator.roster, "users")


def test_next_may_be_relative(simulator: Simulator, client: Client) -> None:
    simulator.add_fault("next:relative")
    following = client.page("users", limit=10).json()["pagination"]["next"]
    assert following.startswith("/focus/")
    assert (
        client.get(simulator.origin + following).json()["users"]
        == client.page("users", limit=10, offset=10).json()["users"]
    )


def test_the_permissions_revision_changes_mid_pull(simulator: Simulator, client: Client) -> None:
    simulator.add_fault("perm-rev,after=2,once")
    revisions = [client.page("users").headers["X-Perm-Rev"] for _ in range(4)]
    assert revisions == ["100", "100", "101", "101"]


def test_values_as_odd_as_others_send_them(simulator: Simulator, client: Client) -> None:
    plain = client.all("enrollments")
    simulator.add_fault("null-references")
    nulled = client.all("enrollments")
    assert len(nulled) == len(plain)
    for key in ("class", "user", "school"):
        assert 0 < sum(row[key] is None for row in nulled) < len(plain) / 29
    simulator.clear_faults()
    simulator.add_fault("odd-values")
    assert {type(u["enabledUser"]) for u in client.all("users")} == {str, int}
    assert client.all("academicSessions")[0]["schoolYear"] == "2026-2027"
    simulator.clear_faults()
    simulator.add_fault("passwords")
    simulator.add_fault("odd-casing")
    user = client.all("users")[0]
    assert user["password"]
    assert "SourcedId" in user
    assert "sourcedId" not in user


def test_hidden_rows_are_in_no_total_and_still_there_by_id(simulator: Simulator, client: Client) -> None:
    every = ids(simulator.roster, "users")
    simulator.add_fault("hide:10,on=users")

    page = client.page("users", limit=500)
    sent = {user["sourcedId"] for user in client.all("users", limit=50)}

    assert int(page.headers["X-Total-Count"]) == page.json()["total"] == len(sent) == len(every) - 10
    hidden = sorted(set(every) - sent)
    assert len(hidden) == 10
    assert client.get(f"{client.service}/users/{hidden[0]}").json()["user"]["sourcedId"] == hidden[0]


def test_single_records_lie_on_request(simulator: Simulator, client: Client) -> None:
    one, other = ids(simulator.roster, "users")[:2]
    simulator.add_fault("by-id:active")
    assert client.get(f"{client.service}/users/nobody").json()["user"] == {"sourcedId": "nobody", "status": "active"}
    simulator.clear_faults()
    simulator.add_fault("by-id:another")
    assert client.get(f"{client.service}/users/{one}").json()["user"]["sourcedId"] == other
    simulator.clear_faults()
    simulator.add_fault("by-id:405")
    assert client.get(f"{client.service}/users/{one}").status_code == 405
    assert client.page("users").is_success


def test_every_fault_has_been_switched_on_above() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert not [name for name in NAMES if f'"{name}' not in source]
    assert Faults().striking("orgs") == {}


# -- bundles, TLS -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sample", ["district-small", "classlink-style"])
def test_a_bundle_is_served_whole(sample: str) -> None:
    folder = SAMPLES / sample
    if not folder.is_dir():
        pytest.skip("the sample bundles are not here")
    with Simulator(Bundle(folder)) as simulator, Client(simulator) as client:
        for collection in COLLECTIONS:
            sent = {row["sourcedId"] for row in client.all(collection, limit=50)}
            assert sent == {row["sourcedId"] for row in read_csv(folder / f"{collection}.csv")}
        assert control(simulator, "day", {}).status_code == 400
        assert control(simulator, "event", {"event": "mass-leave"}).status_code == 400
        control(simulator, "event", {"event": "wiped-table:enrollments"})
        assert client.page("enrollments").json()["total"] == 0


def test_a_body_in_chunks_is_read_as_a_whole(simulator: Simulator, client: Client) -> None:
    """As the API server of a cluster passes it on."""
    address = f"{simulator.origin}/_simulator/day"
    assert client.post(address, content=iter([b'{"da', b'y": 3}'])).status_code == 200
    assert client.post(f"{simulator.origin}/_simulator/event", content=iter([b""])).status_code == 400
    assert simulator.day == 3


def test_it_can_serve_something_else_from_now_on(simulator: Simulator, client: Client) -> None:
    simulator.add_event("wiped-table:users")
    simulator.serve(District(30, seed=99))
    assert client.page("students").json()["total"] == 30


def test_https(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    key.write_bytes(certificate.private_key_pem.bytes())
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with simulated(10, tls_cert=chain, tls_key=key) as simulator:
        assert simulator.url.startswith("https://")
        with Client(simulator, verify=context) as client:
            assert client.all("students", "users")
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{simulator.url}/orgs")
