"""What all tests share: the command line in this process, the fakes, and the data next to a checkout."""

from __future__ import annotations

import gc
import os
import signal
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgecnn.bundle import bundle
from edgecnn.cli import main
from tests.images import write_digits, write_photos

# A shell's background job ignores Ctrl-C, what `nohup` starts ignores a hang-up, and so do the commands that
# they start: some tests send these.
for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, usual)

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"


_CACHE = tempfile.TemporaryDirectory(prefix="edgecnn-tests-")
# What is remembered of models, and made of them, stays out of the user's home; from here on, since some tests
# list the bundles as they are collected.
os.environ["XDG_CACHE_HOME"] = _CACHE.name


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    def fails(self, *parts: str, code: int = 1) -> None:
        """Assert one clear line on stderr with these parts in it, and no traceback."""
        assert self.code == code, self
        assert "Traceback" not in self.err
        lines = [line for line in self.err.splitlines() if line.strip()]
        assert len(lines) == 1, self.err
        for part in parts:
            assert part in lines[0], lines[0]


@pytest.fixture
def run_cli(monkeypatch, capfd):
    """Run `edgecnn …` in this process."""

    def run(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["edgecnn", *map(str, arguments)])
        capfd.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capfd.readouterr()
        return Ran(code, captured.out, captured.err)

    return run


@pytest.fixture(autouse=True)
def usual_way(monkeypatch):
    """Let `live` run int8 on LiteRT, whatever is fastest on the machine of the tests."""
    monkeypatch.setattr("edgecnn.classify.fastest.find_fastest", lambda *_: None)


@pytest.fixture
def unregister():
    """Remove the cameras, engines and sinks that a test registers."""
    from edgecnn.camera import CAMERAS
    from edgecnn.engine import ENGINES
    from edgecnn.live.sink.table import SINKS

    yield
    for table in (CAMERAS, ENGINES, SINKS):
        for name in [*table.registered]:
            table.remove(name)


@pytest.fixture
def shared() -> Path:
    """Data and models next to the checkout; tests that need them are skipped where these are missing."""
    if not (SHARED / "models").is_dir():
        pytest.skip("needs ../shared, which is not next to this checkout")
    return SHARED


@pytest.fixture
def seven(tmp_path) -> Path:
    """An image that the shipped model calls 7."""
    path = tmp_path / "seven.png"
    cv2.imwrite(str(path), draw_seven())
    return path


def draw_seven() -> np.ndarray:
    image = np.full((480, 640, 3), 225, np.uint8)
    cv2.polylines(
        image, [np.array([(240, 110), (400, 110), (300, 370)])], False, (40, 40, 40), 26, cv2.LINE_AA
    )
    return image


def until(condition, what: str, patience_s: float = 30):
    """Wait until a condition holds, and return what it gave."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        if got := condition():
            return got
        time.sleep(0.1)
    raise AssertionError(f"not within {patience_s} s: {what}")


@pytest.fixture
def digits_file(tmp_path) -> Path:
    """A bare copy of the shipped int8 model."""
    path = tmp_path / "bare.tflite"
    path.write_bytes((bundle.find("digits") / "int8.tflite").read_bytes())
    return path


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """Run one process more than there are cores: for a quarter of their time tests wait."""
    return len(os.sched_getaffinity(0)) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Run a file's tests in one process, which makes its fixtures once, and all of the trainer's in one.

    TensorFlow takes ten seconds to start and 500 MB; next to the slow tests that is little, and one process
    would run most of them alone. xdist 3.8 ignores `xdist_group` with pytest 9.2:
    https://github.com/pytest-dev/pytest-xdist/issues/1386
    """
    from xdist.scheduler import LoadScopeScheduling

    together = () if config.option.markexpr == "slow" else ("tests/train/",)

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return "trainer" if nodeid.startswith(together) else nodeid.partition("::")[0]

    return Scheduling(config, log)


class Garbage:
    """Has the collector look only at what a test made: TensorFlow alone is half a second of objects."""

    def __init__(self):
        self.may_be_large = True

    def set_aside(self):
        if self.may_be_large:
            gc.collect()
            self.may_be_large = False
        gc.freeze()


GARBAGE = Garbage()


@pytest.fixture(autouse=True)
def nothing_leaks(request):
    """Fail a test of the runtime that leaves a thread or an open file behind."""
    if "tests/train" in request.node.nodeid:
        yield
        GARBAGE.may_be_large = True
        return
    GARBAGE.set_aside()
    before_threads, before_files = set(threading.enumerate()), open_files()
    yield
    gc.collect()
    for _ in range(20):
        left, files = set(threading.enumerate()) - before_threads, open_files() - before_files
        if not (left or files):
            break
        time.sleep(0.1)
    assert not left, f"threads left behind: {left}"
    assert not files, f"files left open: {files}"


def open_files() -> set[str]:
    """The regular files and devices that this process holds open, without its standard streams.

    A thread of a module's server may have sent stderr to nowhere for a moment (`quiet_stderr`).
    """
    found = set()
    names = os.listdir("/proc/self/fd") if Path("/proc/self/fd").is_dir() else []
    for name in names:
        if name in ("0", "1", "2"):
            continue
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue
        # Matplotlib keeps its fonts open for as long as the process lives.
        if (
            target.startswith("/")
            and "/mpl-data/" not in target
            and not target.startswith(("/proc", "/dev/null", "/dev/pts", "/dev/urandom"))
        ):
            found.add(f"{name} → {target}")
    return found


@pytest.fixture(scope="session")
def idx_folder(tmp_path_factory):
    """IDX files of 800 drawn digits, in a folder called mnist."""
    folder = tmp_path_factory.mktemp("idx") / "mnist"
    write_digits(folder)
    return folder


@pytest.fixture
def photo_folder(tmp_path):
    """Two classes of 20 colour photos."""
    folder = tmp_path / "photos"
    write_photos(folder)
    return folder
