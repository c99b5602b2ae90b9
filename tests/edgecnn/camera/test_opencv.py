import cv2
import numpy as np
import pytest

from edgecnn.camera.opencv import JpegFrames
from edgecnn.errors import ImageError
from tests.conftest import draw_seven


@pytest.fixture
def jpeg() -> np.ndarray:
    """A frame as a V4L2 camera gives it that is not to be converted: 1×N bytes."""
    return cv2.imencode(".jpg", draw_seven())[1].reshape(1, -1)


def test_frames_are_decoded_and_torn_ones_refused(jpeg):
    decoded = JpegFrames()
    assert decoded(jpeg)[0].shape == (480, 640, 3)
    with pytest.raises(ImageError, match="truncated"):
        decoded(jpeg[:, : jpeg.size // 2])
    assert decoded(jpeg)[0].shape == (480, 640, 3)


def test_a_camera_that_never_writes_the_end_is_believed(jpeg):
    decoded = JpegFrames()
    for _ in range(2):
        assert decoded(jpeg[:, :-2])[0].shape == (480, 640, 3)


def test_pixels_pass():
    pixels = draw_seven()
    assert JpegFrames()(pixels) == (pixels, None)
