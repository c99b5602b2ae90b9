import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

from edgecnn.bundle.bundle import find
from tests import compiler as real
from tests.conftest import until
from tests.models import compiled, shipped

DIGITS = compiled(shipped("digits"))


@pytest.fixture
def added(run_cli, compiler, digits_folder):
    """A bundle with the compiled variant."""
    compiler.install(real.compiled_log(real.DIGITS), DIGITS)
    assert run_cli("compile", digits_folder).code == 0
    return digits_folder


def test_what_was_done_is_shown(run_cli, compiler, digits_folder):
    compiler.install(real.compiled_log(real.WITHOUT_SOFTMAX), compiled(shipped("digits"), on_cpu=1))
    ran = run_cli("compile", digits_folder, "--min-mapped", "0.5")
    assert ran.code == 0, ran.err
    for part in (
        "digits: 7 of 8 operators run on the Edge TPU, 87.5%",
        "CONV_2D", "Mapped to Edge TPU", real.UNSPECIFIED,
        "parameters: 133.8 KiB in the device's memory, 0.0 KiB are streamed for every image",
        "compiled by version 16.0.384591198; runs with version 13 of the Edge TPU's runtime, and later",
        "note: `edgecnn inspect` expected 0 operators on the CPU; the compiler left 1 there: 1 SOFTMAX",
        f"added int8_edgetpu, {len(compiled(shipped('digits'), on_cpu=1)):,} bytes, to {digits_folder}:",
        f"  edgecnn live --model {digits_folder} --engine edgetpu",
    ):  # fmt: skip
        assert part in ran.out


def test_a_bundle_by_name(run_cli, compiler, tmp_path, monkeypatch):
    monkeypatch.setenv("EDGECNN_MODELS", str(tmp_path))
    shutil.copytree(find("digits"), tmp_path / "mine")
    compiler.install(real.compiled_log(real.DIGITS), DIGITS)
    assert "edgecnn live --model mine --engine edgetpu" in run_cli("compile", "mine").out
    assert (tmp_path / "mine" / "int8_edgetpu.tflite").read_bytes() == DIGITS


def test_figures_as_json(run_cli, compiler, digits_folder, tmp_path):
    compiler.install(real.compiled_log(real.DIGITS), DIGITS)
    ran = run_cli("compile", digits_folder, "--json", "-", "--out", tmp_path / "copy")
    told = json.loads(ran.out)
    assert told["folder"] == str(tmp_path / "copy")
    assert (told["mapped"], told["operations"], told["share"], told["on_cpu"]) == (8, 8, 1.0, [])
    assert (told["compiler"], told["min_runtime_version"], told["off_chip_bytes"]) == (real.VERSION, 13, 0)
    assert told["placements"][4] == {"operator": "SOFTMAX", "count": 1, "status": "Mapped to Edge TPU"}
    ran = run_cli("compile", digits_folder, "--json", tmp_path / "f.json")
    assert "operators run on the Edge TPU" in ran.out
    assert json.loads((tmp_path / "f.json").read_text())["folder"] == str(digits_folder)


def test_a_file_that_was_compiled_elsewhere(run_cli, compiler, digits_folder, tmp_path):
    path = tmp_path / "elsewhere.tflite"
    path.write_bytes(compiled(shipped("digits"), on_cpu=1))
    run_cli("compile", digits_folder, "--compiled", path).fails("only 7 of digits's 8", "--min-mapped 0.87")
    ran = run_cli("compile", digits_folder, "--compiled", path, "--min-mapped", "0.87")
    assert ran.code == 0, ran.err
    assert "7 of 8 operators run on the Edge TPU" in ran.out
    assert "SOFTMAX" in ran.out
    assert "compiled by" not in ran.out
    assert "runs with version 13" in ran.out


