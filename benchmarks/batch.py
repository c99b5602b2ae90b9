"""How much faster many images are classified and evaluated by all cores than by one.

    python -m benchmarks.batch [--rounds N] [--photos FOLDER] [--small FOLDER]

Whole commands, from their start to their end: `--workers 1` and the default, interleaved. Prints for each
case the medians of both, the ratio of the medians with its 95 % interval, and how much processor time the
second takes in relation to the first: what is above 1 is the cost of dividing the images. Other programs on
the machine slow down all workers more than one. Fails if the two print anything different.

Without folders of yours, it draws 300 photos of 2400×1800 pixels (JPEG), and 20,000 images of 32×32 pixels
(PNG) in folders of `cifar10`'s classes.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

import cv2
import numpy as np

from edgecnn.bench import bench_frames
from edgecnn.bundle.bundle import find, read_bundle
from edgecnn.latency import ratio_of_medians
from edgecnn.machine.cores import count_cores

PHOTOS, SMALL = 300, 20_000
EDGECNN = str(Path(sys.executable).with_name("edgecnn"))


class Run(NamedTuple):
    """How long a command took, and the processor time of all its processes, in ms; what it printed."""

    wall_ms: float
    processor_ms: float
    printed: str


def draw_photos(folder: Path) -> Path:
    """Draw large photos with the noise of a camera."""
    rng = np.random.default_rng(0)
    frames = bench_frames()
    noise = rng.integers(0, 20, (1800, 2400, 3), np.uint8)
    for k in range(PHOTOS):
        photo = cv2.resize(frames[k % len(frames)], (2400, 1800), interpolation=cv2.INTER_CUBIC)
        noisy = cv2.add(photo, np.roll(noise, k))
        cv2.imwrite(str(folder / f"{k:05}.jpg"), noisy, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return folder


def draw_small(folder: Path) -> Path:
    """Draw small images, each in the folder of a class."""
    rng = np.random.default_rng(0)
    frames = [cv2.resize(frame, (32, 32), interpolation=cv2.INTER_AREA) for frame in bench_frames()]
    labels = read_bundle(find("cifar10")).labels
    for k in range(SMALL):
        inside = folder / labels[k % len(labels)]
        inside.mkdir(exist_ok=True)
        noisy = np.clip(frames[k % len(frames)] + rng.normal(0, 6, (32, 32, 3)), 0, 255).astype(np.uint8)
        cv2.imwrite(str(inside / f"{k:05}.png"), noisy)
    return folder


def run(command: list[str]) -> Run:
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([EDGECNN, *command], check=True, capture_output=True)
    wall_s, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    processor_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(wall_s * 1e3, processor_s * 1e3, hashlib.sha256(done.stdout + done.stderr).hexdigest())


def compare(name: str, command: list[str], rounds: int) -> None:
    """Measure a command with one worker and with all, and print a line."""
    one: list[Run] = []
    every: list[Run] = []
    for k in range(rounds + 1):
        pair = [(one, [*command, "--workers", "1"]), (every, command)]
        for found, full in pair if k % 2 else reversed(pair):
            measured = run(full)
            if k:  # the first round reads the files into memory
                found.append(measured)
    if len({measured.printed for measured in one + every}) > 1:
        sys.exit(f"{name}: all workers print something else than one")
    ratio = ratio_of_medians([[r.wall_ms] for r in one], [[r.wall_ms] for r in every])
    processor = median(r.processor_ms for r in every) / median(r.processor_ms for r in one)
    print(
        f"{name:<22} one {median(r.wall_ms for r in one):8.0f} ms   all "
        f"{median(r.wall_ms for r in every):8.0f} ms   {ratio.value:.2f} times as fast "
        f"({ratio.low:.2f} to {ratio.high:.2f})   processor time ×{processor:.2f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--photos", type=Path, help="a folder of photos")
    parser.add_argument(
        "--small", type=Path, help="a folder with a folder of images for each class of cifar10"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        photos = arguments.photos or draw_photos(Path(one))
        small = arguments.small or draw_small(Path(other))
        print(f"{count_cores()} cores, load {os.getloadavg()[0]:.1f}")
        compare("classify waste, photos", ["classify", "--model", "waste", str(photos)], arguments.rounds)
        compare("classify cifar10", ["classify", "--model", "cifar10", str(small)], arguments.rounds)
        compare("evaluate cifar10", ["evaluate", "cifar10", "--data", str(small)], arguments.rounds)
        print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
