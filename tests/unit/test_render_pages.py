"""Pages for people: runs, a run, changes and issues of a plan folder."""

import csv
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from rostersync.plan import codec
from rostersync.render import changes, details, issues, runs
from rostersync.render.details import Details
from rostersync.render.orgs import orgs_of
from rostersync.render.run import brief, page
from support.plans import write_manifest

FRAME = {
    "id": pa.string(), "entity": pa.string(), "new_entity": pa.string(), "change": pa.string(), "cause": pa.string(),
    "schools": pa.list_(pa.string()), "before_hash": pa.string(), "hash": pa.string(), "changed": pa.list_(pa.string()),
    "before": pa.string(), "givenName": pa.string(), "grades": pa.list_(pa.string()), "enabledUser": pa.bool_(),
    "metadata": pa.map_(pa.string(), pa.string()),
}  # fmt: skip


@pytest.fixture
def plan(tmp_path):
    (tmp_path / "changes").mkdir()
    rows = [
        {"id": "S1", "entity": "Student", "new_entity": "Student", "change": "Create", "cause": "SourceCreated",
         "schools": ["A"], "givenName": "[bold]Given1", "grades": ["09"], "enabledUser": True,
         "metadata": [("homeroom", "1")]},
        {"id": "S2", "entity": "Student", "new_entity": "Teacher", "change": "Update", "cause": "SourceChanged",
         "schools": ["A", "B"], "changed": ["entity", "givenName", "metadata.homeroom"], "givenName": "Given2",
         "before": json.dumps({"entity": "Student", "givenName": None, "metadata.homeroom": "7"}),
         "metadata": [("homeroom", "8")]},
        {"id": "S3", "entity": "Student", "new_entity": "Student", "change": "Delete", "cause": "SourceMissing",
         "schools": ["B"], "before": json.dumps({"entity": "Student", "givenName": "Given3", "grades": None})},
    ]  # fmt: skip
    table = pa.Table.from_pylist(rows, pa.schema(list(FRAME.items())))
    pq.write_table(table, tmp_path / "changes" / "Student.parquet")
    found = [
        {"entity": "Student", "id": f"S{i}", "class": "Error", "code": "Missing", "attribute": "email",
         "rule": "dataRequirements[0]", "action": "Error"}
        for i in range(3)
    ] + [{"entity": "Class", "id": "C1", "class": "Skipped", "code": "DanglingReference"}]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(found), tmp_path / "issues.parquet")
    return tmp_path


def shown(print_page, *args):
    out = Console(file=io.StringIO(), width=200, markup=False, highlight=False)
    print_page(out, *args)
    return out.file.getvalue()


def test_changes_are_read_with_old_and_new_values(plan):
    create, update, delete = changes.read(plan)

    assert create.as_dict() == {
        "entity": "Student", "id": "S1", "name": "[bold]Given1", "change": "Create", "cause": "SourceCreated",
        "schools": ["A"], "before": {},
        "after": {"givenName": "[bold]Given1", "grades": ["09"], "enabledUser": True, "metadata": {"homeroom": "1"}},
    }  # fmt: skip
    assert list(update.attributes()) == [
        ("entity", "Student", "Teacher"), ("givenName", None, "Given2"), ("metadata.homeroom", "7", "8"),
    ]  # fmt: skip
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
        ("entity", "Student", "Teacher"), ("givenName", "", "Given2"), ("metadata.homeroom", "7", "8"),
    ]  # fmt: skip
    assert rows[0]["schools"] == "A,B"


HARMLESS = {"=1+1": "'=1+1", "+1": "'+1", "-2": "'-2", "@x": "'@x", "\tx": "'\tx", "\rx": "'\rx", "a=b": "a=b", "": ""}


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
        {"class": "Error", "code": "Missing", "entity": "Student", "attribute": "email", "rule": "dataRequirements[0]",
         "action": "Error", "count": 3},
        {"class": "Skipped", "code": "DanglingReference", "entity": "Class", "count": 1},
    ]  # fmt: skip


def test_issues_record_by_record(plan):
    text = shown(issues.page, issues.read(plan), True, 3)

    assert "S2" in text
    assert "C1" not in text
    assert "--limit 0" in text


