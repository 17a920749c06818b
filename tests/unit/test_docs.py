"""What the documents say is so: commands parse, targets and files exist, tables are complete, manifests are accepted."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import click
import pytest
from pydantic import BaseModel

from rostersync.__main__ import cli
from rostersync.api.v1alpha1.focusconnection import FocusConnectionSpec
from rostersync.lifecycle.outcomes import ENDINGS, HELD_EXIT
from rostersync.local.manifest_files import load
from rostersync.model import Cause, HoldReason
from rostersync.roster import TABLES
from rostersync.sync import pipeline

ROOT = Path(__file__).parents[2]
DOCS = [
    ROOT / name
    for name in (
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "operator/ARCHITECTURE.md",
        "operator/DECISIONS.md",
    )
]
README = (ROOT / "README.md").read_text()
ARCHITECTURE = (ROOT / "operator" / "ARCHITECTURE.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()


def shell_lines(text: str) -> list[str]:
    """The lines of all ```sh fences, continued lines joined."""
    fences = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [line for fence in fences for line in fence.replace("\\\n", " ").splitlines() if line.strip()]


def commands(program: str) -> list[Any]:
    """Every call of a program in the documents: its arguments, named by document and line."""
    found = []
    for document in DOCS:
        for line in shell_lines(document.read_text()):
            words = shlex.split(re.split(r"\s(?:\||>|&$|#)", line)[0], comments=True)
            if words[:1] == [program]:
                found.append(pytest.param(words[1:], id=f"{document.name}: {line.split('#')[0].strip()}"))
    return found


def parse(words: list[str]) -> None:
    """Parse arguments as the command line does, and run nothing. Raises click's UsageError."""
    name, command, rest = cli.resolve_command(click.Context(cli), list(words))
    assert command is not None
    command.make_context(name or "", rest, parent=click.Context(cli))


@pytest.mark.parametrize("words", commands("rostersync"))
def test_commands_parse(words: list[str]) -> None:
    parse(words)


@pytest.mark.parametrize("words", [["rnu"], ["run"], ["run", "-f", "x", "--dryrun"], ["diff", "--change", "Vanish"]])
def test_what_does_not_parse_is_found(words: list[str]) -> None:
    with pytest.raises(click.UsageError):
        parse(words)


def test_every_command_is_in_the_readme() -> None:
    rows = {name for row in table_after("### Commands") for name in re.findall(r"`(\w+)`", row[0])}
    assert rows == set(cli.list_commands(click.Context(cli)))


@pytest.mark.parametrize("words", commands("make"))
def test_make_targets_exist(words: list[str]) -> None:
    targets = [w for w in words if "=" not in w]
    assert set(targets) <= set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))


def test_targets_named_in_sentences_exist() -> None:
    """Also outside of fences, where they stand as `make target`."""
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    named = {t for d in DOCS for t in re.findall(r"`make ([a-z-]+)", d.read_text())}
    assert len(named) > 3
    assert named <= targets


def test_every_target_has_its_help() -> None:
    phony = re.search(r"^\.PHONY: ((?:.*\\\n)*.*)$", MAKEFILE, re.MULTILINE)
    assert phony
    assert re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE) == phony[1].replace("\\", " ").split()


