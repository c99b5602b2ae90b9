"""What each way of shrinking a camera's image costs, in time and in accuracy.

    python benchmarks/shrinking.py [--data ../shared/data] [--images N] [--network cifar10=NET.tflite …]

Test images of CIFAR-10 and of the hand signs are enlarged to the height of a 640×480 frame (cubic), shrunk
in every way to the model's size, and classified by the shipped int8 models, or by a network of another size
that was trained on the same data (--network, pixels from 0 to 1). Enlarged images are smooth, as
no camera's are, and hardly show what is lost; so each is seen three times: as it is; with the noise of a
dark room (normal, of deviation 12, then JPEG at quality 85); and with detail that is too fine for the model
(noise that falls with its frequency, of deviation 10), as sharp lenses see it.

Prints for each way its time on the frames of `edgecnn bench` (one thread, the median in µs), and for each
condition the share of right answers and how many points that is from `area`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from functools import cache
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

import edgecnn
from edgecnn.bench import bench_frames
from edgecnn.bundle.input_spec import InputSpec
from edgecnn.dataset import open_source
from edgecnn.evaluation.evaluate import select
from edgecnn.image.preprocess import Preprocessor
from edgecnn.tflite.file import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from edgecnn.bundle.input_spec import Resize
    from edgecnn.classify.classifier import Classifier

    Pixels = NDArray[np.uint8]

SIDE = 480
MODELS = {"cifar10": "cifar10.zip", "signs": "sign_digits.zip"}
CONDITIONS = ("as it is", "noise", "detail")


def resized(image: Any, side: int, interpolation: int) -> Any:
    return cv2.resize(image, (side, side), interpolation=interpolation)


def ours(method: Resize) -> Callable[[Any, int], Any]:
    """Return one of edgecnn's own ways, with what it leaves out of the image."""

    @cache
    def prepared(side: int) -> Preprocessor:
        spec = InputSpec(side, side, "bgr", "crop", method, (0.0, 1.0))
        return Preprocessor(spec, Tensor("image", (1, side, side, 3), "uint8", 1 / 255, 0, 1))

    return lambda image, side: prepared(side).pixels(image)


def sampled(count: int) -> Callable[[Any, int], Any]:
    """Return a way that averages count×count linear samples by halves."""

    def way(image: Any, side: int) -> Any:
        found = resized(image, side * count, cv2.INTER_LINEAR)
        while found.shape[0] > side:
            found = resized(found, found.shape[0] // 2, cv2.INTER_AREA)
        return found

    return way


def nearest(image: Any, side: int) -> Any:
    """Average 4×4 pixels, none interpolated."""
    found = resized(image, 4 * side, cv2.INTER_NEAREST)
    return resized(resized(found, 2 * side, cv2.INTER_AREA), side, cv2.INTER_AREA)


def halves_then_linear(image: Any, side: int) -> Any:
    while image.shape[0] >= 2 * side:
        image = resized(image, image.shape[0] // 2, cv2.INTER_AREA)
    return resized(image, side, cv2.INTER_LINEAR)


WAYS: dict[str, Callable[[Any, int], Any]] = {
    "`area`, every pixel": ours("area"),
    "`linear`": ours("linear"),
    "`staged`": ours("staged"),
    "`halved`, the default": ours("halved"),
    "halved to the end, then linear": halves_then_linear,
    "2×2 linear samples": sampled(2),
    "4×4 linear samples": sampled(4),
    "every fifth row, `area`": lambda p, side: resized(p[2::5], side, cv2.INTER_AREA),
    "4×4 pixels as they are": nearest,
}


def details(seed: int, side: int) -> NDArray[np.float32]:
    """Return a texture of waves that a model with that side can't show."""
    spectrum = np.fft.rfft2(np.random.default_rng(seed).normal(size=(SIDE, SIDE)))
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None])
    fine = np.where(frequency > side / 2 / SIDE, spectrum / np.maximum(frequency, 1 / SIDE), 0)
    seen = cv2.GaussianBlur(np.fft.irfft2(fine, (SIDE, SIDE)), (0, 0), 0.8)
    return np.asarray(seen / seen.std(), np.float32)[..., None]


