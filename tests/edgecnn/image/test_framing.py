import cv2
import numpy as np
import pytest

import edgecnn
from edgecnn.errors import OptionError
from edgecnn.frame import Box, Frame
from edgecnn.image.framing import Framing
from tests.conftest import draw_seven


def frame(pixels: np.ndarray) -> Frame:
    return Frame(pixels, 1, 2, "test", "7")


@pytest.fixture
def pixels() -> np.ndarray:
    """An image of 4×6 pixels, no two alike."""
    return np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


@pytest.mark.parametrize(("rotate", "turns"), [(0, 0), (90, -1), (180, 2), (270, 1)])
@pytest.mark.parametrize("flip", [False, True])
def test_images_are_turned_clockwise_and_then_mirrored(pixels, rotate, turns, flip):
    framed = Framing(rotate, flip=flip)(frame(pixels))
    expected = np.rot90(pixels, turns)
    assert np.array_equal(framed.pixels, expected[:, ::-1] if flip else expected)
    assert framed.region is framed.pixels
    assert (framed.captured_ns, framed.index, framed.source, framed.truth) == (1, 2, "test", "7")


def test_the_region_is_of_the_turned_image(pixels):
    framed = Framing(90, roi=Box(1, 2, 3, 4))(frame(pixels))
    assert np.array_equal(framed.region, np.rot90(pixels, -1)[2:6, 1:4])
    assert framed.pixels.shape == (6, 4, 3), "the rest is still shown"
    with pytest.raises(OptionError, match="1,2,3,4 reaches beyond the image, which has 6×4"):
        Framing(roi=Box(1, 2, 3, 4))(frame(pixels))


@pytest.mark.parametrize("wrong", [{"rotate": 45}, {"roi": Box(0, 0, 0, 4)}, {"roi": Box(-1, 0, 4, 4)}])
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(OptionError, match="expected"):
        Framing(**wrong)


def test_the_model_sees_the_region_and_says_so():
    seven = cv2.resize(draw_seven(), (240, 240), interpolation=cv2.INTER_AREA)
    scene = np.full((480, 640, 3), 255, np.uint8)
    scene[100:340, 300:540] = seven
    with edgecnn.load("digits") as classifier:
        result = classifier.classify_frame(Framing(roi=Box(300, 100, 240, 240))(frame(scene)))
        assert result.label == "7"
        assert result.predictions == classifier.classify(seven)
        # The net is square: of a wide image it sees the middle, 16 times its own size.
        assert classifier.classify_frame(frame(scene)).seen == Box(96, 16, 448, 448)
        wide = classifier.classify_frame(Framing(roi=Box(100, 50, 300, 200))(frame(scene)))
        assert wide.seen == Box(150, 50, 200, 200)
