"""Host keys as people paste them, the names of files on their way, and the words for a place."""

import base64
from pathlib import Path
from typing import Any

import pytest

from rostersync.api.v1alpha1.deliveries import Delivery
from rostersync.deliveries import parts
from rostersync.deliveries.port import Bundle
from rostersync.deliveries.sftp import host_keys
from rostersync.deliveries.sftp.server import where
from rostersync.errors import Permanent


def key(kind: str = "ssh-ed25519", fill: bytes = b"k") -> str:
    blob = len(kind).to_bytes(4, "big") + kind.encode() + (32).to_bytes(4, "big") + fill * 32
    return f"{kind} {base64.b64encode(blob).decode()}"


ONE, RSA = key(), key("ssh-rsa")


@pytest.mark.parametrize(
    "text",
    [
        ONE,
        f"{ONE} root@server",
        f"upload.example {ONE}",
        f"[upload.example]:2222,192.0.2.1 {ONE} a comment of words",
        f"|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= {ONE}",
        f"# upload.example:22 SSH-2.0-OpenSSH_9.2p1\n\n  {ONE}  \n",
    ],
)
def test_a_key_with_or_without_what_stands_around_it(text: str) -> None:
    assert [found.kind for found in host_keys.pinned(text, "feed")] == ["ssh-ed25519"]


def test_several_keys_a_line_each() -> None:
    assert [found.kind for found in host_keys.pinned(f"{ONE}\nhost {RSA}\n", "feed")] == ["ssh-ed25519", "ssh-rsa"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no key"),
        ("# only a comment here", "has no key"),
        ("ssh-ed25519", "line 1"),
        (ONE[:-30], "line 1"),
        (f"{ONE}\nssh-rsa {ONE.split()[1]}", "line 2"),
        ("SHA256:abcdefghijklmnop", "line 1"),
        (f"@cert-authority * {ONE}", "@cert-authority, which is not supported"),
    ],
)
def test_what_is_no_key_is_said_with_its_line(text: str, words: str) -> None:
    with pytest.raises(Permanent, match=words) as error:
        host_keys.pinned(text, "feed")
    assert error.value.reason == "InvalidHostKey"


def test_a_server_is_first_asked_for_the_keys_that_are_pinned() -> None:
    assert host_keys.algorithms(host_keys.pinned(RSA, "feed"))[:3] == ["rsa-sha2-512", "rsa-sha2-256", "ssh-ed25519"]
    assert "ssh-rsa" not in host_keys.algorithms(host_keys.pinned(RSA, "feed"))


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        (".springfield-000042.zip.part-0123abcd", True),
        (".springfield-000007.zip.part-0123abcd", True),
        (".users.csv.part-0123abcd", True),
        (".rostersync-probe-0123abcd", True),
        (".rostersync-probe-0123abcd.renamed", True),
        ("springfield-000042.zip", False),
        ("users.csv", False),
        (".shelbyville-000007.zip.part-0123abcd", False),
        (".springfield-north-000007.zip.part-0123abcd", False),
        (".notes.csv.part-0123abcd", False),
        (".users.csv.part-0123abcdef", False),
        (".bashrc", False),
    ],
)
def test_what_a_killed_attempt_left(name: str, ours: bool) -> None:
    bundle = Bundle("springfield", 42, (Path("/s/users.csv"), Path("/s/springfield-000042.zip")))
    assert parts.left([name], bundle) == [name] * ours


def test_what_is_on_its_way_is_found_again() -> None:
    names = [parts.part_of("users.csv"), *parts.probe()]
    assert parts.left(names, Bundle("springfield", 1, (Path("/s/users.csv"),))) == sorted(names)


@pytest.mark.parametrize(
    ("sftp", "url"),
    [
        ({"host": "h.example"}, "sftp://h.example/"),
        ({"host": "h.example", "path": "/in/rosters"}, "sftp://h.example/in/rosters"),
        ({"host": "2001:db8::1", "port": 2222}, "sftp://[2001:db8::1]:2222/"),
    ],
)
def test_the_words_for_a_server(sftp: dict[str, Any], url: str) -> None:
    asked = {"name": "feed", "oneRosterCSV": {}, "sftp": {**sftp, "hostKey": ONE, "secretRef": {"name": "s"}}}
    assert where(Delivery.model_validate(asked)) == url
