"""`rostersync run` against a simulated Focus: import, next day, nothing new, held, dry run, and what it prints."""

import csv
import json

import pytest

from rostersync.simulator.roster import Roster
from support.cli import Bench, name_of, reason_of
from support.simulated import ids, simulated

STUDENTS = 60


@pytest.fixture
def bench(tmp_path):
    with simulated(STUDENTS) as simulator:
        yield Bench(tmp_path, simulator)


def counted(run, count):
    return {e["entity"]: e[count] for e in run["status"]["entities"] if e[count]}


def test_the_first_run_imports_what_the_source_has(bench):
    run = bench.run()

    roster: Roster = bench.simulator.roster
    created = counted(run, "created")
    assert (run["status"]["outcome"], run["status"]["revision"], run["status"]["plan"]["baseRevision"]) == (
        "Applied",
        1,
        0,
    )
    assert created["Student"] == STUDENTS
    assert sum(created[e] for e in ("Student", "Teacher", "Contact", "Admin")) == roster.total("users")
    assert created["Enrollment"] == roster.total("enrollments")
    assert "Demographics" not in created
    assert run["status"]["totals"]["created"] == sum(created.values())


def test_the_same_again_changes_nothing(bench):
    bench.run()
    run = bench.run()

    assert (run["status"]["outcome"], reason_of(run)) == ("NoChanges", "NoChanges")
    assert "revision" not in run["status"]


def test_the_next_day_is_compared(bench):
    bench.run()
    before = set(ids(bench.simulator.roster, "users"))
    bench.simulator.set_day(3)
    after = set(ids(bench.simulator.roster, "users"))
    assert before != after

    run = bench.run()

    people = ("Student", "Teacher", "Contact", "Admin")
    assert run["status"]["outcome"] == "Applied"
    assert sum(counted(run, "created").get(e, 0) for e in people) == len(after - before)
    assert sum(counted(run, "deleted").get(e, 0) for e in people) == len(before - after)


def test_what_would_change_too_much_is_held_with_its_numbers(bench):
    run = bench.held()

    status = run["status"]
    assert (reason_of(run), "outcome" in status, status["plan"]["baseRevision"]) == ("AwaitingApproval", False, 1)
    students = next(h for h in status["holds"] if h.get("entity") == "Student")
    deleted = counted(run, "deleted")["Student"]
    assert (students["reason"], students["count"], students["population"], students["limit"]) == (
        "Threshold",
        deleted,
        STUDENTS,
        10,
    )
    assert students["message"].startswith(f"Deletes {deleted} of {STUDENTS} Students (")
    assert status["holdsTotal"] == len(status["holds"])
    message = next(c["message"] for c in status["conditions"] if c["type"] == "Succeeded")
    assert f'rostersync approve {name_of(run)} --reason "…"' in message


def test_a_held_run_has_moved_nothing(bench):
    bench.run()
    bench.call("export", "--to", str(bench.folder / "before"))
    bench.simulator.add_event("mass-leave:30")
    bench.run(code=3)
    bench.call("export", "--to", str(bench.folder / "after"))

    before, after = ((bench.folder / f / "users.csv").read_text() for f in ("before", "after"))
    assert before == after


def test_a_dry_run_says_what_would_be_held_and_asks_nobody(bench):
    bench.run()
    bench.simulator.add_event("mass-leave:30")

    run = bench.run("--dry-run")

    assert (run["status"]["outcome"], run["spec"]["mode"]) == ("DryRun", "DryRun")
    assert run["status"]["holdsTotal"] > 0
    assert not (bench.state / "approvals").exists()


def test_the_export_is_what_was_accepted(bench):
    bench.run()
    bench.call("export", "--to", str(bench.folder / "out"))

    with (bench.folder / "out" / "users.csv").open() as file:
        exported = {row["sourcedId"] for row in csv.DictReader(file)}
    assert exported == set(ids(bench.simulator.roster, "users"))


def test_a_run_named_in_the_manifests_is_never_started_again(bench):
    named = {
        "apiVersion": "rostersync.dev/v1alpha1",
        "kind": "SyncRun",
        "metadata": {"name": "first-import"},
        "spec": {"connectionRef": {"name": "springfield"}, "reason": "new district"},
    }
    manifests = bench.manifests(named)
    first = bench.run(manifests=manifests)
    requests = len(bench.simulator.requests)

    again = bench.call("run", *manifests, "--output", "json")

    assert name_of(first) == "first-import"
    assert first["spec"]["reason"] == "new district"
    assert json.loads(again.stdout) == first
    assert "never started again" in again.stderr
    assert len(bench.simulator.requests) == requests


def test_people_see_a_table_and_the_way_on(bench):
    held = name_of(bench.held())

    shown = bench.call("show", held).stdout
    runs = bench.call("runs").stdout

    for text in (f"rostersync diff {held}", "Threshold", "limit 10 %", "SourceMissing"):
        assert text in shown
    assert "AwaitingApproval" in runs


def test_progress_is_json_lines_where_there_is_no_terminal(bench):
    result = bench.call("run", *bench.manifests())

    stages = [json.loads(line)["stage"] for line in result.stderr.splitlines()]
    assert list(dict.fromkeys(stages)) == [
        "extract",
        "shape",
        "require",
        "match",
        "link",
        "compare",
        "freeze",
        "apply",
    ]


