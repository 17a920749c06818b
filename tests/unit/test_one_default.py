"""A number that stands in several places is the same in each: what the API says, commands, chart and base."""

import re
from pathlib import Path
from typing import Any

import click
import yaml

from rostersync.__main__ import cli
from rostersync.stores import memory_limit

ROOT = Path(__file__).parents[2]
CONTAINER = next(
    document["spec"]["template"]["spec"]["containers"][0]
    for document in yaml.safe_load_all((ROOT / "deploy" / "base" / "deployment.yaml").read_text())
    if document["kind"] == "Deployment"
)


def options(*path: str) -> dict[str, click.Option]:
    """The options of a command, by their longest spelling."""
    command: Any = cli
    for name in path:
        command = command.get_command(click.Context(command), name)
    return {max(p.opts, key=len): p for p in command.params if isinstance(p, click.Option)}


def written() -> dict[str, int]:
    """The numbers among the arguments that deploy/base gives the operator."""
    found = (re.fullmatch(r"(--[\w-]+)=(\d+)", argument) for argument in CONTAINER["args"])
    return {match[1]: int(match[2]) for match in found if match}


def test_the_base_says_what_the_operator_takes_anyway() -> None:
    known = options("operator")
    assert len(written()) >= 4
    assert {name: known[name].default for name in written()} == written()


def test_the_chart_says_what_the_operator_takes_anyway() -> None:
    values = yaml.safe_load((ROOT / "charts" / "rostersync" / "values.yaml").read_text())
    template = (ROOT / "charts" / "rostersync" / "templates" / "deployment.yaml").read_text()
    named = re.findall(r"(--[\w-]+)=\{\{ int \.Values\.([\w.]+) \}\}", template)
    assert len(named) >= 4
    for option, path in named:
        value: Any = values
        for part in path.split("."):
            value = value[part]
        assert options("operator")[option].default == value, path


def test_the_help_says_how_much_memory_the_engine_takes() -> None:
    assert f"default {memory_limit._SHARE} %" in str(options("run")["--memory"].help)
