"""A Job's pod without a cluster: folders where Kubernetes would mount them, and `rostersync job` as a process in it.

Store and artifacts stay from Job to Job, as claims do; scratch and the file of the report are new for each.
"""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rostersync.api.packed import pack
from support.commands import Commands, Done, Running

CREATED = "2026-11-24T02:07:09Z"
SECRET = "focus-credentials"
Object = dict[str, Any]


@dataclass
class Cluster:
    """One connection's volumes, and Jobs that are run one after another. `env` reaches the processes."""

    commands: Commands
    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    trial: bool = True  # Jobs may contact loopback addresses, where the tests' servers are

    def __post_init__(self) -> None:
        self.root = self.folder / "root"
        self.jobs = self.folder / "jobs"
        self.store.parent.mkdir(parents=True)
        self.artifacts.mkdir()
        self.renew()

    @property
    def store(self) -> Path:
        """The store's file."""
        return self.root / "var/lib/rostersync/store/roster.duckdb"

    @property
    def artifacts(self) -> Path:
        """The artifacts' volume."""
        return self.root / "var/lib/rostersync/artifacts"

    @property
    def scratch(self) -> Path:
        """The volume that goes with the pod."""
        return self.root / "scratch"

    @property
    def log(self) -> Path:
        """The file of the report."""
        return self.root / "dev/termination-log"

    @property
    def report(self) -> Object:
        """The report as it stands, which must fit."""
        text = self.log.read_bytes()
        assert len(text) <= 4096
        read: Object = json.loads(text)
        return read

    @property
    def reason(self) -> str:
        """The reason of the report's error."""
        return str(self.report["error"]["reason"])

    def give(self, connection: Object, secrets: dict[str, dict[str, str]], config_maps: Object | None = None) -> None:
        """Mount a connection, Secrets and ConfigMaps, and nothing else."""
        mounted = self.root / "var/run/rostersync"
        shutil.rmtree(mounted, ignore_errors=True)
        (mounted / "connection").mkdir(parents=True)
        (mounted / "connection/connection").write_text(pack(connection))
        for kind, objects in (("secrets", secrets), ("configmaps", config_maps or {})):
            for name, data in objects.items():
                self._mount(mounted / kind / name, data)

    def _mount(self, folder: Path, data: dict[str, str]) -> None:
        """As kubelet does: the keys are links into a folder of their own."""
        hidden = folder / "..2026_11_24"
        hidden.mkdir(parents=True)
        (folder / "..data").symlink_to(hidden.name)
        for key, value in data.items():
            (hidden / key).write_text(value)
            (folder / key).symlink_to(f"..data/{key}")

    def renew(self) -> None:
        """A new pod: empty scratch, and an empty file for the report, which is a mount and may not be replaced."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir()
        self.log.parent.mkdir(exist_ok=True)
        self.log.unlink(missing_ok=True)
        self.log.touch()
        self.inode = self.log.stat().st_ino

    def start(self, *words: Any, hook: str | None = None, patient: bool = False, **env: str) -> Running:
        """Begin a Job."""
        self.renew()
        order = ("job", *words, *self._trial(words), "--root", str(self.root))
        there = {"PATH": "/usr/bin:/bin", **self.env, **env}
        return self.commands.start(self.jobs, *order, cwd=self.folder, env=there, hook=hook, patient=patient)

    def run(self, *words: Any, exits: int | None = 0, hook: str | None = None, **env: str) -> Done:
        """Run a Job to its end; its report is still the file that was there before."""
        done = self.start(*words, hook=hook, patient=False, **env).wait()
        assert exits is None or done.code == exits, (words, done)
        assert self.log.stat().st_ino == self.inode
        return done

    def plan(self, run: str = "nightly", *words: Any, uid: str = "uid-1", number: int = 1, **options: Any) -> Object:
        """A plan Job; returns its report."""
        self.run("plan", *self.plan_words(run, uid, number), *words, **options)
        return self.report

    def apply(
        self, run: str, digest: str, *words: Any, uid: str = "uid-1", number: int = 1, of_plan: int = 1, **options: Any
    ) -> Object:
        """An apply Job; returns its report."""
        asked = ("--run", run, "--uid", uid, "--number", number, "--of-plan", of_plan, "--plan", digest, *ENGINE)
        self.run("apply", *asked, *words, **options)
        return self.report

    def imported(self, run: str = "nightly", *words: Any, **options: Any) -> Object:
        """Plan and apply; returns the report of the apply."""
        digest = self.plan(run, **options)["digest"]
        return self.apply(run, digest, *words, **options)

    def _trial(self, words: tuple[Any, ...]) -> list[str]:
        return ["--allow-loopback"] if self.trial and words[0] in ("plan", "apply", "deliver", "check", "purge") else []

    @staticmethod
    def plan_words(run: str, uid: str = "uid-1", number: int = 1) -> tuple[Any, ...]:
        """The options that every plan Job has."""
        return ("--run", run, "--uid", uid, "--number", number, "--created", CREATED, *KEPT, *ENGINE)

    def bare(self, *words: Any, wrapper: tuple[str, ...] = ()) -> "subprocess.Popen[str]":
        """Begin a Job in an interpreter of its own, as a container does."""
        self.renew()
        order = [
            *wrapper,
            sys.executable,
            "-m",
            "rostersync",
            "job",
            *map(str, words),
            *self._trial(words),
            "--root",
            str(self.root),
        ]
        return subprocess.Popen(order, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.folder)


KEPT = ("--keep-successful", "14", "--keep-failed", "14")
ENGINE = ("--threads", "1", "--memory", "512")
APPROVED = ("--approved-by", "dana", "--approval", "nightly-1", "--approval-uid", "uid-a", "--reason", "seen")


def connection(url: str, **spec: Any) -> Object:
    """A connection as the operator packs it."""
    delivery = {"serviceURL": url, "insecureHTTP": True, "credentialsSecretRef": {"name": SECRET}}
    base: Object = {"termsOfUse": {"accepted": True}, "bulkUploadMode": True, "deliveryConfig": delivery}
    return {
        "apiVersion": "rostersync.dev/v1alpha1",
        "kind": "FocusConnection",
        "metadata": {"name": "springfield", "namespace": "team-a", "uid": "uid-c"},
        "spec": base | spec,
    }


def credentials(simulator: Any, **other: str) -> dict[str, dict[str, str]]:
    """The Secret that the connection names."""
    return {SECRET: {"clientID": simulator.client_id, "clientSecret": simulator.client_secret, **other}}


def read_only() -> None:
    """For the `hook` of a command: the folder READ_ONLY is mounted read-only, for this process alone."""
    import ctypes
    import os

    libc = ctypes.CDLL(None, use_errno=True)
    folder = os.environ["READ_ONLY"].encode()
    new_mounts, bind, private, again_read_only = 0x00020000, 4096, 0x00040000 | 0x00004000, 4096 | 32 | 1
    steps = (
        libc.unshare(new_mounts)
        or libc.mount(b"none", b"/", None, private, None)
        or libc.mount(folder, folder, None, bind, None)
        or libc.mount(folder, folder, None, again_read_only, None)
    )
    if steps:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    try:
        (Path(folder.decode()) / "writable").touch()
    except OSError:
        return
    raise AssertionError("the folder can be written")


def long_query() -> None:
    """For the `hook` of a command: one query of the engine in stage compare, which takes minutes."""
    from support.sabotage import _before, _say

    def query(context: Any) -> None:
        _say("reached")
        context.con.execute("SELECT sum(hash(range)) FROM range(1000000000000)").fetchall()

    _before("compare", query)


def slow_commit() -> None:
    """For the `hook` of a command: the commit begins, and takes SABOTAGE_SECONDS."""
    import os
    import time

    from rostersync.jobs.watch import Watch

    def lift(self: Watch) -> None:
        original(self)
        time.sleep(float(os.environ["SABOTAGE_SECONDS"]))

    original = Watch.lift
    Watch.lift = lift  # type: ignore[method-assign]


def slow_close() -> None:
    """For the `hook` of a command: clearing up after a half takes SABOTAGE_SECONDS."""
    import os
    import time

    from rostersync.execution.workspace import Workspace

    def close(self: Workspace) -> None:
        time.sleep(float(os.environ["SABOTAGE_SECONDS"]))
        original(self)

    original = Workspace.close
    Workspace.close = close  # type: ignore[method-assign]
