"""The command line against a simulator: manifests, a state folder, and commands by their words."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner, Result

from rostersync.__main__ import cli
from rostersync.api.v1alpha1.syncrun import SyncRun
from rostersync.simulator.server import Simulator

SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "focus-credentials"},
    "stringData": {"clientID": "demo-client", "clientSecret": "demo-secret"},
}


@dataclass
class Bench:
    """A connection to a simulator, in a folder of its own."""

    folder: Path
    simulator: Simulator

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def store(self) -> Path:
        return self.state / "store" / "roster.duckdb"

    def connection(self, **spec: Any) -> dict[str, Any]:
        """The smallest connection, with Bulk Upload Mode, and with `spec` over it."""
        delivery = {
            "serviceURL": self.simulator.url,
            "insecureHTTP": True,
            "credentialsSecretRef": {"name": "focus-credentials"},
        }
        base: dict[str, Any] = {"termsOfUse": {"accepted": True}, "bulkUploadMode": True, "deliveryConfig": delivery}
        return {
            "apiVersion": "rostersync.dev/v1alpha1",
            "kind": "FocusConnection",
            "metadata": {"name": "springfield"},
            "spec": base | spec,
        }

    def manifests(self, *objects: dict[str, Any], **spec: Any) -> list[str]:
        """Options -f for a file with the connection, its Secret and further objects."""
        return self.manifests_of(self.connection(**spec), *objects)

    def manifests_of(self, *objects: dict[str, Any]) -> list[str]:
        """Options -f for a file with these objects and the Secret."""
        secret = SECRET | {
            "stringData": {"clientID": self.simulator.client_id, "clientSecret": self.simulator.client_secret}
        }
        path = self.folder / "manifests.yaml"
        path.write_text(yaml.safe_dump_all([*objects, secret]))
        return ["-f", str(path)]

    def call(self, *words: str, code: int | None = 0) -> Result:
        """A command in this process; fails when it ends with another code."""
        result = CliRunner().invoke(cli, [*words], env={"ROSTERSYNC_STATE": str(self.state)})
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert code is None or result.exit_code == code, (result.exit_code, result.output)
        return result

    def run(self, *words: str, code: int = 0, manifests: list[str] | None = None) -> dict[str, Any]:
        """`rostersync run`, as the SyncRun it prints, which must be one of the API."""
        files = self.manifests() if manifests is None else manifests
        result = self.call("run", *files, "--quiet", "--output", "json", *words, code=code)
        run: dict[str, Any] = json.loads(result.stdout)
        SyncRun.model_validate(run)
        return run

    def held(self) -> dict[str, Any]:
        """A district that was imported, and then lost 30 % of its students."""
        self.run()
        self.simulator.add_event("mass-leave:30")
        return self.run(code=3)

    def show(self, name: str) -> dict[str, Any]:
        """The run as it stands."""
        run: dict[str, Any] = json.loads(self.call("show", name, "--output", "json").stdout)
        return run

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """A command in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "rostersync", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "ROSTERSYNC_STATE": str(self.state)},
        )


def name_of(run: dict[str, Any]) -> str:
    """The run's name."""
    return str(run["metadata"]["name"])


def reason_of(run: dict[str, Any]) -> str:
    """The reason of its condition Succeeded."""
    return next(str(c["reason"]) for c in run["status"]["conditions"] if c["type"] == "Succeeded")
