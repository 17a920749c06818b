"""What only a bucket can do: a real gateway with other buckets, other clocks, and a line that is cut.

Some 300 lines, since all of it shares one gateway and what stands between it and us.
"""

import hashlib
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import trustme

import rostersync.buckets.bucket
from rostersync.buckets.bucket import PART
from rostersync.deliveries.object_storage import OBJECT_STORAGE as PLACE
from rostersync.deliveries.port import Receiver
from rostersync.errors import Permanent, Retryable, RostersyncError
from support.between import between
from support.cluster.debian import need
from support.commands import until
from support.gateway import KEY, Gateway, gateway
from support.places import bundle, receiver

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("gateway")) as running:
        yield running


def to(server: Gateway, path: str = "/springfield", **storage: Any) -> Receiver:
    return receiver({"name": "feed", "oneRosterCSV": {}, "objectStorage": server.storage(path, **storage)}, KEY)


def refused(to: Receiver, kind: type[RostersyncError] = Permanent) -> RostersyncError:
    with pytest.raises(kind) as error:
        PLACE.probe(to)
    assert KEY["secretAccessKey"] not in f"{error.value} {error.value.detail}"
    return error.value


@pytest.mark.parametrize(("path", "folder"), [("", ""), ("/", ""), ("/a", "a/"), ("/a/b-c/", "a/b-c/")])
def test_keys_are_below_the_path(server: Gateway, tmp_path: Path, path: str, folder: str) -> None:
    PLACE.send(to(server, path), bundle(tmp_path, 42))

    assert {f"{folder}springfield-000042.zip", f"{folder}latest.json"} <= server.objects().keys()


def test_latest_names_what_came_last(server: Gateway, tmp_path: Path) -> None:
    PLACE.send(to(server, "/latest"), bundle(tmp_path, 7, "orgs.csv", "manifest.csv"))
    latest = json.loads(server.objects()["latest/latest.json"])

    assert (latest["revision"], [file["key"] for file in latest["files"]]) == (
        7,
        ["000007/orgs.csv", "000007/manifest.csv"],
    )
    assert latest["at"].endswith("Z")
    PLACE.send(to(server, "/latest"), bundle(tmp_path, 8, "orgs.csv", "manifest.csv"))
    assert json.loads(server.objects()["latest/latest.json"])["revision"] == 8
    assert "latest/000007/orgs.csv" in server.objects()  # for whoever still reads it


def test_a_bucket_that_does_not_exist_is_not_made(server: Gateway) -> None:
    error = refused(to(server, url="s3://rostrs/springfield"))

    assert (error.reason, "s3://rostrs/springfield" in str(error)) == ("NoSuchBucket", True)
    assert not (server.bucket.parent / "rostrs").exists()


def test_another_region_is_said(server: Gateway) -> None:
    assert refused(to(server, region="eu-central-1")).reason == "WrongRegion"


@pytest.mark.parametrize("days", [-1, 1])
def test_a_clock_that_is_wrong_is_tried_again(server: Gateway, days: int, tmp_path: Path) -> None:
    need({"faketime": "faketime"}, "a test of a wrong clock")
    order = f"""
from support.places import receiver
from rostersync.deliveries.object_storage import OBJECT_STORAGE
try:
    OBJECT_STORAGE.probe(receiver({{"name": "feed", "oneRosterCSV": {{}}, "objectStorage": {server.storage()!r}}}, {KEY!r}))
except Exception as error:
    print(type(error).__name__, error.reason)
"""
    command = ["faketime", "-f", f"{days:+}d", sys.executable, "-c", order]
    tests = Path(__file__).parents[1]
    done = subprocess.run(
        command, cwd=tests, capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": "."}
    )

    assert done.stdout.split() == ["Retryable", "ClockSkewed"]


@pytest.mark.parametrize("answer", ["404 Not Found", "200 OK", "403 Forbidden", "405 Method Not Allowed"])
def test_a_server_that_does_not_speak_s3(answer: str) -> None:
    with answering(f"HTTP/1.1 {answer}\r\nContent-Length: 5\r\nContent-Type: text/html\r\n\r\n<htm>".encode()) as (
        port,
        _,
    ):
        where = {
            "url": "s3://b/p",
            "endpoint": f"http://127.0.0.1:{port}",
            "insecureHTTP": True,
            "secretRef": {"name": "s"},
        }
        error = refused(receiver({"name": "feed", "oneRosterCSV": {}, "objectStorage": where}, KEY))

    assert error.reason == "NotS3"


