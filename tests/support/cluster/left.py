"""What `make cluster-down` leaves on the machine, in words: packages, their services, caches."""

import subprocess
from pathlib import Path

from support.cluster.cache import cache
from support.cluster.debian import installed

_SERVICES = {  # where systemd starts them
    "docker.io": ("docker.service", "docker.socket", "containerd.service"),
    "openssh-server": ("ssh.service",),
}
_IN_CACHE = {
    "bin": "programs built from Go modules",
    "versitygw": "the gateway to a bucket, built from its Go module",
    "kstatus": "what tells how GitOps tools read an object, built from its Go module",
    "docker": "Docker's data: images that were made here",
    "wheels": "wheels for the product's image",
    "kind": "kubeconfigs and certificates of clusters that are gone",
}


def left() -> list[str]:
    """A sentence for each thing that stays, with how to remove it; empty when nothing does."""
    said = []
    if packages := installed():
        said.append(f"Debian packages {', '.join(packages)}: apt-get purge {' '.join(packages)}")
        services = [service for package in packages for service in _SERVICES.get(package, ())]
        if services:
            said.append(f"Services of these packages, where the machine has systemd: {', '.join(services)}")
    folders = [(cache() / name, what, f"rm -rf {cache() / name}") for name, what in _IN_CACHE.items()]
    folders += [(place, "Go's own cache, for other builds too", f"go clean {option}") for place, option in _go()]
    return said + [f"{place}, {_size(place)}, {what}: {remedy}" for place, what, remedy in folders if _filled(place)]


def _go() -> list[tuple[Path, str]]:
    """Go's caches, and the option of `go clean` that empties each."""
    try:
        said = subprocess.run(
            ["go", "env", "GOCACHE", "GOMODCACHE"], capture_output=True, text=True, check=False
        ).stdout
    except OSError:
        return []
    return list(zip(map(Path, said.split()), ("-cache", "-modcache"), strict=False))


def _filled(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def _size(folder: Path) -> str:
    try:
        done = subprocess.run(["du", "-sh", folder], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "large"
    return (done.stdout.split() or ["of unknown size"])[0]
