"""The interleaved measurement: all candidates run block by block, in an order shuffled for each block."""

from __future__ import annotations

import hashlib
import random
import time
from dataclasses import dataclass, field
from itertools import cycle
from typing import TYPE_CHECKING, TypeVar

from edgecnn.bench.frames import Frames, capture
from edgecnn.bench.warm_up import WarmUp, warm_up
from edgecnn.engine import ENGINES
from edgecnn.latency import BATCHES, Spread
from edgecnn.machine.condition import Condition, read_condition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from edgecnn.bench.cold_start import ColdStart
    from edgecnn.classify.classifier import Classifier
    from edgecnn.frame import Timings
    from edgecnn.machine.energy import Use

_T = TypeVar("_T")

# From an image to its label.
STAGES: dict[str, Callable[[Timings], float]] = {
    "preprocess": lambda t: t.preprocess_ms,
    "inference": lambda t: t.inference_ms,
    "decode": lambda t: t.decode_ms,
    "total": lambda t: t.total_ms,
}
# From a webcam's compressed frame to the image, and to its label.
CAMERA_STAGES: dict[str, Callable[[float, Timings], float]] = {
    "capture": lambda ms, _: ms,
    "camera": lambda ms, t: ms + t.total_ms,
}
# The first runs of each block do not count: another model has just used the caches.
SETTLE_RUNS = 2
# How long each candidate runs uncounted after a pause.
WARM_S = 0.05


@dataclass(slots=True)
class Candidate:
    """One model on one engine with one number of threads, and its latencies, block by block.

    `camera_blocks` has the runs that began with a compressed frame: the time to decode it in ms, and the
    other stages. Other results are None until they are measured.
    """

    variant: str
    threads: int
    engine: str
    file_bytes: int
    classifier: Classifier
    blocks: list[list[Timings]] = field(default_factory=list)
    camera_blocks: list[list[tuple[float, Timings]]] = field(default_factory=list)
    warm_up: WarmUp | None = None
    cold_start: ColdStart | None = None
    energy: Use | None = None

    @classmethod
    def of(cls, classifier: Classifier, engine: str | None = None) -> Candidate:
        """Create one; a bare file keeps its own name, and `engine` replaces the name of the engine."""
        model = classifier.model
        name = model.variant if model.bundle else f"{model.name} ({model.variant})"
        return cls(name, classifier.threads, engine or classifier.engine.name, len(model.data), classifier)

    @property
    def engine_version(self) -> str:
        """The engine's version; "" where it has none."""
        return self.classifier.engine.version

    @property
    def sha256(self) -> str:
        """The SHA-256 of the model's file."""
        return hashlib.sha256(self.classifier.model.data).hexdigest()

    @property
    def macs(self) -> int:
        """Multiplications of one inference."""
        return self.classifier.model.file.macs

    @property
    def stages(self) -> tuple[str, ...]:
        """The measured stages, in the order in which a frame passes them."""
        return ("capture", *STAGES, "camera") if self.camera_blocks else tuple(STAGES)

    def values(self, stage: str) -> list[list[float]]:
        """Return one stage's latencies in milliseconds, a list for each block."""
        if stage in CAMERA_STAGES:
            return [[CAMERA_STAGES[stage](*run) for run in block] for block in self.camera_blocks]
        return [[STAGES[stage](t) for t in block] for block in self.blocks]

    def spread(self, stage: str) -> Spread:
        """Return one stage's percentiles over all blocks."""
        return Spread.of([v for block in self.values(stage) for v in block])

    def macs_per_second(self) -> float | None:
        """Return its multiplications a second, from the median inference; None where no CPU computed them."""
        entry = ENGINES.find(self.classifier.engine.name)
        if entry is None or not entry.cpu or not self.blocks:
            return None
        return self.macs / (self.spread("inference").p50_ms / 1e3)

    def run_warm_up(self, frames: Frames) -> None:
        """Run until the latency is stable; see `edgecnn.bench.warm_up`."""
        self.set_opencv_threads()
        run = self.runner(frames)
        self.warm_up = warm_up(lambda: run().total_ms)

    def run_briefly(self, frames: Frames) -> None:
        """Run for a moment after a pause, so that clock and caches recover."""
        self.set_opencv_threads()
        run, end = self.runner(frames), time.monotonic() + WARM_S
        while time.monotonic() < end:
            run()

    def runner(self, frames: Frames) -> Callable[[], Timings]:
        """Return a function that classifies the next image at each call."""
        images = cycle(frames.images)
        return lambda: self._run(next(images))

    def run_block(self, images: Sequence[NDArray[np.uint8]], jpegs: Iterable[bytes]) -> None:
        """Run over the images, then over the JPEG files, and keep the timings of both as a block."""
        self.set_opencv_threads()
        for i in range(SETTLE_RUNS):
            self._run(images[i % len(images)])
        self.blocks.append([self._run(image) for image in images])
        camera = [self._run_compressed(jpeg) for jpeg in jpegs]
        if camera:
            self.camera_blocks.append(camera)

    def set_opencv_threads(self) -> None:
        """Set OpenCV's number of threads, which belongs to the whole process, to the model's."""
        import cv2

        if cv2.getNumThreads() != self.threads:
            cv2.setNumThreads(self.threads)

    def _run(self, image: NDArray[np.uint8]) -> Timings:
        return self.classifier.classify_timed(image, 1)[1]

    def _run_compressed(self, jpeg: bytes) -> tuple[float, Timings]:
        start = time.perf_counter_ns()
        image = capture(jpeg, self.classifier.least_side)
        captured = time.perf_counter_ns()
        return (captured - start) / 1e6, self._run(image)


