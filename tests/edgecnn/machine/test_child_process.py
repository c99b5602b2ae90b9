"""A child process ends when it is told to, and when its parent does."""

import os
import select
import signal
import subprocess
import sys

import pytest

from edgecnn.machine.child_process import ChildProcess
from tests.conftest import until

# A module that says its number, and waits without an end whatever becomes of its parent's pipe.
MODULE = """
import os, sys, time
from edgecnn.machine.child_process import end_with_parent
end_with_parent()
os.write(int(sys.argv[1]), f"{os.getpid()} {sys.argv[2]} {os.environ.get('SOME')}".encode())
while True:
    time.sleep(60)
"""
PARENT = """
import os, sys, time
from edgecnn.machine.child_process import ChildProcess
ChildProcess("waiting", int(sys.argv[1]), "x")
time.sleep(60)
"""


@pytest.fixture
def waiting(tmp_path, monkeypatch):
    """A pipe for what the module `waiting` says: the end to read, and the end to hand on."""
    (tmp_path / "waiting.py").write_text(MODULE)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    read, write = os.pipe()
    yield read, write
    os.close(read)
    os.close(write)


def said(waiting) -> str:
    assert select.select([waiting[0]], [], [], 60)[0], "it said nothing"
    return os.read(waiting[0], 100).decode()


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_gets_a_file_arguments_and_variables_and_ends_when_told(waiting):
    child = ChildProcess("waiting", waiting[1], "x", environment={"SOME": "thing"})
    assert said(waiting) == f"{child.pid} x thing"
    child.end()
    assert child.ended() == "was ended by SIGKILL"
    assert not is_there(child.pid)


def test_it_ends_with_its_parent(waiting, tmp_path):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(waiting[1])], pass_fds=[waiting[1]],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    try:
        pid = int(said(waiting).split()[0])
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    until(lambda: not is_there(pid), "it is gone")


def test_a_file_in_the_current_folder_is_not_imported_in_place_of_a_library(waiting, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "subprocess.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path / "here")
    child = ChildProcess("waiting", waiting[1], "x")
    try:
        assert said(waiting).split()[0] == str(child.pid)
    finally:
        child.end()


def test_a_child_that_ends_first_prints_nothing():
    code = "import time; from edgecnn.machine.child_process import end_with_parent; end_with_parent()"
    code += "; time.sleep(0.3)"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stderr.read() == b""
        assert child.wait() == 0
