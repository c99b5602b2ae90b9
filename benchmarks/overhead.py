"""How much the whole path costs beyond the bare interpreter, and where it goes.

    python benchmarks/overhead.py [MODEL …] [--blocks N]

A model is a bundle's name, or a .tflite file with its labels.txt next to it, as `benchmarks/peers/run.py`
leaves them in its cache. In every block, interleaved, each one first equally often: `Interpreter.invoke`
alone on a tensor that is set already, and `Classifier.classify_timed` from a BGR frame of 640×480 to the best
class. One thread. Prints medians in µs with the stages of the whole path, how much it is above the bare
invoke with the 95 % interval of the blocks, and its ratio to it.
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter

import edgecnn
from edgecnn.bench import bench_frames
from edgecnn.latency import percentile, ratio_of_medians

if TYPE_CHECKING:
    from edgecnn.classify.classifier import Classifier
    from edgecnn.frame import Timings

RUNS = 50
STAGES = ("preprocess", "inference", "decode")


def opened(model: str) -> Classifier:
    if not model.endswith(".tflite"):
        return edgecnn.load(model)
    labels = Path(model).with_name("labels.txt")
    return edgecnn.load(model, labels=labels, value_range=(0.0, 1.0), fit="crop")


def bare(classifier: Classifier) -> Any:
    """Return the same model's interpreter, with its input set."""
    interpreter: Any = Interpreter(model_content=classifier.model.data, num_threads=1)
    interpreter.allocate_tensors()
    details = interpreter.get_input_details()[0]
    interpreter.set_tensor(details["index"], np.zeros(details["shape"], details["dtype"]))
    return interpreter


def interval(differences: list[float], resamples: int = 1000) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the blocks' median difference."""
    rng = random.Random(0)  # noqa: S311 - a bootstrap, nothing secret
    found = [median(rng.choices(differences, k=len(differences))) for _ in range(resamples)]
    return percentile(found, 2.5), percentile(found, 97.5)


def bare_runs(interpreter: Any) -> list[float]:
    """Return the latencies of the interpreter alone, in µs."""
    took = []
    for _ in range(RUNS):
        start = time.perf_counter_ns()
        interpreter.invoke()
        took.append((time.perf_counter_ns() - start) / 1e3)
    return took


def whole_runs(classifier: Classifier, frames: list[Any]) -> list[tuple[float, Timings]]:
    """Return the latencies of the whole path in µs, each with its stages."""
    took = []
    for k in range(RUNS):
        start = time.perf_counter_ns()
        timings = classifier.classify_timed(frames[k % len(frames)], 1)[1]
        took.append(((time.perf_counter_ns() - start) / 1e3, timings))
    return took


def measure(model: str, blocks: int) -> None:
    frames = bench_frames()
    whole: list[list[float]] = []
    alone: list[list[float]] = []
    stages: dict[str, list[float]] = {stage: [] for stage in STAGES}
    with opened(model) as classifier:
        interpreter = bare(classifier)
        for block in range(-2, blocks):  # the first two are to get warm
            ways: list[Any] = [lambda: bare_runs(interpreter), lambda: whole_runs(classifier, frames)]
            first = block % 2
            found = {first: ways[first](), 1 - first: ways[1 - first]()}
            if block >= 0:
                alone.append(found[0])
                whole.append([us for us, _ in found[1]])
                for _, timings in found[1]:
                    for stage, ms in timings.as_dict().items():
                        stages[stage].append(ms * 1e3)
    differences = [median(a) - median(b) for a, b in zip(whole, alone, strict=True)]
    low, high = interval(differences)
    ratio = ratio_of_medians(whole, alone)
    parts = ", ".join(f"{stage} {median(values):.1f}" for stage, values in stages.items())
    print(
        f"{model}: invoke {median(v for b in alone for v in b):.1f} µs; "
        f"whole path {median(v for b in whole for v in b):.1f} µs ({parts}); "
        f"{median(differences):.1f} µs more ({low:.1f} to {high:.1f}), "
        f"{ratio.value:.3f}× ({ratio.low:.3f} to {ratio.high:.3f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", default=["digits", "cifar10"], metavar="MODEL")
    parser.add_argument("--blocks", type=int, default=60)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    for model in arguments.models:
        measure(model, arguments.blocks)


if __name__ == "__main__":
    main()
