"""A control plane of one test file's own, with scenes whose operators a test starts, stops and kills itself.

Nothing else works there: an operator of other tests would take over what a killed one left.
"""

import itertools
import signal
import threading
import uuid
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple, Self

import duckdb
import httpx

from rostersync.simulator.server import Simulator
from support.cluster.forks import Process
from support.cluster.kubelet import Kubelet
from support.cluster.operator import ACCOUNT, Operator
from support.cluster.plane import ControlPlane
from support.cluster.pods import pods_of
from support.cluster.processes import own_folder
from support.cluster.product import NAMESPACE, install_product
from support.cluster.scene import Object, Scene
from support.simulated import simulated

_GROUPS = {"jobs": "apis/batch/v1", "pods": "api/v1", "events": "api/v1", "leases": "apis/coordination.k8s.io/v1"}


class Revision(NamedTuple):
    """One line of the store's book."""

    revision: int
    run: str
    decided_by: str | None
    approval_uid: str | None


def revisions(scene: Scene, kubelet: Kubelet, district: str = "springfield") -> list[Revision]:
    """All that a district's store says was applied, the oldest first."""
    file = kubelet.claim(scene.namespace, f"rostersync-{district}-store") / "roster.duckdb"
    query = "SELECT revision, run, decided_by, approval_uid FROM revisions ORDER BY revision"

    def read() -> list[list[Revision]] | None:
        try:
            with duckdb.connect(str(file), read_only=True) as store:
                return [[Revision(*row) for row in store.execute(query).fetchall()]]
        except duckdb.IOException:
            return None  # a Job has it

    if not file.exists():
        return []
    found: list[list[Revision]] = scene.wait(read, "a look into the store")
    return found[0]


class LonelyScene(Scene):
    """A scene whose objects are read by HTTP, since several are looked at all the time."""

    def __init__(self, plane: ControlPlane, kubelet: Kubelet, namespace: str, simulator: Simulator) -> None:
        super().__init__(plane, namespace, simulator)
        self.plane, self.kubelet = plane, kubelet
        self._client = plane.client()
        self._count = itertools.count(1)

    def close(self) -> None:
        """Give the connection back."""
        self._client.close()

    def get(self, kind: str, name: str) -> Object:
        """An object; empty when it is not there, or the API server is not."""
        try:
            answer = self._client.get(f"{self._path(kind)}/{name}")
        except httpx.TransportError:
            return {}
        found: Object = answer.json() if answer.is_success else {}
        return found

    def _path(self, kind: str) -> str:
        plural = kind if kind.endswith("s") else f"{kind}s"
        return f"/{_GROUPS.get(plural, 'apis/rostersync.dev/v1alpha1')}/namespaces/{self.namespace}/{plural}"

    def operator(self, *options: str, kubeconfig: Path | None = None, wait: bool = True) -> Operator:
        """An operator for this namespace only, with a Lease in it."""
        folder = self.plane.folder / f"operator-{self.namespace}-{next(self._count)}"
        mine = ("--namespace", self.namespace, "--lease-namespace", self.namespace)
        return Operator(self.plane, folder, *mine, *options, kubeconfig=kubeconfig, wait=wait)

    def jobs(self, run: str, stage: str) -> list[Object]:
        """The Jobs of a run's half that there are."""
        uid = self.get("syncrun", run).get("metadata", {}).get("uid", "")
        marks = {"rostersync.dev/run": uid, "rostersync.dev/job": stage}
        return [j for j in self.list("jobs") if marks.items() <= j["metadata"]["labels"].items()]

    def pod(self, stage: str) -> Object:
        """The newest pod of a stage that has not ended, once there is one."""

        def newest() -> Object | None:
            pods = pods_of(self.plane, self.namespace, f"rostersync.dev/job={stage}")
            live = [p for p in pods if (p.get("status") or {}).get("phase") not in ("Succeeded", "Failed")]
            return live[-1] if live else None

        found: Object = self.wait(newest, f"a pod that is to {stage}")
        return found

    def revisions(self, district: str = "springfield") -> list[Revision]:
        """All that the store says was applied."""
        return revisions(self, self.kubelet, district)

    def applied(self, district: str = "springfield") -> list[str]:
        """The runs of the store's revisions, the oldest first."""
        return [r.run for r in self.revisions(district)]

    def list(self, kind: str, *options: str) -> list[Object]:
        """All objects of a kind."""
        answer = self._client.get(self._path(kind)).raise_for_status()
        items: list[Object] = answer.json()["items"] or []
        return items


