"""Sentences about holds, numbers, and values that a terminal must not obey."""

from dataclasses import replace

import pytest

from rostersync.model import Entity, Hold, HoldReason
from rostersync.render.holds import sentence
from rostersync.render.words import of_counts, percent, plain, some

DELETES = Hold(HoldReason.THRESHOLD, Entity.STUDENT, "Delete", None, 312, 1204, 10, "Percent")

SENTENCES = {
    "Deletes 312 of 1,204 Students (25.9 %), limit 10 %.": DELETES,
    "Deletes 312 of 1,204 Students, limit 200.": replace(DELETES, limit=200, unit="Count"),
    "Changes 1 of 1 Class (100.0 %), limit 75 %, at school WHS.": Hold(
        HoldReason.THRESHOLD, Entity.CLASS, "Any", "WHS", 1, 1, 75, "Percent"
    ),
    "Creates 2,857 Students where there were 240, limit 50 %.": Hold(
        HoldReason.THRESHOLD, Entity.STUDENT, "Create", None, 2857, 240, 50, "Percent"
    ),
    "Creates 9 Students where there were 0, limit 5.": Hold(
        HoldReason.THRESHOLD, Entity.STUDENT, "Create", None, 9, 0, 5, "Count"
    ),
    "None of 1,204 Students would be left.": Hold(
        HoldReason.ENTITY_EMPTIED, Entity.STUDENT, "Delete", None, 1204, 1204
    ),
    "School WHS would lose its last Teacher of 12.": Hold(
        HoldReason.SCHOOL_EMPTIED, Entity.TEACHER, "Delete", "WHS", 12, 12
    ),
    "School WHS, which is gone, had 12 Teachers. Those that are not sent elsewhere are kept, but do not count as its members "
    "any more.": Hold(HoldReason.SCHOOL_EMPTIED, Entity.TEACHER, None, "WHS", 12, 12),
    "50 of 60 deleted Classes come back under other ids: the source seems to have issued new sourcedIds.": Hold(
        HoldReason.RE_KEYED, Entity.CLASS, "Delete", None, 50, 60
    ),
    "Would undo 3 records that were restored within the last 30 days.": Hold(HoldReason.RESTORED_RECORDS, count=3),
    "1 Student does not meet a data requirement with action Hold.": Hold(
        HoldReason.REQUIREMENT_HOLD, Entity.STUDENT, count=1
    ),
    "Preview is on: a person must look at every plan that changes something (7 records would change).": Hold(
        HoldReason.PREVIEW, count=7
    ),
}


@pytest.mark.parametrize(("expected", "hold"), SENTENCES.items(), ids=[h.reason.value for h in SENTENCES.values()])
def test_a_hold_as_a_sentence(expected, hold):
    assert sentence(hold) == expected


@pytest.mark.parametrize("reason", HoldReason)
def test_every_reason_has_a_sentence(reason):
    assert len(sentence(Hold(reason, Entity.STUDENT, "Delete", "S1", 5, 10, 1, "Percent"))) > 20


def test_a_share_never_looks_like_more_than_it_is():
    assert percent(9999, 100000) == "9.9 %"
    assert percent(1, 0) == ""


def test_numbers_have_their_noun():
    assert [some(1, Entity.CLASS), some(2, Entity.CLASS), some(1, None)] == ["1 Class", "2 Classes", "1 record"]


VALUES = {
    "nothing": (None, ""),
    "a list": (["09", "10"], "09, 10"),
    "a flag": (True, "true"),
    "objects": ([{"type": "SIS", "identifier": "1"}], '[{"type": "SIS", "identifier": "1"}]'),
    "an escape sequence": ("\x1b[31mred\u202e", "\\x1b[31mred\\x202e"),
    "a name with accents": ("Zoë Ñ", "Zoë Ñ"),
}


@pytest.mark.parametrize(("value", "expected"), VALUES.values(), ids=VALUES)
def test_a_value_for_a_terminal(value, expected):
    assert plain(value) == expected


@pytest.mark.parametrize(
    ("spec", "outcome", "title"),
    [
        ({}, None, "What the plan changes"),
        ({}, "Applied", "What the plan changed"),
        ({}, "Rejected", "What the plan would change"),
        ({"schools": ["1"]}, None, "What the plan changes, of this school alone"),
        ({"schools": ["1", "2"]}, "DryRun", "What the plan would change, of these schools alone"),
        ({"schools": ["1"], "mode": "Restore"}, None, "What the plan changes"),
    ],
)
def test_the_title_of_counts_says_whose_they_are(spec, outcome, title):
    assert of_counts(spec, outcome) == title