def test_failures_are_one_line(run_cli, compiler, digits_folder, digits_file):
    ran = run_cli("compile", digits_folder)
    ran.fails("edgetpu_compiler is not installed", "64-bit x86 Debian", f"compile {digits_folder} --compiled")
    run_cli("compile", digits_file).fails("import it first: edgecnn models import")
    compiler.install(real.NOT_QUANTIZED, then="exit 1")
    run_cli("compile", digits_folder).fails("Invalid model: int8.tflite; Model not quantized")
    compiler.install(real.compiled_log(real.NOTHING), shipped("digits"))
    run_cli("compile", digits_folder).fails("none of digits's 8 operators")
    compiler.install(then="sleep 600")
    run_cli("compile", digits_folder, "--timeout", "0.5").fails("took longer than 0.5 s", "--timeout SECONDS")
    run_cli("compile", digits_folder, "--min-mapped", "90").fails("expected a share from 0 to 1", code=2)
    run_cli("compile", digits_folder, "--json", "nowhere/x.json").fails("no such folder")


def test_ctrl_c_ends_the_compiler_too(compiler, digits_folder):
    compiler.install(then="echo $$ > child; sleep 600")
    before = sorted(p.name for p in digits_folder.iterdir())
    command = [sys.executable, "-m", "edgecnn", "compile", str(digits_folder)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child:
        pid = until(lambda: told(compiler.folder / "child"), "the compiler runs")
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=30)
    assert (child.returncode, err.strip()) == (130, "stopped; nothing was written")
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)
    assert sorted(p.name for p in digits_folder.iterdir()) == before


def told(path):
    return path.read_text().strip() if path.exists() else ""


def test_it_is_verified_as_far_as_that_goes(run_cli, added):
    ran = run_cli("models", "verify", added)
    assert ran.code == 0, ran.err
    assert "digits int8_edgetpu: hash ok, golden vectors not run: they need an Edge TPU" in ran.out
    assert ran.out.count("golden vectors ok") == 2
    (added / "int8_edgetpu.tflite").write_bytes(b"")
    ran = run_cli("models", "verify", added)
    ran.fails("int8_edgetpu.tflite is not the file that bundle.json names")
    assert ran.out.count("golden vectors ok") == 2


def test_it_is_listed_and_shown(run_cli, added, monkeypatch):
    monkeypatch.setenv("EDGECNN_MODELS", str(added.parent))
    monkeypatch.setenv("COLUMNS", "160")
    assert "99.21%" in run_cli("models", "list").out
    shown = run_cli("models", "show", added).out
    assert f"Compiled for the Edge TPU: int8_edgetpu, {len(DIGITS):,} bytes" in shown
    assert "Compiled for" not in run_cli("models", "show", "cifar10").out


def test_it_is_exported_as_it_is_and_in_no_other_form(run_cli, added, tmp_path):
    out = tmp_path / "out.tflite"
    assert run_cli("models", "export", added, "--variant", "int8_edgetpu", "--out", out).code == 0
    shown = run_cli("inspect", out).out
    assert "compiled for it, and runs nowhere else" in shown
    assert "10: 0; 1; 2" in shown
    for form in (["--io", "uint8"], ["--c-array"]):
        run_cli("models", "export", added, "--variant", "int8_edgetpu", "--out", tmp_path / "x", *form).fails(
            "digits int8_edgetpu was compiled for the Edge TPU and takes no other form"
        )


def test_evaluate_and_compare_leave_it_out(run_cli, added, idx_folder):
    ran = run_cli("evaluate", added, "--data", idx_folder, "--limit", "20", "--json", "-")
    assert ran.code == 0, ran.err
    assert list(json.loads(ran.out)["variants"]) == ["int8", "float32"]
    ran = run_cli("models", "compare", added, "--json", "-")
    assert [row["variant"] for row in json.loads(ran.out)["models"]] == ["int8", "float32"]


def test_evaluate_leaves_it_out_of_a_bundle_without_a_float_twin(run_cli, added, idx_folder):
    manifest = json.loads((added / "bundle.json").read_text())
    manifest["variants"]["half"] = manifest["variants"].pop("float32")
    manifest["confidence"]["variants"]["half"] = manifest["confidence"]["variants"].pop("float32")
    manifest["variants"]["half_edgetpu"] = manifest["variants"].pop("int8_edgetpu")
    del manifest["variants"]["int8"]
    (added / "bundle.json").write_text(json.dumps(manifest))
    ran = run_cli("evaluate", added, "--data", idx_folder, "--limit", "20", "--json", "-")
    assert list(json.loads(ran.out)["variants"]) == ["half"], ran.err
