"""Every kind of SIS on the command line, against the simulator in its profile: read, held, approved, delivered, restored."""

import json
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from rostersync.api.kinds import connection_model
from rostersync.plan import codec
from rostersync.simulator.server import Simulator
from rostersync.sources.network import Network
from rostersync.sources.profile import Login
from rostersync.sources.registry import open_source
from support.cli import Bench, name_of, reason_of
from support.simulated import everything
from support.sis import CAMPUS, CAMPUS_11, CAMPUS_SIGNED, FOCUS, ILLUMINATE, ILLUMINATE_SIGNED, SCOPES, SIS, SYSTEMS

WHY = ("--reason", "end of term", "--by", "dana")
FOLDER = {"name": "passport", "oneRosterCSV": {}, "directory": {"existingClaim": "passport"}}
EVERYTHING = [
    "School",
    "District",
    "Calendar",
    "Course",
    "Class",
    "Student",
    "Teacher",
    "Contact",
    "Admin",
    "Enrollment",
]


class Desk(Bench):
    """The command line with a connection to a system."""

    def __init__(self, folder: Path, simulator: Simulator, sis: SIS) -> None:
        super().__init__(folder, simulator)
        self.sis = sis
        self.keys = sis.secret(simulator)
        self.delivery: dict[str, Any] = {}

    def connection(self, **spec: Any) -> dict[str, Any]:
        made = super().connection(**spec)
        made["kind"] = self.sis.kind
        made["spec"]["deliveryConfig"] = self.sis.delivery_config(self.simulator, **self.delivery)
        return made

    def manifests_of(self, *objects: dict[str, Any]) -> list[str]:
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": self.sis.secret_name}}
        path = self.folder / "manifests.yaml"
        path.write_text(yaml.safe_dump_all([*objects, secret | {"stringData": self.keys}]))
        return ["-f", str(path)]


@contextmanager
def desk_at(sis: SIS, folder: Path, **options: Any) -> Iterator[Desk]:
    with sis.simulated(**options) as simulator:
        yield Desk(folder, simulator, sis)


@pytest.fixture(params=SYSTEMS, ids=lambda sis: sis.name)
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    with desk_at(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def campus(tmp_path: Path) -> Iterator[Desk]:
    with desk_at(CAMPUS, tmp_path) as made:
        yield made


def exported(desk: Desk, file: str) -> list[str]:
    bundle = desk.folder / "bundle"
    desk.call("export", "--to", str(bundle))
    return (bundle / file).read_text().splitlines()[1:]


def test_the_whole_way_of_a_roster(desk: Desk) -> None:
    """Test Connection, import, delivery, a day that is held, approval, verify, restore; all of it proved complete."""
    desk.call("check", *desk.manifests())
    first = desk.run(manifests=desk.manifests(deliveries=[FOLDER]))
    assert first["spec"]["connectionRef"] == {"kind": desk.sis.kind, "name": "springfield"}
    assert first["status"]["outcome"] == "Applied"
    assert len(exported(desk, "users.csv")) == len(everything(desk.simulator.roster, "users"))
    assert len(exported(desk, "enrollments.csv")) == len(everything(desk.simulator.roster, "enrollments"))
    [bundle] = (desk.state / "volumes" / "passport").iterdir()
    with zipfile.ZipFile(bundle) as opened:
        assert "users.csv" in opened.namelist()
    manifest = codec.read(desk.state / "artifacts" / name_of(first) / "plan")
    assert manifest.source == f"{desk.sis.prefix}springfield"

    assert reason_of(desk.run(manifests=desk.manifests(deliveries=[FOLDER]))) == "NoChanges"
    desk.simulator.add_event("mass-leave:30")
    held = desk.run(code=3)
    desk.call("approve", name_of(held), *WHY)
    assert len(exported(desk, "users.csv")) == len(everything(desk.simulator.roster, "users"))
    found = json.loads(desk.call("verify", name_of(held), "--output", "json").stdout)
    assert {point["result"] for point in found["points"]} <= {"Proved", "Unknown", "proved", "unknown"}

    desk.simulator.stop()
    restored = json.loads(desk.call("restore", name_of(held), "--quiet", "--output", "json", code=3).stdout)
    assert restored["spec"]["connectionRef"]["kind"] == desk.sis.kind
    desk.call("approve", name_of(restored), *WHY)
    assert desk.show(name_of(restored))["status"]["outcome"] == "Applied"


@pytest.mark.parametrize("sis", [CAMPUS, ILLUMINATE_SIGNED], ids=lambda sis: sis.name)
def test_what_simulate_prints_is_what_a_connection_needs(sis: SIS, tmp_path: Path) -> None:
    """In processes of their own, as a person starts them."""
    words = ("simulate", "--profile", sis.profile, "--students", "30", "--port", "0")
    python = (sys.executable, "-m", "rostersync")
    with subprocess.Popen([*python, *words], stdout=subprocess.PIPE, text=True) as serving:
        try:
            assert serving.stdout
            said = json.loads(serving.stdout.readline())
            assert (said["profile"], said["version"]) == (sis.profile, sis.version)
            delivery = {"serviceURL": said["url"], "insecureHTTP": True, "credentialsSecretRef": {"name": "c"}}
            delivery |= {"authentication": "OAuth1"} if sis.signed else {"authenticationURL": said["tokenURL"]}
            connection = {
                "apiVersion": "rostersync.dev/v1alpha1",
                "kind": sis.kind,
                "metadata": {"name": "springfield"},
                "spec": {"termsOfUse": {"accepted": True}, "deliveryConfig": delivery},
            }
            keys = {key: said[key] for key in ("clientID", "clientSecret", "userKey", "userSecret") if key in said}
            secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "c"}, "stringData": keys}
            manifests = tmp_path / "manifests.yaml"
            manifests.write_text(yaml.safe_dump_all([connection, secret]))
            run = (*python, "run", "-f", str(manifests), "--state", str(tmp_path / "state"), "-o", "json", "--quiet")
            done = subprocess.run(run, capture_output=True, text=True, check=False)
        finally:
            serving.terminate()
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"]["outcome"] == "Applied"
    assert serving.returncode == 0


