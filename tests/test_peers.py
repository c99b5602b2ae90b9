"""The benchmark against other runtimes: small, in this environment, and never about how fast anything is."""

import json
import os
import re
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks.peers import report
from benchmarks.peers.child import Child, WorkerFailed
from benchmarks.peers.environments import requirements
from benchmarks.peers.measure import agreement
from benchmarks.peers.table import OURS, PEERS
from edgecnn.errors import OutputError
from edgecnn.machine.processor import describe_processor

ROOT = Path(__file__).parent.parent
RUN = ROOT / "benchmarks" / "peers" / "run.py"
KIND = report.kind_of(describe_processor())
BEGIN, END = report.BEGIN.format(KIND), report.END.format(KIND)
PAGE = f"# Speed\n\nbefore\n\n{BEGIN}\nold\n{END}\n\nafter\n"


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Two blocks of edgecnn and LiteRT's sample; MediaPipe is not installed, or rejects grey images."""
    folder = tmp_path_factory.mktemp("peers")
    (folder / "page.md").write_text(PAGE, "utf-8")
    command = [
        *(sys.executable, RUN, "--here", "--models", "digits", "--peers", "mediapipe", "label_image"),
        *("--blocks", "2", "--runs", "5", "--cache", folder / "cache"),
        *("--json", folder / "out.json", "--markdown", folder / "page.md"),
    ]
    environment = {k: v for k, v in os.environ.items() if k != "EDGECNN_DATA"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "out.json").read_text("utf-8")), (folder / "page.md").read_text("utf-8")


@pytest.mark.slow
def test_every_block_has_every_candidate_and_no_two_overlap(ran):
    (network,) = ran[0]["networks"]
    assert len(network["order"]) == 2
    for block in network["order"]:
        assert sorted(block) == ["edgecnn ours", "label_image ours", "label_image theirs"]
    spans = sorted(network["spans"])
    assert len(spans) == 6
    assert all(start < end for start, end in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


@pytest.mark.slow
def test_what_is_measured(ran):
    (network,) = ran[0]["networks"]
    found = {(r["peer"], r["preprocessing"]): r for r in network["results"]}
    assert list(found) == [(OURS, "ours"), ("label_image", "ours"), ("label_image", "theirs")]
    for result in found.values():
        assert result["blocks"] == 2
        assert 3 <= result["runs_per_block"] <= 5
        assert result["warm_up"] >= 20
        latency, ratio = result["latency_ms"], result["ratio"]
        assert 0 < latency["min"] <= latency["p50"] <= latency["p99"]
        assert ratio["low"] <= ratio["value"] <= ratio["high"]
    assert found[OURS, "ours"]["ratio"]["value"] == 1


@pytest.mark.slow
def test_the_same_network_gives_the_same_answers(ran):
    """Scores of the same int8 network and the same pixels differ by a step of 1/256 from float, or two."""
    (network,) = ran[0]["networks"]
    for result in network["results"]:
        assert result["agreement"] >= 0.9
    for result in network["results"][:2]:
        assert result["agreement"] >= 0.98
        assert result["score_difference"]["median"] <= 2 / 256


@pytest.mark.slow
def test_a_peer_that_fails_is_a_line(ran):
    network, page = ran[0]["networks"][0], ran[1]
    assert re.search("No module named 'mediapipe'|RGB", network["failures"]["mediapipe"])
    assert re.search(r"^- MediaPipe ImageClassifier could not be run: \w+", page, re.MULTILINE)


@pytest.mark.slow
def test_the_table_stands_between_its_markers(ran):
    page = ran[1]
    assert page.startswith(f"# Speed\n\nbefore\n\n{BEGIN}\n")
    assert page.endswith(f"\n{END}\n\nafter\n")
    assert "old" not in page
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    assert len(lines) == 4, "a head and a line for each candidate"
    assert len({line.count("|") for line in lines}) == 1
    assert "ai-edge-litert" in page
    assert re.search(
        r"^\| edgecnn \| int8 \| its own \| [\d,]+ \| [\d,]+ \| 1 \| 100.0% ", page, re.MULTILINE
    )


def test_a_page_without_markers_is_refused():
    with pytest.raises(OutputError, match="peers avx2:begin"):
        report.between_markers(PAGE.replace("avx2", "vnni"), "table", "avx2")


@pytest.mark.parametrize(
    ("flags", "kind"), [("avx2 avx512_vnni", "vnni"), ("avx2 avx_vnni", "vnni"), ("avx2 avx512f", "avx2")]
)
def test_a_core_is_named_by_its_instructions_for_int8(flags, kind):
    assert report.kind_of(describe_processor(f"model name : One\nflags : {flags}\n")) == kind
    assert report.kind_of(describe_processor("CPU part : 0xd08\nFeatures : asimd\n")) == "neon"
    assert report.kind_of(describe_processor("CPU part : 0xd0b\nFeatures : asimd asimddp\n")) == "dotprod"


def test_agreement_counts_labels_and_compares_the_score_of_the_named_class():
    reference = np.float32([[0.7, 0.3], [0.2, 0.8], [0.6, 0.4]])
    share, off = agreement([(0, 0.75), (0, 0.2), (0, 0.5)], reference)
    assert share == pytest.approx(2 / 3)
    assert off == pytest.approx([0.05, 0, 0.1], abs=1e-6)


def test_a_worker_reports_what_went_wrong_and_keeps_running(tmp_path):
    with Child(Path(sys.executable), "no_such_peer", tmp_path / "log") as child:
        for _ in range(2):
            with pytest.raises(WorkerFailed, match=r"FileNotFoundError: .*network\.json"):
                child.ask(do="open", folder=str(tmp_path), packages=[])


def test_a_worker_that_dies_is_told_from_one_that_answers(tmp_path):
    with Child(Path(sys.executable), "shipped", tmp_path / "log") as child:
        assert child.ask(do="rest")["idle_ns"] >= 0
        os.kill(child.pid, signal.SIGKILL)
        with pytest.raises(WorkerFailed, match="killed by signal 9"):
            child.ask(do="rest")


def test_every_peer_has_its_module_and_its_packages_pinned():
    for peer in PEERS.values():
        assert (RUN.parent / f"{peer.module}.py").exists()
        if peer.module == "keras_predict":  # the trainer's own environment
            continue
        lines = requirements(peer.module).read_text("utf-8").splitlines()
        pins = [line for line in lines if line and not line.startswith("#")]
        assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in pins), peer.module
        assert {p.lower() for p in peer.packages} <= {
            pin.split("==")[0].lower().replace("_", "-") for pin in pins
        }
