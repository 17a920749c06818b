"""What is around rostersync in a district: a database and the receiver of rosters, both in the cluster (deploy/demo/servers).

Keys, certificates and passwords are made anew each time, and are nowhere but in the cluster's Secrets.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from support.cluster.certificates import SERVES, Authority

FOLDER = Path(__file__).parents[3] / "deploy" / "demo" / "servers"
NAMESPACE = "rosters"
USER, UPLOAD = "school-passport", "/upload"
_DATABASE, _RECEIVER = "postgres.rosters", "school-passport.rosters"
_IMAGE, _NO_KEY = "image: rostersync-servers", "the-demo-writes-the-key-of-its-server-here"


@dataclass(frozen=True)
class Servers:
    """Manifests as text: of the Secrets, of both servers, and of the connection that uses them."""

    secrets: str
    postgres: str
    sftp: str
    connection: str


def servers(image: str) -> Servers:
    """Servers of this image, with secrets of their own."""
    host, user = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    return Servers(
        secrets=yaml.safe_dump_all([*_of_database(), *_of_receiver(host, user)]),
        postgres=_read("postgres").replace(_IMAGE, f"image: {image}"),
        sftp=_read("sftp").replace(_IMAGE, f"image: {image}"),
        connection=_read("connection").replace(_NO_KEY, f"{_RECEIVER} {_public(host)}"),
    )


def _of_database() -> Iterator[dict[str, object]]:
    authority = Authority()
    certificate, key = authority.issue(_DATABASE, use=SERVES, hosts=[_DATABASE])
    yield _secret("springfield-postgres", {"tls.crt": certificate.decode(), "tls.key": key.decode()})
    login = {"host": _DATABASE, "database": "rosters", "ca.crt": authority.pem.decode()}
    for name, more in (("reader", {}), ("writer", {"reader": "roster_reader"})):
        role = {"user": f"roster_{name}", "password": secrets.token_urlsafe(24)}
        yield _secret(f"springfield-{name}", login | role | more)


def _of_receiver(host: Ed25519PrivateKey, user: Ed25519PrivateKey) -> Iterator[dict[str, object]]:
    yield _secret("school-passport", {"host": _private(host), "authorized": f"{_public(user)}\n"})
    yield _secret("springfield-passport", {"user": USER, "privateKey": _private(user)})


def _secret(name: str, values: dict[str, str]) -> dict[str, object]:
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values}


def _private(key: Ed25519PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()


def _public(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def _read(name: str) -> str:
    return (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
