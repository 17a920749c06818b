"""Pages for people: the changes and the issues of a plan folder."""

import csv
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from rostersync.render import changes, issues
from rostersync.render.orgs import orgs_of

FRAME = {
    "id": pa.string(),
    "entity": pa.string(),
    "new_entity": pa.string(),
    "change": pa.string(),
    "cause": pa.string(),
    "schools": pa.list_(pa.string()),
    "before_hash": pa.string(),
    "hash": pa.string(),
    "changed": pa.list_(pa.string()),
    "before": pa.string(),
    "givenName": pa.string(),
    "grades": pa.list_(pa.string()),
    "enabledUser": pa.bool_(),
    "metadata": pa.map_(pa.string(), pa.string()),
}


@pytest.fixture
def plan(tmp_path):
    (tmp_path / "changes").mkdir()
    rows = [
        {
            "id": "S1",
            "entity": "Student",
            "new_entity": "Student",
            "change": "Create",
            "cause": "SourceCreated",
            "schools": ["A"],
            "givenName": "[bold]Given1",
            "grades": ["09"],
            "enabledUser": True,
            "metadata": [("homeroom", "1")],
        },
        {
            "id": "S2",
            "entity": "Student",
            "new_entity": "Teacher",
            "change": "Update",
            "cause": "SourceChanged",
            "schools": ["A", "B"],
            "changed": ["entity", "givenName", "metadata.homeroom"],
            "givenName": "Given2",
            "before": json.dumps({"entity": "Student", "givenName": None, "metadata.homeroom": "7"}),
            "metadata": [("homeroom", "8")],
        },
        {
            "id": "S3",
            "entity": "Student",
            "new_entity": "Student",
            "change": "Delete",
            "cause": "SourceMissing",
            "schools": ["B"],
            "before": json.dumps({"entity": "Student", "givenName": "Given3", "grades": None}),
        },
    ]
    table = pa.Table.from_pylist(rows, pa.schema(list(FRAME.items())))
    pq.write_table(table, tmp_path / "changes" / "Student.parquet")
    found = [
        {
            "entity": "Student",
            "id": f"S{i}",
            "class": "Error",
            "code": "Missing",
            "attribute": "email",
            "rule": "dataRequirements[0]",
            "action": "Error",
        }
        for i in range(3)
    ] + [{"entity": "Class", "id": "C1", "class": "Skipped", "code": "DanglingReference"}]
    pq.write_table(pa.Table.from_pylist(found), tmp_path / "issues.parquet")
    return tmp_path


def shown(print_page, *args):
    out = Console(file=io.StringIO(), width=200, markup=False, highlight=False)
    print_page(out, *args)
    return out.file.getvalue()


def test_changes_are_read_with_old_and_new_values(plan):
    create, update, delete = changes.read(plan)

    assert create.as_dict() == {
        "entity": "Student",
        "id": "S1",
        "name": "[bold]Given1",
        "change": "Create",
        "cause": "SourceCreated",
        "schools": ["A"],
        "before": {},
        "after": {"givenName": "[bold]Given1", "grades": ["09"], "enabledUser": True, "metadata": {"homeroom": "1"}},
    }
    assert list(update.attributes()) == [
        ("entity", "Student", "Teacher"),
        ("givenName", None, "Given2"),
        ("metadata.homeroom", "7", "8"),
    ]
    assert (dict(delete.before), dict(delete.after)) == ({"givenName": "Given3"}, {})


FILTERS = {
    "none": (changes.Filters(), ["S1", "S2", "S3"]),
    "entity": (changes.Filters(entities=("Class",)), []),
    "change": (changes.Filters(changes=("Create", "Delete")), ["S1", "S3"]),
    "cause": (changes.Filters(causes=("SourceChanged",)), ["S2"]),
    "school": (changes.Filters(schools=("B",)), ["S2", "S3"]),
    "all of them": (changes.Filters(("Student",), ("Delete",), ("B",), ("SourceMissing",)), ["S3"]),
}


@pytest.mark.parametrize(("filters", "expected"), FILTERS.values(), ids=FILTERS)
def test_changes_are_filtered(plan, filters, expected):
    assert [c.id for c in changes.read(plan, filters)] == expected


def test_a_diff_for_people(plan):
    text = shown(changes.page, changes.read(plan), 2)

    assert "[bold]Given1" in text
    assert "givenName: ∅ → Given2" in text
    assert "metadata.homeroom: 7 → 8" in text
    assert "S3" not in text
    assert "--limit 0 shows all" in text


