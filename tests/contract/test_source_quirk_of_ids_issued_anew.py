"""Quirk 18: the SIS issues its ids anew, and everything looks deleted and created. Nothing of it may pass unseen."""

from pathlib import Path
from typing import Any

from rostersync.model import HoldReason
from support.days import Day, Roster
from support.quirky import Quirky, staged

SCHOOL = {"sourcedId": "s1", "name": "North", "type": "school"}
COURSE = {"sourcedId": "c1", "title": "Algebra", "courseCode": "ALG", "org": {"sourcedId": "s1"}}
CLASS = {"sourcedId": "k1", "title": "Algebra 1", "course": {"sourcedId": "c1"}, "school": {"sourcedId": "s1"}}


class Served(Day):
    """A day that is read from a server, as every day is."""

    def __init__(self, prefix: str) -> None:
        self.data: dict[str, list[dict[str, Any]]] = {
            "orgs": [SCHOOL],
            "academicSessions": [],
            "courses": [COURSE],
            "classes": [CLASS],
            "enrollments": [],
            "users": [
                {
                    "sourcedId": f"{prefix}{i}",
                    "role": "student",
                    "identifier": str(4700 + i),
                    "username": f"user{i}",
                    "givenName": "A",
                    "familyName": "B",
                    "orgs": [{"sourcedId": "s1"}],
                }
                for i in range(40)
            ],
        }

    def stage(self, folder: Path) -> Path:
        with Quirky(self.data) as server:
            staged(server, folder, *self.data)
        return folder


def test_ids_that_the_sis_issued_anew_hold_the_run_as_re_keyed(tmp_path: Path) -> None:
    """Quirk 18: 40 students come back under other ids; both the threshold and the re-keying hold."""
    roster = Roster(tmp_path)
    roster.run(Served("u"), bulkUploadMode=True)

    report = roster.plan(Served("sis:u"), bulkUploadMode=True).report

    reasons = {hold.reason for hold in report.holds}
    assert {HoldReason.RE_KEYED, HoldReason.THRESHOLD} <= reasons
    [students] = [counts for counts in report.entities if counts.entity == "Student"]
    assert (students.created, students.deleted) == (40, 40)
