"""Prints the raw int8 outputs of shipped models for generated images as JSON: here and on ARM64."""

import json
import sys

import cv2
import numpy as np

import edgecnn

COUNT = 40


def images() -> list[np.ndarray]:
    """Coloured squares in images of many sizes, from integers alone: the same everywhere."""
    rng = np.random.default_rng(7)
    found = []
    for _ in range(COUNT):
        height, width = rng.integers(6, 40, 2)
        small = rng.integers(0, 256, (height, width, 3), np.uint8)
        found.append(small.repeat(12, axis=0).repeat(12, axis=1))
    return found


def outputs(name: str) -> dict[str, list]:
    """Return each image's input tensor and output, flat."""
    with edgecnn.load(name) as classifier:
        tensors, raw = [], []
        for image in images():
            tensor = classifier._preprocess(image)
            tensors.append(tensor.astype(int).ravel().tolist())
            raw.append(classifier.engine.invoke(tensor).astype(int).ravel().tolist())
    return {"tensors": tensors, "outputs": raw}


if __name__ == "__main__":
    cv2.setNumThreads(1)
    json.dump({name: outputs(name) for name in sys.argv[1:]}, sys.stdout)
