"""Help that a newcomer understands: every command and option explained, and quick to come."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from rostersync import __version__
from rostersync.__main__ import SECTIONS, cli
from rostersync.api.kinds import plurals

NAMES = [name for names in SECTIONS.values() for name in names]
CONTEXT = click.Context(cli)


def test_the_sections_have_every_command():
    assert set(cli.commands) <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_command_and_option_is_explained(name):
    command = cli.get_command(CONTEXT, name)

    assert command is not None
    assert command.help
    assert [p.name for p in command.params if isinstance(p, click.Option) and not p.help] == []
    assert CliRunner().invoke(cli, [name, "--help"]).exit_code == 0


@pytest.mark.parametrize("name", NAMES)
def test_help_fits_into_a_terminal_of_80_columns(name):
    page = CliRunner().invoke(cli, [name, "--help"], terminal_width=80).output

    assert [line for line in page.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_an_example(name):
    assert f"rostersync {name}" in CliRunner().invoke(cli, [name, "--help"]).output.split("Options:")[1]


def test_the_first_page_names_every_command_and_how_to_begin():
    page = CliRunner().invoke(cli, ["--help"]).output

    assert [n for n in NAMES if f"  {n} " not in page] == []
    assert "rostersync simulate" in page


def test_help_needs_none_of_the_engine():
    loaded = "import sys; from rostersync import __main__; print(*sorted(sys.modules))"

    modules = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout.split()

    assert {"duckdb", "pyarrow", "pydantic", "httpx", "rich"} & set(modules) == set()


@pytest.mark.parametrize("words", [["version"], ["--version"]])
def test_version(words):
    assert __version__ in CliRunner().invoke(cli, words).output


def test_what_is_not_the_repository_is_refused_and_stays_as_it_is(tmp_path):
    result = CliRunner().invoke(cli, ["crds", "--to", str(tmp_path / "crds"), "--repository", str(tmp_path)])

    assert result.exit_code == 1
    assert f"{tmp_path} is not rostersync's repository" in result.output
    assert list(tmp_path.iterdir()) == []


def test_crds_are_written_and_checked(tmp_path):
    folder = str(tmp_path / "crds")
    assert CliRunner().invoke(cli, ["crds", "--to", folder, "--check"]).exit_code == 1

    assert CliRunner().invoke(cli, ["crds", "--to", folder]).exit_code == 0

    assert {path.stem for path in (tmp_path / "crds").glob("*.yaml")} == set(plurals())
    assert CliRunner().invoke(cli, ["crds", "--to", folder, "--check"]).exit_code == 0
