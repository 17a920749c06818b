"""The programs of a test cluster, built from Go modules once and kept in the cache.

    python -m support.cluster.programs [control-plane|helm|clients|kind]

The modules' go.mod and go.sum pin every version. What is built is named by a hash of them and of the table below, so that a
change builds anew, and nothing else does. Objects of the compiler stay in Go's own cache, where a second build finds them.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.cluster.cache import cache, locked

MODULES = Path(__file__).parent / "modules"
GO = (1, 26)
SIGN_OF_LIFE = 20.0  # seconds between two lines while something goes on
KEPT = 2  # so many sets of programs, 0.9 GB each; the least used go first


def _pinned(module: str, required: str) -> str:
    found = re.search(rf"\b{re.escape(required)} v(\S+)", (MODULES / module / "go.mod").read_text())
    if found is None:
        raise RuntimeError(f"{MODULES / module / 'go.mod'} requires no {required}")
    return found[1]


KUBERNETES = _pinned("kubernetes", "k8s.io/kubernetes")
_MAJOR, _MINOR, _PATCH = KUBERNETES.split(".")
_STAMPS = {"Version": f"v{KUBERNETES}", "Major": _MAJOR, "Minor": _MINOR, "TreeState": "clean", "Commit": "unknown"}
_VERSIONS = " ".join(
    f"-X {package}.git{name}={value}"
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    for name, value in _STAMPS.items()
)
_CONTAINERD = "github.com/containerd/containerd/v2"
_CONTAINERD_VERSION = " ".join(
    f"-X {_CONTAINERD}/version.{name}={value}"
    for name, value in {"Version": f"v{_pinned('containerd', _CONTAINERD)}", "Package": _CONTAINERD}.items()
)


@dataclass(frozen=True)
class Program:
    """A main package of a module; `groups` are the targets that need it."""

    name: str
    module: str
    package: str
    groups: tuple[str, ...]
    stamp: str = ""  # flags for the linker
    tags: str = ""


def _kubernetes(name: str, *groups: str) -> Program:
    return Program(name, "kubernetes", f"k8s.io/kubernetes/cmd/{name}", groups, _VERSIONS)


def _containerd(name: str) -> Program:
    tags = "no_aufs no_zfs no_btrfs no_devmapper"
    return Program(name, "containerd", f"{_CONTAINERD}/cmd/{name}", ("kind",), _CONTAINERD_VERSION, tags)


PROGRAMS = (
    _kubernetes("kube-apiserver", "control-plane", "kind"),
    _kubernetes("kube-controller-manager", "control-plane", "kind"),
    _kubernetes("kubectl", "control-plane", "clients", "kind"),
    Program("etcd", "etcd", "go.etcd.io/etcd/server/v3", ("control-plane", "kind")),
    Program("helm", "helm", "helm.sh/helm/v4/cmd/helm", ("helm", "clients", "kind")),
    _kubernetes("kube-scheduler", "kind"),
    _kubernetes("kubelet", "kind"),
    _kubernetes("kube-proxy", "kind"),
    _kubernetes("kubeadm", "kind"),
    Program("kind", "kind", "sigs.k8s.io/kind", ("clients", "kind")),
    Program("coredns", "coredns", ".", ("kind",)),
    Program("local-path-provisioner", "local-path", "github.com/rancher/local-path-provisioner", ("kind",)),
    Program("crictl", "crictl", "sigs.k8s.io/cri-tools/cmd/crictl", ("kind",)),
    Program("pause", "pause", ".", ("kind",)),
    _containerd("containerd"),  # kind's builder needs containerd 2; Debian 12 has 1.6
    _containerd("ctr"),
    _containerd("containerd-shim-runc-v2"),
)


def programs(group: str) -> Path:
    """The folder with the programs of a group, built if they are not there; it may hold others beside them."""
    folder = cache() / "bin" / key()
    if any(not (folder / p.name).exists() for p in _of(group)):
        with locked("build"):
            _build(group, folder)
    os.utime(folder)
    return folder


def apart(program: Program) -> Path:
    """A program that no cluster needs, in a folder of its own. Its `module` is a whole path."""
    digest = hashlib.sha256(repr(program.package).encode())
    for file in sorted(Path(program.module).iterdir()):
        digest.update(file.read_bytes())
    folder = cache() / program.name / digest.hexdigest()[:16]
    with locked(program.name):
        if not (folder / program.name).exists():
            folder.mkdir(parents=True, exist_ok=True)
            say(f"Building {program.name} from its Go module, once: 1 to 5 minutes on two cores. It stays in {folder}.")
            with underway(program.name):
                _compile(_go(), program, folder)
    return folder / program.name


def key() -> str:
    """What the programs are made of, as a short hash."""
    digest = hashlib.sha256(repr(PROGRAMS).encode())
    for file in sorted(p for p in MODULES.rglob("*") if p.is_file()):
        digest.update(f"{file.relative_to(MODULES)}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:16]


def say(text: str, seconds: float | None = None) -> None:
    """A line of progress, for the person who waits."""
    print(f"{'' if seconds is None else f'{seconds:.1f} s':>9}  {text}", file=sys.stderr, flush=True)


@contextmanager
def underway(what: str, every: float = SIGN_OF_LIFE) -> Generator[None]:
    """Says now and then that something goes on, and adds its time to what is made once (`spent`)."""
    began, over = time.monotonic(), threading.Event()

    def tell() -> None:
        while not over.wait(every):
            say(f"{what}: still at it", time.monotonic() - began)

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    _depth.append(what)
    try:
        yield
    finally:
        over.set()
        teller.join()
        _depth.pop()
        if not _depth:
            _spent.append(time.monotonic() - began)


_depth: list[str] = []
_spent: list[float] = []


def spent() -> float:
    """Seconds that this process has spent on what is made once, and found the next time."""
    return sum(_spent)


def _of(group: str) -> list[Program]:
    """The programs of a group, those first that a person sees at work first: the control plane's, then the clients."""
    found = [p for p in PROGRAMS if group in p.groups]
    if not found:
        raise ValueError(f"no such group of programs: {group}; there are control-plane, helm, clients and kind")
    return sorted(found, key=lambda p: ("control-plane" not in p.groups, "clients" not in p.groups))


