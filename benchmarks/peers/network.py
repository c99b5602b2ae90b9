"""A network as a worker knows it: a folder with the same weights in every form that a peer may want."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from edgecnn.image.preprocess import Preprocessor


@dataclass(frozen=True, slots=True)
class Network:
    """The content of `network.json`; the files are next to it.

    `network.keras`, `float32.tflite`, `int8.tflite`, `uint8.tflite` (the same with uint8 in and out and
    metadata) and `float32.onnx` (N×C×H×W) are one network with the same weights, which takes pixels from
    0 to 1 and ends in a softmax. `calibration.npy` are images at its own size (uint8 N×H×W×C, RGB or grey),
    `frames.npy` those that are timed and `images.npy` those that answers are compared on (uint8
    N×480×640×3, BGR), `reference.npy` the probabilities of `float32.tflite` for these (float32 N×classes).
    """

    name: str
    title: str
    bundle: str | None
    spec: dict[str, Any]
    classes: int
    macs: int
    calibrated_on: str
    compared_on: str
    key: str
    folder: Path

    @classmethod
    def read(cls, folder: Path) -> Network:
        """Read a network from its folder."""
        fields = json.loads((folder / "network.json").read_text("utf-8"))
        return cls(folder=folder, **fields)

    def write(self) -> None:
        """Write what the folder holds, which says that it is whole."""
        fields = {k: v for k, v in dataclasses.asdict(self).items() if k != "folder"}
        (self.folder / "network.json").write_text(json.dumps(fields, indent=1), "utf-8")

    @property
    def size(self) -> tuple[int, int]:
        """The input's width and height."""
        return self.spec["width"], self.spec["height"]

    @property
    def gray(self) -> bool:
        """Whether the input has one channel; three are RGB."""
        return bool(self.spec["color"] == "gray")

    @property
    def labels(self) -> Path:
        """The file of labels."""
        return self.folder / "labels.txt"

    def file(self, name: str) -> str:
        """Return a file's path, as libraries take it."""
        return str(self.folder / name)

    def calibration(self, layout: Literal["nhwc", "nchw"]) -> NDArray[np.float32]:
        """Return the calibration images as the network takes them: float32, 0 to 1."""
        images = np.load(self.folder / "calibration.npy").astype(np.float32) / np.float32(255)
        return np.ascontiguousarray(images.transpose(0, 3, 1, 2)) if layout == "nchw" else images

    def preprocessor(
        self, dtype: Literal["float32", "uint8", "int8"], layout: Literal["nhwc", "nchw"] = "nhwc"
    ) -> Preprocessor:
        """Return edgecnn's own preprocessing into a tensor of that kind; integers have the scale 1/255."""
        from edgecnn.bundle.input_spec import InputSpec
        from edgecnn.image.preprocess import Preprocessor
        from edgecnn.tflite.file import Tensor

        width, height = self.size
        channels = 1 if self.gray else 3
        shape = (1, height, width, channels) if layout == "nhwc" else (1, channels, height, width)
        zero_point = -128 if dtype == "int8" else 0
        spec = InputSpec(**(self.spec | {"layout": layout, "value_range": (0.0, 1.0)}))
        return Preprocessor(spec, Tensor("image", shape, dtype, 1 / 255, zero_point, 1))

    def made(self, name: str, make: Callable[[Network, Path], object]) -> Path:
        """Return a file of a peer's own, which `make` writes of this network at the path it is given, once.

        It lies in a folder named after the code that makes it and after the packages that do, and is made
        again when these change.
        """
        source = Path(inspect.getfile(make))
        packages = source.parent / "requirements" / f"{source.stem}.txt"
        digest = hashlib.sha256(source.read_bytes() + packages.read_bytes()).hexdigest()[:12]
        folder = self.folder / f"{source.stem}-{digest}"
        if not (folder / name).exists():
            for outdated in self.folder.glob(f"{source.stem}-*"):
                shutil.rmtree(outdated)
            folder.mkdir()
            work = Path(tempfile.mkdtemp(dir=folder))
            try:
                make(self, work / name)
                for file in sorted(work.iterdir(), key=lambda f: f.name == name):
                    os.replace(file, folder / file.name)  # noqa: PTH105 - the atomic rename
            finally:
                shutil.rmtree(work)
        return folder / name


@dataclass(frozen=True, slots=True)
class Opened:
    """A network that a peer has opened, one thread.

    `ours` and `theirs` turn a BGR frame (uint8 480×640×3) into the index and the score of the best class:
    with edgecnn's preprocessing, and as the peer's own samples do. `exact` does what `ours` does and returns
    the network's own score where that of `ours` is another one. `precision` is what really runs. `notes`
    say what a reader has to know.
    """

    precision: str
    ours: Callable[[NDArray[np.uint8]], tuple[int, float]]
    theirs: Callable[[NDArray[np.uint8]], tuple[int, float]] | None = None
    exact: Callable[[NDArray[np.uint8]], tuple[int, float]] | None = None
    notes: tuple[str, ...] = ()


def best(scores: NDArray[Any]) -> tuple[int, float]:
    """Return the index of the highest score, and the score."""
    flat = scores.reshape(-1)
    index = int(flat.argmax())
    return index, float(flat[index])
