"""People who use kubectl roster against a test cluster, each with a kubeconfig and rights of their own."""

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from support.cluster.access import Cluster

COMMAND = (sys.executable, "-m", "rostersync.plugin.command")
GROUP = "rostersync.dev"
Object = dict[str, Any]


class Terminal:
    """A command on a terminal: what it shows, and keys to press."""

    def __init__(self, process: subprocess.Popen[str], end: int) -> None:
        self.process, self.end, self.shown = process, end, ""

    def until(self, text: str, seconds: float = 30) -> None:
        """Read until the text is shown."""
        limit = time.monotonic() + seconds
        while text not in self.shown:
            assert time.monotonic() < limit, f"not shown: {text}\n{self.shown}"
            ready, _, _ = select.select([self.end], [], [], 0.2)
            if ready and not self._read():
                assert text in self.shown, f"ended without: {text}\n{self.shown}"

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self.end, keys.encode())

    def ends(self, code: int) -> str:
        """All that it showed once it has ended; fails when it ends with another code."""
        while self._read():
            pass
        os.close(self.end)
        assert self.process.wait(30) == code, self.shown
        return self.shown

    def _read(self) -> bool:
        try:
            said = os.read(self.end, 65536)
        except OSError:  # Linux says so that the other end is closed
            return False
        self.shown += said.decode(errors="replace").replace("\r\n", "\n")
        return bool(said)


def grant(cluster: Cluster, namespace: str, rules: dict[str, Object]) -> None:
    """In this namespace, for each of these users (several with spaces between them), what the rule says."""
    api, made = "rbac.authorization.k8s.io", []
    for number, (users, rule) in enumerate(rules.items()):
        head = {"apiVersion": f"{api}/v1", "metadata": {"name": f"test-{number}", "namespace": namespace}}
        subjects = [{"kind": "User", "name": user, "apiGroup": api} for user in users.split()]
        made += [
            {**head, "kind": "Role", "rules": [rule]},
            {
                **head,
                "kind": "RoleBinding",
                "subjects": subjects,
                "roleRef": {"apiGroup": api, "kind": "Role", "name": f"test-{number}"},
            },
        ]
    cluster.apply(*made)


@dataclass
class Person:
    """Somebody with a kubeconfig whose context is of one namespace."""

    kubeconfig: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @classmethod
    def of(cls, cluster: Cluster, name: str, namespace: str, folder: Path, source: Path | None = None) -> "Person":
        """A user by client certificate, if no kubeconfig is given; `admin` is the administrator."""
        source = source or (cluster.kubeconfig if name == "admin" else cluster.user_kubeconfig(name))
        document = yaml.safe_load(source.read_text())
        document["contexts"][0]["context"]["namespace"] = namespace
        path = folder / f"{name}.kubeconfig"
        path.write_text(yaml.safe_dump(document))
        path.chmod(0o600)
        return cls(path)

    def start(self, *words: str, command: tuple[str | Path, ...] = COMMAND, **env: str) -> subprocess.Popen[str]:
        """kubectl roster in a process of its own, without a terminal."""
        process = subprocess.Popen(
            [*command, *words],
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig), **env},
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.started.append(process)
        return process

    def sits(self, *words: str) -> "Terminal":
        """kubectl roster on a terminal, with somebody in front of it."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [*COMMAND, *words],
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig), "TERM": "xterm"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            text=True,
        )
        os.close(theirs)
        self.started.append(process)
        return Terminal(process, ours)

    def types(self, *words: str, code: int = 0, **more: Any) -> subprocess.CompletedProcess[str]:
        """kubectl roster, to its end; fails when it ends with another code."""
        return ended(self.start(*words, **more), code)


@contextmanager
def people_of(cluster: Cluster, namespace: str, folder: Path) -> Iterator[dict[str, Person]]:
    """alice asks, alice and bob may approve springfield, carol writes approvals without the verb, dave may nothing.

    What they started and did not see through is ended.
    """
    grant(
        cluster,
        namespace,
        {
            "alice bob carol": rule(("get", "list", "watch"), "focusconnections", "syncruns", "syncapprovals"),
            "alice": rule(("create", "patch"), "focusconnections", "syncruns"),
            "carol bob alice": rule(("patch", "update"), "syncapprovals"),
            "alice bob": rule(("approve",), "focusconnections") | {"resourceNames": ["springfield"]},
        },
    )
    found = {n: Person.of(cluster, n, namespace, folder) for n in ("alice", "bob", "carol", "dave", "admin")}
    try:
        yield found
    finally:
        for process in (p for person in found.values() for p in person.started):
            with process:  # closes its pipes, and waits
                process.kill()


def rule(verbs: tuple[str, ...], *resources: str) -> Object:
    """An RBAC rule about the product's kinds."""
    return {"apiGroups": [GROUP], "resources": list(resources), "verbs": list(verbs)}


def ended(process: subprocess.Popen[str], code: int = 0) -> subprocess.CompletedProcess[str]:
    """What a command said once it has ended; fails when it ends with another code."""
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, f"exit {process.returncode}\n{out}\n{err}"
    return subprocess.CompletedProcess(process.args, code, out, err)
