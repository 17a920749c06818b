"""Preview: every plan that changes something waits for a person."""

from support.days import Roster, district


def test_preview_holds_every_plan_with_a_change_and_none_without(roster: Roster) -> None:
    preview = {"previewDataUpload": True}
    first = roster.run(district(), **preview)
    assert first.holds == {("Preview", 20)}
    assert roster.plan(district(), **preview).holds == set()
    changed = district().change("users", "s1", email="new")
    assert roster.plan(changed, **preview).holds == {("Preview", 1)}
    assert roster.plan(changed).holds == set()
