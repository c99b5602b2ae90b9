"""Checks the results of `edgecnn bench` by two trials, interleaved within one run.

    python benchmarks/truth.py [--model FILE.tflite --labels FILE] [--blocks N]

1. A fake engine that takes `delay_ms`, give or take up to `jitter_ms`, each latency in between as likely as
   another: its median is the delay, and its 99th percentile delay + 0.98·jitter. What bench says of it may
   be 3 % off.
2. A real model: bench, and a loop as one writes it by hand around LiteRT, with `time.perf_counter` around the
   invoke, and around the whole way from a 640×480 image to the best class. The medians may differ by 5 %.

Prints both, and ends with exit code 1 where a result is further off. It needs a quiet machine.
"""

from __future__ import annotations

import argparse
import sys
import time
from statistics import median
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter

import edgecnn
from edgecnn.bench import Candidate, Frames, measure
from edgecnn.image.preprocess import Preprocessor
from edgecnn.machine.condition import doubts, read_condition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.classify.classifier import Classifier

FAKES = ((2.0, 0.5), (5.0, 2.0), (20.0, 4.0))
FAKE_LIMIT, LOOP_LIMIT = 0.03, 0.05
RUNS = 25


def fake_is_true(delay_ms: float, jitter_ms: float, blocks: int) -> bool:
    """Print what bench says of a fake engine, and whether it is within the limit."""
    engine = f"fake:delay_ms={delay_ms:g},jitter_ms={jitter_ms:g}"
    with edgecnn.load("digits", engine=engine) as classifier:
        candidate = Candidate.of(classifier)
        measure([candidate], blocks=blocks)
    spread = candidate.spread("inference")
    truths = {"p50": (spread.p50_ms, delay_ms), "p99": (spread.p99_ms, delay_ms + 0.98 * jitter_ms)}
    off = {name: found / true - 1 for name, (found, true) in truths.items()}
    for name, (found, true) in truths.items():
        print(f"{engine}: {name} {found:.4f} ms, truly {true:.4f}: {off[name]:+.2%}")
    return max(map(abs, off.values())) <= FAKE_LIMIT


class Loop:
    """What one writes by hand: one interpreter, and a clock around it."""

    def __init__(self, classifier: Classifier) -> None:
        model = classifier.model
        self._interpreter: Any = Interpreter(model_content=model.data, num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]
        # The images are prepared alike, so that only the measuring differs.
        self._prepare = Preprocessor(model.input, model.file.inputs[0])
        self._labels, self.answer = model.labels, ""

    def run(self, images: Sequence[Any]) -> tuple[list[float], list[float]]:
        """Return the latencies of invoke and of the whole way in ms."""
        invokes, wholes = [], []
        for image in images:
            start = time.perf_counter()
            tensor = self._prepare(image)
            before = time.perf_counter()
            self._interpreter.set_tensor(self._input, tensor)
            self._interpreter.invoke()
            scores = self._interpreter.get_tensor(self._output)
            after = time.perf_counter()
            self.answer = self._labels[int(np.argmax(scores))]
            wholes.append((time.perf_counter() - start) * 1e3)
            invokes.append((after - before) * 1e3)
        return invokes, wholes


def loop_agrees(classifier: Classifier, blocks: int) -> bool:
    """Print the medians of bench and the loop, interleaved on the same images; return whether they agree."""
    frames = Frames.synthetic()
    candidate, loop = Candidate.of(classifier), Loop(classifier)
    candidate.run_warm_up(frames)
    loop.run(frames.images * 10)
    invokes: list[float] = []
    wholes: list[float] = []
    images = [frames.images[i % len(frames.images)] for i in range(RUNS)]
    for block in range(blocks):
        for turn in (0, 1) if block % 2 else (1, 0):
            if turn:
                loop.run(images[:2])
                invoke, whole = loop.run(images)
                invokes, wholes = invokes + invoke, wholes + whole
            else:
                candidate.run_block(images, ())
    agrees = True
    for stage, values in (("inference", invokes), ("total", wholes)):
        ours, by_hand = candidate.spread(stage).p50_ms, median(values)
        off = ours / by_hand - 1
        agrees &= abs(off) <= LOOP_LIMIT
        print(f"{classifier.model.name}, {stage}: bench {ours:.4f} ms, by hand {by_hand:.4f}: {off:+.2%}")
    return agrees


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="digits", help="a bundle or a .tflite file")
    parser.add_argument("--labels", help="a file of labels, for a .tflite without any")
    parser.add_argument("--blocks", type=int, default=40)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    before = read_condition()
    true = [fake_is_true(delay, jitter, arguments.blocks) for delay, jitter in FAKES]
    with edgecnn.load(arguments.model, engine="litert", labels=arguments.labels) as classifier:
        true.append(loop_agrees(classifier, arguments.blocks))
    for doubt in doubts(before, read_condition(), {}):
        print(f"not a quiet run: {doubt}")
    print("all within the limits" if all(true) else "something is further off than it may be")
    return 0 if all(true) else 1


if __name__ == "__main__":
    sys.exit(main())
