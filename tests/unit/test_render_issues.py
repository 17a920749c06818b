"""Codes of issues in words: whatever the engine can write has a sentence, and what was done about it has one too."""

import re
from pathlib import Path
from typing import get_args

from rostersync.api.v1alpha1.requirements import DataRequirement
from rostersync.fate import DUPLICATES, HELD_BACK
from rostersync.render.issues import ACTIONS, MEANINGS, groups
from rostersync.sync import notes, require
from rostersync.sync.restore.stage import FORGOTTEN

WITH_A_RULE = {"RequirementSkipped", "RequirementRemove"}  # told as Missing or FormatFailed, with the rule


def codes() -> set[str]:
    """Every code that the engine writes, from what it is made of."""
    found = {*HELD_BACK, *DUPLICATES, FORGOTTEN} - WITH_A_RULE
    found |= set(re.findall(r"'Note', '(\w+)'", Path(notes.__file__).read_text()))
    made = Path(require.__file__).read_text()
    found |= set(re.findall(r'"Error", "(\w+)", \w', made))
    for pair in re.findall(r'code = "(\w+)" if .* else "(\w+)"', made):
        found |= set(pair)
    return found


def test_every_code_has_a_sentence_and_every_sentence_a_code() -> None:
    assert codes() == set(MEANINGS)


def test_every_action_of_a_data_requirement_is_told() -> None:
    actions = get_args(DataRequirement.model_fields["action"].annotation)

    assert len(actions) > 4
    assert set(actions) <= set(ACTIONS)


def test_what_follows_from_a_filter_comes_after_what_somebody_must_act_on() -> None:
    follows = [{"class": "Skipped", "code": "DanglingReference", "entity": "Enrollment", "action": "Skip"}] * 900
    few = [{"class": "Error", "code": "Missing", "entity": "Student", "attribute": "email", "action": "Error"}] * 2
    more = [{"class": "Duplicate", "code": "Duplicate", "entity": "Contact", "action": "Skip"}] * 3

    found = groups([*follows, *few, *more])

    assert [(g["code"], g["count"]) for g in found] == [("Duplicate", 3), ("Missing", 2), ("DanglingReference", 900)]
