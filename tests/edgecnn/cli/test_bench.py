import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

import edgecnn
from edgecnn.bench import Candidate, Frames, bench_frames, measure, session
from edgecnn.bench.report import report
from edgecnn.bench.session import take_energy
from edgecnn.bundle import bundle
from edgecnn.cli.bench_print import print_report
from tests.benchmark_model import BUILTIN, install, printed
from tests.edgecnn.bench.test_interleaved import compared
from tests.edgecnn.machine.test_energy import RAILS, WATTS, firmware

SHORT = ("--blocks", 8, "--cold-starts", 0)
QUICK = ("--engine", "fake:delay_ms=0.1", *SHORT)


@pytest.fixture(autouse=True)
def _without_rests(monkeypatch):
    """Figures are not what is tested here."""
    monkeypatch.setattr(session, "SPREAD_S", 0.0)


def test_it_compares_and_writes_json(run_cli, tmp_path):
    path = tmp_path / "bench.json"
    ran = run_cli("bench", "--threads", "1,2", "--blocks", 8, "--cold-starts", 1, "--json", path)
    assert ran.code == 0
    for expected in (
        "preprocess",
        "inference",
        "decode",
        "total",
        "p99",
        "capture",
        "camera",
        "warm-up runs until stable",
        "cold start to the first label",
        "of the int8 peak",
        "2 threads",
        "how many times as fast",
        "peak memory",
        "KiB",
    ):
        assert expected in ran.out
    data = json.loads(path.read_text())
    assert [(r["variant"], r["threads"]) for r in data["results"]] == [
        ("int8", 1), ("float32", 1), ("int8", 2), ("float32", 2),
    ]  # fmt: skip
    assert data["runs"] == 200
    assert all(r["latency_ms"]["inference"]["p50"] > 0 for r in data["results"])


def test_json_on_stdout_is_alone_there(run_cli):
    ran = run_cli("bench", *QUICK, "--json", "-")
    assert json.loads(ran.out)["model"] == "digits"


def test_the_variants_may_change_places_but_not_be_the_same(run_cli):
    ran = run_cli("bench", "--variant", "float32", "--against", "int8", *QUICK)
    assert ran.code == 0
    assert "float32 is" in ran.out
    run_cli("bench", "--variant", "int8", "--against", "int8").fails("the variant itself", code=2)


def test_single_files_are_compared_when_both_are_named(run_cli, digits_file, tmp_path):
    alone = run_cli("bench", "--model", digits_file, *QUICK)
    assert alone.code == 0, "one model on its own is measured too"
    run_cli("bench", "--model", digits_file, "--against", "float32").fails(
        "name the model to compare it with", code=2
    )
    other = tmp_path / "float.tflite"
    other.write_bytes((bundle.find("digits") / "float32.tflite").read_bytes())
    ran = run_cli("bench", "--model", digits_file, "--against", other, "--range", "0..1", *QUICK)
    assert ran.code == 0


def test_a_file_that_cannot_be_written_is_one_line(run_cli):
    ran = run_cli("bench", "--json", "/proc/nothing/bench.json")
    assert ran.code == 1
    assert "can't be written" in ran.err
    assert "Traceback" not in ran.err


def test_missing_models_and_variants_are_named(run_cli):
    run_cli("bench", "--against", "nowhere.tflite").fails("nowhere.tflite")
    for against in ("int4", "all,int4"):
        run_cli("bench", "--against", against).fails("--against int4", "it has int8, float32", code=2)


def test_what_is_given_to_no_effect_is_refused(run_cli, tmp_path):
    run_cli("bench", "--range", "0..1").fails("says how its images are", "--range")
    for option in ("--json", "--csv", "--html", "--source", "--data", "--compare"):
        run_cli("bench", option, "").fails(f"{option} is empty", code=2)
    file, same = tmp_path / "same", tmp_path / "." / "same"
    run_cli("bench", "--json", file, "--csv", same).fails("--json and --csv name the same file", code=2)


def test_files_are_there_before_anything_is_printed(tmp_path):
    file = tmp_path / "bench.json"
    command = [
        sys.executable,
        "-m",
        "edgecnn",
        "bench",
        "--engine",
        "fake",
        *map(str, SHORT),
        "--json",
        str(file),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as ran:
        ran.stdout.close()
        assert ran.stderr.read() == b""
    assert ran.returncode == 1
    assert json.loads(file.read_text())["model"] == "digits"


@pytest.mark.slow
def test_a_closed_stdout_is_one_line_and_its_other_name_a_pipe():
    command = [sys.executable, "-m", "edgecnn", "bench", "--engine", "fake", *map(str, SHORT), "--json"]
    closed = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *command, "-"], capture_output=True, text=True
    )
    assert (closed.returncode, closed.stderr) == (
        1,
        "edgecnn: the output can't be written: stdout is closed\n",
    )
    piped = subprocess.run([*command, "/dev/stdout"], capture_output=True, text=True)
    assert piped.returncode == 0
    assert '"format": 1' in piped.stdout


