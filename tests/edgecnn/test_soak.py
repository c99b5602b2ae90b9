"""A short soak; `python benchmarks/soak.py` is the long one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).parents[2] / "benchmarks" / "soak.py"


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux' /proc")
def test_a_live_run_does_not_grow(tmp_path):
    # A leak of a hundred bytes for each of a thousand frames a second is 340 MiB an hour.
    command = [sys.executable, SOAK, "--minutes", "0.5", "--settle", "0.25", "--limit", "180"]
    done = subprocess.run([*command, "--jsonl", tmp_path / "out.jsonl"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["threads"][0] == found["threads"][1] >= 2
    assert found["files"][0] == found["files"][1]
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) > 100