RUN = {
    "metadata": {"name": "springfield-1"},
    "spec": {"connectionRef": {"name": "springfield"}, "mode": "Import", "requestedBy": "alex"},
    "status": {
        "conditions": [{
            "type": "Succeeded", "status": "Unknown", "reason": "AwaitingApproval", "lastTransitionTime": "T",
            "message": 'Held for 20 reasons: `rostersync approve springfield-1 --reason "…"`.',
        }],
        "plan": {"digest": "sha256:aa", "baseRevision": 4},
        "entities": [{"entity": "Student", "created": 0, "updated": 1, "deleted": 312, "unchanged": 800, "population": 1204}],
        "totals": {"created": 0, "updated": 1, "deleted": 312, "unchanged": 800, "population": 1204},
        "holds": [{"reason": "Threshold", "message": "Deletes 312 of 1,204 Students (25.9 %), limit 10 %"}],
        "holdsTotal": 20, "causes": [{"cause": "SourceMissing", "count": 312}],
        "schools": {"found": 3, "mapped": 2, "missing": 1, "vanished": 0, "missingIDs": ["1003"]},
        "incomplete": ["users"],
    },
}  # fmt: skip


def test_a_held_run_says_why_and_what_to_type():
    text = shown(brief, RUN)

    assert "Deletes 312 of 1,204 Students (25.9 %), limit 10 %" in text
    assert "and 19 more" in text
    assert 'rostersync approve springfield-1 --reason "…"' in text
    assert "rostersync diff springfield-1" in text
    assert "Not mapped: 1003" in text
    assert "Not read completely: users" in text
    assert "Skipped" not in text  # nothing was


def test_a_whole_run():
    text = shown(page, RUN)

    assert "sha256:aa" in text
    assert "SourceMissing" in text
    assert "AwaitingApproval" in text


def test_why_a_run_waits_and_what_it_does_stand_above_what_programs_read():
    text = shown(page, RUN)
    places = [
        text.index(part)
        for part in ("Why it is held", "What the plan changes", "SourceMissing", "Condition", "Look at it")
    ]

    assert places == sorted(places)


def test_where_rows_came_several_times_the_command_that_names_their_ids_is_said(tmp_path):
    (tmp_path / "changes").mkdir()
    proof = {
        "users": {"offered": True, "reason": "total 606, received 500, duplicates 3", "duplicates": 3},
        "classes": {"offered": True, "reason": "total 9, received 8, duplicates 0", "duplicates": 0},
        "courses": {"offered": True, "reason": None, "duplicates": 0},
        "demographics": {"offered": False, "reason": "not offered", "duplicates": 0},
    }
    write_manifest(tmp_path, "sha256:x", run="r1", proof=proof)

    assert details.read(tmp_path).unproved == {
        "users": "total 606, received 500, duplicates 3 (their ids: `rostersync issues r1 --records`)",
        "classes": "total 9, received 8, duplicates 0",
    }


def test_the_list_of_runs_begins_with_its_connections():
    text = shown(runs.page, [RUN, RUN | {"metadata": {"name": "springfield-0"}, "status": {}}])

    lines = [line.split() for line in text.splitlines() if line.strip().startswith("springfield")]
    assert lines[0] == ["springfield", "AwaitingApproval", "springfield-1", "1"]
    assert lines[2][:3] == ["springfield-0", "springfield", "New"]


def test_why_a_collection_was_not_read_completely_stands_beside_its_name() -> None:
    out = io.StringIO()
    status = {"outcome": "AppliedIncomplete", "incomplete": ["classes", "users"]}
    run = {"metadata": {"name": "r1"}, "spec": {"connectionRef": {"name": "c"}}, "status": status}
    found = Details(unproved={"users": "total 606, received 500, duplicates 3"})

    brief(Console(file=out, width=120), run, details=found)

    assert "  users: total 606, received 500, duplicates 3\n" in out.getvalue()
    assert "classes:" not in out.getvalue()


def test_what_is_usual_stands_beside_what_changes(plan):
    usual = {"runs": 7, "entities": {"Student": {"created": 3, "updated": 41, "deleted": 2}}}
    write_manifest(plan, "sha256:x", usual=usual)
    text = shown(page, RUN, details.Details(usual=codec.read(plan).usual))

    row = next(line for line in text.splitlines() if line.startswith("Student"))
    assert row.split() == ["Student", "1,204", "0", "3", "1", "41", "312", "2", "800"]
    assert "the last 7 runs" in text
