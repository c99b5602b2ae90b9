import pytest

from edgecnn.labels import read_labels, strip_numbers


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["0  background", "1  tench"], ["background", "tench"]),
        (["0:a", "1:b"], ["a", "b"]),
        (["3 series", "5 series"], ["3 series", "5 series"]),
        (["0", "1"], ["0", "1"]),
        (["0 a", "b"], ["0 a", "b"]),
        ([], []),
    ],
)
def test_line_numbers_are_left_out_where_every_line_has_its_own(lines, expected):
    assert strip_numbers(lines) == expected


def test_a_file_of_another_system_is_read_all_the_same(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_bytes("\ufeffeins\r\n\r\n zwei \r\n".encode())
    assert read_labels(path) == ["eins", "zwei"]
