"""How much the whole path costs beyond the bare interpreter, and where it goes.

    python benchmarks/overhead.py [MODEL] [--blocks N]

In every block, in turn and on the same 640×480 frames: `Interpreter.invoke` alone on a tensor that is set
already; `Classifier.classify_timed` from BGR frame to predictions; the steps of the preprocessing one by one.
Single thread. Prints medians in µs, and the whole path's median above the bare invoke's.
"""

from __future__ import annotations

import argparse
import time
from statistics import median
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter

import edgecnn
from edgecnn.bench import bench_frames
from edgecnn.latency import percentile
from edgecnn.preprocess import crop
from edgecnn.shrink import shrink

if TYPE_CHECKING:
    from collections.abc import Callable


def timed(action: Callable[[], Any], runs: int) -> list[float]:
    """Return how long each run took, in µs."""
    took = []
    for _ in range(runs):
        start = time.perf_counter_ns()
        action()
        took.append((time.perf_counter_ns() - start) / 1e3)
    return took


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", nargs="?", default="digits")
    parser.add_argument("--blocks", type=int, default=60)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    frames = bench_frames()
    with edgecnn.load(arguments.model) as classifier:
        model = classifier.model
        bare = Interpreter(model_content=model.data, num_threads=1)
        bare.allocate_tensors()
        details = bare.get_input_details()[0]
        bare.set_tensor(details["index"], np.zeros(details["shape"], details["dtype"]))
        spec, at = model.input, [0]

        def frame() -> Any:
            at[0] += 1
            return frames[at[0] % len(frames)]

        def shrunk() -> Any:
            picture = frame()
            return shrink(crop(picture, spec.width, spec.height), spec.width, spec.height, spec.resize)

        steps: dict[str, Callable[[], Any]] = {
            "bare invoke": bare.invoke,
            "whole path": lambda: classifier.classify(frame()),
            "crop and shrink": shrunk,
            "preprocess": lambda: classifier._preprocess(frame()),
        }
        took: dict[str, list[float]] = {name: [] for name in steps}
        stages: dict[str, list[float]] = {"preprocess": [], "inference": [], "decode": []}
        for action in steps.values():
            timed(action, 200)
        for _ in range(arguments.blocks):
            for name, action in steps.items():
                took[name] += timed(action, 50)
            for _ in range(50):
                timings = classifier.classify_timed(frame())[1].as_dict()
                for stage, values in stages.items():
                    values.append(timings[stage] * 1e3)
    for name, values in took.items():
        print(f"{name:<24} p50 {median(values):8.1f} µs   p99 {percentile(values, 99):8.1f} µs")
    for name, values in stages.items():
        print(f"  stage {name:<16} p50 {median(values):8.1f} µs   p99 {percentile(values, 99):8.1f} µs")
    extra = median(took["whole path"]) - median(took["bare invoke"])
    print(f"whole path above the bare invoke: {extra:.1f} µs at the median")


if __name__ == "__main__":
    main()
