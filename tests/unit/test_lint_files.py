"""How the source is laid out: files that can be read in one sitting, and each says what it is for."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
LONG = 300
FOLDERS = ("operator", "tests", "bench", "deploy")


def python_files() -> list[Path]:
    """All Python files of the repository."""
    found = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    assert len(found) > 100
    return found


def docstring(path: Path) -> str:
    """A module's docstring, or nothing."""
    return ast.get_docstring(ast.parse(path.read_text())) or ""


def test_a_long_file_says_why() -> None:
    """Over 300 lines the docstring has a sentence about its lines, or the file is split."""
    silent = [
        f"{path.relative_to(ROOT)}: {lines} lines"
        for path in python_files()
        if (lines := len(path.read_text().splitlines())) > LONG and not re.search(r"\blines\b", docstring(path))
    ]
    assert silent == []


def test_no_file_cites_a_rule_by_a_number_that_is_not_here() -> None:
    """A reader of this repository can look up nothing behind "rules" and a number: the rule itself stands there."""
    cited = re.compile(r"\brules? \d+(\.\d+)?\b")
    texts = [*python_files(), *ROOT.glob("*.md"), *(ROOT / "operator").glob("*.md"), *(ROOT / "charts").rglob("*.yaml")]
    assert [f"{path.relative_to(ROOT)}: {m[0]}" for path in texts if (m := cited.search(path.read_text()))] == []


def test_every_module_of_the_package_says_what_it_is() -> None:
    silent = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "operator").rglob("*.py")
        if path.read_text().strip() and not docstring(path)
    ]
    assert silent == []


def test_public_functions_say_what_they_do() -> None:
    """In the package: every function and class that another file can call."""
    silent = []
    for path in (ROOT / "operator").rglob("*.py"):
        tree = ast.parse(path.read_text())
        owners = [tree, *(n for n in tree.body if isinstance(n, ast.ClassDef) and not n.name.startswith("_"))]
        for owner in owners:
            silent += [
                f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
                for node in owner.body
                if isinstance(node, ast.FunctionDef | ast.ClassDef)
                and not node.name.startswith("_")
                and not ast.get_docstring(node)
                and not _is_said_elsewhere(node)
            ]
    assert silent == []


def test_nothing_is_left_open() -> None:
    """No markers of unfinished work; what comes later stands in the README."""
    marks = ("TO" + "DO", "FIX" + "ME", "XX" + "X", "NotImplemented" + "Error")
    open_ends = [
        f"{path.relative_to(ROOT)}:{number} {mark}"
        for path in python_files()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        for mark in marks
        if re.search(rf"\b{mark}\b", line)
    ]
    assert open_ends == []


def _is_said_elsewhere(node: ast.stmt) -> bool:
    """Properties of one line, and methods that carry out a port or override a base class's."""
    if not isinstance(node, ast.FunctionDef):
        return False
    return len(node.body) == 1 and isinstance(node.body[0], ast.Return)


def test_the_formatter_lays_out_everything_but_five_tables() -> None:
    """Each of the five says beside it why its rows are laid out by hand."""
    by_hand = {"test_source_fuzz.py": 2, "test_timetable.py": 2, "run_states.py": 1}
    found = {p.name: n for p in python_files() if (n := p.read_text().count("# fmt: " + "skip"))}
    assert found == by_hand