def test_ci_runs_the_readmes_test_command() -> None:
    steps = re.findall(r"^make (\w+)$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert steps == ["setup", "lint", "types", "imports", "generated", "test"]
    assert [line.split()[:2] for line in shell_lines(README)[:2]] == [["make", "demo"], ["make", "test"]]


@pytest.mark.parametrize("document", DOCS, ids=lambda d: d.name)
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text()
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        if "://" in target:
            continue
        leads = (document.parent / path) if path else document
        assert leads.exists(), target
        if anchor:
            headings = [_anchor(h) for h in re.findall(r"^#+ (.*)$", leads.read_text(), re.MULTILINE)]
            assert anchor in headings, target


def test_files_named_in_documents_exist() -> None:
    """Names in backticks that look like files of the repository."""
    for document in DOCS:
        for name in re.findall(r"`((?:operator|tests|deploy|bench|crds)/[\w./-]+)`", document.read_text()):
            assert (ROOT / name).exists(), f"{document.name}: {name}"


def test_every_field_of_a_connection_is_in_the_table() -> None:
    """In the row of the part it belongs to, in its own spelling."""
    rows = {row[0].strip("` "): " ".join(row) for row in table_after("## A connection, part by part")}
    assert rows.keys() == FocusConnectionSpec.model_fields.keys()
    missing = [
        f"{name}: {field}"
        for name, info in FocusConnectionSpec.model_fields.items()
        for field in fields_under(info.annotation)
        if not re.search(rf"\b{field}\b", " ".join(re.findall(r"`([^`]*)`", rows[name])))
    ]
    assert missing == []


def test_defaults_are_as_the_table_says() -> None:
    """Those of plain fields, which stand in the table as they stand in YAML."""
    rows = {row[0].strip("` "): row[2] for row in table_after("## A connection, part by part")}
    for name, info in FocusConnectionSpec.model_fields.items():
        if isinstance(info.default, bool):
            assert rows[name].strip() == f"`{str(info.default).lower()}`", name
        elif isinstance(info.default, str) and info.default:
            assert rows[name].strip() == f"`{info.default}`", name


def test_every_variable_of_the_environment_is_in_the_readme() -> None:
    read = {
        name
        for path in (ROOT / "operator").rglob("*.py")
        for name in re.findall(r"\bROSTERSYNC_[A-Z_]+\b", path.read_text())
    }
    assert len(read) > 3
    assert read == set(re.findall(r"\bROSTERSYNC_[A-Z_]+\b", README))


def test_exit_codes_are_as_the_table_says() -> None:
    rows = {row[0].strip("` "): row[1].strip() for row in table_after("### How a run ends")}
    held = next(name for name in rows if "AwaitingApproval" in name)
    assert rows.pop(held) == str(HELD_EXIT)
    assert rows == {outcome.value: str(ending.exit) for outcome, ending in ENDINGS.items()}


def test_stages_are_as_the_documents_say() -> None:
    """In the order of the pipeline."""
    for text in (README, ARCHITECTURE):
        drawn = "extract" + text.partition("extract")[2]
        places = [drawn.find(stage) for stage in ("extract", *pipeline.STAGES[:-1])]
        assert -1 not in places
        assert places == sorted(places)


def test_architecture_names_what_there_is() -> None:
    """Tables of the store, causes, and the layers of the import contract."""
    schema = (ROOT / "operator" / "rostersync" / "stores" / "embedded" / "schema.sql").read_text()
    tables = set(re.findall(r"^CREATE TABLE (?:IF NOT EXISTS )?store\.(\w+)", schema, re.MULTILINE))
    assert len(tables) > 5
    for name in (*tables, *(t.name for t in TABLES), *Cause):
        assert f"`{name}`" in ARCHITECTURE, name
    layers = re.search(r"layers =\n((?:    .*\n)+)", (ROOT / ".importlinter").read_text())
    assert layers
    drawn = re.findall(r"^(\w+(?: \| \w+)*)  +\S", ARCHITECTURE, re.MULTILINE)
    assert [line.replace("rostersync.", "").strip() for line in layers[1].splitlines()] == drawn


def test_tables_between_stages_are_as_the_architecture_says() -> None:
    """Each that it names is made by the file of its stage or a part of it."""
    made = "".join(path.read_text() for path in (ROOT / "operator" / "rostersync" / "sync").rglob("*.py"))
    named = re.findall(r"\| `(\w+)_<table>` \|", ARCHITECTURE)
    assert len(named) > 12
    for name in named:
        if name != "store":  # the store's own views
            assert re.search(rf"(TEMP (TABLE|VIEW) |create_view\(f\"){name}_", made), name


@pytest.mark.parametrize("folder", ["deploy/demo"])
def test_manifests_are_accepted(folder: str) -> None:
    assert load([ROOT / folder], {}).connection.spec.termsOfUse.accepted


def table_after(heading: str) -> list[list[str]]:
    """The cells of the first table after a heading of the README, without its own heading."""
    part = README.partition(f"\n{heading}\n")[2]
    assert part, heading
    lines = part[part.index("\n|") + 1 :].split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]


def fields_under(annotation: Any) -> Iterator[str]:
    """The names of all fields below a field, as they are spelled in YAML."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, info in annotation.model_fields.items():
            yield info.alias or name
            yield from fields_under(info.annotation)
    for inner in get_args(annotation):
        yield from fields_under(inner)


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_the_section_on_held_runs_names_what_there_is() -> None:
    """Reasons and causes in it are those of the product, and its parts are the page's, in the page's order."""
    section = README.partition("### Reading a held run\n")[2].partition("\n## ")[0]
    words = set(re.findall(r"`([A-Z]\w+)`", section))
    assert len(words) > 8
    assert words <= {*HoldReason, *Cause}
    page = "\n".join(
        (ROOT / "operator/rostersync/render" / f).read_text()
        for f in ("run.py", "words.py", "details.py", "not_offered.py")
    )
    parts = [row[0] for row in table_after("### Reading a held run")]
    said = [p for part in parts for p in part.split(", ") if not p.startswith("What follows")]
    assert [p for p in said if f'"{p}' not in page] == []
