"""Tiny data sets of our own drawing."""

from __future__ import annotations

import gzip
from dataclasses import replace

import cv2
import numpy as np
import pytest

from edgecnn.camera.handwriting import LABELS, draw_digit
from edgecnn_train.recipe import read_recipe


def digit(label: str, rng: np.random.Generator, size: int = 28) -> np.ndarray:
    """A bright digit on black, uint8 size×size."""
    return cv2.resize(
        (draw_digit(label, 112, rng) * 255).astype(np.uint8), (size, size), interpolation=cv2.INTER_AREA
    )


def write_idx(path, array: np.ndarray) -> None:
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    data = header + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


@pytest.fixture(scope="session")
def idx_folder(tmp_path_factory):
    """IDX files like MNIST's: 600 for training (gzipped), 200 for the test (not)."""
    folder = tmp_path_factory.mktemp("idx") / "mnist"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for prefix, count, suffix in (("train", 600, ".gz"), ("t10k", 200, "")):
        labels = np.arange(count) % 10
        images = np.stack([digit(LABELS[i], rng) for i in labels])
        write_idx(folder / f"{prefix}-images-idx3-ubyte{suffix}", images)
        write_idx(folder / f"{prefix}-labels-idx1-ubyte{suffix}", labels)
    return folder


@pytest.fixture
def photo_folder(tmp_path):
    """Two classes of 20 colour photos, told apart by their colour; one name is not ASCII."""
    rng = np.random.default_rng(1)
    folder = tmp_path / "photos"
    for name, color in (("äpfel", (40, 40, 200)), ("pears", (40, 200, 120))):
        (folder / name).mkdir(parents=True)
        for i in range(20):
            picture = np.clip(rng.normal(color, 30, (60, 80, 3)), 0, 255).astype(np.uint8)
            (folder / name / f"{name}-{i}.jpg").write_bytes(cv2.imencode(".jpg", picture)[1].tobytes())
    return folder


@pytest.fixture
def recipe():
    """The classic recipe, made quick."""
    classic = read_recipe(
        "mnist-classic", ["train.epochs=3", "quantize.calibration=50", "data.validation=0.1"]
    )
    return replace(classic, name="tiny")


@pytest.fixture
def said():
    """What was said, as a list; its `append` is the `say` that functions take."""
    return []
