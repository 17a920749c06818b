"""What a Job is for is asked of its record: no code decides by an attempt's name."""

import ast
from pathlib import Path

import pytest

from rostersync.attempts import ATTEMPTS, OF_RUN

SOURCE = Path(__file__).parents[2] / "operator" / "rostersync"
PLACES = ("controller/**/*.py", "lifecycle/*.py", "jobs/*.py", "api/*.py")
NAMES = {*ATTEMPTS, *(record.type for record in OF_RUN)}
KEYS = ("get", "setdefault", "pop")  # whose first argument is a key of a dictionary, such as status.plan


def named(text: str) -> list[int]:
    """Lines of a source where an attempt's name is compared, listed, or handed over."""
    found = []
    for node in ast.walk(ast.parse(text)):
        inside: list[ast.expr] = []
        if isinstance(node, ast.Compare):
            inside = [node.left, *node.comparators]
        elif isinstance(node, ast.Tuple | ast.List | ast.Set):
            inside = node.elts
        elif isinstance(node, ast.MatchValue):
            inside = [node.value]
        elif isinstance(node, ast.Call):
            key = isinstance(node.func, ast.Attribute) and node.func.attr in KEYS
            inside = node.args[1 if key else 0 :]
        found += [part.lineno for part in inside if isinstance(part, ast.Constant) and part.value in NAMES]
    return found


def test_no_code_decides_by_the_name_of_an_attempt() -> None:
    seen = {
        path.relative_to(SOURCE).as_posix(): lines
        for place in PLACES
        for path in SOURCE.glob(place)
        if (lines := named(path.read_text()))
    }
    assert seen == {}


@pytest.mark.parametrize(
    "text", ['stage == "plan"', 'stage in ("check", "purge")', 'newest("apply")', 'args = ["job", "deliver"]']
)
def test_each_way_to_decide_by_a_name_is_seen(text: str) -> None:
    assert set(named(text)) == {1}
    assert named('status.get("plan") or status["plan"]') == []
