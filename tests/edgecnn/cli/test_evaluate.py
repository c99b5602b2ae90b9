import json
import os
import shutil
import signal
import subprocess
import sys

import cv2
import numpy as np
import pytest

from edgecnn.bundle import bundle
from edgecnn.cli.evaluate_print import print_result
from edgecnn.evaluation.result import Evaluation, score


def test_it_prints_both_variants_classes_and_confusion(run_cli, idx_folder):
    ran = run_cli("evaluate", "digits", "--data", idx_folder)
    assert ran.code == 0
    assert ran.err == ""
    for part in (
        "digits on mnist: 200 images",
        "int8: top-1 ",
        "float32: top-1 ",
        "agree on",
        "precision",
    ):
        assert part in ran.out
    assert "true classes in rows" in ran.out
    assert "corruption" not in ran.out


def test_corruptions_json_and_plot(run_cli, idx_folder, tmp_path):
    path, plot = tmp_path / "out.json", tmp_path / "out.png"
    ran = run_cli(
        "evaluate", "digits", "--data", idx_folder, "--limit", 10,
        "--corruptions", "--json", path, "--plot", plot,
    )  # fmt: skip
    assert ran.code == 0
    assert "mean accuracy under the 15 standard corruptions: int8" in ran.out
    assert "second_object" in ran.out
    found = json.loads(path.read_text())
    assert found["pictures"] == 10
    assert set(found["corruptions"]["mean"]) == {"int8", "float32"}
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_json_on_stdout_is_alone_there(run_cli, idx_folder):
    ran = run_cli(
        "evaluate", "digits", "--data", idx_folder, "--engine", "fake", "--split", "all", "--json", "-"
    )
    assert json.loads(ran.out)["pictures"] == 800
    assert ran.err.startswith("note: digits was trained on mnist")
    assert ran.err.count("\n") == 1


