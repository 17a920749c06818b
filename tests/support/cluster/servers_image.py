"""An image with Debian's PostgreSQL and OpenSSH, for the servers that a district has around rostersync. Made once."""

import hashlib
import subprocess
import tempfile
import time
from pathlib import Path

from support.cluster.cache import cache, locked
from support.cluster.kind import KindCluster, load
from support.cluster.node_image import root_file_system
from support.cluster.programs import say, underway

REPOSITORY = "rostersync-servers"
_PACKAGES = "postgresql,openssh-server"
_USERS = (("database", 901), ("school-passport", 902))  # as which deploy/demo/servers runs them
_LEFT_OUT = (
    "./dev/*",
    "./etc/ssh/ssh_host_*",  # keys that the packages have made: every copy of the image would have the same
    "./etc/ssl/private/*",
    "./etc/postgresql/*",
    "./var/lib/postgresql/*/*",
    "./usr/lib/*/libLLVM*",  # 110 MB that PostgreSQL only loads for jit=on
    "./usr/lib/postgresql/*/lib/bitcode/*",
)


def servers_image(cluster: KindCluster) -> str:
    """The name of the image, which the cluster's nodes have."""
    engine = cluster.engine
    if engine is None:
        raise RuntimeError(
            "a cluster that was given by its kubeconfig gets no image of servers: its nodes must have one"
        )
    name = f"{REPOSITORY}:{hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]}"
    with locked("servers-image"):
        if not engine.has_image(name):
            started = time.monotonic()
            with underway("the image with PostgreSQL and OpenSSH"), tempfile.TemporaryDirectory(dir=cache()) as folder:
                tar, version = _root(Path(folder))
                path = f"ENV PATH=/usr/lib/postgresql/{version}/bin:/usr/sbin:/usr/bin:/sbin:/bin"
                engine.docker("import", "--change", path, str(tar), name)
            engine.drop_images(REPOSITORY, name)
            say("image with PostgreSQL and OpenSSH", time.monotonic() - started)
    load(engine, cluster.name, name)
    return name


def _root(folder: Path) -> tuple[Path, str]:
    """The root file system, as a tar file, and PostgreSQL's version."""
    packed, root = folder / "root.tar", folder / "root"
    root_file_system(packed, _PACKAGES)
    root.mkdir()
    left_out = [f"--exclude={pattern}" for pattern in _LEFT_OUT]
    subprocess.run(["tar", "-C", root, "-xpf", packed, "--numeric-owner", *left_out], check=True)
    for file, line in (("passwd", "{0}:*:{1}:{1}::/:/usr/sbin/nologin\n"), ("group", "{0}:x:{1}:\n")):
        with (root / "etc" / file).open("a") as users:
            users.writelines(line.format(*user) for user in _USERS)
    subprocess.run(["tar", "-C", root, "-cf", packed, "--numeric-owner", "."], check=True)
    [found] = (root / "usr" / "lib" / "postgresql").iterdir()
    return packed, found.name
