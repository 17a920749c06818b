"""A real cluster by kind: created, ready with DNS and storage, the product's image loaded.

Where an ordinary node image can be pulled and runs, it is used; elsewhere the one that `node_image` makes.
"""

import functools
import re
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from support.cluster.access import Cluster
from support.cluster.cache import cache, locked
from support.cluster.certificates import request
from support.cluster.engine import Engine, capable
from support.cluster.node_image import NODE, kind_source, node_image
from support.cluster.programs import programs, say, underway
from support.cluster.signing import signed

_PATIENCE = 120


class KindCluster(Cluster):
    """A cluster that runs. `image` is the product's image, which its nodes have."""

    def __init__(
        self, kubeconfig: Path, folder: Path, image: str, engine: Engine | None = None, name: str = ""
    ) -> None:
        super().__init__(kubeconfig, folder, programs("clients") / "kubectl")
        self.image, self.engine, self.name = image, engine, name

    def certificate_of(self, name: str, groups: Sequence[str]) -> tuple[bytes, bytes]:
        """A client certificate that the cluster itself signs, and its private key, both PEM."""
        wanted, key = request(name, groups)
        with self.client() as client:
            return signed(client, wanted), key

    def node(self, *command: str) -> str:
        """Runs a command in the node, as root; returns what it prints."""
        if self.engine is None:
            raise RuntimeError("the nodes of a cluster that was given by its kubeconfig are not for tests to enter")
        return self.engine.docker("exec", f"{self.name}-control-plane", *command)

    def restart_node(self) -> None:
        """Power off and on."""
        if self.engine is None:
            raise RuntimeError("the nodes of a cluster that was given by its kubeconfig are not for tests to restart")
        self.engine.docker("restart", "-t", "0", f"{self.name}-control-plane")


def exists(engine: Engine, name: str) -> bool:
    """Whether the engine has a cluster of this name, running or not."""
    return bool(engine.docker("ps", "-aq", "--filter", f"label=io.x-k8s.kind.cluster={name}"))


def alive(engine: Engine, name: str) -> bool:
    """Whether there is a cluster of this name whose API server is ready."""
    ready = ("get", "--raw", "/readyz", "--request-timeout=10s")
    return (
        exists(engine, name) and kubeconfig_of(name).exists() and not _kubectl(kubeconfig_of(name), *ready).returncode
    )


def kubeconfig_of(name: str) -> Path:
    """Where the administrator's kubeconfig of a cluster lies."""
    return cache() / "kind" / f"{name}.kubeconfig"


def build(engine: Engine) -> None:
    """Builds all programs that a cluster on this engine needs: at once, so that they are counted once."""
    programs("clients" if _stock(engine) else "kind")


def create(engine: Engine, name: str) -> Path:
    """Creates the cluster, until nodes, DNS and storage are ready; returns the administrator's kubeconfig."""
    ordinary = _stock(engine)
    image = [] if ordinary else ["--image", _made(engine)]
    started, kubeconfig = time.monotonic(), kubeconfig_of(name)
    kubeconfig.parent.mkdir(exist_ok=True)
    config = yaml.safe_dump(_configuration(ordinary=ordinary))
    _kind(
        engine,
        "create",
        "cluster",
        "-q",
        "--name",
        name,
        *image,
        "--kubeconfig",
        str(kubeconfig),
        "--config",
        "-",
        input=config,
    )
    say(f"kind create cluster {name}", time.monotonic() - started)
    if not ordinary:
        _connect_pods(engine, name, kubeconfig)
    _wait(kubeconfig)
    say("nodes, DNS and storage are ready", time.monotonic() - started)
    return kubeconfig


def load(engine: Engine, name: str, image: str) -> None:
    """Brings an image of the engine into the cluster's nodes."""
    started = time.monotonic()
    _kind(engine, "load", "docker-image", "-q", "--name", name, image)
    say(f"{image} loaded into {name}", time.monotonic() - started)


def delete(engine: Engine, name: str) -> None:
    """Removes the cluster with all that is in it; nothing if there is none."""
    _kind(engine, "delete", "cluster", "-q", "--name", name, "--kubeconfig", str(kubeconfig_of(name)))
    kubeconfig_of(name).unlink(missing_ok=True)


