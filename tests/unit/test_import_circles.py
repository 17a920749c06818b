"""No two modules of the package need each other, not even for their types or within a function."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "operator"


def imported(module: str, text: str, modules: set[str]) -> set[str]:
    """The modules of a package that one of them imports, wherever in its file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inner & modules or {node.module}
    return (found & modules) - {module}


def circle(files: dict[str, str]) -> list[str]:
    """Modules that need each other, the first one again at the end; empty where there are none."""
    graph = {module: imported(module, text, set(files)) for module, text in files.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_modules_import_each_other() -> None:
    files = {
        ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): path.read_text()
        for path in SOURCE.rglob("*.py")
    }
    assert len(files) > 100
    assert circle(files) == []


@pytest.mark.parametrize(
    "text",
    [
        "from p.b import thing",
        "import p.b",
        "from p import b",
        "if TYPE_CHECKING:\n    from p.b import Thing",
        "def later():\n    from p.b import thing",
    ],
)
def test_each_way_to_import_is_seen(text: str) -> None:
    assert set(circle({"p.a": text, "p.b": "from p.a import one"})) == {"p.a", "p.b"}
    assert circle({"p.a": text, "p.b": "import json"}) == []
