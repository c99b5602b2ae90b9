import json
import re
import signal
import subprocess
import sys

import pytest

from edgecnn.cli.learn_print import photo_progress
from edgecnn.report.publication import claim
from tests.conftest import until
from tests.trunks import tiny_float, tiny_int8, write_classes

RANGE = "--range=-0.9921875..1"
THREE = dict.fromkeys(("red", "yellow", "green"), 10)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def trunk(tmp_path):
    (tmp_path / "tiny.tflite").write_bytes(tiny_int8())
    return "tiny.tflite"


@pytest.fixture
def photos(tmp_path):
    return write_classes(tmp_path / "photos", THREE)


def test_a_learned_bundle_is_run_by_every_command(run_cli, trunk, photos):
    ran = run_cli("learn", "photos", "--trunk", trunk, RANGE)
    assert (ran.code, ran.err) == (0, ""), ran
    assert re.search(
        r"^It classifies \d+ of 30 photos, each by a head that had not seen it, correctly \(",
        ran.out,
        re.MULTILINE,
    )
    assert "right by photos a class: 5: " in ran.out
    model = "./photos-model"
    image = sorted((photos / "red").iterdir())[0]
    assert json.loads(run_cli("classify", image, "--model", model, "--json").out)
    verified = run_cli("models", "verify", model)
    assert verified.code == 0, verified
    shown = run_cli("models", "show", model)
    assert shown.code == 0
    assert "green" in shown.out
    benched = run_cli("bench", "--model", model, "--blocks", 8, "--cold-starts", 0, "--json", "-")
    assert benched.code == 0, benched
    assert json.loads(benched.out)
    evaluated = run_cli("evaluate", model, "--data", "photos", "--split", "all", "--json", "-")
    assert evaluated.code == 0, evaluated


def test_options_reach_the_bundle(run_cli, tmp_path, photos):
    (tmp_path / "float.tflite").write_bytes(tiny_float())
    others = write_classes(tmp_path / "others", {"x": 0, "y": 0, "z": 0, "c": 5, "d": 5})
    ran = run_cli(
        "learn", photos, "--trunk", "float.tflite", RANGE, "--negatives", others, "--no-flip", "--seed", 3,
        "--out", "mine", "--cut", "embedding", "--allow-drop", 50,
    )  # fmt: skip
    assert (ran.code, ran.err) == (0, ""), ran
    document = json.loads((tmp_path / "mine" / "bundle.json").read_text())
    assert document["labels"][-1] == "background"
    assert set(document["variants"]) == {"int8", "float32"}
    assert document["learning"]["seed"] == 3
    assert "mirror" not in document["learning"]["views"]
    assert (tmp_path / "mine.report.html").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "parts"),
    [
        (["nothing"], 1, ["no data called nothing"]),
        (["photos", "--trunk", "digits"], 1, ["nothing to cut"]),
        (["photos", "--trunk", "digits", "--cut", "x"], 1, ["has no tensor 'x'"]),
        (["photos", "--trunk", "none.tflite"], 1, ["no model file 'none.tflite'"]),
        (["photos", "--trunk", "tiny.tflite", RANGE, "--out", "taken"], 1, ["taken", "--out"]),
        (["photos", "--trunk", "tiny.tflite", RANGE, "--out", "."], 1, ["current folder", "--out"]),
        (["photos", "--trunk", "tiny.tflite", RANGE, "--negatives", "none"], 1, ["no folder none"]),
    ],
)
def test_what_can_not_be_learned_is_one_line(run_cli, trunk, photos, tmp_path, arguments, code, parts):
    assert trunk
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").write_text("mine")
    run_cli("learn", *arguments).fails(*parts, code=code)
    assert (tmp_path / "taken" / "mine.txt").read_text() == "mine"
    assert not list(tmp_path.glob(".*.edgecnn-*"))
    assert photos.is_dir()


@pytest.mark.parametrize(
    "option", [["--seed", "-1"], ["--allow-drop", "101"], ["--out", ""], ["--range", "x"]]
)
def test_options_are_checked(run_cli, photos, option):
    assert run_cli("learn", photos, *option).code == 2


def test_help_loads_nothing_heavy():
    code = (
        "import sys\nfrom edgecnn.cli import main\nsys.argv = ['edgecnn', 'learn', '--help']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = ('numpy', 'cv2', 'sqlite3', 'ai_edge_litert', 'edgecnn.learning.session')\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines()[-1] == "[]"


def test_a_bar_is_shown_in_a_terminal_alone(capfd, monkeypatch):
    with photo_progress() as progress:
        assert progress is None
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with photo_progress() as progress:
        progress(1, 3)
        progress(3, 3)
    assert "photos" in capfd.readouterr().err


SLOW = """
import sys, time
import edgecnn.learning.embedder as module
real = module.Embedder.__call__
def slow(self, image):
    time.sleep(0.03)
    return real(self, image)
module.Embedder.__call__ = slow
from edgecnn.cli import main
main()
"""


@pytest.mark.parametrize(
    "number",
    [signal.SIGINT, *(pytest.param(n, marks=pytest.mark.slow) for n in (signal.SIGKILL, signal.SIGTERM))],
)
def test_a_run_that_is_stopped_leaves_nothing_half_written_and_keeps_embeddings(
    run_cli, trunk, photos, tmp_path, number
):
    base = tmp_path / "cache" / "edgecnn" / "embeddings.sqlite3"
    arguments = ["learn", "photos", "--trunk", trunk, RANGE]
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until(lambda: kept(base) >= 32 or process.poll() is not None, "some embeddings are kept")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode != 0, (out, err)
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert err.strip() == "stopped; photos that were embedded before are kept"
    assert "Traceback" not in err
    assert not (tmp_path / "photos-model").exists()
    assert not (tmp_path / "photos-model.report.html").exists()
    before = kept(base)
    assert before >= 32
    ran = run_cli(*arguments)
    assert ran.code == 0
    assert kept(base) == 90, "thirty photos in three views"
    assert not list(tmp_path.glob(".*edgecnn-*"))


def kept(base):
    """How many embeddings a file has."""
    import sqlite3

    if not base.exists():
        return 0
    connection = sqlite3.connect(f"file:{base}?mode=ro", uri=True)
    try:
        return connection.execute("SELECT COUNT(*) FROM embeddings").fetchone()[0]
    except sqlite3.Error:
        return 0
    finally:
        connection.close()


def test_a_bundle_that_is_being_written_is_refused(run_cli, trunk, photos, tmp_path):
    with claim(tmp_path / "photos-model", ""):
        run_cli("learn", photos, "--trunk", trunk, RANGE).fails("is being written by", "--out")
    assert not (tmp_path / "photos-model").exists()
