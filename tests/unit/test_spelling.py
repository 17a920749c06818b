"""Words that a person may have meant."""

from rostersync.spelling import near


def test_what_is_spelled_much_like_a_word_is_near_it_in_any_case() -> None:
    assert near(" oak hil", ["Oak Hill", "Elm Street", "Oak Mill"]) == ["Oak Hill", "Oak Mill"]
    assert near("x", ["Oak Hill"]) == []
