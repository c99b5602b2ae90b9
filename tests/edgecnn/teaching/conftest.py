"""A teacher with the tiny trunk, and things that it can tell apart."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest

from edgecnn.frame import Frame
from edgecnn.live.stats import Stats
from edgecnn.teaching.teacher import Teacher
from tests.trunks import RANGE, tiny_int8


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    """Keep embeddings of one test out of the next one."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def tiny(tmp_path):
    """The int8 trunk as a file."""
    path = tmp_path / "tiny.tflite"
    path.write_bytes(tiny_int8())
    return path


@pytest.fixture
def teacher(tmp_path, tiny):
    with Teacher(tmp_path / "taught", trunk=tiny, value_range=RANGE) as made:
        yield made


def draw(kind: str, seed: int) -> np.ndarray:
    """A photo, uint8 96×96×3: `red`, `green` or `blue` with stripes; each seed another one."""
    rng = np.random.default_rng([seed, len(kind)])
    image = rng.normal(90, 18, (96, 96, 3))
    channel = {"blue": 0, "green": 1, "red": 2}[kind]
    width = int(rng.integers(3, 9))
    for at in range(int(rng.integers(0, width)), 96, 2 * width):
        image[:, at : at + width, channel] += 110
    angle = float(rng.uniform(-25, 25))
    turned = cv2.warpAffine(image, cv2.getRotationMatrix2D((48, 48), angle, 1.2), (96, 96))
    return np.clip(turned, 0, 255).astype(np.uint8)


def frame(kind: str, seed: int) -> Frame:
    return Frame(draw(kind, seed), time.monotonic_ns(), seed, "test", kind)


def see(teacher: Teacher, kind: str, seed: int) -> str:
    """Have the teacher see a frame as the live loop does; return its answer."""
    stats = Stats()
    teacher.poll(stats)
    result = teacher.classifier.classify_frame(frame(kind, seed), 3)
    teacher.show(result, stats)
    return result.label