def _made(engine: Engine) -> str:
    with underway("kind's node image"):
        return node_image(engine)


@functools.cache
def _stock(engine: Engine) -> bool:
    if engine.ours or not capable() or not Path("/sys/fs/cgroup/cgroup.controllers").exists():
        return False  # a stock node does not start without CAP_SYS_RESOURCE or on cgroup v1
    defaults = (kind_source() / "pkg/apis/config/defaults/image.go").read_text()
    found = re.search(r'Image = "([^"]+)"', defaults)
    try:
        engine.docker("pull", "-q", found[1] if found else "", timeout=600)
    except (RuntimeError, subprocess.TimeoutExpired):
        return False
    return True


def _configuration(*, ordinary: bool) -> dict[str, Any]:
    manager = {"extraArgs": [{"name": "kube-api-qps", "value": "500"}, {"name": "kube-api-burst", "value": "1000"}]}
    etcd = {"local": {"extraArgs": [{"name": "unsafe-no-fsync", "value": "true"}]}}
    patches: list[dict[str, Any]] = [{"kind": "ClusterConfiguration", "controllerManager": manager, "etcd": etcd}]
    if not ordinary:
        patches.append({"kind": "KubeletConfiguration", "failCgroupV1": False})
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "networking": {"disableDefaultCNI": not ordinary},
        "nodes": [{"role": "control-plane"}],
        "kubeadmConfigPatches": [yaml.safe_dump(patch) for patch in patches],
    }


def _connect_pods(engine: Engine, name: str, kubeconfig: Path) -> None:
    """A bridge for pods, once kube-proxy's rules exist: pods that start before them crash once and cost ten seconds."""
    node, end = f"{name}-control-plane", time.monotonic() + _PATIENCE
    while "-d 10.96.0.1/32" not in engine.docker("exec", node, "iptables-save", "-t", "nat"):
        _in_time(end, "kube-proxy's rules", kubeconfig)
        time.sleep(0.1)
    while not (addresses := _kubectl(kubeconfig, "get", "node", node, "-o", "jsonpath={.spec.podCIDR}").stdout):
        _in_time(end, "the node's range of addresses", kubeconfig)
        time.sleep(0.2)
    place = "/etc/cni/net.d/10-bridge.conflist"
    text = (NODE / "bridge.conflist").read_text().replace("10.244.0.0/24", addresses)
    engine.docker("exec", "-i", node, "sh", "-c", f"cat >{place}.new && mv {place}.new {place}", input=text.encode())


def _wait(kubeconfig: Path) -> None:
    end = time.monotonic() + _PATIENCE
    waits = (
        ("wait", "--for=condition=Ready", "node", "--all"),
        ("-n", "kube-system", "rollout", "status", "deploy/coredns"),
        ("-n", "local-path-storage", "rollout", "status", "deploy/local-path-provisioner"),
    )
    for arguments in waits:
        while _kubectl(kubeconfig, *arguments, f"--timeout={_PATIENCE}s").returncode:
            _in_time(end, " ".join(arguments), kubeconfig)
            time.sleep(0.5)


def _in_time(end: float, what: str, kubeconfig: Path) -> None:
    if time.monotonic() > end:
        pods = _kubectl(kubeconfig, "get", "pods", "-A", "-o", "wide").stdout
        raise RuntimeError(f"the kind cluster is not ready after {_PATIENCE} s: {what}\n{pods}")


def _kubectl(kubeconfig: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(programs("clients") / "kubectl"), "--kubeconfig", str(kubeconfig), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _kind(engine: Engine, *arguments: str, input: str | None = None) -> None:  # noqa: A002 - as subprocess names it
    binaries = programs("clients")
    environment = engine.environment | {"PATH": f"{binaries}:{engine.environment['PATH']}"}
    with locked("kind"):  # kind makes and removes its network without asking who else does
        done = subprocess.run(
            [binaries / "kind", *arguments], env=environment, input=input, capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise RuntimeError(f"kind {' '.join(arguments[:4])} fails: {done.stderr.strip()[-3000:]}")
