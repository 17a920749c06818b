"""Help of kubectl roster: every command and option explained, with examples that parse, and quick to come."""

import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from rostersync import __version__
from rostersync.plugin.command import ELSEWHERE, SECTIONS, cli

NAMES = [name for names in SECTIONS.values() for name in names]
CONTEXT = click.Context(cli)


def call(*words):
    return CliRunner().invoke(cli, list(words))


def test_the_sections_have_every_command():
    assert set(cli.commands) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_command_and_option_is_explained_with_an_example(name):
    command = cli.get_command(CONTEXT, name)

    assert command is not None
    assert command.help
    assert [p.name for p in command.params if isinstance(p, click.Option) and not p.help] == []
    assert f"kubectl roster {name}" in call(name, "--help").output


@pytest.mark.parametrize("name", NAMES)
def test_help_fits_into_a_terminal_of_80_columns(name):
    page = CliRunner().invoke(cli, [name, "--help"], terminal_width=80).output

    assert [line for line in page.splitlines() if len(line) > 80] == []


def examples():
    pages = [call("--help").output, *(call(name, "--help").output for name in NAMES)]
    lines = {line.split(" | ")[0].strip() for page in pages for line in page.splitlines()}
    return sorted(line for line in lines if line.startswith("kubectl roster "))


@pytest.mark.parametrize("line", examples())
def test_examples_parse(line):
    words = shlex.split(line.replace(" RUN", " run").replace("3f1c…", "3f1c" * 16))[2:]
    name, command, rest = cli.resolve_command(CONTEXT, words)
    command.make_context(name, rest, parent=click.Context(cli))


@pytest.mark.parametrize("name", NAMES)
def test_every_command_takes_the_options_that_kubectl_has(name):
    page = call(name, "--help").output

    assert [o for o in ("-n, --namespace", "--context", "--kubeconfig", "-o, --output") if o not in page] == []


def test_help_needs_no_client_of_a_cluster():
    loaded = "import sys; from rostersync.plugin import command; print(*sorted(sys.modules))"

    modules = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout.split()

    assert {"kubernetes", "urllib3", "pydantic", "rich", "yaml", "duckdb"} & set(modules) == set()


@pytest.mark.parametrize("name", ELSEWHERE)
def test_commands_that_need_records_say_where_these_are(name):
    result = call(name, "springfield-20261124t020709")

    assert result.exit_code == 2
    assert "out of the cluster's reach" in result.output


@pytest.mark.parametrize(
    "words",
    [
        ["run"],
        ["approve", "r"],
        ["reject", "r", "--reason", " "],
        ["runs", "-o", "csv"],
        ["run", "s", "--timeout", "soon"],
        ["rnu"],
    ],
)
def test_what_does_not_parse_is_a_usage_error(words):
    assert call(*words).exit_code == 2


def test_version():
    assert __version__ in call("--version").output


def test_kubectl_finds_the_plugin_by_its_name():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())

    assert project["project"]["scripts"]["kubectl-roster"] == "rostersync.plugin.command:main"
