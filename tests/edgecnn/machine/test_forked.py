"""Copies of a process serve a pipe, and end when they are closed or when their parent ends."""

import os
import signal
import subprocess
import sys

from tests.conftest import ROOT, until
from tests.processes import is_running, run_script


def test_a_copy_has_what_its_parent_has_and_ends_when_it_is_closed():
    answers, here, left = run_script("""
        import json, os
        from edgecnn.machine.forked import ForkedProcess, may_fork

        def serve(pipe):
            while True:
                pipe.send([made, pipe.recv(), os.getpid()])

        assert may_fork()
        made, copies, answers = "here", [], []
        for k in range(3):
            copies.append(ForkedProcess(serve, [*copies]))
        for k, copy in enumerate(copies):
            copy.pipe.send(k)
            answers.append(copy.pipe.recv())
        for copy in copies:
            copy.close()
            copy.close()
        try:
            left = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            left = None
        print(json.dumps([answers, os.getpid(), left]))
    """)
    assert [answer[:2] for answer in answers] == [["here", 0], ["here", 1], ["here", 2]]
    assert len({here, *(answer[2] for answer in answers)}) == 4
    assert left is None


def test_a_copy_that_fails_or_is_killed_closes_its_pipe_and_says_how_it_ended():
    found = run_script("""
        import json, os, signal
        from edgecnn.machine.forked import ForkedProcess

        def serve(pipe):
            what = pipe.recv()
            if what == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            raise EOFError if what == "end" else ValueError

        found = []
        for what in ("kill", "fail", "end"):
            with ForkedProcess(serve) as copy:
                copy.pipe.send(what)
                try:
                    copy.pipe.recv()
                except EOFError:
                    found.append(copy.ended())
        print(json.dumps(found))
    """)
    assert found == ["was ended by SIGKILL", "ended", "ended"]


def test_a_process_with_another_thread_may_not_fork():
    assert run_script("""
        import json, threading
        from edgecnn.machine.forked import may_fork

        end = threading.Event()
        before = may_fork()
        thread = threading.Thread(target=end.wait)
        thread.start()
        during = may_fork()
        end.set()
        thread.join()
        print(json.dumps([before, during]))
    """) == [True, False]


def test_copies_ignore_ctrl_c_and_end_with_their_parent_whatever_they_do():
    code = """if True:
        import os, signal, time
        from edgecnn.machine.forked import ForkedProcess

        def serve(pipe):
            os.write(1, f"{os.getpid()} {signal.getsignal(signal.SIGINT) is signal.SIG_IGN}\\n".encode())
            while True:
                time.sleep(60)

        copies = []
        for _ in range(3):
            copies.append(ForkedProcess(serve, [*copies]))
        time.sleep(60)
    """
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment) as parent:
        said = [parent.stdout.readline().decode().split() for _ in range(3)]
        assert [line[1] for line in said] == ["True"] * 3
        parent.send_signal(signal.SIGKILL)
    until(lambda: not any(is_running(int(line[0])) for line in said), "the copies end")