def test_diff_shows_records_old_and_new(bench):
    held = name_of(bench.held())
    deleted = {e["entity"]: e["deleted"] for e in bench.show(held)["status"]["entities"]}

    table = bench.call("diff", held, "--entity", "student", "--change", "delete", "--limit", "2").stdout
    rows = json.loads(bench.call("diff", held, "--entity", "Student", "--output", "json").stdout)
    lines = list(csv.DictReader(bench.call("diff", held, "--output", "csv").stdout.splitlines()))

    assert rows[0]["name"] in table
    assert len(rows) == deleted["Student"]
    assert {r["change"] for r in rows} == {"Delete"}
    assert all(r["before"]["givenName"] for r in rows)
    assert len({(r["entity"], r["id"]) for r in lines}) == sum(deleted.values())


def test_diff_filters_by_cause_and_school(bench):
    held = name_of(bench.held())
    rows = json.loads(bench.call("diff", held, "--output", "json").stdout)
    school = rows[0]["schools"][0]

    of_school = json.loads(bench.call("diff", held, "--school", school, "--output", "json").stdout)
    cascades = json.loads(bench.call("diff", held, "--cause", "cascade", "--output", "json").stdout)

    assert of_school == [r for r in rows if school in r["schools"]]
    assert cascades == [r for r in rows if r["cause"] == "Cascade"]
    assert "none of" in bench.call("diff", held, "--cause", "weather", code=2).stderr


def test_issues_are_grouped_and_listed(bench):
    run = bench.run(
        "--dry-run",
        manifests=bench.manifests(
            dataRequirements=[
                {"entity": "Student", "attribute": "middleName", "action": "Error"},
            ]
        ),
    )
    errors = counted(run, "errors")["Student"]

    groups = json.loads(bench.call("issues", name_of(run), "--output", "json").stdout)
    records = json.loads(bench.call("issues", name_of(run), "--records", "--output", "json").stdout)

    group = next(g for g in groups if g["entity"] == "Student")
    assert (group["attribute"], group["class"], group["count"]) == ("middleName", "Error", errors)
    assert len([r for r in records if r["entity"] == "Student"]) == errors
    assert str(errors) in bench.call("issues", name_of(run)).stdout


def test_another_prefix_is_shown_as_re_keying(bench):
    bench.run()
    run = bench.run(manifests=bench.manifests(sisIDPrefix="X-"), code=3)

    assert "IdentityChanged" in {h["reason"] for h in run["status"]["holds"]}
    pairs = json.loads(bench.call("diff", name_of(run), "--rekeyed", "--output", "json").stdout)
    assert {p["newID"] == "X-" + p["oldID"] for p in pairs} == {True}
    assert len([p for p in pairs if p["entity"] == "Student"]) == STUDENTS
    assert " → X-" in bench.call("diff", name_of(run), "--rekeyed").stdout
    assert "--rekeyed" in bench.call("show", name_of(run)).stdout


def test_deletes_that_lean_on_a_torn_reading_are_left_for_later(bench):
    bench.run()
    bench.simulator.set_day(3)
    bench.simulator.add_fault("wrong-total:5,on=users")

    run = bench.run()

    assert (run["status"]["outcome"], run["status"]["incomplete"]) == ("AppliedIncomplete", ["users"])
    assert counted(run, "deleted").get("Student", 0) == 0
    assert run["status"]["totals"]["deferred"] > 0
    again = bench.run()
    assert (again["status"]["outcome"], again["status"]["plan"]["noChanges"]) == ("AppliedIncomplete", True)
    assert again["status"]["totals"]["deferred"] == run["status"]["totals"]["deferred"]
    bench.simulator.clear_faults()
    later = bench.run()
    assert later["status"]["totals"]["deleted"] == run["status"]["totals"]["deferred"]


def test_what_the_source_does_not_offer_is_said_everywhere_with_its_cost(bench):
    bench.simulator.add_fault("403,on=courses")
    roster: Roster = bench.simulator.roster

    run = bench.run()

    (told,) = run["status"]["notOffered"]
    held = {h["entity"]: h["count"] for h in told["heldBack"]}
    assert (told["collection"], told["status"]) == ("courses", 403)
    assert held == {"Class": roster.total("classes"), "Enrollment": roster.total("enrollments")}
    succeeded = next(c for c in run["status"]["conditions"] if c["type"] == "Succeeded")
    assert "does not offer courses (403)" in succeeded["message"]
    scope = "https://purl.imsglobal.org/spec/or/v1p1/scope/roster-core.readonly"
    assert (told["scope"], scope in succeeded["message"]) == (scope, True)
    for command in ("show", "issues"):
        said = bench.call(command, name_of(run)).stdout
        assert "Not offered by the source: courses (403)" in said
        assert scope in said
    assert scope in bench.call("check", *bench.manifests()).stdout


def test_check_says_ok_and_what_there_is(bench):
    result = bench.call("check", *bench.manifests(), "--output", "json")

    found = json.loads(result.stdout)
    assert found["message"] == "Connection is OK"
    assert len(found["schools"]) >= 1
    assert {"entity": "Student", "attribute": "givenName"}.items() <= next(
        a for a in found["attributes"] if (a["entity"], a["attribute"]) == ("Student", "givenName")
    ).items()
    assert not bench.state.exists()
