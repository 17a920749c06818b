"""What a person sees of a bad night: which school, which attribute, why, and what follows from what."""

import csv
import io
import json
from collections import Counter

import pytest

from rostersync.render import details, orgs, summary
from support.cli import Bench, name_of
from support.simulated import simulated

STUDENTS = 3000  # five schools, of which the first three are of one level


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """A district whose third school closes, and which loses a tenth of its students in the same night."""
    with simulated(STUDENTS) as simulator:
        bench = Bench(tmp_path_factory.mktemp("night"), simulator)
        bench.run()
        simulator.set_day(1)
        simulator.add_event("school-closes:3")
        simulator.add_event("mass-leave:12")
        run = bench.run(code=3)
        bench.name = name_of(run)
        bench.schools = {s["name"]: s["sourcedId"] for s in schools_of(bench)}
        yield bench


def schools_of(bench):
    return json.loads(bench.call("check", *bench.manifests(), "--output", "json").stdout)["schools"]


def plan_of(bench):
    return bench.state / "artifacts" / bench.name / "plan"


def rows_of(bench, *words):
    return json.loads(bench.call("diff", bench.name, "--output", "json", *words).stdout)


def test_a_held_run_names_the_schools_and_what_hangs_together(night):
    shown = night.call("show", night.name).stdout
    closed = orgs.read(plan_of(night)).called_by_source(night.show(night.name)["status"]["schools"]["vanishedIDs"][0])

    assert closed.endswith(")")
    assert f"Vanished from the source: {closed}" in shown
    for words in ("By school", "What updates change", "orgSourcedIds", "who leave", "who change school"):
        assert words in shown
    for name in night.schools:
        assert name in shown


def test_objects_keep_ids_only(night):
    status = json.dumps(night.show(night.name))
    stored = (night.state / "runs" / f"{night.name}.json").read_text()

    for name in night.schools:
        assert name not in status + stored


def test_schools_count_what_a_slow_count_counts(night):
    rows = rows_of(night)
    known = orgs.read(plan_of(night))
    schools = {o.id for o in known.by_id.values() if o.entity == "School"}
    expected = Counter(
        (place, row["change"]) for row in rows for place in ({*row["schools"]} & schools or {""}) if row["schools"]
    )
    found = summary.read(plan_of(night), known)

    assert {
        (s.org.id, c): n
        for s in found.schools
        for c, n in (("Create", s.created), ("Update", s.updated), ("Delete", s.deleted))
        if n
    } == dict(expected)
    assert all(s.org.name for s in found.schools)


def test_students_of_a_school_are_those_of_the_store_before_and_after(night):
    before = Counter(s for row in exported(night) if row["role"] == "student" for s in row["orgSourcedIds"].split(","))
    found = summary.read(plan_of(night), orgs.read(plan_of(night)))
    moved = Counter()
    for row in rows_of(night, "--entity", "Student"):
        was = row["before"].get("orgSourcedIds") if row["change"] != "Create" else []
        will = row["after"].get("orgSourcedIds") if row["change"] != "Delete" else []
        if row["change"] != "Update" or "orgSourcedIds" in row["after"]:
            moved.update(dict.fromkeys(was or (), -1))
            moved.update(will or ())

    assert {s.org.id: s.students for s in found.schools if s.org.entity == "School"} == {
        s.org.id: (before[s.org.id], before[s.org.id] + moved[s.org.id])
        for s in found.schools
        if s.org.entity == "School"
    }


def exported(bench):
    bench.call("export", "--to", str(bench.folder / "bundle"))
    return list(csv.DictReader((bench.folder / "bundle" / "users.csv").read_text().splitlines()))


def test_attributes_count_what_a_slow_count_counts(night):
    expected = Counter((r["entity"], a) for r in rows_of(night, "--change", "Update") for a in r["after"])
    found = summary.read(plan_of(night), orgs.read(plan_of(night)))

    assert {(e, a): n for e, of in found.attributes for a, n in of} == dict(expected)


def test_what_follows_from_what_is_what_a_slow_count_finds(night):
    rows = rows_of(night)
    leave = {r["id"] for r in rows if r["entity"] == "Student" and r["change"] == "Delete"}
    new = {r["id"] for r in rows if r["entity"] == "Student" and r["change"] == "Create"}
    deleted = [r for r in rows if r["entity"] == "Enrollment" and r["change"] == "Delete"]
    created = [r for r in rows if r["entity"] == "Enrollment" and r["change"] == "Create"]
    found = {
        (f.entity, f.change, f.of, f.how): f for f in summary.read(plan_of(night), orgs.read(plan_of(night))).follows
    }

    gone = found["Enrollment", "Delete", "Student", "leave"]
    assert (gone.part, gone.whole, gone.subjects) == (
        sum(r["before"]["userSourcedId"] in leave for r in deleted),
        len(deleted),
        len(leave),
    )
    come = found.get(("Enrollment", "Create", "Student", "new"))
    assert (come.part if come else 0) == sum(r["after"]["userSourcedId"] in new for r in created)
    contacts = [r for r in rows if r["entity"] == "Contact" and r["change"] == "Delete"]
    theirs = found["Contact", "Delete", "Student", "leave"]
    assert theirs.part == sum(bool(leave & set(r["before"]["agentSourcedIds"])) for r in contacts)
    assert "Students who leave." in details.follows_sentence(gone)


def test_a_school_is_chosen_by_its_name_or_either_id(night):
    name, sis_id = next(iter(night.schools.items()))
    store_id = next(o.id for o in orgs.read(plan_of(night)).all if sis_id in o.sis_ids)
    by_name, by_sis, by_store = (rows_of(night, "--school", word) for word in (name, sis_id, store_id))

    assert by_name == by_sis == by_store == [r for r in rows_of(night) if store_id in r["schools"]]
    assert by_name


def test_who_comes_to_a_school_is_found_there_too(night):
    moved = next(
        r for r in rows_of(night, "--entity", "Student", "--change", "Update") if "orgSourcedIds" in r["after"]
    )

    for school in (moved["before"]["orgSourcedIds"][0], moved["after"]["orgSourcedIds"][0]):
        assert moved in rows_of(night, "--school", school)


def test_an_unknown_school_says_which_there_are(night):
    error = night.call("diff", night.name, "--school", "Nowhere", code=1).stderr

    assert "There is no school Nowhere" in error
    for name in night.schools:
        assert name in error


def test_a_csv_for_a_spreadsheet_has_a_row_a_record(night):
    text = night.call("diff", night.name, "--wide").stdout
    lines = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    rows = rows_of(night)

    assert text.startswith("\ufeff")
    assert [line["id"] for line in lines] == [r["id"] for r in rows]
    assert [line["name"] for line in lines] == [r["name"] for r in rows]
    assert any(name in line["school"] for line in lines for name in night.schools)


def test_wide_is_csv_and_nothing_else(night):
    assert "--wide" in night.call("diff", night.name, "--wide", "--output", "json", code=2).stderr
