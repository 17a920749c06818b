"""The checks before a commit: pre-commit calls what CI calls, and a subject that is too long is refused."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]


def hooks() -> list[dict[str, Any]]:
    """The hooks of all repositories that the configuration names."""
    repos = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repo["repo"] for repo in repos] == ["local"]  # nothing is fetched
    return [hook for repo in repos for hook in repo["hooks"]]


def test_precommit_calls_the_targets_of_verify() -> None:
    verify = re.search(r"^verify: (.*?) ##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert verify
    made = [hook["entry"] for hook in hooks() if "stages" not in hook]
    assert made == [f"make {target}" for target in verify[1].split()]
    assert {hook["language"] for hook in hooks()} == {"system"}


def test_types_are_checked_of_what_tests_share() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["mypy"]["files"] == ["operator/rostersync", "tests/support", "bench", "deploy/demo"]


@pytest.mark.parametrize(
    ("message", "fine"),
    [
        ("A full disk is named\n", True),
        (
            "A full disk is named\n\nSince a run that ends without a word leaves a person with nothing to do about it.\n",
            True,
        ),
        ("# a comment of git's\nA full disk is named\n", True),
        ("x" * 71 + "\n", True),
        ("x" * 72 + "\n", False),
        ("A full disk is named\nwithout an empty line\n", False),
        ("# a comment alone\n", False),
    ],
)
def test_a_subject_is_under_72_characters(tmp_path: Path, message: str, fine: bool) -> None:
    (tmp_path / "message").write_text(message)
    done = subprocess.run([ROOT / ".ci" / "subject", tmp_path / "message"], capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is fine, done.stdout + done.stderr
    assert (done.stdout == "") is fine