AUTHORITY, ANOTHER = trustme.CA(), trustme.CA()


def pem(*authorities: trustme.CA) -> str:
    return "\n".join(authority.cert_pem.bytes().decode() for authority in authorities)


@pytest.mark.parametrize("authority", [pem(AUTHORITY), pem(ANOTHER, AUTHORITY)])
def test_a_bucket_of_an_authority_of_its_own(tmp_path: Path, authority: str) -> None:
    with gateway(tmp_path / "gateway", authority=AUTHORITY) as server:
        delivery = {"name": "feed", "oneRosterCSV": {}, "objectStorage": server.storage()}
        PLACE.send(receiver(delivery, KEY | {"ca.crt": authority}), bundle(tmp_path, 42))

        assert "springfield/springfield-000042.zip" in server.objects()
        assert refused(receiver(delivery, KEY)).reason == "CertificateNotTrusted"  # trusted by one bucket alone


LONG_AGO = {"not_before": datetime(2020, 1, 1, tzinfo=UTC), "not_after": datetime(2021, 1, 1, tzinfo=UTC)}
LATER = {"not_before": datetime(2090, 1, 1, tzinfo=UTC), "not_after": datetime(2091, 1, 1, tzinfo=UTC)}


@pytest.mark.parametrize(
    ("host", "dates", "authority", "reason", "words"),
    [
        ("127.0.0.1", {}, None, "CertificateNotTrusted", "under the key ca.crt of Secret s"),
        ("127.0.0.1", {}, pem(ANOTHER), "CertificateNotTrusted", "under the key ca.crt of Secret s"),
        ("127.0.0.1", {}, "not a certificate", "SecretIncomplete", "no certificate in PEM form under the key ca.crt"),
        ("127.0.0.1", {}, pem(AUTHORITY)[:300], "SecretIncomplete", "no certificate in PEM form under the key ca.crt"),
        ("other.example", {}, pem(AUTHORITY), "CertificateNotTrusted", "for another name"),
        ("127.0.0.1", LONG_AGO, pem(AUTHORITY), "CertificateNotTrusted", "has expired"),
        ("127.0.0.1", LATER, pem(AUTHORITY), "CertificateNotTrusted", "not valid yet"),
    ],
)
def test_a_certificate_that_is_not_trusted(
    tmp_path: Path, host: str, dates: dict[str, Any], authority: str | None, reason: str, words: str
) -> None:
    AUTHORITY.issue_cert(host, **dates).private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pem")
    secret = KEY if authority is None else KEY | {"ca.crt": authority}
    with answering(b"HTTP/1.1 200 OK\r\n\r\n", context) as (port, _):
        where = {"url": "s3://b/p", "endpoint": f"https://127.0.0.1:{port}", "secretRef": {"name": "s"}}
        error = refused(receiver({"name": "feed", "oneRosterCSV": {}, "objectStorage": where}, secret))

    assert (error.reason, words in str(error)) == (reason, True), str(error)


@pytest.mark.parametrize("at", [1, 200, 1000, 100_000, 1_000_000])
def test_a_line_that_is_cut_at_a_byte(server: Gateway, tmp_path: Path, at: int) -> None:
    with between(server.port, cut_after=at) as line, pytest.raises(Retryable) as error:
        PLACE.send(
            to(server, f"/cut-{at}", endpoint=f"http://127.0.0.1:{line.port}"), bundle(tmp_path, 1, size=2 * MIB)
        )

    assert error.value.reason == "ConnectionLost"
    assert not [key for key in server.objects() if key.startswith(f"cut-{at}/")]


@pytest.fixture
def hurried() -> Iterator[None]:
    """A part of 8 MiB has three seconds, and small requests have one."""
    with patch.multiple(rostersync.buckets.bucket, _ANSWER=1, _FLOOR=4 * MIB):
        yield


def parts_left(server: Gateway, key: str) -> list[Path]:
    """Parts of one object: a server that stood still, in another test, keeps what it had."""
    folder = server.bucket / ".sgwtmp/multipart" / hashlib.sha256(key.encode()).hexdigest()
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_large_bundle_goes_up_in_parts(server: Gateway, tmp_path: Path) -> None:
    made = bundle(tmp_path, 1, size=20 * MIB + 7)
    PLACE.send(to(server, "/large"), made)

    assert server.objects()["large/springfield-000001.zip"] == made.files[0].read_bytes()
    assert parts_left(server, "large/springfield-000001.zip") == []