def test_nothing_was_refused_on_the_way(desk: Desk) -> None:
    """No request is wrong, too large or one too many for the system as it is."""
    desk.run()
    assert Counter(seen.status for seen in desk.simulator.requests if seen.status != 200) == {}


@pytest.mark.parametrize("sis", [s for s in SYSTEMS if s is not FOCUS and not s.signed], ids=lambda sis: sis.name)
def test_tokens_come_from_where_the_system_gives_them(sis: SIS, tmp_path: Path) -> None:
    """Its query is kept: without it, there is none."""
    with desk_at(sis, tmp_path) as desk:
        assert "?" in desk.simulator.token_url
        desk.call("check", *desk.manifests())
        posted = [seen.path for seen in desk.simulator.requests if seen.method == "POST"]
    assert posted == [desk.simulator.token_path]


def test_campus_gets_at_most_five_requests_at_once_and_uses_all_of_them(campus: Desk) -> None:
    campus.simulator.add_fault("slow:40")
    campus.delivery = {"pageSize": 20}
    campus.run()
    assert campus.simulator.busiest == 5
    assert {seen.status for seen in campus.simulator.requests} == {200}


def test_campus_is_asked_for_large_pages(campus: Desk) -> None:
    campus.run()
    assert next(seen.query["limit"] for seen in campus.simulator.requests if seen.path.endswith("/users")) == "2000"


def test_the_largest_page_that_can_be_asked_for_is_one_that_campus_gives(campus: Desk) -> None:
    campus.delivery = {"pageSize": 10_000}
    campus.run()
    assert {seen.status for seen in campus.simulator.requests} == {200}


def test_demographics_without_their_scope_say_which_one_is_missing(campus: Desk) -> None:
    """Nothing else of the import depends on it. With the scope, they come."""
    spec = {"entities": [*EVERYTHING, "Demographics"]}
    told = campus.call("run", *campus.manifests(**spec), "--quiet").output
    assert SCOPES[1] in told
    assert "deliveryConfig.scope" in told

    campus.delivery = {"scope": " ".join(SCOPES)}
    campus.run(manifests=campus.manifests(**spec))
    assert len(exported(campus, "demographics.csv")) == len(everything(campus.simulator.roster, "demographics"))


def test_going_from_11_to_12_is_held(tmp_path: Path) -> None:
    """Campus gives everybody another id in 1.2, so that all of them would be replaced."""
    with desk_at(CAMPUS_11, tmp_path) as older:
        older.run()
    with desk_at(CAMPUS, tmp_path) as newer:
        newer.simulator.add_event("ids-reissued:users")
        held = newer.run(code=3)
    assert {"SourceChanged", "ReKeyed"} <= {hold["reason"] for hold in held["status"]["holds"]}


def test_the_token_address_of_11_follows_from_the_service_address(tmp_path: Path) -> None:
    with desk_at(CAMPUS_11, tmp_path) as desk:
        made = desk.connection()
        del made["spec"]["deliveryConfig"]["authenticationURL"]
        desk.run(manifests=desk.manifests_of(made))


