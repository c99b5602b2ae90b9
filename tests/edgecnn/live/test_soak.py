"""A short soak; `python benchmarks/soak.py` is the long one."""

import importlib.util
import time
from pathlib import Path

import pytest

SOAK = Path(__file__).parents[3] / "benchmarks" / "soak.py"
SETTLE = 500
FRAMES = 2500
PATIENCE_S = 300


def load(path: Path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux' /proc")
def test_a_live_run_does_not_grow(tmp_path):
    """By less than 500 bytes for each frame: the 10,000 last latencies, which it keeps, take half of it."""
    soak = load(SOAK)
    path = tmp_path / "out.jsonl"
    with soak.start("--jsonl", str(path)) as process:
        samples = []
        for frames in (SETTLE, SETTLE + FRAMES):
            end = time.monotonic() + PATIENCE_S
            while not path.exists() or path.read_bytes().count(b"\n") < frames:
                assert time.monotonic() < end, "it is too slow to tell"
                time.sleep(0.5)
            samples.append(soak.look(process.pid, 0.0))
        process.terminate()
    first, last = samples
    assert process.returncode == 0
    assert (last.memory - first.memory) * 2**20 / FRAMES < 500
    assert last.threads == first.threads >= 2
    assert last.files == first.files
