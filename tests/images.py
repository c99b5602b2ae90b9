"""Tiny datasets, drawn by the tests."""

from __future__ import annotations

import functools
import gzip

import cv2
import numpy as np

from edgecnn.camera.handwriting import LABELS, draw_digit


def digit(label: str, rng: np.random.Generator, size: int = 28) -> np.ndarray:
    """A bright digit on black, uint8 size×size."""
    return cv2.resize(
        (draw_digit(label, 112, rng) * 255).astype(np.uint8), (size, size), interpolation=cv2.INTER_AREA
    )


@functools.cache
def textured(side: int) -> np.ndarray:
    """Detail of every size, as a photo has it: noise that falls with its frequency, seen through a lens."""
    spectrum = np.fft.rfft2(np.random.default_rng(5).normal(size=(side, side)))
    rows, columns = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    spectrum /= np.maximum(np.hypot(rows, columns), 1 / side)
    texture = np.fft.irfft2(spectrum, (side, side))
    seen = cv2.GaussianBlur(texture, (0, 0), 0.8)
    return np.clip(128 + 45 * seen / seen.std(), 0, 255).astype(np.uint8)


def write_idx(path, array: np.ndarray) -> None:
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    data = header + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def write_digits(folder) -> None:
    """Write IDX files like MNIST's: 600 for training (gzipped), 200 for the test (not)."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for prefix, count, suffix in (("train", 600, ".gz"), ("t10k", 200, "")):
        labels = np.arange(count) % 10
        images = np.stack([digit(LABELS[i], rng) for i in labels])
        write_idx(folder / f"{prefix}-images-idx3-ubyte{suffix}", images)
        write_idx(folder / f"{prefix}-labels-idx1-ubyte{suffix}", labels)


def write_photos(folder) -> None:
    """Write two classes of 20 colour photos, told apart by their colour; one name is not ASCII."""
    rng = np.random.default_rng(1)
    for name, color in (("äpfel", (40, 40, 200)), ("pears", (40, 200, 120))):
        (folder / name).mkdir(parents=True)
        for i in range(20):
            image = np.clip(rng.normal(color, 30, (60, 80, 3)), 0, 255).astype(np.uint8)
            (folder / name / f"{name}-{i}.jpg").write_bytes(cv2.imencode(".jpg", image)[1].tobytes())
