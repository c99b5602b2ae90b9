"""Many images are handled by all cores, and nothing of it shows in the results."""

import os

import pytest

import edgecnn
from edgecnn.classify.batch import count_workers, in_order, threads_for
from edgecnn.engine.fake import FakeEngine
from edgecnn.errors import OptionError
from edgecnn.machine.cores import count_cores
from tests.processes import run_script

# Ends each script: what was found, and whether a process is left.
REPORT = """
try:
    os.waitpid(-1, os.WNOHANG)
    left = True
except ChildProcessError:
    left = False
print(json.dumps([found, left]))
"""


@pytest.mark.parametrize(("count", "workers"), [(1, 3), (2, 2), (3, 8), (700, 2), (700, 5)])
def test_results_are_in_order_whichever_process_is_slow(count, workers):
    (outcomes, processes), left = run_script(
        """
        import json, os, sys, time
        from edgecnn.classify.batch import in_order

        def handle(k):
            time.sleep(0.02 if k % 97 == 1 else 0.0002)
            return k * k, os.getpid()

        count, workers = map(int, sys.argv[1:])
        pairs = list(in_order(handle, range(count), workers, patience_s=0))
        found = [[square for square, _ in pairs], len({process for _, process in pairs})]
        """,
        count,
        workers,
        then=REPORT,
    )
    assert outcomes == [k * k for k in range(count)]
    assert 1 <= processes <= min(workers, count)
    assert processes > 1 or count < 700
    assert not left


def test_what_is_done_soon_is_done_by_one_process():
    pids = list(in_order(lambda _: os.getpid(), range(500), 4, patience_s=60))
    assert pids == [os.getpid()] * 500


def test_a_process_with_other_threads_stays_alone():
    assert run_script("""
        import json, os, threading
        from edgecnn.classify.batch import in_order

        end = threading.Event()
        thread = threading.Thread(target=end.wait)
        thread.start()
        pids = set(in_order(lambda _: os.getpid(), range(500), 4, patience_s=0))
        end.set()
        thread.join()
        print(json.dumps(pids == {os.getpid()}))
    """)


@pytest.mark.parametrize("place", [0, 1, 137, 399])
def test_an_exception_comes_at_its_place_with_its_traceback(place):
    (seen, where), left = run_script(
        """
        import json, os, sys, time, traceback
        from edgecnn.classify.batch import in_order
        from edgecnn.errors import EngineError

        place, seen = int(sys.argv[1]), []

        def handle(k):
            time.sleep(0.0003)
            if k >= place:
                raise EngineError(f"no {k}")
            return k

        try:
            for outcome in in_order(handle, range(400), 4, patience_s=0):
                seen.append(outcome)
        except EngineError as error:
            seen.append(str(error))
            found = seen, traceback.extract_tb(error.__traceback__)[-1].name
        """,
        place,
        then=REPORT,
    )
    assert seen == [*range(place), f"no {place}"]
    assert where == "handle"
    assert not left


def test_what_fails_in_another_process_alone_is_done_in_this_one():
    found, left = run_script(
        """
        import json, os, time
        from edgecnn.classify.batch import in_order

        here = os.getpid()

        def handle(k):
            time.sleep(0.0003)
            if os.getpid() != here:
                raise MemoryError
            return k

        found = list(in_order(handle, range(300), 3, patience_s=0))
        """,
        then=REPORT,
    )
    assert found == [*range(300)]
    assert not left


def test_a_process_that_dies_is_one_clear_error():
    found, left = run_script(
        """
        import json, os, signal, time
        from edgecnn.classify.batch import in_order
        from edgecnn.errors import EngineLost

        here = os.getpid()

        def handle(k):
            time.sleep(0.0003)
            if os.getpid() != here and k > 100:
                os.kill(os.getpid(), signal.SIGKILL)
            return k

        try:
            found = list(in_order(handle, range(3000), 3, patience_s=0))
        except EngineLost as error:
            found = str(error)
        """,
        then=REPORT,
    )
    assert found.startswith("one of 3 processes that classify images was ended by SIGKILL: --workers 1 ")
    assert not left


