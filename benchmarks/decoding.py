"""How much time reduced decoding of a camera's JPEG saves, from the camera to the label.

    python benchmarks/decoding.py [MODEL …] [--blocks N]

The frames of `edgecnn bench` as a webcam sends them: MJPG, 640×480, quality 90. In every block each
is decoded in full and classified, and decoded as small as the model allows and classified; one thread.
What that does to the answers is measured by `benchmarks/photos.py`.

Under an emulator that counts instructions as nanoseconds (QEMU's `-icount shift=0`; tests/hw/test_vm.py
runs it so), read instructions for ns.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING

import cv2

import edgecnn
from edgecnn.bench import bench_frames
from edgecnn.image.file import decode_reduced, reduction
from edgecnn.latency import Spread, ratio_of_medians

if TYPE_CHECKING:
    from edgecnn.classify.classifier import Classifier

WAYS = ("full", "reduced")


def camera_to_label(classifier: Classifier, jpeg: bytes, least: int | None) -> str:
    """Do what `live` does with a camera's frame, and return the label."""
    image, _ = decode_reduced(jpeg, "a frame", least, quiet=False)
    return classifier.classify(image, 1)[0].label


def measure(model: str, blocks: int, runs: int) -> dict[str, object]:
    """Return percentiles in ns for each way, and how many times faster the reduced one is."""
    coded = [cv2.imencode(".jpg", f, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes() for f in bench_frames()]
    with edgecnn.load(model) as classifier:
        least = {"full": None, "reduced": classifier.least_side}
        took: dict[str, list[list[float]]] = {way: [] for way in WAYS}
        for block in range(blocks + 1):
            for way in WAYS:
                values = []
                for k in range(runs):
                    start = time.perf_counter_ns()
                    camera_to_label(classifier, coded[k % len(coded)], least[way])
                    values.append(float(time.perf_counter_ns() - start))
                if block:  # the first one is to get warm
                    took[way].append(values)
        times = reduction(coded[0], classifier.least_side)
    gain = ratio_of_medians(took["full"], took["reduced"])
    spreads = {way: Spread.of([v for block in found for v in block]) for way, found in took.items()}
    return {
        "model": model,
        "decoded_at": f"1/{times}",
        "ns": {way: {"p50": round(s.p50_ms), "p99": round(s.p99_ms)} for way, s in spreads.items()},
        "gain": {"value": round(gain.value, 3), "low": round(gain.low, 3), "high": round(gain.high, 3)},
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", default=["digits", "cifar10", "signs", "waste"])
    parser.add_argument("--blocks", type=int, default=40)
    parser.add_argument("--runs", type=int, default=16, help="in each block")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    for model in arguments.models:
        print(json.dumps(measure(model, arguments.blocks, arguments.runs)), flush=True)


if __name__ == "__main__":
    main()
