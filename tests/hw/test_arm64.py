"""This project's wheel in the userlands of Raspberry Pi OS, on the processors of Raspberry Pis 3, 4 and 5."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.conftest import draw_seven
from tests.hw.userland import CPUS, SUITES, Userland

pytestmark = pytest.mark.hw("arm64")
OUTPUTS = Path(__file__).parent / "outputs.py"
MODELS = ("digits", "cifar10", "fashion", "signs", "waste")


@pytest.fixture(scope="module", params=SUITES)
def userland(request):
    return Userland.of(request.param)


def test_it_is_the_python_of_that_system(userland):
    said = userland.run("-c", "import platform; print(platform.machine(), platform.python_version())")
    assert said.split()[0] == "aarch64"
    assert said.split()[1].startswith(userland.suite.python)


def test_the_runtime_needs_no_tensorflow(userland):
    site = userland.root / "opt" / "site"
    assert (site / "edgecnn" / "firmware_models").is_dir()
    assert not (site / "tensorflow").exists()
    assert not (site / "keras").exists()


@pytest.mark.parametrize("cpu", CPUS.values(), ids=CPUS)
def test_classify_names_a_seven(userland, cpu, tmp_path):
    cv2.imwrite(str(tmp_path / "seven.png"), draw_seven())
    said = userland.run("-m", "edgecnn", "classify", "seven.png", "--json", cpu=cpu, folder=tmp_path)
    assert json.loads(said)["predictions"][0]["label"] == "7"


def test_live_knows_the_synthetic_digits(userland, tmp_path):
    live = ("-m", "edgecnn", "live", "--source", "synthetic:fps=0", "--frames", 40, "--show", "none")
    said = userland.run(*live, "--jsonl", "out.jsonl", folder=tmp_path)
    assert "40 frames" in said
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert np.mean([line["predictions"][0]["label"] == line["truth"] for line in lines]) >= 0.9


def test_bench_compares_int8_and_float(userland, tmp_path):
    said = userland.run("-m", "edgecnn", "bench", "--cold-starts", 1, "--json", "-", folder=tmp_path)
    report = json.loads(said[said.index("{") :])
    assert {r["variant"] for r in report["results"]} == {"int8", "float32"}


def test_models_are_whole(userland):
    assert "ok" in userland.run("-m", "edgecnn", "models", "verify")


@pytest.mark.parametrize("cpu", CPUS.values(), ids=CPUS)
def test_int8_answers_as_on_this_machine(userland, cpu, capsys):
    """The same preprocessing to a level, and then the same output to two steps: see docs/raspberry-pi.md."""
    here = json.loads(
        subprocess.run([sys.executable, OUTPUTS, *MODELS], capture_output=True, check=True).stdout
    )
    there = json.loads(userland.run(OUTPUTS, *MODELS, cpu=cpu))
    for name in MODELS:
        tensors, outputs = (
            np.abs(np.subtract(*(np.concatenate(side[name][kind]) for side in (here, there))))
            for kind in ("tensors", "outputs")
        )
        found = (
            f"{userland.suite.name} {cpu} {name}: {np.mean(tensors > 0):.3%} of input bytes differ, by "
            f"{tensors.max()} at most; {np.mean(outputs > 0):.2%} of outputs, by {outputs.max()}\n"
        )
        with capsys.disabled():
            sys.stdout.write(found)
        best = [np.argmax(side[name]["outputs"], axis=1) for side in (here, there)]
        assert tensors.max() <= 1
        assert np.mean(best[0] == best[1]) >= 0.95
        same = [t == u for t, u in zip(here[name]["tensors"], there[name]["tensors"], strict=True)]
        assert any(same)
        assert np.abs(np.subtract(here[name]["outputs"], there[name]["outputs"])[same]).max() <= 2
