"""What only an SFTP server can do: OpenSSH with other keys, other logins, fewer requests, and a line that is cut or slow."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest

from rostersync.deliveries.sftp import login, session
from rostersync.deliveries.sftp.deadlines import Deadlines
from rostersync.deliveries.sftp.kind import PLACE
from rostersync.errors import Permanent, Retryable, RostersyncError
from support.between import between
from support.places import DISTRICT, bundle, contents, receiver
from support.sftp import LOGIN, names, refused, to
from support.sshd import OTHER, UNFINISHED, UPLOAD, Sshd, sshd

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with sshd(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture(autouse=True)
def empty(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "server" in request.fixturenames:
        found = request.getfixturevalue("server")
        for name in (UPLOAD, UNFINISHED, OTHER):
            for left in found.seen(name).iterdir():
                left.unlink()


@contextmanager
def hurried(deadlines: Deadlines) -> Iterator[None]:
    with patch.object(login, "DEADLINES", deadlines), patch.object(session, "DEADLINES", deadlines):
        yield


# -- folders ----------------------------------------------------------------------------------------------------------


def test_a_folder_that_is_not_there_is_not_made(server: Sshd) -> None:
    error = refused(to(server, path="/uplaod"))

    assert (error.reason, "no folder /uplaod" in str(error)) == ("NoSuchFolder", True)
    assert "uplaod" not in os.listdir(server.seen(""))


def test_a_path_that_is_a_file(server: Sshd) -> None:
    (server.seen() / "roster").write_text("x")

    assert refused(to(server, path=f"/{UPLOAD}/roster")).reason == "NoSuchFolder"


def test_a_folder_that_may_not_be_written(server: Sshd) -> None:
    error = refused(to(server, path="/"))

    assert (error.reason, "denied it in folder /." in str(error)) == ("DeliveryRefused", True)


def test_unfinished_files_can_be_elsewhere(server: Sshd, tmp_path: Path) -> None:
    seen: set[str] = set()
    given = replace(
        to(server, tempDirectory=f"/{UNFINISHED}"), progress=lambda _, __: seen.update(names(server, UNFINISHED))
    )
    one = bundle(tmp_path, 1, size=3 * MIB)
    PLACE.send(given, one)

    assert names(server) == set(contents(one))
    assert names(server, UNFINISHED) == set()
    assert [name.partition(".part-")[0] for name in seen] == [f".{DISTRICT}-000001.zip"]


def test_elsewhere_must_be_on_the_same_disk(server: Sshd) -> None:
    error = refused(to(server, tempDirectory=f"/{OTHER}"), RostersyncError)

    assert (error.reason, "must be on one disk" in str(error)) == ("RenameRefused", True)
    assert names(server) == names(server, OTHER) == set()


# -- what a server does not offer -------------------------------------------------------------------------------------


def test_without_posix_rename_a_file_is_removed_and_the_next_one_renamed(tmp_path: Path) -> None:
    with sshd(tmp_path / "sshd", denied="posix-rename") as server:
        for size in (1000, 2000):
            one = bundle(tmp_path, 1, size=size)
            PLACE.send(to(server), one)
            assert names(server) == set(contents(one))
            assert (server.seen() / f"{DISTRICT}-000001.zip").read_bytes() == contents(one)[f"{DISTRICT}-000001.zip"]
        PLACE.probe(to(server))


def test_a_server_that_refuses_to_rename(tmp_path: Path) -> None:
    with sshd(tmp_path / "sshd", denied="posix-rename,rename") as server:
        error = refused(to(server))
        assert (error.reason, "refused it in folder /upload" in str(error)) == ("RenameRefused", True)
        with pytest.raises(Permanent):
            PLACE.send(to(server), bundle(tmp_path, 1))
        assert names(server) == set()


@pytest.mark.parametrize("denied", ["fsync", "statvfs", "readdir", "opendir", "setstat,fsetstat", "limits"])
def test_a_server_that_does_without(tmp_path: Path, denied: str) -> None:
    with sshd(tmp_path / "sshd", denied=denied) as server:
        one = bundle(tmp_path, 1)
        PLACE.send(to(server), one)
        assert names(server) == set(contents(one))


def test_a_disk_that_is_full_where_the_server_does_not_tell_how_much_room_there_is(tmp_path: Path) -> None:
    with sshd(tmp_path / "sshd", denied="statvfs", size="256k") as server:
        with pytest.raises(Retryable) as error:
            PLACE.send(to(server), bundle(tmp_path, 1, size=MIB))
        assert (error.value.reason, "Its disk may be full" in str(error.value)) == ("ReceiverFailed", True)
        assert names(server) == set()


# -- the line ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [1, 500, 1500, 2500, 4000, 40_000, 400_000, 900_000, 1_048_000])
def test_a_line_that_is_cut_at_a_byte(server: Sshd, tmp_path: Path, at: int) -> None:
    one = bundle(tmp_path, 1, size=MIB)
    with between(server.port, cut_after=at) as line, pytest.raises(Retryable) as error:
        PLACE.send(to(server, port=line.port), one)
    server.quiet()

    assert error.value.reason == "ConnectionLost"
    assert not any(name == f"{DISTRICT}-000001.zip" for name in names(server))
    PLACE.send(to(server), one)
    assert names(server) == set(contents(one))


@pytest.mark.parametrize("at", [1, 2500, 4000, 400_000])
def test_a_line_that_falls_silent(server: Sshd, tmp_path: Path, at: int) -> None:
    short = Deadlines(connect=1, login=1.5, answer=1, piece=1, leave=0.5)
    one = bundle(tmp_path, 1, size=MIB)
    with between(server.port, silent_after=at) as line, hurried(short), pytest.raises(Retryable) as error:
        PLACE.send(to(server, port=line.port), one)
    server.quiet()

    assert error.value.reason == "TimedOut"
    assert "did not answer in time" in str(error.value)


def test_a_server_that_takes_connections_and_says_nothing() -> None:
    import socket

    listener = socket.create_server(("127.0.0.1", 0))
    silent = {
        "host": "127.0.0.1",
        "port": listener.getsockname()[1],
        "secretRef": {"name": "feed"},
        "hostKey": _ANY_KEY,
    }
    began = time.monotonic()
    with hurried(Deadlines(login=1)):
        error = refused(receiver({"name": "feed", "oneRosterCSV": {}, "sftp": silent}, LOGIN), Retryable)
    listener.close()

    assert (error.reason, time.monotonic() - began < 5) == ("TimedOut", True)


_ANY_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJzS5WNLCbMdH+9y6kaKYD4xkK6Qm8yQb7mB7rW4hJmH"


def test_a_server_that_speaks_something_else() -> None:
    import socket

    def greet() -> None:
        client, _ = listener.accept()
        client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 2000)
        client.close()

    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=greet, daemon=True).start()
    other = {"host": "127.0.0.1", "port": listener.getsockname()[1], "secretRef": {"name": "feed"}, "hostKey": _ANY_KEY}
    error = refused(receiver({"name": "feed", "oneRosterCSV": {}, "sftp": other}, LOGIN), RostersyncError)
    listener.close()

    assert error.reason in ("NotSFTP", "ConnectionLost")


def test_a_slow_server_is_waited_for_and_says_how_far_it_is(server: Sshd, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    one = bundle(tmp_path, 1, size=3 * MIB)
    with between(server.port, rate=2 * MIB) as line:
        PLACE.send(replace(to(server, port=line.port), progress=lambda *each: told.append(each)), one)

    assert names(server) == set(contents(one))
    assert told == [(MIB, 3 * MIB), (2 * MIB, 3 * MIB), (3 * MIB, 3 * MIB)]


def test_a_server_that_is_slower_than_the_floor_is_given_up(server: Sshd, tmp_path: Path) -> None:
    one = bundle(tmp_path, 1, size=2 * MIB)
    with between(server.port, rate=MIB // 4) as line, hurried(Deadlines(piece=1)), pytest.raises(Retryable) as error:
        PLACE.send(to(server, port=line.port), one)
    server.quiet()

    assert (error.value.reason, "too slow" in str(error.value)) == ("TimedOut", True)


def test_a_name_without_an_address() -> None:
    where = {"host": "receiver.invalid", "secretRef": {"name": "feed"}, "hostKey": _ANY_KEY}
    error = refused(receiver({"name": "feed", "oneRosterCSV": {}, "sftp": where}, LOGIN), Retryable)

    assert (error.reason, "no address for the name receiver.invalid" in str(error)) == ("Unreachable", True)


def test_an_address_that_a_job_may_not_contact(server: Sshd) -> None:
    error = refused(replace(to(server), refusal=lambda _: "a loopback address"))

    assert (error.reason, "a loopback address" in str(error)) == ("AddressRefused", True)


def test_a_user_of_the_system_without_a_name_can_deliver(server: Sshd, tmp_path: Path) -> None:
    """A pod's user may be a number alone, and the library asks for its name."""
    with patch.dict(os.environ):
        for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
            os.environ.pop(name, None)
        with patch("pwd.getpwuid", side_effect=KeyError("no such user")):
            PLACE.probe(to(server))