def test_no_figure_is_cut_off_on_a_narrow_screen():
    result, out = compared([1.2345] * 8, [2.3456] * 8), io.StringIO()
    print_report(result, Console(file=out, width=40))
    assert "…" not in out.getvalue()
    assert "1.2345" in out.getvalue()


def test_pipes_and_devices_are_written_to_and_never_replaced(run_cli, tmp_path):
    target, link = tmp_path / "real.json", tmp_path / "link.json"
    link.symlink_to(target)
    assert run_cli("bench", *QUICK, "--json", link).code == 0
    assert link.is_symlink()
    assert json.loads(target.read_text())["model"] == "digits"
    assert run_cli("bench", *QUICK, "--json", "/dev/null").code == 0
    assert not Path("/dev/null").is_file()


def test_auto_gives_both_the_same_number_of_threads(run_cli, tmp_path):
    file = tmp_path / "bench.json"
    ran = run_cli("bench", "--engine", "fake:delay_ms=2", "--threads", "auto,1", *SHORT, "--json", file)
    assert ran.code == 0
    assert "threads auto: 1 " in ran.err
    assert [r["threads"] for r in json.loads(file.read_text())["results"]] == [1, 1]


def test_a_strict_run_fails_where_others_compute(run_cli, tmp_path):
    file = tmp_path / "bench.csv"
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as other:
        try:
            ran = run_cli("bench", "--engine", "fake:delay_ms=1", *SHORT, "--csv", file, "--strict")
        finally:
            other.kill()
    assert ran.code == 1
    assert "not a quiet run: other programs took" in ran.out
    assert "not a quiet run: other programs took" in ran.err
    assert file.read_text().count("\n") == 1 + 2 * 6
    run_cli("bench", "--json", "-", "--csv", "-").fails("can't all go to stdout", code=2)


def test_engines_variants_and_threads_all_meet(run_cli, tmp_path):
    file = tmp_path / "bench.json"
    engines = "fake:delay_ms=0.2,jitter_ms=0.1,fake:delay_ms=0.4"
    ran = run_cli(
        "bench",
        "--engine",
        engines,
        "--threads",
        "1,2",
        "--against",
        "all",
        "--blocks",
        8,
        "--cold-starts",
        0,
        "--json",
        file,
    )
    assert ran.code == 0, ran.err
    data = json.loads(file.read_text())
    assert len(data["results"]) == 2 * 2 * 2
    assert {r["engine"] for r in data["results"]} == {"fake:delay_ms=0.2,jitter_ms=0.1", "fake:delay_ms=0.4"}
    assert [r["by"] for r in data["ratios"]] == ["variant"] * 4 + ["engine"] * 4 + ["threads"] * 4
    slower = next(r for r in data["ratios"] if r["by"] == "engine")
    assert slower["of"] == ["fake:delay_ms=0.4", "fake:delay_ms=0.2,jitter_ms=0.1"]
    assert slower["inference"]["value"] < 1
    assert "how many times as fast" in ran.out


def test_an_engine_that_is_named_never_falls_back(run_cli):
    run_cli("bench", "--engine", "fake,edgetpu").fails("Edge TPU")
    run_cli("bench", "--engine", "nothing").fails("no engine 'nothing'", code=2)
    run_cli("bench", "--engine", "").fails("--engine is empty", code=2)


def test_frames_of_ones_own_are_named(run_cli, seven):
    ran = run_cli("bench", "--engine", "fake", "--blocks", 8, "--source", seven)
    assert f"1 frame of 640×480, from {seven}" in ran.out.replace("\n", "")
    run_cli("bench", "--source", "/nowhere").fails("/nowhere")


def test_accuracy_is_shown_next_to_latency(run_cli, idx_folder, tmp_path):
    file = tmp_path / "bench.json"
    quick = ("--blocks", 8, "--cold-starts", 0)
    ran = run_cli("bench", *quick, "--data", idx_folder, "--limit", 40, "--split", "all", "--json", file)
    assert ran.code == 0, ran.err
    assert "agreement with float32" in ran.out
    data = json.loads(file.read_text())
    assert data["data"] == {"name": "mnist", "pictures": 40, "agreement_with": "float32"}
    for result in data["results"]:
        assert 0 <= result["accuracy"]["top1"] <= 1
        assert result["share_of_int8_peak"] == pytest.approx(
            result["macs_per_second"] / data["peaks"][0]["int8_macs_per_second"], rel=1e-2
        )
    run_cli("bench", "--limit", 5).fails("--data", code=2)
    run_cli("bench", "--data", tmp_path / "nowhere").fails("no data at")
    run_cli("bench", "--model", "cifar10", "--data", idx_folder).fails("the labels do not fit")