class Alone:
    """The control plane and the kubelet."""

    def __init__(self, plane: ControlPlane, kubelet: Kubelet) -> None:
        self.plane, self.kubelet = plane, kubelet

    @contextmanager
    def scene(self, students: int = 12) -> Generator[LonelyScene]:
        """A scene in a namespace of its own, where operators may have Leases of any name."""
        name = f"test-{uuid.uuid4().hex[:8]}"
        rbac = {"apiVersion": "rbac.authorization.k8s.io/v1"}
        meta = {"name": "leases", "namespace": name}
        rule = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "update"]}
        self.plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        self.plane.apply(
            {**rbac, "kind": "Role", "metadata": meta, "rules": [rule]},
            {
                **rbac,
                "kind": "RoleBinding",
                "metadata": meta,
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "leases"},
                "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}],
            },
        )
        with simulated(students) as simulator:
            scene = LonelyScene(self.plane, self.kubelet, name, simulator)
            scene.prepare()
            try:
                yield scene
            finally:
                scene.close()
                self.plane.kubectl("delete", "namespace", name, "--wait=false")


@contextmanager
def alone(name: str) -> Iterator[Alone]:
    """A control plane and a kubelet of a test file's own."""
    with ExitStack() as stack:
        folder = stack.enter_context(own_folder(name))
        plane = stack.enter_context(ControlPlane(folder))
        install_product(plane)
        yield Alone(plane, stack.enter_context(Kubelet(plane, folder / "kubelet")))


class Caught:
    """The process of a pod, stopped right after it had started."""

    def __init__(self) -> None:
        self.process: Process | None = None

    def wait(self, scene: Scene) -> Process:
        """The process, once it is caught."""
        found: Process = scene.wait(lambda: self.process, "the process of a pod")
        return found

    def go_on(self) -> None:
        """SIGCONT."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


@contextmanager
def catching(kubelet: Kubelet, run: str, stage: str, *, unheard: bool = False) -> Iterator[Caught]:
    """Stops the next process that works for a run's half; it goes on when the block ends, if it still can.

    `unheard`: whatever it does, its pod is said to have been killed, and there is no report.
    """
    forks, caught = kubelet._pods, Caught()
    start = forks.start

    def catch(argv: Sequence[str], cwd: Path, log: Path) -> Process:
        process = start(argv, cwd, log)
        wait = process.wait
        if caught.process is None and argv[1] == stage and run in argv:
            process.send_signal(signal.SIGSTOP)
            caught.process = process
            if unheard:
                process.wait = lambda: _silenced(wait(), cwd)  # type: ignore[method-assign]
        return process

    forks.start = catch  # type: ignore[method-assign]
    try:
        yield caught
    finally:
        forks.start = start  # type: ignore[method-assign]
        if caught.process is not None:
            caught.process.send_signal(signal.SIGCONT)


def _silenced(_code: int, root: Path) -> int:
    (root / "dev" / "termination-log").write_text("")
    return -signal.SIGKILL


class Undying:
    """A context manager: an operator that is started again at once whenever it ends."""

    def __init__(self, operator: Operator) -> None:
        self.operator, self.lives = operator, 0
        self._end = threading.Event()

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        while self._thread.is_alive():
            self.strike()
            self._thread.join(0.2)

    def strike(self) -> None:
        """SIGKILL."""
        if self.operator.process is not None:
            self.operator.process.send_signal(signal.SIGKILL)

    def _live(self) -> None:
        while not self._end.is_set():
            self.operator.start()
            self.lives += 1
            assert self.operator.process is not None
            self.operator.process.wait()