def test_a_diff_as_csv_has_a_line_for_each_attribute(plan):
    out = io.StringIO()
    changes.write_csv(out, changes.read(plan, changes.Filters(changes=("Update",))))

    rows = list(csv.DictReader(io.StringIO(out.getvalue())))
    assert [(r["attribute"], r["old"], r["new"]) for r in rows] == [
        ("entity", "Student", "Teacher"),
        ("givenName", "", "Given2"),
        ("metadata.homeroom", "7", "8"),
    ]
    assert rows[0]["schools"] == "A,B"


HARMLESS = {"=1+1": "'=1+1", "+1": "'+1", "-2": "'-2", "@x": "'@x", "\tx": "'\tx", "\rx": "'\rx", "a=b": "a=b", "": ""}
HARMLESS |= {v: f"'{v}" for v in ("\uff1d1", "\uff0b1", "\uff0d1", "\uff20x", "\u200b=1", "\ufeff\u2060+1")} | {
    "\u200bx": "\u200bx"
}


@pytest.mark.parametrize(("value", "shown_as"), HARMLESS.items(), ids=map(repr, HARMLESS))
def test_a_formula_is_text_in_a_spreadsheet(value, shown_as):
    change = changes.RecordChange(value, "S1", "Update", "SourceChanged", (), {"phone": value}, {"phone": value}, value)
    line, wide = io.StringIO(newline=""), io.StringIO(newline="")
    changes.write_csv(line, [change])
    changes.write_wide(wide, [change])

    [row] = csv.DictReader(io.StringIO(line.getvalue(), newline=""))
    assert [row[c] for c in ("entity", "old", "new", "name")] == [shown_as] * 4
    [row] = csv.DictReader(io.StringIO(wide.getvalue().removeprefix("\ufeff"), newline=""))
    assert [row["entity"], row["name"]] == [shown_as] * 2


def test_a_wide_diff_has_one_row_a_record_with_names_for_a_spreadsheet(plan):
    out = io.StringIO()
    orgs = orgs_of([{"id": "A", "sis_ids": ["1"], "entity": "School", "name": "Oak Hill"}])
    changes.write_wide(out, changes.read(plan), orgs)

    assert out.getvalue().startswith("\ufeffentity,id,name,school,change,cause,old,new\r\n")
    create, update, delete = csv.DictReader(io.StringIO(out.getvalue().removeprefix("\ufeff")))
    assert (create["id"], create["name"], create["school"]) == ("S1", "[bold]Given1", "Oak Hill (A)")
    assert update["school"] == "Oak Hill (A); B"
    assert update["old"] == "entity: Student; givenName: ; metadata.homeroom: 7"
    assert update["new"] == "entity: Teacher; givenName: Given2; metadata.homeroom: 8"
    assert (delete["old"], delete["new"]) == ("givenName: Given3", "")


def test_schools_have_their_names_in_a_diff(plan):
    orgs = orgs_of([{"id": "B", "sis_ids": ["2"], "entity": "School", "name": "Elm Street"}])
    text = shown(changes.page, changes.read(plan), None, orgs)

    assert "A · Elm Street" in text


def test_a_diff_as_json_is_one_array(plan):
    out = io.StringIO()
    changes.write_json(out, changes.read(plan))

    assert [c["id"] for c in json.loads(out.getvalue())] == ["S1", "S2", "S3"]


def test_no_changes_is_an_empty_array_and_a_sentence(tmp_path):
    out = io.StringIO()
    changes.write_json(out, changes.read(tmp_path))

    assert json.loads(out.getvalue()) == []
    assert shown(changes.page, changes.read(tmp_path), None).strip() == "No changes."


def test_issues_are_grouped(plan):
    assert issues.groups(issues.read(plan)) == [
        {
            "class": "Error",
            "code": "Missing",
            "entity": "Student",
            "attribute": "email",
            "rule": "dataRequirements[0]",
            "action": "Error",
            "count": 3,
        },
        {"class": "Skipped", "code": "DanglingReference", "entity": "Class", "count": 1},
    ]


def test_issues_record_by_record(plan):
    text = shown(issues.page, issues.read(plan), True, 3)

    assert "Name" not in text
    named = [issue | {"name": "Given Name (login)"} for issue in issues.read(plan)]
    assert "Given Name (login)" in shown(issues.page, named, True, 3)
    assert "S2" in text
    assert "C1" not in text
    assert "--limit 0" in text
