import pytest

from telegrad.records import last_row
from telegrad.records.tables import Table

HEADER = "iteration,loss\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("", None),
        ("iterat", None),
        (HEADER, None),
        (HEADER + "1,0.", None),
        (HEADER + "1,0.5\n", {"iteration": "1", "loss": "0.5"}),
        (HEADER + "1,0.5\n2,0.25\n3", {"iteration": "2", "loss": "0.25"}),
    ],
)
def test_the_last_whole_row(text, expected, tmp_path):
    path = tmp_path / "table.csv"
    if text is not None:
        path.write_text(text)
    assert last_row(path) == expected


def test_numbers_have_six_digits_and_other_values_their_own(tmp_path):
    table = Table(tmp_path / "table.csv", ("iteration", "loss"))
    table.append_named({"iteration": 1234567, "loss": 1 / 3, "another": "left out"})
    table.close()
    assert table.path.read_text() == HEADER + "1234567,0.333333\n"


def test_a_table_that_keeps_nothing_begins_anew(tmp_path):
    (tmp_path / "table.csv").write_text(HEADER + "1,0.5\n")
    Table(tmp_path / "table.csv", ("iteration", "loss")).close()
    assert (tmp_path / "table.csv").read_text() == HEADER
