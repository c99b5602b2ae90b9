import io
import json
import os
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest
from PIL import Image

from edgecnn.bundle import bundle
from tests.conftest import draw_seven


def jpeg(image=None) -> bytes:
    return cv2.imencode(".jpg", draw_seven() if image is None else image)[1].tobytes()


def test_an_image_gives_a_line(run_cli, seven):
    ran = run_cli("classify", seven)
    assert ran.code == 0
    assert ran.err == ""
    assert ran.out.startswith(f"{seven}  7 0.9")


@pytest.mark.parametrize("variant", ["int8", "float32"])
def test_json_is_one_object_a_line(run_cli, seven, variant):
    ran = run_cli("classify", seven, seven, "--json", "--top", 1, "--variant", variant)
    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert len(lines) == 2
    assert list(lines[0]) == ["source", "frame", "unknown", "predictions", "latency_ms"]
    assert lines[0]["unknown"] is False
    assert lines[0]["source"] == str(seven)
    assert lines[0]["frame"] == 0
    (best,) = lines[0]["predictions"]
    assert (best["label"], best["index"]) == ("7", 7)
    assert 0.9 < best["score"] <= 1
    assert list(lines[0]["latency_ms"]) == ["preprocess", "inference", "decode"]
    assert all(v > 0 for v in lines[0]["latency_ms"].values())


def test_an_answer_below_the_threshold_is_unknown(run_cli, seven, digits_file):
    # The fake engine's best score is always 0.75, and a bare file has no temperature.
    def classify(*more):
        ran = run_cli("classify", seven, "--model", digits_file, "--engine", "fake", *more)
        assert ran.code == 0
        return ran.out

    line = classify("--threshold", 0.9, "--top", 1).split()
    assert line[1] == "unknown"
    assert line[2].isdigit(), "the best class follows"
    assert line[3] == "0.750"
    assert classify("--threshold", 0.7).split()[2] == "0.750"
    assert "unknown" not in classify("--threshold", 0)
    unsure, sure = (json.loads(classify("--json", "--threshold", t)) for t in (0.9, 0.7))
    assert list(unsure) == ["source", "frame", "unknown", "predictions", "latency_ms"]
    assert (unsure["unknown"], sure["unknown"]) == (True, False)
    assert unsure["predictions"] == sure["predictions"]
    assert "unknown" not in json.loads(classify("--json")), "a model that can't say so says nothing of it"


@pytest.mark.parametrize("threshold", ["-1", "1.5", "high", "nan"])
def test_a_threshold_that_is_no_score_is_refused(run_cli, seven, threshold):
    ran = run_cli("classify", seven, "--threshold", threshold)
    assert ran.code != 0
    assert "threshold" in ran.err
    assert "Traceback" not in ran.err


def test_folders_videos_and_stdin(run_cli, seven, tmp_path, monkeypatch):
    inner = tmp_path / "ordner ü" / "deep"
    inner.mkdir(parents=True)
    shutil.copy(seven, inner / "a.png")
    (inner / "b.jpg").write_bytes(jpeg())
    clip = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*"MJPG"), 10, (640, 480))
    for _ in range(3):
        writer.write(draw_seven())
    writer.release()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(jpeg())))
    ran = run_cli("classify", inner.parent, clip, "-", "--json")
    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert ran.code == 0
    assert [(line["source"], line["frame"]) for line in lines] == [
        (str(inner / "a.png"), 0),
        (str(inner / "b.jpg"), 0),
        (str(clip), 0),
        (str(clip), 1),
        (str(clip), 2),
        ("-", 0),
    ]
    assert {line["predictions"][0]["label"] for line in lines} == {"7"}


def test_what_cannot_be_read_is_reported_and_the_rest_is_classified(run_cli, seven, tmp_path):
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "cut.jpg").write_bytes(jpeg()[:-500])
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "clip.mp4").write_text("hello")
    (tmp_path / "nothing").mkdir()
    bad = ["empty.jpg", "cut.jpg", "text.png", "missing.jpg", "clip.mp4", "missing.mp4", "nothing"]
    ran = run_cli("classify", *[tmp_path / name for name in bad], seven)
    assert ran.code == 1
    assert "Traceback" not in ran.err
    errors = ran.err.splitlines()
    assert len(errors) == len(bad)
    for name, line in zip(bad, errors, strict=True):
        assert name in line
    assert ran.out.startswith(f"{seven}  7")


def test_an_image_inside_a_folder_that_is_cut_off_does_not_stop_the_folder(run_cli, tmp_path):
    (tmp_path / "a.jpg").write_bytes(jpeg()[:2000])
    (tmp_path / "b.jpg").write_bytes(jpeg())
    ran = run_cli("classify", tmp_path)
    ran_lines = ran.out.splitlines()
    assert ran.code == 1
    assert len(ran_lines) == 1
    assert "a.jpg" in ran.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_image_without_permission_is_named(run_cli, seven):
    seven.chmod(0)
    run_cli("classify", seven).fails(str(seven), "Permission denied")