@pytest.mark.parametrize("size", [2 * MIB, 30 * MIB])
@pytest.mark.parametrize("behaviour", [{"dead_after": MIB}, {"rate": 1}, {"dead_after": 12 * MIB}])
def test_a_server_that_stands_still_is_noticed(
    server: Gateway, tmp_path: Path, hurried: None, size: int, behaviour: dict[str, int]
) -> None:
    folder = f"/still-{size}-{'-'.join(map(str, behaviour.values()))}"
    made = bundle(tmp_path, 1, size=size)
    with between(server.port, **behaviour) as line:
        receiver = to(server, folder, endpoint=f"http://127.0.0.1:{line.port}")
        if size < behaviour.get("dead_after", 0):
            PLACE.send(receiver, made)
            return
        begun = time.monotonic()
        with pytest.raises(Retryable) as error:
            PLACE.send(receiver, made)

    assert error.value.reason == "TimedOut"
    assert time.monotonic() - begun < 40
    assert not [key for key in server.objects() if key.startswith(folder[1:])]
    whole = behaviour.get("dead_after", 0) > PART  # nothing can take back a part of a server that is dead
    assert bool(parts_left(server, f"{folder[1:]}/springfield-000001.zip")) is whole


def test_a_server_that_is_slow_but_steady_is_waited_for(server: Gateway, tmp_path: Path) -> None:
    """It takes longer than one request may, and each part has time enough."""
    made = bundle(tmp_path, 1, size=20 * MIB)
    slow = patch.multiple(rostersync.buckets.bucket, _ANSWER=1, _FLOOR=MIB)
    with slow, between(server.port, rate=2 * MIB) as line:
        PLACE.send(to(server, "/steady", endpoint=f"http://127.0.0.1:{line.port}"), made)

    assert server.objects()["steady/springfield-000001.zip"] == made.files[0].read_bytes()


def test_parts_of_a_bundle_that_fails_are_taken_back(server: Gateway, tmp_path: Path) -> None:
    """Every connection is cut within a part, so that none of them can end."""
    with between(server.port, cut_after=6 * MIB) as line, pytest.raises(Retryable) as error:
        PLACE.send(
            to(server, "/cut-parts", endpoint=f"http://127.0.0.1:{line.port}"), bundle(tmp_path, 1, size=30 * MIB)
        )

    assert error.value.reason == "ConnectionLost"
    # The server takes a moment to see that a connection was cut.
    until(lambda: not parts_left(server, "cut-parts/springfield-000001.zip"))


def test_an_address_that_a_job_may_not_contact(server: Gateway) -> None:
    assert refused(replace(to(server), refusal=lambda _: "a loopback address")).reason == "AddressRefused"


def test_keys_are_looked_for_nowhere_else(server: Gateway) -> None:
    """Neither the environment of the pod nor a cloud's metadata is asked, whether the keys of the Secret are right or not."""
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as (port, asked):
        other = f"http://127.0.0.1:{port}"
        environment = {
            "AWS_METADATA_ENDPOINT": other,
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": other,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": other,
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/keys",
            "AWS_ENDPOINT_URL": other,
            "AWS_ENDPOINT_URL_STS": other,
            "AWS_ENDPOINT": other,
            "AWS_ACCESS_KEY_ID": "AKIDOTHER",
            "AWS_SECRET_ACCESS_KEY": "other",
            "AWS_SESSION_TOKEN": "other",
            "AWS_DEFAULT_REGION": "eu-north-1",
            "AWS_REGION": "eu-north-1",
            "AWS_WEB_IDENTITY_TOKEN_FILE": __file__,
            "AWS_ROLE_ARN": "arn:aws:iam::1:role/other",
            "AWS_SKIP_SIGNATURE": "true",
            "AWS_BUCKET": "other",
        }
        with patch.dict(os.environ, environment):
            PLACE.probe(to(server))
            wrong = receiver(
                {"name": "feed", "oneRosterCSV": {}, "objectStorage": server.storage()}, KEY | {"secretAccessKey": "x"}
            )
            assert refused(wrong).reason == "CredentialsRefused"
        assert asked == []


@contextmanager
def answering(answer: bytes, context: Any = None) -> Iterator[tuple[int, list[bytes]]]:
    """A server that gives one answer, whatever it is asked; and what it was asked."""
    listener = socket.create_server(("127.0.0.1", 0))
    asked: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
                client = context.wrap_socket(client, server_side=True) if context else client
                asked.append(client.recv(65536))
                client.sendall(answer)
                client.close()
            except OSError:
                if listener.fileno() < 0:
                    return

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1], asked
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