def test_an_interruption_ends_the_others_in_the_middle_of_an_image(tmp_path):
    found, left = run_script(
        """
        import json, os, sys, time
        from pathlib import Path
        from edgecnn.classify.batch import in_order

        here, asleep = os.getpid(), Path(sys.argv[1], "asleep")

        def handle(k):
            if os.getpid() != here:
                asleep.touch()
                time.sleep(600)
            elif asleep.exists():
                raise KeyboardInterrupt
            time.sleep(0.001)
            return k

        try:
            found = list(in_order(handle, range(100_000), 3, patience_s=0))
        except KeyboardInterrupt:
            found = "interrupted"
        """,
        tmp_path,
        then=REPORT,
    )
    assert found == "interrupted"
    assert not left


def test_closing_it_early_ends_the_others():
    found, left = run_script(
        """
        import json, os, time
        from edgecnn.classify.batch import in_order

        outcomes = in_order(lambda k: time.sleep(0.001) or k, range(100_000), 3, patience_s=0)
        found = [next(outcomes) for _ in range(100)]
        outcomes.close()
        """,
        then=REPORT,
    )
    assert found == [*range(100)]
    assert not left


def test_no_process_runs_far_ahead_of_a_slow_image(tmp_path):
    """One process waits in an image until the others have done what they may."""
    (first, furthest, ended), left = run_script(
        """
        import json, os, sys, time
        from pathlib import Path
        from edgecnn.classify.batch import in_order

        here, slow, done = os.getpid(), Path(sys.argv[1], "slow"), Path(sys.argv[1], "done")
        done.touch()

        def handle(k):
            with done.open("a") as file:
                file.write(f"{k}\\n")
            if os.getpid() != here:
                try:
                    slow.open("x").close()
                except FileExistsError:
                    return k
                slow.write_text(str(k))
                before, since = -1, time.monotonic()
                while time.monotonic() - since < 1:
                    if (now := done.stat().st_size) != before:
                        before, since = now, time.monotonic()
                    time.sleep(0.05)
                slow.write_text(f"{k} {max(map(int, done.read_text().split()))}")
            return k

        outcomes = list(in_order(handle, range(20_000), 3, patience_s=0))
        found = [*map(int, slow.read_text().split()), outcomes == [*range(20_000)]]
        """,
        tmp_path,
        then=REPORT,
    )
    assert first < furthest < first + 3 * 128
    assert ended
    assert not left


def test_files_that_other_processes_read_count_as_read(tmp_path):
    for k in range(200):
        (tmp_path / f"{k:03}").write_text("x")
    (remembered, processes), _ = run_script(
        """
        import json, os, sys, time
        from pathlib import Path
        from edgecnn.classify.batch import in_order
        from edgecnn.io.regular import read_regular, was_read

        def handle(path):
            time.sleep(0.001)
            read_regular(path)
            return os.getpid()

        paths = sorted(Path(sys.argv[1]).iterdir())
        pids = set(in_order(handle, paths, 3, patience_s=0))
        found = [all(map(was_read, paths)), len(pids)]
        """,
        tmp_path,
        then=REPORT,
    )
    assert remembered
    assert processes > 1


def test_the_number_of_workers_is_that_of_the_cores_unless_copies_can_not_work(unregister):
    class Mine(FakeEngine):
        forks = False

    edgecnn.register_engine("mine", Mine)
    with edgecnn.load("digits") as one, edgecnn.load("digits", engine="fake") as fake:
        assert count_workers([one, fake]) == count_cores()
        assert count_workers([one], 7) == 7
        assert count_workers([one], 1) == 1
        with edgecnn.load("digits", engine="mine") as mine:
            assert count_workers([mine]) == count_workers([one, mine]) == count_workers([mine], 1) == 1
            with pytest.raises(
                OptionError, match=r"^--workers is 2, expected 1: the engine fake runs in one"
            ):
                count_workers([one, mine], 2)
    with edgecnn.load("digits", threads=2) as two:
        assert count_workers([two]) == 1
        with pytest.raises(OptionError, match=r"the model has 2 threads; .* leave out --threads$"):
            count_workers([two], 2)


def test_threads_are_one_where_processes_share_the_images():
    assert [threads_for(engine, "auto", None) for engine in ("auto", "litert", "fake")] == [1, 1, 1]
    assert threads_for("litert", "auto", 2) == 1
    assert threads_for("litert", "auto", 1) == "auto"
    assert threads_for("edgetpu", "auto", None) == "auto"
    assert threads_for("litert", 2, None) == 2
