"""The command line with a connection to a directory."""

from pathlib import Path
from typing import Any

import yaml

from rostersync.api.v1alpha1.activedirectoryconnection import ActiveDirectoryConnection
from rostersync.sources.network import Network
from rostersync.sources.port import Page, Reading, Source
from rostersync.sources.profile import Login
from rostersync.sources.registry import open_source
from support.cli import Bench
from support.directory import RULES
from support.samba import BASE, Server

SECRET = "directory-account"


def connection(server: Server, *, spec: dict[str, Any] | None = None, **delivery: Any) -> dict[str, Any]:
    """The smallest connection to a directory, in pages of 10."""
    config: dict[str, Any] = {
        "url": server.url(),
        "credentialsSecretRef": {"name": SECRET},
        "baseDNs": [BASE],
        "entities": RULES,
    }
    config |= {"unmatched": "Create", "pageSize": 10}
    return {
        "apiVersion": "rostersync.dev/v1alpha1",
        "kind": "ActiveDirectoryConnection",
        "metadata": {"name": "springfield"},
        "spec": {"termsOfUse": {"accepted": True}, "bulkUploadMode": True, "deliveryConfig": config | delivery}
        | (spec or {}),
    }


def opened(
    server: Server, secret: dict[str, str] | None = None, network: Network | None = None, **delivery: Any
) -> Source:
    """The source alone."""
    made = ActiveDirectoryConnection.model_validate(connection(server, **delivery))
    login = Login({**server.secret(), **(secret or {})}, f"Secret default/{SECRET}, keys bindDN and password")
    return open_source(made, login, None, network)


def people(source: Source, *metadata: str) -> tuple[list[dict[str, Any]], Reading]:
    """Everybody that one pull brings. Closes the source."""
    pages: list[Page] = []
    try:
        reading = source.pull("users", frozenset(metadata), pages.append)
    finally:
        source.close()
    return [row for page in pages for row in page.batch.to_pylist()], reading


class Desk(Bench):
    """Commands in this process."""

    def __repr__(self) -> str:
        return f"Desk({self.folder})"

    def __init__(self, folder: Path, server: Server) -> None:
        self.folder, self.server = folder, server  # and no simulator
        self.keys = dict(server.secret())
        self.delivery: dict[str, Any] = {}

    def connection(self, **spec: Any) -> dict[str, Any]:
        return connection(self.server, spec=spec, **self.delivery)

    def manifests_of(self, *objects: dict[str, Any]) -> list[str]:
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET}, "stringData": self.keys}
        path = self.folder / "manifests.yaml"
        path.write_text(yaml.safe_dump_all([*objects, secret]))
        return ["-f", str(path)]
