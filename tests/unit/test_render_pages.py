"""Pages for people: the list of runs, and a run, briefly and whole."""

import io

from rich.console import Console

from rostersync.plan import codec
from rostersync.render import details, runs
from rostersync.render.details import Details
from rostersync.render.run import brief, page
from support.plans import write_manifest


def shown(print_page, *args):
    out = Console(file=io.StringIO(), width=200, markup=False, highlight=False)
    print_page(out, *args)
    return out.file.getvalue()


RUN = {
    "metadata": {"name": "springfield-1"},
    "spec": {"connectionRef": {"name": "springfield"}, "mode": "Import", "requestedBy": "alex"},
    "status": {
        "conditions": [
            {
                "type": "Succeeded",
                "status": "Unknown",
                "reason": "AwaitingApproval",
                "lastTransitionTime": "T",
                "message": 'Held for 20 reasons: `rostersync approve springfield-1 --reason "…"`.',
            }
        ],
        "plan": {"digest": "sha256:aa", "baseRevision": 4},
        "entities": [
            {"entity": "Student", "created": 0, "updated": 1, "deleted": 312, "unchanged": 800, "population": 1204}
        ],
        "totals": {"created": 0, "updated": 1, "deleted": 312, "unchanged": 800, "population": 1204},
        "holds": [{"reason": "Threshold", "message": "Deletes 312 of 1,204 Students (25.9 %), limit 10 %"}],
        "holdsTotal": 20,
        "causes": [{"cause": "SourceMissing", "count": 312}],
        "schools": {"found": 3, "mapped": 2, "missing": 1, "vanished": 0, "missingIDs": ["1003"]},
        "incomplete": ["users"],
    },
}


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


def test_the_list_of_runs_says_what_they_were_for_once_one_was_no_import():
    restore = RUN | {"spec": RUN["spec"] | {"mode": "Restore"}}
    assert "Mode" not in shown(runs.page, [RUN])
    text = shown(runs.page, [restore, RUN])
    assert all(word in text for word in ("Mode", "Restore", "Import"))


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


def test_what_is_usual_stands_beside_what_changes(tmp_path):
    (tmp_path / "changes").mkdir()
    usual = {"runs": 7, "entities": {"Student": {"created": 3, "updated": 41, "deleted": 2}}}
    write_manifest(tmp_path, "sha256:x", usual=usual)
    text = shown(page, RUN, details.Details(usual=codec.read(tmp_path).usual))

    row = next(line for line in text.splitlines() if line.startswith("Student"))
    assert row.split() == ["Student", "1,204", "0", "3", "1", "41", "312", "2", "800"]
    assert "the last 7 runs" in text
