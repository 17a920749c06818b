"""Who may log in to an SFTP server and how, and whether it is the server that is pinned: asked of a real OpenSSH."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rostersync.deliveries.sftp.kind import PLACE
from rostersync.errors import Permanent
from support.between import between
from support.places import DISTRICT, bundle
from support.sftp import LOGIN, names, refused, to
from support.sshd import USER, Sshd, keygen, sshd


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with sshd(tmp_path_factory.mktemp("sshd"), host_keys=("ed25519", "rsa")) as running:
        yield running


# -- logins -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", [("-t", "ed25519"), ("-t", "rsa"), ("-t", "rsa", "-m", "PEM"), ("-t", "ecdsa", "-m", "PKCS8")]
)
@pytest.mark.parametrize("passphrase", ["", "open sesame"])
def test_every_usual_form_of_a_private_key(tmp_path: Path, kind: tuple[str, ...], passphrase: str) -> None:
    with sshd(
        tmp_path / "sshd", before=lambda made: keygen(*kind, "-f", made / "user_key", passphrase=passphrase)
    ) as server:
        key = server.user_key.read_text()
        PLACE.probe(to(server, {"user": f"{USER}\n", "privateKey": key, "passphrase": f"{passphrase}\n"}))
        if passphrase:
            for given, words in (({}, "which is not there"), ({"passphrase": "wrong"}, "cannot be opened")):
                error = refused(to(server, {"user": USER, "privateKey": key, **given}))
                assert (error.reason, words in str(error)) == ("PrivateKeyUnreadable", True)


@pytest.mark.parametrize(
    "text", ["no key", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----"]
)
def test_what_is_no_private_key_is_said_before_anything_is_contacted(server: Sshd, text: str) -> None:
    error = refused(to(server, {"user": USER, "privateKey": text}, port=1))

    assert (error.reason, "is no private key" in str(error)) == ("PrivateKeyUnreadable", True)


def test_a_key_that_the_server_does_not_know_is_refused(server: Sshd, tmp_path: Path) -> None:
    keygen("-t", "ed25519", "-f", tmp_path / "other")
    error = refused(to(server, {"user": USER, "privateKey": (tmp_path / "other").read_text()}))

    assert (error.reason, "user and privateKey of Secret feed" in str(error)) == ("CredentialsRefused", True)


def test_a_server_that_asks_as_it_asks_a_person(tmp_path: Path) -> None:
    with sshd(tmp_path / "sshd", asks=True) as server:
        PLACE.probe(to(server))
        assert refused(to(server, {"user": USER, "password": "wrong"})).reason == "CredentialsRefused"
        assert server.log.read_text().count("Failed keyboard-interactive/pam") == 1


def test_a_server_that_wants_both(tmp_path: Path) -> None:
    with sshd(tmp_path / "sshd", more="AuthenticationMethods publickey,password") as server:
        PLACE.probe(to(server, {**LOGIN, "privateKey": server.user_key.read_text()}))
        assert refused(to(server)).reason == "CredentialsRefused"


def test_with_both_the_key_is_tried_first_and_then_the_password(server: Sshd, tmp_path: Path) -> None:
    keygen("-t", "ed25519", "-f", tmp_path / "strange")
    key, strange = server.user_key.read_text(), (tmp_path / "strange").read_text()

    def accepted(secret: dict[str, str]) -> list[str]:
        before = len(server.log.read_text())
        PLACE.probe(to(server, secret))
        server.quiet()
        return re.findall(r"Accepted (\w+) for", server.log.read_text()[before:])

    assert accepted({"user": USER, "privateKey": key, "password": "wrong"}) == ["publickey"]
    assert accepted({**LOGIN, "privateKey": key}) == ["publickey"]
    assert accepted({**LOGIN, "privateKey": strange}) == ["password"]


def test_a_server_that_takes_no_passwords_says_so(tmp_path: Path) -> None:
    with sshd(tmp_path / "sshd", takes_passwords=False) as server:
        error = refused(to(server))

    assert (error.reason, "whether it wants a password or a key" in str(error)) == ("CredentialsRefused", True)


def test_a_wrong_password_is_tried_once(server: Sshd) -> None:
    before = server.log.read_text().count("Failed password")
    refused(to(server, {"user": USER, "password": "wrong"}))

    assert server.log.read_text().count("Failed password") == before + 1


def test_a_user_without_sftp(tmp_path: Path) -> None:
    with sshd(tmp_path / "sshd", more="MaxSessions 0") as server:
        assert refused(to(server)).reason == "NotSFTP"


# -- host keys --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_any_of_the_servers_keys_is_enough(server: Sshd, kind: str) -> None:
    PLACE.probe(to(server, hostKey=server.pinned(kind)))


def test_as_ssh_keyscan_prints_them(server: Sshd) -> None:
    scan = subprocess.run(
        ["ssh-keyscan", "-p", str(server.port), "127.0.0.1"], capture_output=True, text=True, check=True
    )

    PLACE.probe(to(server, hostKey=scan.stdout + scan.stderr))


def test_a_key_that_changed_under_way_is_shown_and_nothing_is_sent(tmp_path: Path) -> None:
    with sshd(tmp_path / "sshd", host_keys=("ed25519",)) as server:
        first = to(server)
        PLACE.send(first, bundle(tmp_path, 1))
        old = _fingerprint(server)
        server.end()
        server.new_host_key("ed25519")
        server.begin()

        with pytest.raises(Permanent) as error:
            PLACE.send(first, bundle(tmp_path, 2))

        assert error.value.reason == "HostKeyChanged"
        assert f"shows the host key {_fingerprint(server)}" in str(error.value)
        assert f"sftp.hostKey has {old}" in str(error.value)
        assert names(server) == {f"{DISTRICT}-000001.zip"}
        log = server.log.read_text()
        assert log.count("Accepted password") == 1
        both = first.delivery.sftp.hostKey + server.pinned()  # type: ignore[union-attr]
        PLACE.send(to(server, hostKey=both), bundle(tmp_path, 2))


def test_a_key_that_changes_between_two_connections_of_one_server_is_seen_by_the_second(tmp_path: Path) -> None:
    """The way to the server changes while it is used: what listens there shows another key from now on."""
    with sshd(tmp_path / "a") as right, sshd(tmp_path / "b") as wrong, between(right.port) as line:
        given = to(right, port=line.port)
        PLACE.probe(given)
        line.target = wrong.port

        assert refused(given).reason == "HostKeyChanged"
        assert names(wrong) == set()


def _fingerprint(server: Sshd) -> str:
    said = subprocess.run(
        ["ssh-keygen", "-lf", server.folder / "host_ed25519.pub"], capture_output=True, text=True, check=True
    )
    return f"{said.stdout.split()[1]} (ssh-ed25519)"