def test_operators_are_told_with_times_where_the_tool_is(run_cli, tmp_path, monkeypatch):
    file = tmp_path / "bench.json"
    quick = ("--model", "mnist-classic", "--engine", "fake", "--blocks", 8, "--cold-starts", 0)
    ran = run_cli("bench", *quick, "--ops")
    assert ran.code == 0, ran.err
    assert "1 CONV_2D" in ran.out
    assert "benchmark_model is not on the PATH" in ran.out
    install(tmp_path, printed((*BUILTIN, ("Softmax (NC, S8)", 0.001, 1, "Delegate/Softmax (NC, S8):9"))))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    ran = run_cli("bench", *quick, "--ops", "--json", file)
    assert "0.0120" in ran.out
    assert "Softmax (NC, S8)" in ran.out
    found = json.loads(file.read_text())["operators"]
    assert [op["ms"] for op in found["operators"][:3]] == [0.010, 0.002, 0.012]
    assert found["untimed"] is None


def test_energy_is_told_or_why_not(run_cli, tmp_path):
    file = tmp_path / "bench.json"
    ran = run_cli("bench", "--engine", "fake", "--blocks", 8, "--cold-starts", 0, "--json", file)
    data = json.loads(file.read_text())
    if data["energy"]["meter"]:
        assert all(r["energy"]["mj_per_run"] > 0 for r in data["results"])
    else:
        assert f"energy: not measured, {data['energy']['unknown']}" in ran.out
        assert all(r["energy"] is None for r in data["results"])


@pytest.mark.slow
def test_a_machine_that_tells_its_energy_is_shown_with_it(tmp_path):
    with (
        edgecnn.load("digits", "int8", "fake:delay_ms=1") as a,
        edgecnn.load("digits", "float32", "fake") as b,
    ):
        candidates = [Candidate.of(a), Candidate.of(b)]
        frames = Frames.of(bench_frames()[:2], "synthetic")
        conditions = measure(candidates, blocks=8, frames=frames)
        told = take_energy(candidates, frames, tmp_path, firmware(tmp_path, RAILS))
        result = report("digits", candidates, conditions, frames.about, energy=told)
        console = Console(file=io.StringIO(), width=100)
        print_report(result, console)
    said = console.file.getvalue()
    assert "energy by the PMIC's rails: idle 2." in said
    assert "above the idle machine, mJ" in said
    slow, quick = (r["energy"] for r in result.as_dict()["results"])
    assert slow["mj_per_run"] > quick["mj_per_run"] > 0
    assert slow["watts"] == pytest.approx(WATTS, rel=0.2)


def test_a_run_is_compared_with_an_older_one(run_cli, tmp_path):
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    quick = ("--blocks", 8, "--cold-starts", 0, "--against", "float32")
    assert run_cli("bench", *quick, "--engine", "fake:delay_ms=1", "--json", old).code == 0
    ran = run_cli("bench", *quick, "--engine", "fake:delay_ms=2", "--compare", old, "--json", new)
    assert ran.code == 0, ran.err
    assert f"since {old}" in ran.out.replace("\n", "")
    stages = json.loads(new.read_text())["changes"]["stages"]
    assert {c["outcome"] for c in stages if c["stage"] == "inference"} == {"slower"}
    run_cli("bench", "--compare", old, "--threads", 3).fails("none of the candidates to measure")
    run_cli("bench", "--compare", tmp_path / "nothing.json").fails("nothing.json can't be read")


def test_a_page_is_written(run_cli, tmp_path):
    pytest.importorskip("matplotlib")
    quick = ("--engine", "fake:delay_ms=0.2", "--blocks", 8, "--cold-starts", 0)
    page = tmp_path / "bench.html"
    assert run_cli("bench", *quick, "--html", page).code == 0
    assert page.read_text().startswith("<!doctype html>")
    assert run_cli("bench", *quick, "--html", "-").out.startswith("<!doctype html>")
    run_cli("bench", "--html", "-", "--csv", "-").fails("--csv and --html can't all", code=2)
    run_cli("bench", "--html", "/nowhere/b.html").fails("there is no such folder")


def test_a_page_without_matplotlib_names_the_extra(run_cli, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    run_cli("bench", "--html", tmp_path / "bench.html").fails("needs matplotlib", "edgecnn[report]")


def test_an_engine_named_twice_is_refused(run_cli):
    run_cli("bench", "--engine", "auto,litert").fails("int8 on litert with 1 threads is named twice", code=2)


def test_files_of_one_name_are_told_apart(run_cli, digits_file, tmp_path):
    for name in ("mnist-classic", "digits"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "m.tflite").write_bytes((bundle.find(name) / "int8.tflite").read_bytes())
    first, second = (tmp_path / name / "m.tflite" for name in ("mnist-classic", "digits"))
    file = tmp_path / "bench.json"
    quick = ("--engine", "fake", "--blocks", 8, "--cold-starts", 0, "--json", file)
    assert run_cli("bench", "--model", first, "--against", second, *quick).code == 0
    data = json.loads(file.read_text())
    assert [r["variant"] for r in data["results"]] == ["m (int8)", f"{second} (int8)"]
    assert len(data["ratios"]) == 1
    run_cli("bench", "--model", first, "--against", first, *quick).fails("is named twice", code=2)
