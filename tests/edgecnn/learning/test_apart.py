"""Learning in a child process gives the same bundle, and the same errors."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import edgecnn
from edgecnn.bundle.input_spec import Given
from edgecnn.errors import DataError, ModelError
from edgecnn.learning import apart
from edgecnn.learning.apart import learn_apart
from edgecnn.learning.request import Request
from tests.conftest import until
from tests.trunks import RANGE, write_classes


def request(tiny, **more):
    return Request(str(tiny), given=Given(value_range=RANGE), layout="classes", **more)


def test_the_bundle_is_the_one_that_learn_makes(tmp_path, tiny):
    photos = write_classes(tmp_path / "photos", {"cup": 6, "pen": 6})
    bundle = learn_apart(photos, tmp_path / "apart", request(tiny))
    here = edgecnn.learn(photos, tmp_path / "here", trunk=tiny, value_range=RANGE, layout="classes")
    assert bundle.labels == here.bundle.labels
    assert bundle.variants["int8"].accuracy == here.bundle.variants["int8"].accuracy


def test_its_errors_are_those_of_learn(tmp_path, tiny):
    (tmp_path / "photos" / "cup").mkdir(parents=True)
    with pytest.raises(DataError, match="photos"):
        learn_apart(tmp_path / "photos", tmp_path / "out", request(tiny))
    assert not (tmp_path / "out").exists()


def test_a_process_that_is_killed_is_an_error(tmp_path, tiny, monkeypatch):
    class Killed(apart.ChildProcess):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            os.kill(self.pid, signal.SIGKILL)

    monkeypatch.setattr(apart, "ChildProcess", Killed)
    photos = write_classes(tmp_path / "photos", {"cup": 6, "pen": 6})
    with pytest.raises(ModelError, match="SIGKILL without a result"):
        learn_apart(photos, tmp_path / "out", request(tiny))
    assert not (tmp_path / "out").exists()


def test_it_ends_with_its_parent(tmp_path, tiny):
    photos = write_classes(tmp_path / "photos", {"cup": 6, "pen": 6})
    code = (
        "import sys; from pathlib import Path; from edgecnn.learning.apart import learn_apart\n"
        "from edgecnn.learning.request import Request\n"
        "learn_apart(Path(sys.argv[1]), Path(sys.argv[2]), Request(sys.argv[3]))"
    )
    command = [sys.executable, "-c", code, str(photos), str(tmp_path / "out"), str(tiny)]
    with subprocess.Popen(command) as parent:
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
        child = until(lambda: children.read_text().split(), "the child")[0]
        parent.kill()
    until(lambda: _is_dead(child), "its end")
    time.sleep(0.2)
    assert not (tmp_path / "out").exists()


def _is_dead(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
