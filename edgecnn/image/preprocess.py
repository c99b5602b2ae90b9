"""Turns an image into the model's input tensor: the one implementation, for training and runtime."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np

from edgecnn.errors import ImageError
from edgecnn.frame import Box
from edgecnn.image.shrink import Shrinker, trimmed
from edgecnn.image.transparency import flatten
from edgecnn.tflite.quant import pixel_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgecnn.bundle.input_spec import InputSpec
    from edgecnn.frame import Frame
    from edgecnn.tflite.file import Tensor

    Tensors = NDArray[np.uint8] | NDArray[np.int8] | NDArray[np.float32]

# A stream has one image shape, a camera with uploads two; folders may have any number.
_MOST_PLANS = 4

# Image channels and model color → the conversion.
_CONVERSIONS = {
    (1, "gray"): None,
    (3, "gray"): cv2.COLOR_BGR2GRAY,
    (1, "rgb"): cv2.COLOR_GRAY2RGB,
    (3, "rgb"): cv2.COLOR_BGR2RGB,
    (1, "bgr"): cv2.COLOR_GRAY2BGR,
    (3, "bgr"): None,
}


class _Plan(NamedTuple):
    """The plan for images of one shape: the part that is used, and its place in a padded frame."""

    part: Box
    shrink: Shrinker
    padded: NDArray[np.uint8] | None
    inner: Any


class Preprocessor:
    """Turns images into one reused input tensor.

    The order is crop, shrink, convert the color, look up the 256 pixel values: only the first stage of
    shrinking reads the large image. Each image shape is planned once, and no array is allocated as long as
    images keep their shape.
    """

    def __init__(self, spec: InputSpec, tensor: Tensor) -> None:
        self._spec = spec
        # One table, or one for each channel, side by side.
        ranges = spec.channel_ranges or (spec.value_range,)
        tables = [pixel_table(r, tensor.dtype, tensor.scale, tensor.zero_point) for r in ranges]
        self._table: Any = tables[0] if len(tables) == 1 else np.stack(tables, axis=-1)[:, np.newaxis]
        self._tensor: Tensors = np.empty(tensor.shape, tensor.dtype)
        self._plans: dict[tuple[int, ...], _Plan] = {}
        # The tensor viewed as an image, H×W or H×W×3, where that is possible; and its bytes, with the byte
        # whose XOR converts pixels to them, if there is one.
        self._target = self._as_image(self._tensor)
        self._flipped: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None = None
        if self._target is not None and len(tables) == 1 and (flip := _flip(tables[0])) is not None:
            self._flipped = self._target.view(np.uint8), flip

    def __call__(self, image: NDArray[np.uint8]) -> Tensors:
        """Return the tensor for an image; the next call overwrites it.

        Parameters
        ----------
        image
            uint8, H×W, H×W×1 (grey), H×W×3 (BGR) or H×W×4 (BGRA).

        Raises
        ------
        ImageError
            For an array of another kind.
        """
        pixels = self.pixels(image)
        if self._flipped is not None:
            values, flip = self._flipped
            np.bitwise_xor(pixels, flip, values)
        elif self._target is not None:
            cv2.LUT(pixels, self._table, dst=self._target)
        else:
            if pixels.ndim < self._table.ndim and self._table.ndim == 3:
                pixels = cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB)  # type: ignore[assignment]
            np.copyto(self._tensor, self._arrange(cv2.LUT(pixels, self._table)))
        return self._tensor

    def seen(self, frame: Frame) -> Box:
        """Return the part of a frame that the model sees."""
        rows, columns = frame.pixels.shape[:2]
        x, y, width, height = frame.roi or Box(0, 0, columns, rows)
        if self._spec.fit != "crop":
            return Box(x, y, width, height)
        inner = _middle(width, height, self._spec)
        return inner._replace(x=x + inner.x, y=y + inner.y)

    def pixels(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the image as the model sees it before quantization: uint8, H×W (grey) or H×W×3.

        The next call overwrites it; it is the image itself where nothing has to be done.
        """
        if isinstance(image, np.ndarray) and image.ndim == 3 and image.shape[2] == 4 and image.size:
            count_channels(image)
            image = flatten(image, self._spec.background)
        plan = self._plans.get(image.shape) if isinstance(image, np.ndarray) else None
        if plan is None or image.dtype != np.uint8:
            plan = self._plan(image)
        if image.ndim == 3 and image.shape[2] == 1:
            image = image[:, :, 0]
        left, top, width, height = plan.part
        inner: NDArray[np.uint8] = plan.shrink(image[top : top + height, left : left + width])
        if plan.padded is None:
            return inner
        np.copyto(plan.inner, inner)
        return plan.padded

    def _plan(self, image: NDArray[np.uint8]) -> _Plan:
        """Plan for images of this shape. Raises ImageError."""
        channels, spec = count_channels(image), self._spec
        rows, columns = image.shape[:2]
        width, height = spec.width, spec.height
        part = Box(0, 0, columns, rows)
        if spec.fit == "crop":
            part = _middle(columns, rows, spec)
        elif spec.fit == "pad":
            width, height = _within(image, width, height)
        shape = part.height, part.width, *((channels,) if channels > 1 else ())
        padded = inner = result = None
        if (width, height) != (spec.width, spec.height):
            padded, inner = _frame(spec, width, height)
        elif self._flipped is not None:
            result = self._flipped[0]  # pixels become values in place
        shrink = Shrinker(shape, width, height, spec.resize, _CONVERSIONS[channels, spec.color], result)
        if len(self._plans) >= _MOST_PLANS:
            self._plans.clear()
        self._plans[image.shape] = plan = _Plan(part, shrink, padded, inner)
        return plan

    def _as_image(self, tensor: Tensors) -> Any:
        spec = self._spec
        shape = (spec.height, spec.width) if spec.color == "gray" else (spec.height, spec.width, 3)
        if spec.layout == "nhwc" and tensor.size == math.prod(shape):
            return tensor.reshape(shape)
        return None

    def _arrange(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Return a view of the image in the tensor's shape."""
        rows, columns = pixels.shape[:2]
        pixels = pixels.reshape(rows, columns, -1)
        if self._spec.layout == "nchw":
            pixels = pixels.transpose(2, 0, 1)
        return np.broadcast_to(pixels, self._tensor.shape)


def crop(image: NDArray[np.uint8], spec: InputSpec) -> NDArray[np.uint8]:
    """Return the part of the image that an input of fit `crop` sees; no copy."""
    rows, columns = image.shape[:2]
    left, top, w, h = _middle(columns, rows, spec)
    return image[top : top + h, left : left + w]


def _middle(columns: int, rows: int, spec: InputSpec) -> Box:
    """Return the largest central part of an image with the input's aspect ratio, trimmed for `halved`."""
    w = min(columns, max(1, round(rows * spec.width / spec.height)))
    h = min(rows, max(1, round(columns * spec.height / spec.width)))
    h, w = trimmed(h, w, spec.width, spec.height, spec.resize)
    return Box((columns - w) // 2, (rows - h) // 2, w, h)


def _within(image: NDArray[np.uint8], width: int, height: int) -> tuple[int, int]:
    """Return the largest width and height within the given ones with the image's aspect ratio."""
    rows, columns = image.shape[:2]
    scale = min(width / columns, height / rows)
    return max(1, round(columns * scale)), max(1, round(rows * scale))


def _frame(spec: InputSpec, width: int, height: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return a black image of the model's size, and a view of its middle."""
    whole = np.zeros((spec.height, spec.width, *(() if spec.color == "gray" else (3,))), np.uint8)
    top, left = (spec.height - height) // 2, (spec.width - width) // 2
    return whole, whole[top : top + height, left : left + width]


def _flip(table: NDArray[Any]) -> NDArray[np.uint8] | None:
    """Return the byte whose XOR equals the table: 0x80 for a sign bit, 0 for the identity, else None."""
    if table.dtype == np.float32:
        return None
    pixels = np.arange(256, dtype=np.uint8)
    found = next((f for f in (0x00, 0x80) if np.array_equal(pixels ^ f, table.view(np.uint8))), None)
    return None if found is None else np.array(found, np.uint8)


def count_channels(image: NDArray[np.uint8]) -> int:
    """Return an image's channels: 1, 3 or 4. Raises ImageError for what is no uint8 image."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        if image is None:
            raise ImageError("an image must be a uint8 array, got None: did cv2.imread find its file?")
        kind = getattr(image, "dtype", type(image).__name__)
        raise ImageError(f"an image must be a uint8 array with values from 0 to 255, got {kind}")
    channels = 1 if image.ndim == 2 else image.shape[-1]
    if image.ndim not in (2, 3) or channels not in (1, 3, 4) or image.size == 0:
        raise ImageError(
            f"an image must have the shape H×W, H×W×3 (BGR) or H×W×4 (BGRA), got {list(image.shape)}"
        )
    return int(channels)