def _build(group: str, folder: Path) -> None:
    missing = [p for p in _of(group) if not (folder / p.name).exists()]
    if not missing:
        return  # another process built them while this one waited
    go = _go()
    folder.mkdir(parents=True, exist_ok=True)
    _drop_old(folder)
    say(f"Building {len(missing)} programs of the test cluster from Go modules, once; they stay in {folder}.")
    say(
        "Cold this takes 8 minutes for the control plane and 15 for all on two cores that do nothing else, and several times "
        "that where other work shares them; with Go's build cache warm, one or two."
    )
    for number, program in enumerate(missing, 1):
        started, what = time.monotonic(), f"[{number}/{len(missing)}] {program.name}"
        say(f"{what} …")
        with underway(what):
            _compile(go, program, folder)
        say(what, time.monotonic() - started)


def _compile(go: str, program: Program, folder: Path) -> None:
    new = folder / f".{program.name}.new"
    environment = os.environ | {
        "CGO_ENABLED": "0",
        "GOFLAGS": "-trimpath -buildvcs=false -mod=readonly",
        "GOWORK": "off",
    }
    command = [
        go,
        "build",
        "-ldflags",
        f"-s -w {program.stamp}",
        "-tags",
        program.tags,
        "-o",
        str(new),
        program.package,
    ]
    done = subprocess.run(
        command, cwd=MODULES / program.module, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        new.unlink(missing_ok=True)
        end = "\n".join(done.stderr.splitlines()[-15:])
        raise RuntimeError(
            f"{program.name} could not be built: `{' '.join(command)}` in {MODULES / program.module} says\n{end}\n"
            "Go needs its module proxy (or a filled module cache), 8 GB of disk and 3 GB of memory for this."
        )
    new.replace(folder / program.name)


def _go() -> str:
    wanted = ".".join(map(str, GO))
    go = shutil.which("go")
    if go is None:
        raise RuntimeError(
            f"Go {wanted} or later is needed to build the programs of the test cluster, and there is no `go` on PATH. "
            "Debian 12 has an older one; go.dev/dl has one to unpack into /usr/local."
        )
    said = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False).stdout.strip()
    numbers = said.removeprefix("go").split("-")[0].split(".")
    if not all(n.isdigit() for n in numbers[:2]) or tuple(map(int, numbers[:2])) < GO:
        raise RuntimeError(
            f"Go {wanted} or later is needed to build the programs of the test cluster; {go} is {said or 'broken'}."
        )
    return go


def _drop_old(kept: Path) -> None:
    others = sorted((p for p in kept.parent.iterdir() if p != kept), key=lambda p: p.stat().st_mtime, reverse=True)
    for folder in others[KEPT - 1 :]:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    try:
        print(programs(sys.argv[1] if len(sys.argv) > 1 else "control-plane"))
    except RuntimeError as problem:
        sys.exit(str(problem))
