"""Collections that the source does not offer: what is held back for want of them, told with numbers."""

import json
from dataclasses import replace
from typing import Any

from rostersync.lifecycle.messages import deferred
from rostersync.lifecycle.recorded import of_plan, plan_report
from rostersync.model import NotOffered
from rostersync.plan.report import plan_from_json, plan_to_json
from support.days import Roster, district


def test_without_courses_classes_and_their_enrolments_are_held_back_and_counted(roster: Roster) -> None:
    day = district()
    plan = roster.plan(day.not_offering("courses"))
    sent = {t: len(day.rows[t]) for t in ("classes", "enrollments")}
    held: dict[str, Any] = {c.entity: c.skipped for c in plan.manifest.entities}

    held_back = {"Class": sent["classes"], "Enrollment": sent["enrollments"]}
    assert plan.manifest.not_offered == (NotOffered("courses", held_back=held_back),)
    assert (held["Class"], held["Enrollment"]) == (sent["classes"], sent["enrollments"])


def test_what_dangles_for_another_reason_is_not_counted(roster: Roster) -> None:
    day = district().add("enrollments", "e99", userSourcedId="nobody").not_offering("academicSessions")
    (told,) = roster.plan(day).manifest.not_offered

    assert told == NotOffered("academicSessions")


def test_what_is_not_taken_is_not_missed(roster: Roster) -> None:
    assert roster.plan(district().not_offering("demographics")).manifest.not_offered == ()


def test_report_and_status_keep_it_and_the_message_says_it(roster: Roster) -> None:
    report = roster.plan(district().not_offering("courses")).report
    scope = "https://purl.imsglobal.org/spec/or/v1p1/scope/roster-core.readonly"
    report.not_offered[0] = missing = replace(report.not_offered[0], status=403, scope=scope)
    again = plan_from_json(plan_to_json(report))
    remembered = plan_report(json.loads(json.dumps(of_plan(again))), report.run)

    assert again.not_offered == report.not_offered
    assert remembered is not None
    assert remembered.not_offered == report.not_offered
    assert deferred(report) == (
        " The source does not offer courses (403), so that records are held back: "
        f"{missing.held_back['Class']} Classes, {missing.held_back['Enrollment']} Enrollments; "
        f"let the credential read it (its token may lack the scope {scope}, which deliveryConfig.scope has to name)."
    )
