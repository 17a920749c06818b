"""What a check Job tells: its report, the schools behind it, and how a connection is packed for Jobs."""

import base64
import gzip
import json
import os
import subprocess
import sys
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostersync.api.packed import MOST, pack, unpack
from rostersync.api.v1alpha1.focusconnection import FocusConnection
from rostersync.errors import BaseMoved, InvalidManifest, Permanent, Retryable, StoreBusy
from rostersync.execution import json_files
from rostersync.execution.check import mapped, orgs_of
from rostersync.jobs.command import code_of
from rostersync.model import CheckReport, Schools
from rostersync.plan.report import LIMIT, check_from_json, check_to_json
from rostersync.sources.port import CheckResult, Page
from rostersync.sync.schools import Org, SchoolRules

OK = CheckResult("Connection is OK", (), (), {})


def test_a_check_report_comes_back_equal():
    report = CheckReport(
        "done", "Connection is OK", Schools(9, 7, 2, 1, ("a", "b"), ("c",)), {"reason": "X", "message": "y"}
    )

    assert check_from_json(check_to_json(report)) == report


def test_a_check_report_has_the_fields_of_the_status():
    data = json.loads(check_to_json(CheckReport("done", "m", Schools(2, 1, 1, 0, ("a",)))))

    assert data == {
        "stage": "done",
        "message": "m",
        "schools": {"found": 2, "mapped": 1, "missing": 1, "vanished": 0, "missingIDs": ["a"]},
    }


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"stage": "done"}'])
def test_what_is_no_check_report_is_refused(text):
    with pytest.raises((ValueError, KeyError)):
        check_from_json(text)


ids = st.lists(st.text(min_size=1, max_size=256), max_size=20).map(tuple)
counts = st.integers(0, 10**6)


@given(
    st.builds(
        CheckReport,
        st.just("done"),
        st.just("Connection is OK"),
        st.builds(Schools, *[counts] * 4, ids, ids),
        st.none() | st.fixed_dictionaries({"reason": st.just("X"), "message": st.text(max_size=3000)}),
    )
)
def test_any_check_report_fits_and_keeps_its_numbers(report):
    text = check_to_json(report)
    read = check_from_json(text)

    assert len(text.encode()) <= LIMIT
    kept, whole = read.schools, report.schools
    assert (kept.found, kept.mapped, kept.missing, kept.vanished) == (
        whole.found,
        whole.mapped,
        whole.missing,
        whole.vanished,
    )
    assert kept.missing_ids == whole.missing_ids[: len(kept.missing_ids)]


ORGS = [
    Org("d", False),
    Org("a", True, "active", "d"),
    Org("b", True, None, "d"),
    Org("c", True, "ToBeDeleted", "d"),
    Org("e", True, "inactive"),
]


def test_selected_schools_that_are_not_there_or_sent_as_removed_have_vanished():
    found = mapped(OK, ORGS, SchoolRules(auto=False, targets={"a": None, "c": "x", "z": None}))

    assert found.schools == Schools(2, 1, 1, 2, ("b",), ("c", "z"))
    assert (found.mapped, found.vanished) == ({"a"}, ("c", "z"))


def test_auto_maps_all_but_what_is_excluded_and_knows_of_no_vanished_one():
    found = mapped(OK, ORGS, SchoolRules(exclude=frozenset({"b"})))

    assert found.schools == Schools(2, 1, 1, 0, ("b",))
    assert (found.mapped, found.vanished) == ({"a"}, ())


def test_the_report_has_twenty_ids_and_the_log_all():
    wanted = {f"gone-{n:02}": None for n in range(30)}

    found = mapped(OK, [], SchoolRules(auto=False, targets=wanted))

    assert (found.schools.vanished, len(found.schools.vanished_ids), len(found.vanished)) == (30, 20, 30)


def test_organisations_are_read_from_pages_as_plans_read_them():
    rows: list[dict[str, Any]] = [
        {"sourcedId": "a", "type": "School", "status": "active", "parentSourcedId": "d"},
        {"sourcedId": "d", "type": "district", "status": None, "parentSourcedId": None},
        {"sourcedId": "a", "type": "department", "status": "active", "parentSourcedId": None},
        {"sourcedId": "u", "type": None, "status": None, "parentSourcedId": None},
    ]
    pages = [
        Page(0, pa.RecordBatch.from_pylist(rows[:2]), 0, None),
        Page(2, pa.RecordBatch.from_pylist(rows[2:]), 0, None),
    ]

    assert orgs_of(pages) == [Org("a", True, "active", "d"), Org("d", False), Org("u", False)]


