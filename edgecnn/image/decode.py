"""Decodes a checked image with OpenCV, in this process.

All versions of OpenCV print to stderr when they fail.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from edgecnn.defaults import MAX_MEGAPIXELS
from edgecnn.errors import ImageError
from edgecnn.io.quiet import quiet_stderr

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgecnn.bundle.input_spec import Background
    from edgecnn.image.header import Alpha


def decode_checked(
    data: bytes | bytearray,
    source: str,
    alpha: Alpha | None,
    *,
    quiet: bool,
    reduce: int = 1,
    background: Background = "white",
) -> NDArray[np.uint8]:
    """Decode an image whose header was checked; see `edgecnn.image.file.decode_image`.

    Parameters
    ----------
    alpha
        The transparency that the header claims.
    """
    import cv2
    import numpy as np

    flags = cv2.IMREAD_UNCHANGED if alpha else {
        1: cv2.IMREAD_COLOR, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4,
        8: cv2.IMREAD_REDUCED_COLOR_8,
    }[reduce]  # fmt: skip
    try:
        with quiet_stderr() if quiet else contextlib.nullcontext():
            image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except (cv2.error, MemoryError) as error:
        reason = getattr(error, "err", None) or str(error)
        if "CV_IO_MAX_IMAGE" in reason:
            raise ImageError(
                f"{source} has more than {MAX_MEGAPIXELS} megapixels: make it smaller first"
            ) from error
        if isinstance(error, MemoryError) or "alloc" in reason:
            raise ImageError(
                f"{source} takes more memory to decode than is available: make it smaller first"
            ) from error
        raise ImageError(f"{source} can't be decoded: {reason}") from error
    if image is None and data[4:8] == b"ftyp" and not cv2.haveImageWriter("x.avif"):
        raise ImageError(
            f"{source} is an AVIF image, which OpenCV {cv2.__version__} can't decode here: "
            "convert it to JPEG or PNG first, or pip install -U opencv-python-headless"
        )
    if image is None:
        raise ImageError(f"{source} can't be decoded as an image, or is damaged")
    if image.shape[0] * image.shape[1] > MAX_MEGAPIXELS * 1_000_000:
        raise ImageError(f"{source} has more than {MAX_MEGAPIXELS} megapixels: make it smaller first")
    if alpha is None:
        # OpenCV decodes a gray PFM as gray, whatever the flags.
        return cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if image.ndim == 2 else image  # type: ignore[return-value]
    from edgecnn.image.transparency import flatten_decoded, upright  # few images are transparent

    flat = flatten_decoded(image, alpha, background)
    if flat is not None:
        return flat
    plain = decode_checked(data, source, None, quiet=quiet, background=background)
    return upright(plain, alpha.orientation) if alpha.never_turned else plain
