"""The k-th filled slot, against the plainest way to find it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostersync.simulator.filled_slots import FilledSlots
from rostersync.simulator.layout import Layout, Size


@given(st.integers(0, 40), st.lists(st.tuples(st.integers(0, 40), st.integers(0, 6)), max_size=8))
def test_every_page_is_the_slice_of_the_filled_slots(slots: int, holes: list[tuple[int, int]]) -> None:
    gaps = [(min(a, slots), min(a + n, slots)) for a, n in holes]
    filled = [s for s in range(slots) if not any(a <= s < b for a, b in gaps)]
    present = FilledSlots(slots).without(gaps)
    assert present.count == len(filled)
    assert [s for s in range(-2, slots + 2) if present.filled(s)] == filled
    for start in range(len(filled) + 1):
        assert list(present.select(start, start + 3)) == filled[start : start + 3]


def test_rows_that_hang_on_a_gap_are_gone_with_it() -> None:
    present = FilledSlots(10, [(2, 4), (7, 8)]).mapped(30, lambda slot: slot * 3)
    assert list(present.select(0, 99)) == [*range(6), *range(12, 21), *range(24, 30)]


@pytest.mark.parametrize("guardians", [0.3, 1.0, 1.4, 2.5])
def test_contacts_are_found_from_both_sides(guardians: float) -> None:
    layout = Layout(Size(200, guardians))
    for student in range(layout.students):
        for contact in range(layout.first_contact(student), layout.first_contact(student + 1)):
            assert layout.student_of_contact(contact) == student
    assert layout.contacts == pytest.approx(layout.students * guardians, abs=1)


def test_teachers_of_classes_are_found_from_both_sides() -> None:
    teachings = 0
    for class_ in range(500):
        first, end = Layout.first_teaching(class_), Layout.first_teaching(class_ + 1)
        assert first == teachings
        assert end - first in (1, 2)
        assert {Layout.class_of_teaching(t) for t in range(first, end)} == {class_}
        teachings = end