@pytest.mark.parametrize(
    ("mapping", "rules"),
    [
        ({}, SchoolRules(prefix="p-")),
        (
            {"exclude": ["a"], "schools": [{"sourcedId": "b", "target": {"name": "North"}}]},
            SchoolRules(targets={"b": None}, exclude=frozenset({"a"}), prefix="p-"),
        ),
        (
            {"mode": "Selected", "schools": [{"sourcedId": "a", "target": {"id": "x"}}, {"sourcedId": "b"}]},
            SchoolRules(auto=False, targets={"a": "x", "b": None}, prefix="p-"),
        ),
    ],
)
def test_schools_mapping_as_configured_is_what_plans_and_checks_go_by(mapping, rules):
    delivery = {"serviceURL": "https://focus.example/api", "credentialsSecretRef": {"name": "s"}}
    terms = {"termsOfUse": {"accepted": True}}
    data = {
        "metadata": {"name": "n"},
        "spec": {"deliveryConfig": delivery, "schoolsMapping": mapping, "sisIDPrefix": "p-", **terms},
    }

    assert SchoolRules.of(FocusConnection.model_validate(data).spec) == rules


CODES = [
    (Permanent("x"), 42),
    (Retryable("x"), 1),
    (StoreBusy("x"), 1),
    (BaseMoved("x"), 42),
    (Retryable("x", reason="OutOfMemory"), 1),
]


@pytest.mark.parametrize(("error", "code"), CODES, ids=lambda v: type(v).__name__ if isinstance(v, Exception) else "")
def test_exit_codes_say_whether_the_same_job_can_go_through_later(error, code):
    assert code_of(error) == code


OBJECT = {"kind": "FocusConnection", "spec": {"b": "é ☃", "a": [1, True, None]}}


def test_a_packed_connection_comes_back_equal_and_is_always_the_same_text():
    assert unpack(pack(OBJECT)) == OBJECT
    assert unpack(pack(OBJECT) + "\n") == OBJECT
    script = "import sys, json; from rostersync.api.packed import pack; print(pack(json.loads(sys.argv[1])))"
    turned = json.dumps(dict(reversed(OBJECT.items())))
    made = {
        subprocess.run(
            [sys.executable, "-c", script, turned],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert made == {pack(OBJECT)}


def _packed(data: bytes) -> str:
    return base64.b64encode(data).decode()


NOT_PACKED = {
    "nothing": "",
    "no base64": "{}!",
    "no gzip": _packed(b"{}"),
    "no JSON": _packed(gzip.compress(b"{")),
    "no object": _packed(gzip.compress(b"[]")),
    "cut": pack(OBJECT)[:-8],
    "not UTF-8": _packed(gzip.compress(b"\xff")),
    "too large": _packed(gzip.compress(b" " * (MOST + 1))),
    "not ASCII": "é",
}


@pytest.mark.parametrize("text", NOT_PACKED.values(), ids=NOT_PACKED)
def test_what_is_no_packed_connection_is_refused_without_being_repeated(text):
    with pytest.raises(InvalidManifest, match="cannot be unpacked") as refused:
        unpack(text)

    assert refused.value.reason == "ConnectionUnreadable"
    assert refused.value.__cause__ is None


def test_a_file_is_written_where_it_lies_and_shorter_texts_leave_nothing_behind(tmp_path):
    path = tmp_path / "new" / "report"
    json_files.overwrite(path, "a longer text")
    inode = path.stat().st_ino

    json_files.overwrite(path, "short é")

    assert path.read_text() == "short é"
    assert path.stat().st_ino == inode


def test_a_file_that_is_overwritten_is_whole_when_the_process_dies_before_it_is_cut(tmp_path, monkeypatch):
    path = tmp_path / "report"
    json_files.overwrite(path, json.dumps({"stage": "a long name of a stage"}))

    def killed(*_: object) -> None:
        raise OSError("killed")

    monkeypatch.setattr(os, "ftruncate", killed)
    with pytest.raises(OSError, match="killed"):
        json_files.overwrite(path, json.dumps({"stage": "x"}))

    assert json.loads(path.read_text()) == {"stage": "x"}