def measure(
    candidates: Sequence[Candidate],
    *,
    blocks: int = 40,
    runs_per_block: int = 25,
    camera_runs: int = 0,
    seed: int = 0,
    frames: Frames | None = None,
    spread_s: float = 0.0,
    progress: Callable[[int], None] | None = None,
) -> tuple[Condition, Condition]:
    """Measure all candidates interleaved, keep their latencies, and return the condition before and after.

    In every block each candidate classifies the same frames, in a newly shuffled order, so that a change of
    the machine's clock affects all of them. Warm-up runs do not count, nor do the first runs of each block.

    Parameters
    ----------
    camera_runs
        How many more frames of a block start as JPEG files, as a webcam delivers them.
    seed
        Random seed of the order.
    spread_s
        How long the whole measurement takes at least: all blocks of a fast model would otherwise lie within a
        fraction of a second and miss the machine's drift.
    progress
        Called after each block with the number of blocks that are done.
    """
    import cv2

    frames = frames or Frames.synthetic()
    threads = cv2.getNumThreads()
    try:
        for candidate in candidates:
            candidate.run_warm_up(frames)
        before = read_condition()
        order = list(candidates)
        shuffle = random.Random(seed).shuffle  # noqa: S311 - nothing secret
        batch = -(-blocks // BATCHES)
        for block in range(blocks):
            if spread_s and block and block % batch == 0:
                _wait(before.at_s + spread_s * block / blocks, order, frames)
            shuffle(order)
            images = _some(frames.images, block, runs_per_block)
            jpegs = _some(frames.jpegs, block, camera_runs)
            for candidate in order:
                candidate.run_block(images, jpegs)
            if progress:
                progress(block + 1)
        return before, read_condition()
    finally:
        cv2.setNumThreads(threads)


def _wait(until_s: float, candidates: Sequence[Candidate], frames: Frames) -> None:
    """Wait until a time of the monotonic clock, then let each candidate run briefly."""
    if (left := until_s - time.monotonic()) > 0:
        time.sleep(left)
        for candidate in candidates:
            candidate.run_briefly(frames)


def _some(frames: Sequence[_T], block: int, runs: int) -> list[_T]:
    return [frames[(block * runs + i) % len(frames)] for i in range(runs)]
