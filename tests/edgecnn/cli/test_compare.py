import json
import shutil
import sys

import cv2
import numpy as np
import pytest

from edgecnn.bench.compare import KnownAccuracy, Row
from edgecnn.bundle import bundle
from edgecnn.cli import compare_print
from edgecnn.latency import Spread


@pytest.fixture
def float_file(tmp_path):
    """A bare copy of the shipped float model, which has no accuracy of its own."""
    path = tmp_path / "float.tflite"
    path.write_bytes((bundle.find("digits") / "float32.tflite").read_bytes())
    return path


def test_two_bundles_side_by_side(run_cli, tmp_path):
    path, plot = tmp_path / "out.json", tmp_path / "out.png"
    ran = run_cli("models", "compare", "digits", "mnist-classic", "--json", path, "--plot", plot)
    assert ran.code == 0, ran.err
    for part in (
        "99.21%",
        "125.2",
        "p50 / p99",
        "digits: top-1 on mnist, 10,000 images, as its bundle reports",
    ):
        assert part in ran.out, part
    assert "different images" not in ran.out
    assert "ruptions" not in ran.out
    rows = json.loads(path.read_text())["models"]
    assert [(r["model"], r["variant"]) for r in rows] == [
        ("digits", "int8"),
        ("digits", "float32"),
        ("mnist-classic", "int8"),
        ("mnist-classic", "float32"),
    ]
    for row in rows:
        assert set(row["latency_ms"]) == {"preprocess", "inference", "decode", "total"}
        assert 0 < row["latency_ms"]["inference"]["p50"] <= row["latency_ms"]["inference"]["p99"]
        assert row["macs"] == 2528000
        assert row["measured_here"] is False
    assert rows[0]["arena_bytes"] < rows[1]["arena_bytes"]
    assert rows[0]["file_bytes"] == bundle.read_bundle(bundle.find("digits")).variants["int8"].bytes
    image = cv2.imdecode(np.frombuffer(plot.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    assert image.std() > 0


def row(model, variant):
    spread = Spread(1.0, 1.0, 1.0, 1.0)
    return Row(
        model, variant, KnownAccuracy(0.9, None, "data", 100, here=True), 10**6, 10**6, 10**6, "fake", 1,
        {"inference": spread, "total": spread},
    )  # fmt: skip


@pytest.mark.parametrize(("columns", "above"), [(80, True), (120, False)])
def test_names_are_never_broken(capsys, monkeypatch, columns, above):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(compare_print, "_WIDTH", columns)
    name = "my-photos-model-of-last-summer"
    compare_print.print_rows([row(name, "int8"), row(name, "float32"), row("b [bold]", "int8")], "board")
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert (name in lines) is above
    assert any(line.startswith("b [bold]") and ":" not in line for line in lines)
    table = lines[: next(k for k, line in enumerate(lines) if "top-1 on" in line)]
    assert max(map(len, table)) <= columns
    assert sum("top-1" in line for line in table) == 1


def test_data_measure_all_models_on_the_same_images(run_cli, idx_folder, digits_file):
    ran = run_cli(
        "models", "compare", "digits", digits_file, "--data", idx_folder, "--limit", 20, "--json", "-"
    )
    assert ran.code == 0, ran.err
    rows = json.loads(ran.out)["models"]
    assert [(r["model"], r["variant"]) for r in rows] == [
        ("digits", "int8"), ("digits", "float32"), ("bare", "int8")
    ]  # fmt: skip
    assert {(r["data"], r["pictures"], r["measured_here"]) for r in rows} == {("mnist", 20, True)}
    assert rows[0]["top1"] == rows[2]["top1"]
    assert rows[0]["robustness"] is None


def test_corruptions_are_measured(run_cli, idx_folder, tmp_path):
    path = tmp_path / "out.json"
    options = ("--data", idx_folder, "--corruptions", "--limit", 4, "--json", path)
    ran = run_cli("models", "compare", "digits", *options)
    assert ran.code == 0, ran.err
    assert "under cor-" in ran.out
    for row in json.loads(path.read_text())["models"]:
        assert 0 < row["robustness"] <= 1
        assert f"{row['robustness']:.1%}" in ran.out


def test_robustness_comes_from_the_bundle_and_names_are_told_apart(run_cli, tmp_path):
    folder = tmp_path / "digits"
    shutil.copytree(bundle.find("digits"), folder)
    manifest = json.loads((folder / "bundle.json").read_text())
    manifest["robustness"] = {"mean": {"int8": 0.625}}
    manifest["data"]["name"] = "my digits"
    (folder / "bundle.json").write_text(json.dumps(manifest))
    path = tmp_path / "out.json"
    ran = run_cli("models", "compare", "digits", folder, "--engine", "fake", "--json", path)
    assert ran.code == 0, ran.err
    rows = json.loads(path.read_text())["models"]
    assert [r["model"] for r in rows] == ["digits", "digits", str(folder), str(folder)]
    assert [r["robustness"] for r in rows] == [None, None, 0.625, None]
    assert "62.5%" in ran.out
    assert "these are different images: --data D" in ran.out


def test_files_without_figures(run_cli, digits_file, float_file, tmp_path):
    files = ("models", "compare", digits_file, float_file, "--range", "0..1")
    ran = run_cli(*files, "--engine", "fake")
    assert ran.code == 0, ran.err
    assert "no accuracy is known of bare, float: --data D" in ran.out
    run_cli(*files, "--plot", tmp_path / "x.png").fails("none is known", "--data D", code=2)
    assert not (tmp_path / "x.png").exists()


@pytest.mark.parametrize(
    ("arguments", "parts", "code"),
    [
        (("digits", "--corruptions"), ("--data D",), 2),
        (("digits", "--limit", 3), ("--data D",), 2),
        (("digits", "digits"), ("digits is named twice",), 2),
        (("digits", "nowhere"), ("no model 'nowhere'",), 1),
        (("digits", "--json", "/proc/nothing/x.json"), ("can't be written",), 1),
        (("digits", "--data", "/nowhere"), ("no data at /nowhere",), 1),
    ],
)
def test_errors_are_one_line(run_cli, arguments, parts, code):
    run_cli("models", "compare", *arguments).fails(*parts, code=code)


def test_labels_that_do_not_fit_are_found_before_anything_is_measured(run_cli, photo_folder):
    ran = run_cli("models", "compare", "digits", "--data", photo_folder)
    ran.fails("photos has 'pears', 'äpfel'", "digits has '0', '1'")


def test_a_plot_without_matplotlib_names_the_extra(run_cli, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    ran = run_cli("models", "compare", "digits", "--plot", tmp_path / "x.png")
    ran.fails("needs matplotlib", "edgecnn[report]")


@pytest.mark.parametrize(
    "command", [("models", "compare", "digits"), ("bench", "--model", "digits", "--blocks", "8")]
)
def test_layout_says_what_folders_are(run_cli, tmp_path, command):
    for name in ("train/3", "train/4", "test/3", "test/4"):
        (tmp_path / "data" / name).mkdir(parents=True)
        pixels = np.full((40, 40, 3), 99, np.uint8)
        cv2.imwrite(str(tmp_path / "data" / name / "a.png"), pixels)
    ran = run_cli(*command, "--data", tmp_path / "data", "--layout", "classes")
    ran.fails("3", "test")
