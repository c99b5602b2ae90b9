"""A model whose files are replaced while `live` runs, as another process sees it."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

import edgecnn
from edgecnn.bundle.bundle import find, read_bundle
from edgecnn.live.reloader import Reloader, fingerprint
from tests.conftest import until


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(find("digits"), tmp_path / "mine")


def replace(folder, name="mnist-classic"):
    """Put another bundle in its place, as `edgecnn train` publishes: by renaming."""
    fresh = folder.with_name("fresh")
    shutil.copytree(find(name), fresh)
    folder.rename(folder.with_name("old"))
    fresh.rename(folder)


class Running:
    """`edgecnn live` in a process of its own; what it says on stderr is kept."""

    def __init__(self, model, results, *options):
        command = [sys.executable, "-m", "edgecnn", "live", "--source", "synthetic:fps=60", "--show", "none"]
        command += ["--model", str(model), "--jsonl", str(results), *options]
        self.results = results
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.said = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        until(lambda: self.frames() > 3, "the first results")

    def _read(self):
        for line in self.process.stderr:
            self.said += line

    def frames(self):
        return self.results.read_text().count("\n") if self.results.exists() else 0

    def until_said(self, text):
        until(lambda: text in self.said, f"{text!r} on stderr: {self.said!r}")

    def keeps_running(self):
        before = self.frames()
        until(lambda: self.frames() > before + 5, "more results")

    def end(self):
        self.process.terminate()
        out = self.process.stdout.read()
        self._reader.join()
        self.process.wait(30)
        self.process.stdout.close()
        self.process.stderr.close()
        return out


@pytest.fixture
def live(tmp_path):
    started = []

    def start(model, *options):
        started.append(Running(model, tmp_path / "results.jsonl", *options))
        return started[-1]

    yield start
    for running in started:
        if running.process.poll() is None:
            running.process.kill()
            running.end()


def test_the_old_one_keeps_running_until_a_signal(folder, live):
    running = live(folder)
    replace(folder)
    running.keeps_running()
    assert running.said == ""
    running.process.send_signal(signal.SIGUSR1)
    digest = hashlib.sha256((folder / "int8.tflite").read_bytes()).hexdigest()
    running.until_said(f"the model was replaced: mnist-classic int8, SHA-256 {digest[:12]}")
    running.keeps_running()
    running.end()
    assert running.process.returncode == 0
    assert running.said.count("\n") == 1


@pytest.mark.slow
def test_watching_replaces_it_only_when_it_changed(folder, live):
    running = live(folder, "--watch")
    time.sleep(2.5)
    assert running.said == ""
    replace(folder)
    running.until_said("the model was replaced: mnist-classic int8")
    running.keeps_running()
    running.end()
    assert running.process.returncode == 0


def damaged(folder):
    data = bytearray((folder / "int8.tflite").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "int8.tflite").write_bytes(data)


def other_answers(folder):
    manifest = json.loads((folder / "bundle.json").read_text())
    outputs = manifest["golden"]["outputs"]["int8"]
    manifest["golden"]["outputs"]["int8"] = outputs[1:] + outputs[:1]
    (folder / "bundle.json").write_text(json.dumps(manifest))


def gone(folder):
    folder.rename(folder.with_name("gone"))


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (damaged, "is not the file that bundle.json names"),
        (other_answers, "does not answer here as where it was published"),
        (gone, "no model"),
    ],
)
def test_one_that_does_not_verify_is_said_and_left(folder, live, harm, reason):
    running = live(folder)
    harm(folder)
    running.process.send_signal(signal.SIGUSR1)
    running.until_said("the old model stays in use, since the new one can't be loaded: ")
    assert reason in running.said
    running.keeps_running()
    running.end()
    assert running.process.returncode == 0


@pytest.mark.slow
def test_a_file_that_is_written_over_in_place(digits_file, live):
    """The bytes are in memory: what happens to the file does not matter until it is whole."""
    other = (find("mnist-classic") / "int8.tflite").read_bytes()
    running = live(digits_file, "--watch")
    with digits_file.open("r+b") as file:
        file.truncate(1000)
        time.sleep(2.5)
        file.seek(0)
        file.write(other)
        file.truncate(len(other))
    running.until_said("the model was replaced: bare int8")
    assert running.said.count("can't be taken") <= 1
    running.keeps_running()
    running.end()
    assert running.process.returncode == 0


def test_what_was_not_taken_is_closed(folder):
    opened = []

    def load(variant):
        opened.append(edgecnn.load(folder, variant))
        return opened[-1]

    class Stats:
        variant = "int8"

    before = signal.getsignal(signal.SIGUSR1)
    reloader = Reloader(str(folder), load, watch=False)
    with reloader:
        assert reloader.poll(Stats) == ()
        for count in (1, 2):
            os.kill(os.getpid(), signal.SIGUSR1)
            until(lambda n=count: len(opened) == n and reloader._ready, "it is opened")
    assert signal.getsignal(signal.SIGUSR1) is before
    assert [classifier.engine._interpreter for classifier in opened] == [None, None]


def state(folder, accuracy, images=200):
    """Have a bundle state another accuracy; the file is replaced, as a publication does."""
    manifest = json.loads((folder / "bundle.json").read_text())
    manifest["variants"]["int8"]["accuracy"] = accuracy
    manifest["accuracy"] = {"test_pictures": images}
    fresh = folder / "fresh.json"
    fresh.write_text(json.dumps(manifest))
    fresh.replace(folder / "bundle.json")


class Stats:
    variant = "int8"


class Watching:
    """A reloader in this process: what it says, and the models that it hands to the loop."""

    def __init__(self, folder, capfd, **options):
        self._capfd, self._said = capfd, ""
        self.opened = []
        running = read_bundle(folder)
        self.reloader = Reloader(str(folder), self._load, running, watch=True, **options)
        self.folder = folder
        self.reloader.poll(Stats)

    def _load(self, variant):
        self.opened.append(edgecnn.load(self.folder, variant))
        return self.opened[-1]

    def said(self):
        self._said += self._capfd.readouterr().err
        return self._said

    def until_said(self, text):
        until(lambda: text in self.said(), f"{text!r} in {self.said()!r}")

    def takes(self):
        """Whether a model is handed over; it is closed here, as the loop does."""
        ready = until(lambda: self.reloader.poll(Stats), "a model is handed over")
        ready[0].opened.close()
        return ready[0].classifier.model.bundle.variants["int8"].accuracy


@pytest.fixture
def watching(folder, capfd):
    started = []

    def start(**options):
        started.append(Watching(folder, capfd, **options))
        return started[-1]

    yield start
    for one in started:
        one.reloader.close()


def test_a_worse_one_is_taken_on_a_signal_alone(folder, watching):
    state(folder, 0.95)
    watched = watching()
    state(folder, 0.7)
    watched.until_said("the old model stays in use, since the new one is worse: ")
    line = watched.said()
    assert "70.0% of 200 images" in line
    assert "95.0% of 200 images" in line
    assert f"`kill -USR1 {os.getpid()}`" in line
    assert "`--allow-worse`" in line
    time.sleep(2.2)
    assert watched.reloader.poll(Stats) == ()
    assert watched.said().count("\n") == 1, "it is said once"
    assert [one.engine._interpreter for one in watched.opened] == [None], "it is closed"
    os.kill(os.getpid(), signal.SIGUSR1)
    assert watched.takes() == 0.7
    assert "the new model is worse: it is right on 70.0%" in watched.said()


@pytest.mark.slow
def test_what_runs_is_compared_with_the_next_one(folder, watching):
    state(folder, 0.7)
    watched = watching()
    state(folder, 0.95)
    assert watched.takes() == 0.95
    state(folder, 0.94)
    assert watched.takes() == 0.94, "that is chance"
    state(folder, 0.7)
    watched.until_said("since the new one is worse: it is right on 70.0%")
    assert "the old one on 94.0%" in watched.said()


@pytest.mark.slow
def test_worse_ones_are_taken_where_that_is_allowed_and_where_nothing_is_stated(folder, watching):
    state(folder, 0.95)
    watched = watching(allow_worse=True)
    state(folder, 0.7)
    assert watched.takes() == 0.7
    assert "the new model is worse: " in watched.said()
    state(folder, None)
    assert watched.takes() is None
    assert watched.said().count("\n") == 1


@pytest.mark.slow
def test_live_keeps_the_better_one_until_it_is_asked(folder, live):
    state(folder, 0.95)
    running = live(folder, "--watch")
    state(folder, 0.7)
    running.until_said("the old model stays in use, since the new one is worse: ")
    running.keeps_running()
    assert "the model was replaced" not in running.said
    running.process.send_signal(signal.SIGUSR1)
    running.until_said("the model was replaced: digits int8")
    running.end()
    assert running.process.returncode == 0


@pytest.mark.slow
def test_live_takes_a_worse_one_where_that_is_allowed(folder, live):
    state(folder, 0.95)
    running = live(folder, "--watch", "--allow-worse")
    state(folder, 0.7)
    running.until_said("the model was replaced: digits int8")
    assert "the old model stays in use" not in running.said
    running.end()
    assert running.process.returncode == 0


def test_a_fingerprint_tells_files_from_others(folder, tmp_path):
    first = fingerprint(str(folder))
    assert first == fingerprint(str(folder))
    (folder / "int8.tflite").touch()
    assert fingerprint(str(folder)) != first
    assert fingerprint(str(tmp_path / "nothing.tflite")) is None


def no_hash(folder):
    manifest = json.loads((folder / "bundle.json").read_text())
    manifest["variants"]["int8"]["sha256"] = None
    (folder / "bundle.json").write_text(json.dumps(manifest))


def no_text(folder):
    (folder / "bundle.json").write_bytes(b"\xff" * 100)


def deep(folder):
    (folder / "bundle.json").write_text("[" * 100_000)


@pytest.mark.slow
@pytest.mark.parametrize("harm", [no_hash, no_text, deep])
def test_after_a_bad_bundle_a_good_one_is_taken(folder, live, harm):
    good = shutil.copytree(folder, folder.with_name("good"))
    running = live(folder, "--watch")
    harm(folder)
    running.until_said("the old model stays in use, since the new one can't be loaded: ")
    time.sleep(2.5)
    assert running.said.count("\n") == 1, "it is said once"
    folder.rename(folder.with_name("bad"))
    good.rename(folder)
    running.until_said("the model was replaced: digits int8")
    running.keeps_running()
    running.end()
    assert running.process.returncode == 0
    assert "Traceback" not in running.said


def test_whatever_opening_raises_the_thread_lives_on(folder, capfd):
    errors = [TypeError("NoneType"), RecursionError("\x1b[2J\ntoo deep"), MemoryError(), None]
    opened = []

    def load(variant):
        if error := errors.pop(0):
            raise error
        opened.append(edgecnn.load(folder, variant))
        return opened[-1]

    class Stats:
        variant = "int8"

    with Reloader(str(folder), load, watch=False) as reloader:
        reloader.poll(Stats)
        for left in (3, 2, 1, 0):
            os.kill(os.getpid(), signal.SIGUSR1)
            until(lambda n=left: len(errors) == n, "it is tried")
        until(lambda: opened and reloader._ready, "a good one is taken")
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 3
    assert "TypeError: NoneType" in said[0]
    assert all(line.isprintable() and "the old model stays in use" in line for line in said)
