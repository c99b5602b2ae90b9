import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from edgecnn.bundle import bundle
from edgecnn.engine import child, open_engine
from edgecnn.errors import EngineError, EngineRestarted, ModelError, OptionError
from tests.edgecnn.engine.test_engine import tensor


@pytest.fixture(scope="module")
def model():
    return bundle.open_model("digits")


@pytest.mark.parametrize("variant", ["int8", "float32"])
def test_it_answers_as_the_engine_itself(variant):
    model = bundle.open_model("digits", variant)
    image = model.file.inputs[0]
    pixels = np.random.default_rng(0).integers(-128, 128, image.shape).astype(image.dtype)
    with open_engine("litert", model) as here, open_engine("litert", model, deadline_ms=10_000) as there:
        assert there.name == "litert in a child process"
        for _ in range(3):
            expected, got = here.invoke(pixels), there.invoke(pixels)
            assert got.dtype == expected.dtype
            assert np.array_equal(expected, got)


def test_an_overrun_is_killed_and_started_again(model):
    with open_engine("fake:hang=3", model, deadline_ms=300) as engine:
        first = engine._process.pid
        engine.invoke(tensor(0))
        engine.invoke(tensor(0))
        with pytest.raises(EngineRestarted, match="longer than 300 ms; it was started again"):
            engine.invoke(tensor(0))
        assert engine._process.pid != first
        with pytest.raises(ProcessLookupError):
            os.kill(first, 0)
        assert engine.invoke(tensor(127)).argmax() == 9


def test_a_crash_is_said_with_its_signal(model):
    with open_engine("fake:crash=2", model, deadline_ms=5000) as engine:
        engine.invoke(tensor(0))
        with pytest.raises(EngineRestarted, match="was ended by SIGABRT while it ran"):
            engine.invoke(tensor(0))
        engine.invoke(tensor(0))


def test_six_restarts_within_a_minute_are_too_many(model, monkeypatch):
    monkeypatch.setattr(child, "MOST_RESTARTS", 2)
    with open_engine("fake:hang=1", model, deadline_ms=50) as engine:
        for _ in range(2):
            with pytest.raises(EngineRestarted):
                engine.invoke(tensor(0))
        with pytest.raises(EngineError, match="for the 3th time within a minute") as caught:
            engine.invoke(tensor(0))
        assert not isinstance(caught.value, EngineRestarted)
        with pytest.raises(EngineError, match="is closed"):
            engine.invoke(tensor(0))


def test_restarts_long_ago_do_not_count(model, monkeypatch):
    monkeypatch.setattr(child, "MOST_RESTARTS", 1)
    monkeypatch.setattr(child, "WITHIN_S", 0.0)
    with open_engine("fake:hang=1", model, deadline_ms=50) as engine:
        for _ in range(2):
            with pytest.raises(EngineRestarted):
                engine.invoke(tensor(0))


def test_what_fails_when_it_opens_fails_here(model, digits_file):
    with pytest.raises(OptionError, match="no option 'speed'"):
        open_engine("fake:speed=1", model, deadline_ms=100)

    with pytest.raises(ModelError, match="rejected by LiteRT"):
        open_engine("litert", model._replace(data=model.data[:5000]), deadline_ms=100)


def test_a_wrong_tensor_is_an_engine_error(model):
    with open_engine("litert", model, deadline_ms=5000) as engine:
        with pytest.raises(EngineError, match=r"expected int8 \(1, 28, 28, 1\)"):
            engine.invoke(np.zeros((1, 30, 30, 1), np.int8))
        engine.invoke(tensor(0))


def test_it_ends_with_its_parent(model):
    """Also when that was killed, and the child hangs."""
    code = """
import sys, threading, time
from edgecnn.bundle import bundle
from edgecnn.engine import open_engine
import numpy as np
engine = open_engine("fake:hang=1", bundle.open_model("digits"), deadline_ms=60_000)
print(engine._process.pid, flush=True)
engine.invoke(np.zeros((1, 28, 28, 1), np.int8))
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=-1, text=True) as parent:
        pid = int(parent.stdout.readline())
        time.sleep(0.5)
        parent.kill()
    for _ in range(100):
        state = _state(pid)
        if state in (None, "Z"):
            break
        time.sleep(0.1)
    assert state in (None, "Z")


def _state(pid: int) -> str | None:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return None


@pytest.mark.parametrize("engine", ["fake:hang=4", "fake:crash=4"])
def test_live_restarts_the_engine_and_then_gives_up(run_cli, engine, monkeypatch):
    live = ("live", "--source", "synthetic:fps=0", "--show", "none", "--engine", engine, "--deadline", 300)
    ran = run_cli(*live, "--frames", 8)
    assert ran.code == 0
    restarts = ran.err.count("it was started again")
    assert restarts >= 2
    assert f"{restarts} lost to a restart of the engine" in ran.out
    monkeypatch.setattr(child, "MOST_RESTARTS", 1)
    ran = run_cli(*live)
    assert ran.code == 1
    assert "for the 2th time within a minute" in ran.err
    assert "Traceback" not in ran.err


def test_ctrl_c_is_for_the_parent_alone(model):
    with open_engine("litert", model, deadline_ms=5000) as engine:
        assert os.getpgid(engine._process.pid) != os.getpgid(0)
        os.kill(engine._process.pid, signal.SIGKILL)
        with pytest.raises(EngineRestarted, match="SIGKILL"):
            engine.invoke(tensor(0))


def test_an_interrupted_call_closes_it(model):
    """Else its answer would be taken for that of the next image."""

    def interrupt(number, _):
        raise KeyboardInterrupt

    with open_engine("fake:delay_ms=500", model, deadline_ms=10_000) as engine:
        before = signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        try:
            with pytest.raises(KeyboardInterrupt):
                engine.invoke(tensor(0))
        finally:
            signal.signal(signal.SIGALRM, before)
        with pytest.raises(EngineError, match="is closed"):
            engine.invoke(tensor(0))


def test_what_lies_in_the_current_folder_is_not_run(model, tmp_path, monkeypatch):
    (tmp_path / "numpy.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)
    with open_engine("litert", model, deadline_ms=10_000) as engine:
        engine.invoke(tensor(0))


def test_it_outlives_the_thread_that_started_it(model):
    opened = []
    starter = threading.Thread(target=lambda: opened.append(open_engine("litert", model, 1, 10_000)))
    starter.start()
    starter.join()
    with opened[0] as engine:
        time.sleep(0.2)
        engine.invoke(tensor(0))
