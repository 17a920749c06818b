"""Debian packages that a bare machine lacks: installed as root, otherwise named."""

import os
import shutil
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path

from support.cluster.cache import cache, locked
from support.cluster.programs import say, underway


def need(commands: Mapping[str, str], purpose: str, *, services: bool = True) -> None:
    """Commands that must be there, and the Debian packages that bring them.

    `services`: whether the packages may start services of theirs, where the machine has systemd.
    """
    missing = sorted({package for command, package in commands.items() if shutil.which(command, path=_path()) is None})
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise RuntimeError(f"{purpose} needs {', '.join(missing)}. On Debian: sudo apt-get install {' '.join(missing)}")
    with locked("apt"), nullcontext() if services else _without_services():
        say(f"Installing the Debian packages {' '.join(missing)}: {purpose} needs them.")
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *missing]):
            with underway(f"apt-get {command[0]}"):
                done = subprocess.run(
                    ["apt-get", *command], env=environment, capture_output=True, text=True, check=False
                )
            if done.returncode:
                raise RuntimeError(
                    f"apt-get {command[0]} fails, which {purpose} needs: {(done.stderr or done.stdout).strip()[-800:]}"
                )
        with _list().open("a") as file:
            file.writelines(f"{package}\n" for package in missing)


@contextmanager
def _without_services() -> Generator[None]:
    """Nothing that is installed starts a service: the file that Debian has for that says no."""
    refuses = Path("/usr/sbin/policy-rc.d")
    if refuses.exists():
        yield
        return
    refuses.write_text("#!/bin/sh\nexit 101\n")
    refuses.chmod(0o755)
    try:
        yield
    finally:
        refuses.unlink()


def installed() -> list[str]:
    """The packages that `need` has installed on this machine, as the cache remembers; nobody removes them."""
    return sorted(set(_list().read_text().split())) if _list().exists() else []


def _list() -> Path:
    return cache() / "debian-packages"


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