def test_a_token_of_illuminate_comes_from_its_own_host(tmp_path: Path) -> None:
    """Nothing but the service URL is given; the name leads to this machine."""
    host, authority = "springfield.illuminateed.com", trustme.CA()
    authority.issue_cert(host).private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    with desk_at(ILLUMINATE, tmp_path, tls_cert=tmp_path / "server.pem") as desk:
        made = desk.connection()
        made["spec"]["deliveryConfig"] = {
            "serviceURL": desk.simulator.url.replace("127.0.0.1", host),
            "credentialsSecretRef": {"name": "c"},
        }
        login = Login(desk.keys, "a Secret")
        here = Network(resolve=lambda name, port: ["127.0.0.1"] if name == host else [])
        connection = connection_model(made).model_validate(made)
        source = open_source(connection, login, authority.cert_pem.bytes().decode(), here)
        source.check()
        source.close()
        assert {seen.status for seen in desk.simulator.requests} == {200}
        assert desk.simulator.requests[0].path == "/live/"


@pytest.mark.parametrize("key", ["userKey", "userSecret"])
def test_illuminates_signatures_need_four_keys(key: str, tmp_path: Path) -> None:
    with desk_at(ILLUMINATE_SIGNED, tmp_path) as desk:
        del desk.keys[key]
        told = desk.call("run", *desk.manifests(), "--quiet", code=None).output
    assert f"has no value for {key}; it needs the keys clientID, clientSecret, userKey and userSecret" in told


@pytest.mark.parametrize("sis", [CAMPUS_SIGNED, ILLUMINATE_SIGNED], ids=lambda sis: sis.name)
def test_a_signature_with_a_wrong_secret_names_the_keys(sis: SIS, tmp_path: Path) -> None:
    with desk_at(sis, tmp_path) as desk:
        last = [*desk.keys][-1]
        desk.keys[last] = "not-the-secret"
        told = desk.call("run", *desk.manifests(), "--quiet", code=1).output
    keys = "clientID, clientSecret, userKey and userSecret" if len(desk.keys) == 4 else "clientID and clientSecret"
    assert f"check Secret default/{sis.secret_name}, keys {keys}" in told
    assert "not-the-secret" not in told


def test_another_user_of_illuminate_is_another_client(tmp_path: Path) -> None:
    """What may be read depends on the user, so the first plan with another one is held."""
    with desk_at(ILLUMINATE_SIGNED, tmp_path) as desk:
        desk.run()
        desk.simulator.user_key = desk.keys["userKey"] = "ANOTHER-USER"
        desk.simulator.add_event("mass-leave:3")
        held = desk.run(code=3)
    assert "SourceChanged" in {hold["reason"] for hold in held["status"]["holds"]}


def test_keys_of_illuminates_user_may_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with desk_at(ILLUMINATE_SIGNED, tmp_path) as desk:
        for name, value in (
            ("CLIENT_ID", desk.keys["clientID"]),
            ("CLIENT_SECRET", desk.keys["clientSecret"]),
            ("USER_KEY", desk.keys["userKey"]),
            ("USER_SECRET", desk.keys["userSecret"]),
        ):
            monkeypatch.setenv(f"ROSTERSYNC_{name}", value)
        path = desk.folder / "connection.yaml"
        path.write_text(yaml.safe_dump(desk.connection()))
        desk.run(manifests=["-f", str(path)])


def test_a_kind_is_told_apart_by_its_name_on_the_command_line(tmp_path: Path) -> None:
    """One state folder, one name, three kinds, three districts: each has its own runs."""
    for number, sis in enumerate((FOCUS, CAMPUS, ILLUMINATE)):
        with desk_at(sis, tmp_path) as desk:
            desk.run(manifests=desk.manifests(district=f"district-{number}"))
    for typed, kind in (("springfield", FOCUS), ("iccon/springfield", CAMPUS), ("ilcon/springfield", ILLUMINATE)):
        listed = json.loads(desk.call("runs", "--connection", typed, "--output", "json").stdout)["items"]
        assert [run["spec"]["connectionRef"]["kind"] for run in listed] == [kind.kind]
    assert "iccon" in desk.call("runs", "--connection", "cron/springfield", code=None).output


def test_a_district_has_one_source_of_whatever_kind(tmp_path: Path) -> None:
    """Another kind has another sourceID, so its records would be a second source's."""
    with desk_at(FOCUS, tmp_path) as desk:
        desk.run()
    with desk_at(CAMPUS, tmp_path) as desk:
        told = desk.call("run", *desk.manifests(district="springfield"), "--quiet", code=1).output
    assert "StoreHasOtherSource" in told, told
