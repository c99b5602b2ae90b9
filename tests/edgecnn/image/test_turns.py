"""Of processes that decode side by side, one at a time has an image that needs much memory."""

from edgecnn.image.turns import take_turn
from tests.processes import run_script

SCRIPT = """
    import json, os, sys, time
    from edgecnn.image import turns
    from edgecnn.machine.forked import ForkedProcess

    turns.memory_limit = lambda: 8_000_000
    small, large = 1_000_000, 1_000_001  # of a quarter, two processes take an eighth each

    def serve(pipe):
        while True:
            memory = pipe.recv()
            turns.take_turn(memory)
            turns.take_turn(memory)  # the file, then its image
            pipe.send("has it")
            if pipe.recv() == "end":
                return
            turns.pass_turn()

    turns.begin_turns(2)
    copies = []
    for _ in range(2):
        copies.append(ForkedProcess(serve, [*copies]))
    one, other = (copy.pipe for copy in copies)
    found = []
"""


def test_large_images_wait_for_one_another_and_small_ones_do_not():
    assert run_script(
        SCRIPT
        + """
    one.send(large)
    found.append(one.recv())
    other.send(large)
    found.append(other.poll(0.3))
    one.send("pass")
    found.append(other.recv())
    one.send(small)
    found.append(one.recv())
    print(json.dumps(found))
    """
    ) == ["has it", False, "has it", "has it"]


def test_a_process_that_ends_passes_its_turn():
    assert run_script(
        SCRIPT
        + """
    one.send(large)
    found.append(one.recv())
    other.send(large)
    found.append(other.poll(0.3))
    one.send("end")
    found.append(other.recv())
    print(json.dumps(found))
    """
    ) == ["has it", False, "has it"]


def test_a_process_alone_never_waits():
    take_turn(1 << 62)
    take_turn(1 << 62)
