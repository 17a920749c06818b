"""The package as it is installed: what its wheel holds, and what must not be in the repository."""

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from rostersync import __version__

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "operator" / "rostersync"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
# Registries and code hosts, in pieces so that this file does not name them either.
HOSTS = [
    "".join(parts)
    for parts in (
        ("py", "pi.org"),
        ("python", "hosted.org"),
        ("crates", ".io/"),
        ("registry.npm", "js.org"),
        ("npm", "js.com"),
        ("proxy.", "golang.org"),
        ("repo1.", "maven"),
        ("repo.", "maven"),
        ("docker", ".io/"),
        ("gh", "cr.io"),
        ("quay", ".io"),
        ("registry.", "k8s.io"),
        ("gcr", ".io"),
        ("deb.", "debian.org"),
    )
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built as pip would build it, from what is locked and without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_wheel_holds_one_package(wheel: zipfile.ZipFile) -> None:
    names = {name.split("/")[0] for name in wheel.namelist()}
    assert {n for n in names if not n.endswith(".dist-info")} == {"rostersync"}


def test_wheel_holds_every_file_of_the_package(wheel: zipfile.ZipFile) -> None:
    """Also those that are not Python: stores read their SQL from beside their modules."""
    there = {
        path.relative_to(PACKAGE.parent).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert there <= set(wheel.namelist())
    assert any(name.endswith(".sql") for name in there)


def test_wheel_says_that_it_is_typed(wheel: zipfile.ZipFile) -> None:
    """Without the marker a type checker takes everything of an installed package for Any."""
    assert "rostersync/py.typed" in wheel.namelist()


def test_source_root_is_no_package() -> None:
    """operator/__init__.py would shadow the standard library's operator in a bare interpreter."""
    assert not (ROOT / "operator" / "__init__.py").exists()


def test_bare_interpreter_starts_in_the_repository() -> None:
    done = subprocess.run([sys.executable, "-S", "-c", "import json, operator"], cwd=ROOT, check=False)
    assert done.returncode == 0


def test_no_module_is_called_like_one_of_python() -> None:
    """Only the first level can be imported by accident, through a path that points into the package."""
    names = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert names.isdisjoint(sys.stdlib_module_names - {"__main__"})


def test_no_module_is_called_utils() -> None:
    vague = {"utils", "util", "helpers", "common", "misc", "operator", "types", "json"}
    found = {path.relative_to(ROOT).as_posix() for path in PACKAGE.rglob("*.py") if path.stem in vague}
    assert found == set()


def test_the_operator_imports_no_engine() -> None:
    """It asks the registries of stores, sources and deliveries, and would only pay for what these open."""
    loaded = "import sys; import rostersync.controller.process; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    engines = {"duckdb", "pyarrow", "httpx", "adbc_driver_manager", "asyncssh", "obstore"}
    assert engines & set(done.stdout.split()) == set()


def test_console_script_works() -> None:
    """The script that pip made, and the module, are one and the same."""
    script = subprocess.run([Path(sys.executable).parent / "rostersync", "version"], capture_output=True, check=False)
    module = subprocess.run([sys.executable, "-I", "-m", "rostersync", "version"], capture_output=True, check=False)
    assert script.stdout.decode() == f"rostersync {__version__}\n"
    assert (script.returncode, module.returncode) == (0, 0)
    assert module.stdout == script.stdout


def test_version_is_said_once_and_the_same() -> None:
    assert PROJECT["project"]["version"] == __version__
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_no_file_names_a_registry() -> None:
    """A lock file with an address would be of use on one machine only."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert listed.returncode == 0, listed.stderr
    files = [ROOT / name for name in listed.stdout.splitlines()]
    assert len(files) > 100
    found = [
        f"{path.relative_to(ROOT)}: {host}"
        for path in files
        if path.is_file()
        for host in HOSTS
        if host.encode() in path.read_bytes()
    ]
    assert found == []


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "requirements-bench.txt"])
def test_every_requirement_is_locked_with_hashes(name: str) -> None:
    entries = re.split(r"\n(?=\S)", (ROOT / name).read_text().strip())
    assert len(entries) > 10
    for entry in entries:
        assert re.match(r"[\w.-]+==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry


def test_every_dependency_is_locked_and_used() -> None:
    """pyproject.toml names what the package imports, and requirements.txt locks all of it."""
    extras = PROJECT["project"]["optional-dependencies"].values()
    wanted = [*PROJECT["project"]["dependencies"], *(d for extra in extras for d in extra)]
    declared = {re.split(r"[><=\[]", d)[0] for d in wanted}
    locked = set(re.findall(r"^([\w.-]+)==", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    assert declared <= locked

    modules = {"pyyaml": "yaml", "python-ldap": "ldap"}
    not_imported = {"tzdata"}  # zoneinfo's data, for machines that have none
    of_pydantic = {"pydantic_core"}  # comes with it, in the version that it wants
    assert {modules.get(d, d.replace("-", "_")) for d in declared - not_imported} == _third_party() - of_pydantic


@pytest.mark.parametrize(("group", "name"), [("dev", "requirements-dev.txt"), ("bench", "requirements-bench.txt")])
def test_every_tool_is_locked(group: str, name: str) -> None:
    wanted = {re.split(r"[><=\[]", d)[0].lower() for d in PROJECT["dependency-groups"][group]}
    assert wanted <= set(re.findall(r"^([\w.-]+)==", (ROOT / name).read_text(), re.MULTILINE))


def test_dev_locks_the_same_versions() -> None:
    """What is tested is what is installed."""
    first, dev = (
        dict(re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / name).read_text(), re.MULTILINE))
        for name in ("requirements.txt", "requirements-dev.txt")
    )
    assert first.items() <= dev.items()


def _third_party() -> set[str]:
    """Top-level names that the package imports and that are neither its own nor Python's."""
    names = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add(str(node.module).split(".")[0])
    return names - {"rostersync"} - sys.stdlib_module_names
