import cv2
import numpy as np
import pytest

from edgecnn.bundle.bundle import open_model
from edgecnn.errors import DataError
from edgecnn.evaluation.corruption import SCENES, STRENGTHS, generator
from edgecnn.evaluation.corruption.clutter import draw_clutter
from edgecnn.evaluation.corruption.scene import OFF_CENTRE, SECOND_OBJECT, SMALL_SUBJECT
from edgecnn.evaluation.corruption.views import Corrupter, View


def square(side=100, half=20, level=200):
    """A bright square in the middle of a black image."""
    image = np.zeros((side, side), np.uint8)
    image[side // 2 - half : side // 2 + half, side // 2 - half : side // 2 + half] = level
    return image


def scene(name, image, strength, other=None, identity=0):
    return SCENES[name](image, strength, generator(0, identity), image if other is None else other)


def box(image, low=100):
    """Left, top, width and height of the bright part."""
    return cv2.boundingRect((image > low).astype(np.uint8))


@pytest.mark.parametrize(("strength", "share"), list(zip(STRENGTHS, SMALL_SUBJECT, strict=True)))
def test_a_small_subject_is_small_and_in_the_middle(strength, share):
    left, top, width, height = box(scene("small_subject", square(), strength))
    assert (width, height) == (pytest.approx(40 * share, abs=1.5),) * 2
    assert left + width / 2 == pytest.approx(50, abs=1)
    assert top + height / 2 == pytest.approx(50, abs=1)


@pytest.mark.parametrize(("strength", "share"), list(zip(STRENGTHS, OFF_CENTRE, strict=True)))
def test_an_off_centre_subject_keeps_its_size(strength, share):
    for identity in range(5):
        left, top, width, height = box(scene("off_centre", square(half=10), strength, identity=identity))
        assert (width, height) == (20, 20)
        away = np.hypot(left + width / 2 - 50, top + height / 2 - 50)
        assert away == pytest.approx(100 * share, abs=1)


def test_clutter_surrounds_the_subject_and_leaves_it_whole():
    strong, weak = (scene("clutter", square(), s) for s in (5, 1))
    middle = strong[40:60, 40:60]
    assert np.all(middle == 200)
    around = np.ones((100, 100), bool)
    around[30:70, 30:70] = False
    assert strong[around].std() > 3 * weak[around].std() > 0


def test_a_subject_before_no_plain_background_is_pasted_whole():
    image = np.random.default_rng(0).integers(0, 256, (60, 60, 3)).astype(np.uint8)
    cluttered = scene("clutter", image, 5)
    small = cv2.resize(image, (45, 45), interpolation=cv2.INTER_AREA)
    assert np.array_equal(cluttered[12:48, 12:48], small[5:41, 5:41])


@pytest.mark.parametrize(("strength", "share"), list(zip(STRENGTHS, SECOND_OBJECT, strict=True)))
def test_a_second_object_is_next_to_the_subject_and_smaller(strength, share):
    sides = set()
    for identity in range(8):
        both = scene("second_object", square(level=250), strength, square(level=150), identity)
        # Without its edge, which passes through every level, the subject has none of the second's pixels.
        inner = cv2.erode(((both > 145) & (both < 155)).astype(np.uint8), np.ones((3, 3), np.uint8))
        subject, second = box(both, 230), box(inner, 0)
        assert subject[2] == pytest.approx(40 * share, abs=2)
        assert second[2] < subject[2]
        first = subject[0] < second[0]
        sides.add(first)
        left, right = (subject, second) if first else (second, subject)
        assert left[0] + left[2] <= right[0]
    assert sides == {True, False}


def test_a_grey_second_object_may_be_next_to_a_coloured_subject():
    assert scene("second_object", np.zeros((40, 40, 3), np.uint8), 3, square(40)).shape == (40, 40, 3)
    assert scene("second_object", square(40), 3, np.zeros((30, 50, 3), np.uint8)).shape == (40, 40)


@pytest.mark.parametrize("shape", [(28, 28), (64, 96, 3), (1, 1, 3)])
def test_clutter_is_seeded_and_busy(shape):
    first, again, other = (draw_clutter(shape, np.random.default_rng(s)) for s in (1, 1, 2))
    assert first.shape == shape
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)
    if shape[0] > 1:
        assert not np.array_equal(first, other)
        assert first.std() > 20


def test_a_view_is_what_the_model_sees_and_stays_so():
    model = open_model("digits")
    view = View(model.input, model.file.inputs[0])
    photo = cv2.resize(np.random.default_rng(0).integers(0, 256, (9, 9, 3)).astype(np.uint8), (640, 480))
    small = view(photo)
    assert small.shape == (28, 28)
    assert np.array_equal(view(small), small)
    assert view.frame(photo).shape == (112, 112, 3), "cropped, and four times the model's size"
    assert view.frame(np.zeros((40, 60), np.uint8)).shape == (40, 40), "never enlarged"


def test_second_objects_come_from_another_class():
    model = open_model("digits")
    view = View(model.input, model.file.inputs[0])
    bright, dark = square(28, 8, 255), square(28, 8, 60)
    corrupter = Corrupter(["second_object"], view, 0, [(0, bright), (1, dark)])
    found = [np.count_nonzero(v > 200) for _, _, v in corrupter(bright, view(bright), "a", 0)]
    assert len(found) == len(STRENGTHS)
    assert max(found) <= (16 * 0.8 + 1) ** 2, "one bright square only"
    with pytest.raises(DataError, match="two or more classes"):
        Corrupter(["second_object"], view, 0, [(0, bright)])
