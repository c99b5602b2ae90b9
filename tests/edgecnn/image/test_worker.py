import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgecnn.errors import ImageError
from edgecnn.image.worker import ImageWorker
from tests.attack.images import bombs, ordinary, png
from tests.conftest import until

IMAGE = ordinary()["color.png"]
PIXELS = cv2.imdecode(np.frombuffer(IMAGE, np.uint8), cv2.IMREAD_COLOR)
ENDLESS = bombs()["clear.gif"]


@pytest.fixture(scope="module")
def shared_worker():
    with ImageWorker(25, 500_000_000) as running:
        yield running


@pytest.fixture
def worker():
    with ImageWorker(25, 500_000_000) as running:
        yield running


def child_of(worker: ImageWorker) -> int:
    return worker._process._child.pid


def test_a_large_image_comes_back_whole(shared_worker):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (3000, 4000, 3), np.uint8)
    data = cv2.imencode(".bmp", pixels)[1].tobytes()
    assert np.array_equal(shared_worker.decode(data, "it", limit_s=20), pixels)


def test_a_jpeg_is_decoded_smaller_where_that_is_asked_for(shared_worker):
    data = cv2.imencode(".jpg", np.zeros((480, 640, 3), np.uint8))[1].tobytes()
    assert shared_worker.decode(data, "it", reduce=4).shape == (120, 160, 3)


def test_an_image_that_takes_long_is_given_up_and_the_next_one_decoded(worker):
    assert np.array_equal(worker.decode(IMAGE, "one"), PIXELS)
    before = child_of(worker)
    start = time.monotonic()
    with pytest.raises(ImageError, match=r"^the image took longer than 0\.5 s to decode: .* baseline JPEG$"):
        worker.decode(ENDLESS, "the image", limit_s=0.5)
    assert time.monotonic() - start < 3
    assert np.array_equal(worker.decode(IMAGE, "one"), PIXELS)
    assert child_of(worker) != before


def test_a_process_that_ended_is_replaced(worker):
    worker.decode(IMAGE, "one")
    os.kill(child_of(worker), signal.SIGSEGV)
    with pytest.raises(ImageError, match="the process that tried to was ended by SIGSEGV"):
        worker.decode(IMAGE, "one")
    assert np.array_equal(worker.decode(IMAGE, "one"), PIXELS)


def test_refusals_are_told_as_elsewhere(shared_worker):
    for name, words in {
        "one-bit.png": "more than 25 megapixels",
        "length-IDAT.png": "truncated",
        "lossy.webp": "megapixels",
    }.items():
        with pytest.raises(ImageError, match=rf"^the image .*{words}"):
            shared_worker.decode(bombs()[name], "the image")
    with pytest.raises(ImageError, match="the image is empty"):
        shared_worker.decode(b"", "the image")


def test_threads_share_it(shared_worker):
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda k: shared_worker.decode(IMAGE, str(k), limit_s=20), range(40)))
    assert all(np.array_equal(f, PIXELS) for f in found)


def test_it_is_closed_while_it_decodes():
    worker = ImageWorker(25, 500_000_000)
    worker.decode(IMAGE, "one")
    said = []

    def decode() -> None:
        try:
            worker.decode(ENDLESS, "one", limit_s=20)
        except ImageError as error:
            said.append(str(error))

    thread = threading.Thread(target=decode)
    thread.start()
    time.sleep(0.2)
    worker.close()
    worker.close()
    thread.join(5)
    assert said
    with pytest.raises(ImageError, match="this decoder is closed"):
        worker.decode(IMAGE, "one")


def test_no_process_is_started_before_the_first_image():
    with ImageWorker(25, 500_000_000) as worker:
        assert worker._process is None


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="needs Linux")
def test_the_process_has_a_limit_of_memory_and_goes_first(worker):
    worker.decode(IMAGE, "one")
    limits = Path(f"/proc/{child_of(worker)}/limits").read_text()
    most = int(re.search(r"Max data size\s+(\d+)", limits)[1])
    assert 500_000_000 < most < 800_000_000
    assert Path(f"/proc/{child_of(worker)}/oom_score_adj").read_text().strip() == "1000"


def test_an_image_above_the_memory_is_refused():
    with ImageWorker(25, 20_000_000) as worker:
        with pytest.raises(ImageError, match="more than the 20 MB that an image may take here"):
            worker.decode(png(3000, 2000), "the image")
        assert worker.decode(png(1000, 1000), "the image").shape == (1000, 1000, 3)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux")
def test_it_ends_with_its_parent_also_while_it_decodes():
    code = f"""
import sys
sys.path.insert(0, {str(Path.cwd())!r})
from edgecnn.image.worker import ImageWorker
from tests.attack.images import bombs, png
worker = ImageWorker(25, 500_000_000)
worker.decode(png(9, 9), "one")
print(worker._process._child.pid, flush=True)
worker.decode(bombs()["clear.gif"], "one", limit_s=60)
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    time.sleep(0.2)
    parent.kill()
    parent.communicate()

    def gone() -> bool:
        try:
            state = Path(f"/proc/{child}/stat").read_text()
        except FileNotFoundError:
            return True
        return state.rpartition(")")[2].split()[0] == "Z"

    until(gone, "the decoder's end", 10)
