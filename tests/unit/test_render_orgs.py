"""Which school a person means, and what it is called."""

import pytest

from rostersync.errors import Permanent
from rostersync.render.orgs import Orgs, orgs_of

ORGS = orgs_of(
    [
        {"id": "FOC-1", "sis_ids": ["1"], "entity": "School", "name": "Oak Hill"},
        {"id": "united", "sis_ids": ["2", "3"], "entity": "School", "name": "Elm Street"},
        {"id": "FOC-4", "sis_ids": ["4"], "entity": "School", "name": "Twin"},
        {"id": "FOC-5", "sis_ids": ["5"], "entity": "School", "name": "twin"},
        {"id": "FOC-9", "sis_ids": ["9"], "entity": "District", "name": "Springfield"},
        {"id": None, "sis_ids": ["6"], "entity": "School", "name": "Far Away"},
    ]
)

MEANT = {
    "the store's id": (["FOC-1"], ("FOC-1",)),
    "the source's id": (["1"], ("FOC-1",)),
    "any of several ids of the source": (["3"], ("united",)),
    "a name in any case": (["  oak HILL "], ("FOC-1",)),
    "the same twice": (["1", "Oak Hill", "FOC-4"], ("FOC-1", "FOC-4")),
    "nothing": ([], ()),
}


@pytest.mark.parametrize(("words", "ids"), MEANT.values(), ids=MEANT)
def test_a_school_is_meant_by_its_name_or_any_of_its_ids(words, ids):
    assert ORGS.ids(words) == ids


REFUSED = {
    "unknown": ("Nowhere", "There is no school Nowhere. There are: Oak Hill (FOC-1), Elm Street (united),"),
    "mistyped": ("oakhil", "There is no school oakhil. Near: Oak Hill (FOC-1). There are:"),
    "the district, by name": ("springfield", "There is no school springfield. There are: Oak Hill (FOC-1),"),
    "the district, by its id": ("FOC-9", "There is no school FOC-9. Near: "),
    "the district, by the source's id": ("9", "There is no school 9. There are: Oak Hill (FOC-1),"),
    "two of one name": ("TWIN", "FOC-4, FOC-5"),
    "not mapped": ("Far Away", "not mapped"),
    "not mapped, by id": ("6", "not mapped"),
}


@pytest.mark.parametrize(("word", "said"), REFUSED.values(), ids=REFUSED)
def test_an_unknown_school_is_an_error_that_says_what_there_is(word, said):
    with pytest.raises(Permanent) as error:
        ORGS.ids([word])
    assert said in str(error.value)
    assert "Springfield" not in str(error.value)


def test_a_long_list_is_cut_with_its_number():
    many = orgs_of([{"id": f"S{i}", "sis_ids": [str(i)], "entity": "School", "name": f"No {i}"} for i in range(30)])
    with pytest.raises(Permanent, match=r"No 19 \(S19\) and 10 more\."):
        many.ids(["x"])


def test_names_stand_beside_ids():
    assert ORGS.called("FOC-1") == "Oak Hill (FOC-1)"
    assert ORGS.called_by_source("6") == "Far Away (6)"
    assert ORGS.name("FOC-1") == "Oak Hill"


def test_without_names_ids_stand_alone():
    assert [Orgs().called("x"), Orgs().called_by_source("x"), Orgs().name("x")] == ["x", "x", "x"]


def test_an_organisation_of_another_source_has_its_name_and_is_none_of_this_one():
    own = {"id": "ic-71", "sis_ids": ["71"], "entity": "School", "name": "North High"}
    other = {"id": "1001", "sis_ids": [], "entity": "School", "name": "North High"}
    known = orgs_of([own, other])

    assert known.called("1001") == "North High (1001)"
    assert known.ids(["north high", "1001"]) == ("ic-71", "1001")
    assert (known.mapped("1001"), known.mapped("ic-71")) == ((), ("ic-71",))
    assert "1001" not in known.listed()
