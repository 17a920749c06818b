"""A plan by school: what belongs to no school is told in words."""

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from rostersync.render import details, summary
from rostersync.render.details import Details
from rostersync.render.orgs import orgs_of

ORGS = orgs_of(
    [
        {"id": "1001", "sis_ids": ["1001"], "entity": "School", "name": "North"},
        {"id": "AD-directory", "sis_ids": ["directory"], "entity": "District", "name": "Rivers"},
    ]
)
TEXTS, LISTS = ("id", "entity", "new_entity", "change", "cause", "before"), ("changed", "schools", "orgSourcedIds")


def page(plan: Path, *places: list[str]) -> str:
    """What people read of a plan that creates a student for each list of organisations."""
    student = {"entity": "Student", "new_entity": "Student", "change": "Create", "cause": "SourceCreated"}
    rows = [student | {"id": f"s{n}", "schools": orgs, "orgSourcedIds": orgs} for n, orgs in enumerate(places)]
    schema = pa.schema([(n, pa.string()) for n in TEXTS] + [(n, pa.list_(pa.string())) for n in LISTS])
    (plan / "changes").mkdir()
    pq.write_table(pa.Table.from_pylist(rows, schema), plan / "changes" / "Student.parquet")
    out = Console(file=io.StringIO(), width=120)
    details.schools(out, Details(ORGS, summary.read(plan, ORGS)))
    return out.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_a_directory_is_no_school(tmp_path: Path) -> None:
    assert page(tmp_path, ["AD-directory"], ["AD-directory"]) == "None of what it changes belongs to a school.\n\n"


def test_who_belongs_to_no_school_stands_below_the_schools(tmp_path: Path) -> None:
    lines = page(tmp_path, ["AD-directory"], ["1001", "AD-directory"], ["1001"], ["unknown"]).splitlines()
    found = [line.split() for line in lines[3:] if line.strip()]
    assert found == [
        ["North", "2", "0", "0", "1001"],
        ["unknown", "1", "0", "0", "unknown"],
        ["no", "school", "1", "0", "0"],
    ]


@pytest.mark.parametrize("places", [[], [["1001"]]])
def test_there_is_no_word_of_no_school_where_everybody_has_one(tmp_path: Path, places: list[list[str]]) -> None:
    assert "no school" not in page(tmp_path, *places).lower()
