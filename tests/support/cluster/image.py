"""The product's image, from the Dockerfile that users build, made again only when its sources changed."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from support.cluster.cache import cache, locked
from support.cluster.engine import Engine
from support.cluster.node_image import root_file_system
from support.cluster.programs import say, underway

ROOT = Path(__file__).parents[3]
IMAGE = "rostersync:test"
STOCK_BASE = "python:3.13-slim"  # the default of the Dockerfile
_BASE = "rostersync-base"
_BASE_PACKAGES = "python3,python3-venv,ca-certificates,libldap-2.5-0"
_FILES = ("deploy/Dockerfile", "pyproject.toml", "README.md", "LICENSE", "requirements.txt", "requirements-dev.txt")
_DEPENDENCIES = "rostersync-dependencies"
_FIRST_STAGE = ("requirements.txt", "deploy/Dockerfile")
_LABEL = "rostersync.dev/sources"


def product_image(engine: Engine, name: str = IMAGE) -> str:
    """The image's name; its id changes with what goes into it."""
    with locked("product-image"):
        sources = _digest(_sources())
        if not engine.docker("images", "-q", "--filter", f"label={_LABEL}={sources}", name):
            with underway(f"the product's image {name}"):
                _build(engine, name, sources)
    return name


def _build(engine: Engine, name: str, sources: str) -> None:
    started = time.monotonic()
    label = ["--label", f"{_LABEL}={sources}", "-t", name]
    if _stock(engine):
        engine.docker("build", "-q", "--force-rm", "-f", str(ROOT / "deploy" / "Dockerfile"), *label, str(ROOT))
    else:
        base, wheels = _debian_base(engine), _wheels()
        with tempfile.TemporaryDirectory(prefix="image-", dir=cache()) as folder:
            context = Path(folder)
            _lay_out(context, wheels)
            arguments = [
                "--build-arg",
                f"BASE_IMAGE={base}",
                "--network",
                "none",
                "-f",
                str(context / "deploy" / "Dockerfile"),
            ]
            # a name for the first stage keeps it: everything without one goes
            stage = f"{_DEPENDENCIES}:{_digest(_FIRST_STAGE)}"
            engine.docker(
                "build", "-q", "--force-rm", *arguments, "--target", "dependencies", "-t", stage, str(context)
            )
            engine.docker("build", "-q", "--force-rm", *arguments, *label, str(context))
        engine.drop_images(_DEPENDENCIES, stage)
    say(f"the product's image {name}", time.monotonic() - started)


def _stock(engine: Engine) -> bool:
    if engine.ours:
        return False  # it was started because this machine has no engine; most such machines reach no registry either
    try:
        engine.docker("pull", "-q", STOCK_BASE, timeout=300)
    except (RuntimeError, subprocess.TimeoutExpired):
        return False
    return True


def _debian_base(engine: Engine) -> str:
    """Debian's Python, as a base image: 3.11, for which the wheels are fetched."""
    name = f"{_BASE}:{hashlib.sha256(_BASE_PACKAGES.encode()).hexdigest()[:16]}"
    if not engine.has_image(name):
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="base-", dir=cache()) as folder:
            tar = Path(folder) / "root.tar"
            root_file_system(tar, _BASE_PACKAGES)
            engine.docker("import", str(tar), name)
        engine.drop_images(_BASE, name)
        say("base image with Debian's Python", time.monotonic() - started)
    return name


def _wheels() -> Path:
    """A folder with the wheels that requirements.txt locks, and with the builder's, fetched once."""
    lines = (ROOT / "requirements.txt").read_text() + _builder()
    folder = cache() / "wheels" / hashlib.sha256(lines.encode()).hexdigest()[:16]
    if not folder.exists():
        started = time.monotonic()
        shutil.rmtree(folder.parent, ignore_errors=True)  # those of older locks
        new = folder.with_suffix(".new")
        new.mkdir(parents=True)
        blocks = re.findall(r"^\S.*(?:\n\s.*)*", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
        source = [block for block in blocks if block.startswith("python-ldap==")]
        binary = [block for block in blocks if block not in source]
        for number, requirements in enumerate(["\n".join(binary), _builder(), "\n".join(source)]):
            (file := new / f"{number}.txt").write_text(requirements + "\n")
            _build_wheel(file, new) if number == 2 else _download(file, new)
            file.unlink()
        new.rename(folder)
        say("wheels for the image", time.monotonic() - started)
    return folder


def _builder() -> str:
    """The lines of requirements-dev.txt that the Dockerfile takes for building the wheel."""
    names = re.search(r"take = /\^\(([^)]+)\)==/", (ROOT / "deploy" / "Dockerfile").read_text())
    if names is None:
        raise RuntimeError("deploy/Dockerfile no longer says which packages build the wheel")
    blocks = re.findall(r"^\S.*(?:\n\s.*)*", (ROOT / "requirements-dev.txt").read_text(), re.MULTILINE)
    return "\n".join(b for b in blocks if re.match(rf"(?:{names[1]})==", b)) + "\n"


def _download(requirements: Path, folder: Path) -> None:
    machine = os.uname().machine
    platforms = [f"--platform=manylinux_2_{n}_{machine}" for n in range(36, 4, -1)] + [
        f"--platform=manylinux2014_{machine}"
    ]
    options = [
        "--no-deps",
        "--only-binary=:all:",
        "--require-hashes",
        "--python-version=3.11",
        "--implementation=cp",
        *platforms,
    ]
    command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", *options]
    done = subprocess.run(
        [*command, "-r", str(requirements), "-d", str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the wheels for the image cannot be fetched by pip: {done.stderr.strip()[-1500:]}")


def _build_wheel(requirements: Path, folder: Path) -> None:
    """A wheel of python-ldap, which comes as source: built on this machine, so by Python 3.11 on the base image's Debian."""
    options = ["--no-deps", "--require-hashes", "--no-binary=:all:", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "wheel", "-q", *options, "-r", str(requirements), "-w", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"python-ldap cannot be built for the image: {done.stderr.strip()[-1500:]}")
    if not list(folder.glob("python_ldap-*-cp311-*.whl")):
        raise RuntimeError(
            "python-ldap was built for another Python than the image's 3.11; run the tests with Python 3.11"
        )


def _lay_out(context: Path, wheels: Path) -> None:
    for file in _sources():
        target = context / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, target)
    shutil.copytree(wheels, context / "wheels", copy_function=os.link)


def _sources() -> list[str]:
    package = (ROOT / "operator" / "rostersync").rglob("*")
    found = (str(p.relative_to(ROOT)) for p in package if p.is_file() and "__pycache__" not in p.parts)
    return [*_FILES, *sorted(found)]


def _digest(files: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file}\0{hashlib.sha256((ROOT / file).read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:32]
