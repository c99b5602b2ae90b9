"""The priority of threads."""

import os
import sys
import threading

import pytest

from edgecnn.machine.priority import lower_priority


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has priorities of threads")
def test_only_the_thread_that_asks_is_lowered():
    found = []

    def run():
        lower_priority()
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    before = os.getpriority(os.PRIO_PROCESS, 0)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [min(before + 10, 19)]
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
