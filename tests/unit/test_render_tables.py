"""Tables at the widths of real terminals: no name and no id is ever broken, columns go first and are named."""

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from rostersync.render.changes import RecordChange, page
from rostersync.render.tables import Row, table

COLUMNS = ("Entity", "Change", "Name", "Id", "School", "Cause", "What")
ID = "FOC-0509c36f-89b0-4dcf-adb7-ae345a573693"
NAME = "Wilhelmina-Anastasia de la Fontaine-Montgomery"
SCHOOL = "Saddlebrook Elementary School 1"
SENTENCE = "has a value that OneRoster does not know, and so on, until the line is full"
ROWS = [
    ("Student", "Update", NAME, ID, SCHOOL, "SourceChanged", SENTENCE),
    Row(("Class", "Delete", "Art", "C1", "", "", ""), [f"phone: {ID}"]),
]
DROP, BELOW = ("Cause",), ("School", "Id")


def printed(width, rows=ROWS, columns=COLUMNS, **how):
    out = Console(file=io.StringIO(), width=width, markup=False, highlight=False)
    table(out, columns, rows, **how)
    return out.file.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120, 1000])
@pytest.mark.parametrize("ids", [ID, "x" * 90, "漢字" * 12], ids=["uuid", "long", "wide"])
def test_names_and_ids_are_whole_at_every_width(width, ids):
    rows = [("Student", "Update", NAME, ids, SCHOOL, "SourceChanged", SENTENCE)]
    text = printed(width, rows, drop=DROP, below=BELOW, fold="What")

    for value in (NAME, ids, SCHOOL):
        assert sum(value in line for line in text.splitlines()) == 1
    assert " ".join(SENTENCE.split()) in " ".join(" ".join(line.split()) for line in text.splitlines()) or width < 1000


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_longer_than_the_terminal(width):
    text = printed(width, drop=DROP, below=(*BELOW, "What"), fold="What")

    assert max(cell_len(line) for line in text.splitlines()) <= width


GOING = {
    1000: ((), ()),
    170: (("Cause",), ()),
    140: (("Cause",), ("School",)),
    120: (("Cause",), ("School", "Id")),
}


@pytest.mark.parametrize(("width", "gone", "under"), [(w, *g) for w, g in GOING.items()], ids=map(str, GOING))
def test_columns_go_in_their_order_and_are_named(width, gone, under):
    text = printed(width, drop=DROP, below=BELOW, fold="What")
    head = next(line for line in text.splitlines() if line.startswith("Entity")).split()

    assert [c for c in COLUMNS if c not in head] == [c for c in COLUMNS if c in (*gone, *under)]
    assert ("Too narrow for: Cause." in text) == bool(gone)
    assert all(f"    {name}: " in text for name in under)


def test_a_row_has_lines_of_its_own_below():
    text = printed(80, drop=DROP, below=BELOW, fold="What")

    assert f"    phone: {ID}\n" in text


def test_numbers_stand_at_the_right():
    text = printed(80, [("Student", 1234), ("Class", 7)], ("Entity", "Deleted"), right=("Deleted",))

    assert text.splitlines()[2:4] == ["Student    1,234", "Class          7"]


def test_escapes_of_others_are_shown_and_not_obeyed():
    text = printed(80, [("Student", "\x1b[31mred")], ("Entity", "Name"))

    assert "\x1b" not in text
    assert "\\x1b[31mred" in text


def test_an_empty_line_follows_a_table_unless_it_ends_the_page():
    assert printed(80, last=True) + "\n" == printed(80)


@pytest.mark.parametrize(("limit", "said"), [(1, "The first record;"), (2, "The first 2 records;"), (3, None)])
def test_a_page_of_changes_says_how_many_it_shows(limit, said):
    out = Console(file=io.StringIO(), width=80, markup=False, highlight=False)

    page(out, [RecordChange("Class", f"C{n}", "Delete", "SourceDeleted", (), {}, {}) for n in range(3)], limit)

    assert said is None or said in out.file.getvalue()
    assert ("The first" in out.file.getvalue()) == (said is not None)