def seen_by_a_camera(image: Any, condition: str, index: int, textures: list[Any]) -> Any:
    big = resized(image, SIDE, cv2.INTER_CUBIC)
    if condition == "noise":
        noise = np.random.default_rng(index).normal(0, 12, (SIDE, SIDE, 1))
        noisy = np.clip(big + noise, 0, 255).astype(np.uint8)
        coded = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
        return cv2.imdecode(coded, cv2.IMREAD_COLOR)
    if condition == "detail":
        texture = np.roll(textures[index % len(textures)], (index * 37 % SIDE, index * 91 % SIDE), (0, 1))
        return np.clip(big + 10 * texture, 0, 255).astype(np.uint8)
    return big


def images(model: str, data: Path, limit: int) -> Iterator[tuple[str, Any]]:
    source = open_source(data / MODELS[model])
    items = select(source.items, "test") if any(i.split for i in source.items) else list(source.items)
    for k in np.random.default_rng(0).permutation(len(items))[:limit]:
        yield source.labels[items[k].label], source.read(items[k])


def opened(model: str, network: Path | None, data: Path) -> Classifier:
    if network is None:
        return edgecnn.load(model)
    with tempfile.TemporaryDirectory() as folder:
        labels = Path(folder, "labels.txt")
        labels.write_text("\n".join(open_source(data / MODELS[model]).labels), "utf-8")
        return edgecnn.load(network, labels=labels, value_range=(0.0, 1.0), fit="crop")


def accuracies(model: str, network: Path | None, data: Path, limit: int) -> dict[str, dict[str, float]]:
    """Return the share of right answers, for each condition and way."""
    right = {c: dict.fromkeys(WAYS, 0) for c in CONDITIONS}
    count = 0
    with opened(model, network, data) as classifier:
        side = classifier.model.input.width
        textures = [details(seed, side) for seed in range(16)]
        for count, (truth, image) in enumerate(images(model, data, limit), 1):
            for condition in CONDITIONS:
                big = seen_by_a_camera(image, condition, count, textures)
                for name, way in WAYS.items():
                    right[condition][name] += classifier.classify(way(big, side), 1)[0].label == truth
    print(f"{model}: {count:,} images, {side}×{side}")
    return {c: {name: hits / count for name, hits in found.items()} for c, found in right.items()}


def times(side: int, blocks: int = 20) -> dict[str, float]:
    """Return the median time of each way in µs, interleaved on the same frames."""
    frames = [frame[:, (frame.shape[1] - SIDE) // 2 :][:, :SIDE] for frame in bench_frames()]
    took: dict[str, list[float]] = {name: [] for name in WAYS}
    for block in range(blocks + 1):
        for name, way in WAYS.items():
            for frame in frames:
                start = time.perf_counter_ns()
                way(frame, side)
                if block:
                    took[name].append((time.perf_counter_ns() - start) / 1e3)
    return {name: median(values) for name, values in took.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="where cifar10.zip and sign_digits.zip lie")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--network", nargs="*", default=[], metavar="DATA=FILE", help="cifar10= or signs=")
    arguments = parser.parse_args()
    networks = {model: Path(file) for model, _, file in (n.partition("=") for n in arguments.network)}
    if unknown := networks.keys() - MODELS.keys():
        parser.error(f"--network is for {' or '.join(MODELS)}, got {', '.join(unknown)}")
    cv2.setNumThreads(1)
    sides = (28, 32, 64, 96, 128, 224)
    print("µs from 480×480: | way |", " | ".join(map(str, sides)))
    table = {side: times(side) for side in sides}
    for name in WAYS:
        print(f"| {name} | " + " | ".join(f"{table[side][name]:.0f}" for side in sides) + " |")
    for model in (networks or MODELS) if arguments.data else ():
        found = accuracies(model, networks.get(model), arguments.data, arguments.images)
        exact = next(iter(WAYS))
        for name in WAYS:
            cells = (
                f"{found[c][name]:.2%} ({100 * (found[c][name] - found[c][exact]):+.2f})" for c in CONDITIONS
            )
            print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
