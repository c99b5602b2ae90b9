"""The files of benchmarks/reference have what `edgecnn bench --csv` writes, and were quiet runs."""

import csv
import importlib.util
import re
from datetime import datetime
from pathlib import Path

import pytest

from edgecnn.bench.rows import COLUMNS, csv_text
from edgecnn.bundle.bundle import list_bundles
from tests.edgecnn.bench.test_interleaved import compared

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "benchmarks" / "reference"
FILES = sorted(FOLDER.glob("*.csv"))
NUMBERS = ("min_ms", "p50_ms", "p90_ms", "p99_ms")


def problems(path: Path) -> list[str]:
    """What is wrong with a file."""
    found = []
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*\.csv", path.name):
        found.append(f"{path.name} is no name of a board")
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            return [*found, f"its columns are {reader.fieldnames}"]
        rows = list(reader)
    if not rows:
        found.append("it has no rows")
    shipped = {b.name for b in list_bundles()}
    for number, row in enumerate(rows, 2):
        values = [float(row[name]) for name in NUMBERS]
        if not 0 <= values[0] <= values[1] <= values[2] <= values[3] or values[1] <= 0:
            found.append(f"line {number}: its latencies are {values}")
        if row["quiet"] != "yes":
            found.append(f"line {number}: the machine was not quiet")
        if row["model"] not in shipped:
            found.append(f"line {number}: {row['model']} is not shipped")
        if row["engine"] == "fake" or not re.fullmatch(r"[0-9a-f]{64}", row["sha256"]):
            found.append(f"line {number}: it names no model file that ran")
        datetime.fromisoformat(row["when"])
    if len({row["cpu"] for row in rows}) > 1:
        found.append("it is of several processors")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_reference_file_is_whole(path):
    assert problems(path) == []


def written(tmp_path, change=lambda text: text):
    """A file as `--csv` writes it, of another engine's name, changed."""
    path = tmp_path / "some-board.csv"
    path.write_text(change(csv_text(compared([1.0] * 8, [2.0] * 8)).replace(",fake,", ",litert,")))
    return path


def test_what_bench_writes_is_a_reference_file(tmp_path):
    assert problems(written(tmp_path)) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("p50_ms", "median", "its columns are"),
        (",yes,", ",no,", "not quiet"),
        ("digits,", "mine,", "is not shipped"),
        (",litert,", ",fake,", "no model file that ran"),
        (",1.0,", ",9.0,", "its latencies are"),
    ],
)
def test_what_is_none_is_found(tmp_path, old, new, problem):
    found = problems(written(tmp_path, lambda text: text.replace(old, new)))
    assert any(problem in line for line in found), found


def test_the_columns_are_described():
    text = (FOLDER / "README.md").read_text("utf-8")
    table = text[text.index("## Columns") :]
    assert set(COLUMNS) <= set(re.findall(r"`(\w+)`", table))


def test_a_board_is_compared_with_its_file(tmp_path, capsys):
    script = importlib.util.spec_from_file_location("reference", ROOT / "benchmarks" / "reference.py")
    reference = importlib.util.module_from_spec(script)
    script.loader.exec_module(reference)
    before = written(tmp_path)
    same = csv_text(compared([1.05] * 8, [2.0] * 8)).replace(",fake,", ",litert,")
    slower = csv_text(compared([1.2] * 8, [2.0] * 8)).replace(",fake,", ",litert,")
    assert reference.check(before, same) == 0
    assert reference.check(before, slower) == 1
    assert "digits, int8, litert, 1, inference" in capsys.readouterr().out
