"""What the live loop costs: compared with a bare loop, in the age of its frames, and with a web page.

    python benchmarks/live.py [--blocks N] [--seconds S]

All are interleaved within one run; each ratio is of the medians of the blocks, with its bootstrap interval.

1. Frames a second of `live` without a view, and of a bare loop (read, preprocess, invoke, decode in one
   thread), on a 640×480 source that never waits and a model that takes 5 ms.
2. The age of a frame when its label is known, at a camera of 30 frames a second and a model of 100 ms. The
   driver is one as V4L2's: four buffers, filled in order while they are free, handed out oldest first. The
   bare loop reads it as OpenCV does by default.
3. Frames a second with the web page and one viewer, a process of its own, and without; with that model, and
   with `digits` itself, which leaves the page the least time.
"""

from __future__ import annotations

import argparse
import io
import re
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import contextmanager
from statistics import median
from typing import TYPE_CHECKING, Any

import cv2
from rich.console import Console

import edgecnn
from edgecnn.bench import bench_frames
from edgecnn.camera import Camera
from edgecnn.frame import Frame
from edgecnn.latency import Spread, ratio_of_medians
from edgecnn.live.loop import run
from edgecnn.live.sink.web.listen import Listen
from edgecnn.live.sink.web.server import WebSink

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edgecnn.classify.classifier import Classifier
    from edgecnn.live.sink import Sink

VIEWER = """
import sys, urllib.request
with urllib.request.urlopen(sys.argv[1] + "stream.mjpg") as stream:
    while stream.read(65536):
        pass
"""


class Ready(Camera):
    """Gives images that lie ready in memory, and never waits."""

    name, live = "memory", True

    def __init__(self) -> None:
        self._frames, self._index = bench_frames(), 0

    def read(self) -> Frame:
        self._index += 1
        pixels = self._frames[self._index % len(self._frames)]
        return Frame(pixels, time.monotonic_ns(), self._index, self.name)


class Buffered(Camera):
    """Gives 30 images a second through a driver's four buffers; while none is free, images are lost."""

    name, live = "driver", True

    def __init__(self, buffers: int = 4, fps: float = 30.0) -> None:
        self._frames = bench_frames()
        self._filled: deque[Frame] = deque()
        self._changed, self._ended = threading.Condition(), False
        self._thread = threading.Thread(target=self._fill, args=(buffers, 1 / fps))
        self._thread.start()

    def _fill(self, buffers: int, period: float) -> None:
        due, index = time.monotonic(), 0
        while not self._ended:
            due += period
            time.sleep(max(0.0, due - time.monotonic()))
            with self._changed:
                index += 1
                if len(self._filled) < buffers:
                    pixels = self._frames[index % len(self._frames)]
                    self._filled.append(Frame(pixels, time.monotonic_ns(), index, self.name))
                    self._changed.notify()

    def read(self) -> Frame:
        with self._changed:
            self._changed.wait_for(lambda: self._filled)
            return self._filled.popleft()

    def close(self) -> None:
        self._ended = True
        self._thread.join()


def bare(classifier: Classifier, camera: Ready | Buffered, seconds: float) -> tuple[float, list[float]]:
    """Return frames a second and the ages, in ms, of a loop as one writes it by hand."""
    preprocess, invoke, decode = classifier._preprocess, classifier.engine.invoke, classifier._decode
    ages: list[float] = []
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        frame = camera.read()
        decode(invoke(preprocess(frame.pixels)), 3)
        ages.append((time.monotonic_ns() - frame.captured_ns) / 1e6)
    return len(ages) / (time.monotonic() - start), ages


def ours(
    classifier: Classifier, camera: Camera, seconds: float, sinks: Sequence[Sink] = ()
) -> tuple[float, Spread]:
    """Return frames a second and the ages of `live`."""
    summary = run(classifier, camera, sinks, seconds=seconds)
    return summary.rate, summary.spreads["int8"]["age"]


@contextmanager
def watched() -> Iterator[WebSink]:
    """Serve the page to one viewer."""
    out = io.StringIO()
    with WebSink(Console(file=out, width=200), Listen(port=0)) as sink:
        (url,) = re.findall(r"http://\S+", out.getvalue())
        with subprocess.Popen([sys.executable, "-c", VIEWER, url], stderr=subprocess.DEVNULL) as viewer:
            try:
                while not sink._images.readers:
                    time.sleep(0.05)
                yield sink
            finally:
                viewer.kill()


def turns(block: int, first: Any, second: Any) -> list[tuple[int, Any]]:
    """Return both with their places, the other one first in every second block."""
    both = [(0, first), (1, second)]
    return both[::-1] if block % 2 else both


def compare(name: str, some: list[float], others: list[float]) -> None:
    """Print two series of frame rates and their ratio."""
    ratio = ratio_of_medians([[rate] for rate in some], [[rate] for rate in others])
    print(
        f"{name}: {median(some):.1f} against {median(others):.1f} frames a second, "
        f"{ratio.value:.3f} ({ratio.low:.3f} to {ratio.high:.3f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--blocks", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=3.0)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    blocks, seconds = range(arguments.blocks), arguments.seconds

    with edgecnn.load("digits", engine="fake:delay_ms=5") as model:
        rates: tuple[list[float], list[float]] = ([], [])
        for k in blocks:
            for which, loop in turns(k, ours, bare):
                rates[which].append(loop(model, Ready(), seconds)[0])
        compare("live against a bare loop, 5 ms", *rates)

    with edgecnn.load("digits", engine="fake:delay_ms=100") as slow:
        by_hand: list[float] = []
        spreads: list[Spread] = []
        for _ in blocks:
            with Buffered() as camera:
                spreads.append(ours(slow, camera, seconds)[1])
            with Buffered() as camera:
                by_hand += bare(slow, camera, seconds)[1]
        hand = Spread.of(by_hand)
        p50, p99 = median(s.p50_ms for s in spreads), max(s.p99_ms for s in spreads)
        limit = 1.3 * (100 + 1000 / 30)
        print(
            f"age of a frame, 100 ms: p50 {p50:.1f}, p99 {p99:.1f} ms (the worst block's); limit {limit:.1f}"
        )
        print(f"  by hand, OpenCV's default buffer: p50 {hand.p50_ms:.1f}, p99 {hand.p99_ms:.1f} ms")

    for engine in ("fake:delay_ms=5", "auto"):
        with edgecnn.load("digits", engine=engine) as model, watched() as page:
            rates = ([], [])
            for k in blocks:
                for which, sinks in turns(k, [page], ()):
                    rates[which].append(ours(model, Ready(), seconds, sinks)[0])
        compare(f"live with a web page and one viewer against none, {engine}", *rates)


if __name__ == "__main__":
    main()
