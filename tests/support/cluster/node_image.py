"""kind's node image, made by kind's own builder without any registry: from Go modules and Debian packages.

kind's builder reads a "Kubernetes server tarball" and pulls every image whose name it does not find there. So that it pulls
nothing, one of the tarball's archives carries all others under the names that kind and kubeadm ask for. This rests on the
builder of the kind that is pinned in modules/kind.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.cluster.archives import Content, write_archive
from support.cluster.cache import cache, locked
from support.cluster.debian import need
from support.cluster.engine import Engine
from support.cluster.programs import KUBERNETES, MODULES, key, programs, say

NODE = Path(__file__).parent / "node"
REPOSITORY = "rostersync-kind-node"
_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
_PACKAGES = (
    "systemd,dbus,runc,containernetworking-plugins,conntrack,iptables,nftables,iproute2,ethtool,util-linux,mount,kmod,libseccomp2,"
    "pigz,e2fsprogs,bash,ca-certificates,curl,jq,procps,socat,busybox-static"
)
_SHELL = ("sh", "mkdir", "rm", "cat", "ls")  # what local-path's helper pods call


def node_image(engine: Engine) -> str:
    """The name of the node image, made if the engine has none of these sources."""
    digest = hashlib.sha256(key().encode())
    for file in sorted([*NODE.iterdir(), Path(__file__), Path(__file__).with_name("archives.py")]):
        digest.update(file.read_bytes())
    name = f"{REPOSITORY}:{digest.hexdigest()[:16]}"
    if not engine.has_image(name):
        with locked("node-image"):
            if not engine.has_image(name):
                _make(engine, name)
    return name


def root_file_system(out: Path, packages: str) -> None:
    """A minimal Debian with these packages (names with commas between), as a tar file."""
    need({"mmdebstrap": "mmdebstrap"}, "A root file system for images")
    unwanted = [f"--dpkgopt=path-exclude=/usr/share/{kind}/*" for kind in ("man", "doc", "locale")]
    command = ["mmdebstrap", "--variant=minbase", f"--include={packages}", *unwanted, "bookworm", str(out)]
    _run(command, os.environ | {"TMPDIR": str(out.parent)})


def _make(engine: Engine, name: str) -> None:
    say("Making kind's node image without a registry, once; this takes a minute and a half.")
    binaries = programs("kind")
    with tempfile.TemporaryDirectory(prefix="node-", dir=cache(), ignore_cleanup_errors=True) as temporary:
        work = Path(temporary)
        with _lap("root file system of the node"):
            root_file_system(work / "root.tar", _PACKAGES)
            root = work / "root"
            root.mkdir()
            _run(["tar", "-C", str(root), "-xf", str(work / "root.tar"), "--exclude=./dev/*"])
        with _lap("images of the control plane"):
            _lay_out_images(binaries, root, work / "images")
            _server_tarball(binaries, work)
        with _lap("base image"):
            _base_image(engine, binaries, work)
        with _lap("node image, by kind's builder"):
            command = [
                "kind",
                "build",
                "node-image",
                "-q",
                "--type",
                "file",
                "--base-image",
                "rostersync-kind-base:new",
            ]
            path = {"PATH": f"{binaries}:{engine.environment['PATH']}", "TMPDIR": temporary}
            _run([*command, "--image", name, str(work / "server.tar.gz")], engine.environment | path)
        for left in ("rostersync-kind-base:new", "rostersync-kind-root:new"):
            engine.docker("rmi", "-f", left)
        engine.drop_images(REPOSITORY, name)


def _lay_out_images(binaries: Path, root: Path, images: Path) -> None:
    places = {name: f"usr/local/bin/{name}" for name in (*_PLANE, "kube-proxy", "etcd", "local-path-provisioner")}
    for name, place in (places | {"coredns": "coredns", "pause": "pause"}).items():
        target = images / name / place
        target.parent.mkdir(parents=True)
        shutil.copy2(binaries / name, target)
    helper = images / "helper" / "bin"
    helper.mkdir(parents=True)
    shutil.copy2(root / "bin" / "busybox", helper / "busybox")
    for name in _SHELL:
        (helper / name).symlink_to("busybox")
    _run([str(NODE / "kube-proxy.sh"), str(root), str(images / "kube-proxy")])
    for image in images.iterdir():
        (image / "tmp").mkdir()
        (image / "tmp").chmod(0o1777)


def _server_tarball(binaries: Path, work: Path) -> None:
    images, out, architecture = work / "images", work / "kubernetes" / "server" / "bin", _architecture()
    out.mkdir(parents=True)
    kubeadm = [str(binaries / "kubeadm"), "config", "images", "list", "--kubernetes-version", f"v{KUBERNETES}"]
    wanted = {name.rpartition(":")[0].rpartition("/")[2]: name for name in _run(kubeadm).split()}
    for name in _PLANE:
        write_archive(out / f"{name}.tar", {wanted[name]: Content(images / name)}, architecture)
    builder = kind_source() / "pkg" / "build" / "nodeimage"
    constants = dict(re.findall(r'const (\w+) = "([^"]+)"', "\n".join(f.read_text() for f in builder.glob("*.go"))))
    containerd = (kind_source() / "images/base/files/etc/containerd/config.toml").read_text()
    found = re.search(r'sandbox_image = "([^"]+)"', containerd)
    if found is None:
        raise RuntimeError(
            "kind's base image names no sandbox_image: this kind is another than the one that was pinned"
        )
    pause = Content(images / "pause", "/pause")
    rest = {
        wanted["kube-proxy"]: Content(images / "kube-proxy"),
        wanted["etcd"]: Content(images / "etcd"),
        wanted["coredns"]: Content(images / "coredns", "/coredns"),
        found[1]: pause,
        constants["storageProvisionerImage"]: Content(images / "local-path-provisioner"),
        constants["storageHelperImage"]: Content(images / "helper"),
        constants["kindnetdImage"]: pause,  # a placeholder: kindnet is not deployed
    }
    write_archive(out / "kube-proxy.tar", rest, architecture)
    for name in ("kubeadm", "kubelet", "kubectl"):
        shutil.copy2(binaries / name, out / name)
    (work / "kubernetes" / "version").write_text(f"v{KUBERNETES}\n")
    with tarfile.open(work / "server.tar.gz", "w:gz", compresslevel=1) as tarball:
        tarball.add(work / "kubernetes", "kubernetes")


def _base_image(engine: Engine, binaries: Path, work: Path) -> None:
    engine.docker("import", str(work / "root.tar"), "rostersync-kind-root:new")
    _run([str(NODE / "base.sh"), str(kind_source()), str(work / "base"), str(binaries)])
    arguments = ["--build-arg", "ROOT=rostersync-kind-root:new", "-t", "rostersync-kind-base:new"]
    engine.docker("build", "-q", "--force-rm", *arguments, str(work / "base"))


def kind_source() -> Path:
    """The folder of kind's Go module, of the version that is pinned."""
    environment = os.environ | {"GOFLAGS": "-mod=readonly"}
    _run(["go", "mod", "download", "sigs.k8s.io/kind"], environment, MODULES / "kind")
    return Path(_run(["go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kind"], environment, MODULES / "kind").strip())


def _architecture() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]


def _run(command: list[str], environment: dict[str, str] | None = None, folder: Path | None = None) -> str:
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        end = "\n".join((done.stderr or done.stdout).strip().splitlines()[-15:])
        raise RuntimeError(f"`{' '.join(command[:6])} …` fails:\n{end}")
    return done.stdout


@contextmanager
def _lap(what: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    say(what, time.monotonic() - started)
