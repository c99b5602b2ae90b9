"""The corrupted views of an image: simple corruptions at the model's size, scenes before it is shrunk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2

from edgecnn.errors import DataError
from edgecnn.evaluation.corruption import CAPTURE, SCENES, STANDARD, STRENGTHS, generator
from edgecnn.image.preprocess import Preprocessor, crop
from edgecnn.image.shrink import shrink

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from edgecnn.bundle.input_spec import InputSpec
    from edgecnn.tflite.file import Tensor

# Scenes are composed at most at this many times the model's size: a subject at a quarter has all its pixels.
SCENE_SCALE = 4
_SIMPLE = STANDARD | CAPTURE


class View:
    """Crops and resizes images as the model does, with the channels of the image."""

    def __init__(self, spec: InputSpec, tensor: Tensor) -> None:
        self._spec = spec
        self._preprocess = Preprocessor(spec, tensor)

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the image at the model's size, H×W or H×W×3 BGR, which classifying does not resize."""
        pixels = self._preprocess.pixels(image)
        if pixels.ndim == 2:
            return pixels.copy()
        return cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)  # type: ignore[return-value]

    def frame(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the image for scenes: cropped as the model crops, at a few times its size."""
        spec = self._spec
        if spec.fit == "crop":
            image = crop(image, spec)
        height, width = image.shape[:2]
        size = min(width, SCENE_SCALE * spec.width), min(height, SCENE_SCALE * spec.height)
        return shrink(image, *size, spec.resize)


class Corrupter:
    """Makes all corrupted views of an image; `scenes` is whether there are scenes among them.

    Parameters
    ----------
    names
        Corruptions and scenes, from the package's tables.
    view
        How the model sees an image.
    seed
        Random seed. With an image's id, the corruption's name and its strength it determines every pixel.
    others
        Images with the index of their class, as second objects; of two or more classes where
        `second_object` is among the names, else DataError is raised.
    """

    def __init__(
        self, names: Sequence[str], view: View, seed: int, others: Sequence[tuple[int, NDArray[np.uint8]]]
    ) -> None:
        self._names = names
        self._view = view
        self._seed = seed
        self._others = [(label, view.frame(image)) for label, image in others]
        self.scenes = bool(SCENES.keys() & set(names))
        if "second_object" in names and len({label for label, _ in others}) < 2:
            raise DataError("second objects need readable images of two or more classes")

    def __call__(
        self, image: NDArray[np.uint8], clean: NDArray[np.uint8], image_id: str, label: int
    ) -> Iterator[tuple[str, int, NDArray[np.uint8]]]:
        """Yield name, strength and view; `clean` is the image's own view, `label` its class index."""
        frame = self._view.frame(image) if self.scenes else image
        for name in self._names:
            for strength in STRENGTHS:
                rng = generator(self._seed, image_id, name, strength)
                if name in _SIMPLE:
                    yield name, strength, _SIMPLE[name](clean, strength, rng)
                else:
                    other = self._other(label, rng) if name == "second_object" else frame
                    yield name, strength, self._view(SCENES[name](frame, strength, rng, other))

    def _other(self, label: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        candidates = [image for other, image in self._others if other != label]
        return candidates[rng.integers(len(candidates))]