def test_data_have_names_too(run_cli, idx_folder, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    run_cli("evaluate", "digits", "--data", "mnist").fails("no data", "$EDGECNN_DATA, which is not set")
    monkeypatch.setenv("EDGECNN_DATA", str(idx_folder.parent))
    ran = run_cli("evaluate", "digits", "--data", "mnist", "--engine", "fake", "--limit", 7)
    assert "digits on mnist: 7 images" in ran.out


def test_a_single_file_is_one_variant(run_cli, idx_folder, digits_file, tmp_path):
    path = tmp_path / "out.json"
    assert run_cli("evaluate", digits_file, "--data", idx_folder, "--json", path).code == 0
    found = json.loads(path.read_text())
    assert list(found["variants"]) == ["int8"]
    assert found["agreement"] is None
    float_file = bundle.find("digits") / "float32.tflite"
    other = tmp_path / "float.tflite"
    shutil.copy(float_file, other)
    ran = run_cli("evaluate", other, "--data", idx_folder, "--range", "0..1", "--json", path)
    assert ran.code == 0
    assert list(json.loads(path.read_text())["variants"]) == ["float32"]


def test_a_bundle_with_one_variant(run_cli, idx_folder, tmp_path):
    folder = tmp_path / "small"
    shutil.copytree(bundle.find("digits"), folder)
    manifest = json.loads((folder / "bundle.json").read_text())
    del manifest["variants"]["float32"]
    (folder / "bundle.json").write_text(json.dumps(manifest))
    ran = run_cli("evaluate", folder, "--data", idx_folder, "--limit", 20)
    assert ran.code == 0
    assert "float32" not in ran.out


def test_many_classes_are_summed_up(capsys):
    rng = np.random.default_rng(0)
    truth, labels = np.repeat(np.arange(40), 20), tuple(f"class [b]{i}" for i in range(40))
    named = np.where(rng.random(800) < 0.7, truth, rng.integers(0, 40, 800))
    named[:15] = 39  # fifteen of class 0 are called 39
    scores = {"int8": score(truth, named, labels)}
    print_result(Evaluation("m", "d", 800, (), labels, scores, None, {}))
    out = capsys.readouterr().out
    assert "the 30 classes with the lowest recall" in out
    assert "most frequent confusions of int8" in out
    lines = out.splitlines()
    assert next(line for line in lines if "class [b]" in line).split()[:3] == ["class", "[b]0", "20"]
    assert next(line for line in lines if "[b]39" in line and "[b]0" in line).split()[-1] == "15"


def test_labels_that_do_not_fit_name_both_sides(run_cli, photo_folder):
    ran = run_cli("evaluate", "digits", "--data", photo_folder)
    ran.fails("photos has 'pears', 'äpfel'", "digits has '0', '1'")


@pytest.mark.parametrize(
    ("options", "parts", "code"),
    [
        (("--plot", "x.png"), ("add --corruptions",), 2),
        (("--split", "validation"), ("no validation split", "--split all"), 1),
        (("--json", "/proc/nothing/out.json"), ("can't be written", "no such folder"), 1),
        (("--json", "/"), ("it is a folder",), 1),
        (("--corruptions", "--plot", "/proc/nothing/x.png"), ("can't be written",), 1),
        (("--json", ""), ("--json is empty: name a file, or - for stdout",), 2),
        (("--corruptions", "--plot", "-", "--json", "-"), ("can't all go to stdout",), 2),
        (("--corruptions", "--plot", "x", "--json", "./x"), ("--json and --plot name the same file",), 2),
        (("--engine", "tpu"), ("no engine 'tpu'",), 2),
        (("--range", "0..1"), ("leave --range out",), 1),
    ],
)
def test_errors_are_one_line(run_cli, idx_folder, options, parts, code):
    run_cli("evaluate", "digits", "--data", idx_folder, *options).fails(*parts, code=code)


def test_missing_data_and_models_are_one_line(run_cli, tmp_path, idx_folder):
    run_cli("evaluate", "digits", "--data", tmp_path / "nowhere").fails("no data at")
    run_cli("evaluate", "digitz", "--data", idx_folder).fails("did you mean 'digits'")


def test_a_plot_without_matplotlib_names_the_extra(run_cli, idx_folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    options = ("--data", idx_folder, "--corruptions", "--plot", tmp_path / "x.png")
    run_cli("evaluate", "digits", *options).fails("needs matplotlib", "edgecnn[report]")


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal to show progress on")
def test_progress_on_a_terminal_and_ctrl_c(idx_folder):
    terminal, their_end = os.openpty()
    command = [sys.executable, "-m", "edgecnn", "evaluate", "digits", "--data", str(idx_folder)]
    command += ["--engine", "fake:delay_ms=30", "--corruptions"]
    with (
        os.fdopen(terminal, "rb", buffering=0) as screen,
        # A dumb terminal gets no progress bar.
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=their_end, env=os.environ | {"TERM": "xterm"}
        ) as child,
    ):
        os.close(their_end)
        seen = b""
        while b"/200" not in seen:
            seen += screen.read(1000)
        child.send_signal(signal.SIGINT)
        out = child.stdout.read()
        while True:
            try:
                more = screen.read(1000)
            except OSError:  # the terminal's other end is closed
                break
            if not more:
                break
            seen += more
        assert child.wait(20) == 130
    assert out == b""
    assert b"evaluating" in seen
    assert b"stopped" in seen
    assert b"Traceback" not in seen


def test_skipped_counts_what_is_not_read(run_cli, tmp_path, idx_folder):
    from edgecnn.dataset import open_source

    source = open_source(idx_folder)
    for item in source.items[:20]:
        path = tmp_path / "data" / source.labels[item.label] / f"{item.id.replace('/', '-')}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode(".png", source.read(item))[1].tobytes())
    (tmp_path / "data" / "3" / "empty.png").touch()
    (tmp_path / "data" / "3" / "x.heic").write_bytes(b"\0\0\0\x18ftypheic")
    ran = run_cli("evaluate", "digits", "--data", tmp_path / "data", "--engine", "fake", "--json", "-")
    assert json.loads(ran.out)["skipped"] == 2
    assert ran.err.count("HEIC") == 1
