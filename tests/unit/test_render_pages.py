"""Pages for people: the list of runs, and a run, briefly and whole."""

import io

import pytest
from rich.console import Console

from rostersync.model import Entity, EntityCounts
from rostersync.plan import codec
from rostersync.plugin.words_to_type import typed
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


DOUBLE = {  # counts of the issues among the duplicates, of which there are 3; the words that are there, and those that are not
    "not unique": ({"Duplicate": 3}, "since another record has the same value where it must be unique:", "contradict"),
    "contradictory": (
        {"ContradictoryRows": 3},
        "held back, since rows with the same id contradict each other:",
        "unique",
    ),
    "both": ({"Duplicate": 1, "ContradictoryRows": 2}, "must be unique, or since rows", "nothing else"),
    "not all told": ({"Duplicate": 2}, "must be unique, or since rows", "nothing else"),
    "none told": ({}, "must be unique, or since rows", "nothing else"),
}


@pytest.mark.parametrize(("codes", "there", "absent"), DOUBLE.values(), ids=DOUBLE)
def test_duplicates_are_explained_as_what_they_are(codes, there, absent):
    issues = [{"class": "Duplicate", "code": c, "entity": "Student", "count": n} for c, n in codes.items()]
    status = RUN["status"] | {"totals": {"duplicates": 3}, "issues": issues}
    text = " ".join(shown(brief, RUN | {"status": status}).split())

    assert there in text
    assert absent not in text


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


ROSTER = {
    "totals": {"created": 0, "updated": 40, "deleted": 2, "unchanged": 1162, "population": 1204},
    "entities": [
        {"entity": "School", "created": 0, "updated": 0, "deleted": 0, "unchanged": 3, "population": 3},
        {"entity": "Student", "created": 0, "updated": 40, "deleted": 2, "unchanged": 1159, "population": 1201},
    ],
    "causes": [{"cause": "SourceChanged", "count": 42}],
}
STILL = {"totals": {"created": 0, "updated": 0, "deleted": 0, "unchanged": 3, "population": 3}}


def lines_of(roster, *args):
    """The lines of a run's page, with single blanks."""
    run = RUN | {"status": RUN["status"] | {"roster": roster}}
    return [" ".join(line.split()) for line in shown(page, run, *args).splitlines()]


def test_a_run_of_several_sources_shows_its_own_counts_and_what_becomes_of_the_roster():
    lines = lines_of(ROSTER)

    assert lines.index("What the plan changes of this source") < lines.index("In the roster of all sources")
    assert "Student 1,201 0 40 2 1,159" in lines
    assert "Total 1,204 0 40 2 1,162" in lines
    assert not any(line.startswith("School 3") for line in lines), "nothing of schools changes"
    assert "`rostersync diff springfield-1 --roster` shows the records, and whose each value is." in lines
    assert "Because of: 42 SourceChanged." in lines
    on_a_cluster = lines_of(ROSTER, details.NOTHING, typed(""))
    assert "Student 1,201 0 40 2 1,159" in on_a_cluster
    assert not any("--roster" in line for line in on_a_cluster)


def test_a_roster_whose_entities_found_no_room_has_its_totals():
    assert "Total 1,204 0 40 2 1,162" in lines_of({"totals": ROSTER["totals"]})


def test_a_roster_that_stays_as_it_is_says_so_and_one_of_one_source_says_nothing():
    assert "In the roster of all sources: nothing changes." in lines_of(STILL)
    assert "In the roster" not in shown(page, RUN)


def test_the_plan_knows_the_roster_of_runs_whose_status_does_not(tmp_path):
    (tmp_path / "changes").mkdir()
    counts = vars(EntityCounts(Entity.STUDENT, updated=7, population=9, unchanged=2))
    sources = {"sources": [{"source": "one", "brings": True}, {"source": "two", "brings": True}]}
    write_manifest(tmp_path, "sha256:x", several=sources, roster=[counts], rosterCauses={"Merged": 7})

    text = shown(page, RUN, details.read(tmp_path))
    assert ["Student", "9", "0", "7", "0", "2"] in [line.split() for line in text.splitlines()]


def test_what_is_usual_stands_beside_what_changes(tmp_path):
    (tmp_path / "changes").mkdir()
    usual = {"runs": 7, "entities": {"Student": {"created": 3, "updated": 41, "deleted": 2}}}
    write_manifest(tmp_path, "sha256:x", usual=usual)
    text = shown(page, RUN, details.Details(usual=codec.read(tmp_path).usual))

    row = next(line for line in text.splitlines() if line.startswith("Student"))
    assert row.split() == ["Student", "1,204", "0", "3", "1", "41", "312", "2", "800"]
    assert "the last 7 runs" in text