def test_images_of_every_depth_are_classified(run_cli, tmp_path):
    seven = draw_seven()
    cv2.imwrite(str(tmp_path / "deep.png"), seven.astype(np.uint16) * 257)
    cv2.imwrite(str(tmp_path / "grey.png"), cv2.cvtColor(seven, cv2.COLOR_BGR2GRAY))
    cv2.imwrite(str(tmp_path / "alpha.png"), cv2.cvtColor(seven, cv2.COLOR_BGR2BGRA))
    Image.fromarray(seven).convert("CMYK").save(tmp_path / "print.jpg")
    ran = run_cli("classify", tmp_path)
    assert ran.code == 0
    assert [line.split()[1] for line in ran.out.splitlines()] == ["7", "7", "7", "7"]


BAD_MODELS = {
    "missing": (None, "no model"),
    "empty": (b"", "is empty"),
    "random": (bytes(range(256)) * 8, "no TFLite model"),
    "html": (b"<!DOCTYPE html><html>404</html>", "web page"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
}


@pytest.mark.parametrize("name", BAD_MODELS)
@pytest.mark.parametrize("command", ["classify", "live", "bench"])
def test_bad_models_are_one_line_in_every_command(run_cli, tmp_path, seven, name, command):
    data, reason = BAD_MODELS[name]
    path = tmp_path / "model.tflite"
    if data is not None:
        path.write_bytes(data)
    arguments = {
        "classify": [seven],
        "live": ["--source", "synthetic", "--frames", 1],
        "bench": ["--against", path],
    }[command]
    run_cli(command, *arguments, "--model", path).fails("model.tflite", reason)


def test_truncated_models_are_one_line(run_cli, seven, digits_file):
    data = digits_file.read_bytes()
    for share in (0.2, 0.6, 0.95):
        digits_file.write_bytes(data[: int(len(data) * share)])
        run_cli("classify", seven, "--model", digits_file).fails("damaged or cut off")


def test_a_model_that_is_no_classifier_is_one_line(run_cli, seven, shared):
    path = shared / "models" / "odd" / "ssd_head.tflite"
    run_cli("classify", seven, "--model", path).fails("no image classifier", "12 inputs")


@pytest.mark.parametrize("count", [9, 11])
def test_labels_that_do_not_fit_are_one_line(run_cli, seven, digits_file, tmp_path, count):
    labels = tmp_path / "labels.txt"
    labels.write_text("x\n" * count)
    ran = run_cli("classify", seven, "--model", digits_file, "--labels", labels)
    ran.fails(f"{count} labels", "10 outputs")


def test_a_bundle_whose_hash_does_not_match_is_one_line(run_cli, seven, tmp_path):
    folder = tmp_path / "mine"
    shutil.copytree(bundle.find("digits"), folder)
    with (folder / "int8.tflite").open("ab") as file:
        file.write(b"!")
    run_cli("classify", seven, "--model", folder).fails("SHA-256", "copy the bundle again")


def test_a_bare_file_runs_with_its_own_labels_and_with_others(run_cli, seven, digits_file, tmp_path):
    assert run_cli("classify", seven, "--model", digits_file).out.split()[1] == "7"
    labels = tmp_path / "labels.txt"
    labels.write_text("null eins zwei drei vier fünf sechs sieben acht neun".replace(" ", "\n"))
    assert run_cli("classify", seven, "--model", digits_file, "--labels", labels).out.split()[1] == "sieben"


def test_a_bare_float_file_runs_with_its_range(run_cli, seven, tmp_path):
    path = tmp_path / "float.tflite"
    path.write_bytes((bundle.find("digits") / "float32.tflite").read_bytes())
    assert run_cli("classify", seven, "--model", path).out.split()[1] == "7", "the metadata say 0..1"
    assert run_cli("classify", seven, "--model", path, "--range", "0..1").out.split()[1] == "7"


@pytest.mark.parametrize(("option", "value"), [("--fit", "pad"), ("--color", "gray"), ("--range", "0..1")])
def test_what_is_told_of_a_bare_file_is_obeyed_and_not_of_a_bundle(
    run_cli, seven, digits_file, option, value
):
    assert run_cli("classify", seven, "--model", digits_file, option, value).code == 0
    refused = run_cli("classify", seven, option, value)
    assert refused.code == 1
    assert refused.err.strip() == (
        f"edgecnn: digits is a bundle, which says how its images are: leave {option} out"
    )


def test_a_reader_that_leaves_and_a_full_disk_are_no_tracebacks(seven):
    command = f"{sys.executable} -m edgecnn classify {seven} {seven}"
    for target, code, said in (("| true", 1, ""), ("> /dev/full", 1, "No space left")):
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", f"{command} {target}"],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode in (0, code)
        assert "Traceback" not in done.stderr
        assert "Exception ignored" not in done.stderr
        assert said in done.stderr


def test_names_that_are_no_text_are_shown_as_well_as_can_be(seven, tmp_path):
    odd = os.path.join(os.fsencode(tmp_path), b"\xff.png")
    with open(odd, "wb") as file:
        file.write(seven.read_bytes())
    command = [sys.executable, "-m", "edgecnn", "classify", tmp_path, "--json"]
    done = subprocess.run(command, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["predictions"][0]["label"] for line in done.stdout.splitlines()] == ["7", "7"]
