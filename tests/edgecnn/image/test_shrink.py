import numpy as np
import pytest

from edgecnn.image.shrink import Shrinker, shrink, stages, trimmed
from tests.images import textured


@pytest.mark.parametrize("ratio", [1.2, 1.5, 1.9, 2.14, 2.9, 3.5, 3.9, 5, 8, 13.9, 17.1, 24])
def test_shrinking_is_close_to_exact_averaging(ratio):
    image = textured(480)
    side = int(480 / ratio)
    exact = shrink(image, side, side, "area").astype(int)
    errors = {
        method: np.abs(exact - shrink(image, side, side, method)).mean()
        for method in ("halved", "staged", "linear")
    }
    assert errors["staged"] < 2.5
    assert errors["halved"] < 4.5
    if ratio > 1.6:
        assert errors["staged"] < errors["linear"] / 4
    if ratio > 2.5:
        assert errors["halved"] < errors["linear"] / 2


@pytest.mark.parametrize("method", ["halved", "staged"])
def test_a_squeezed_image_is_averaged_along_each_side_by_its_own_ratio(method):
    image = textured(480)[:, :100]
    exact = shrink(image, 96, 28, "area").astype(int)
    aliased = shrink(image, 96, 28, "linear").astype(int)
    found = shrink(image, 96, 28, method).astype(int)
    assert np.abs(exact - found).mean() < np.abs(exact - aliased).mean() / 4


@pytest.mark.parametrize("method", ["halved", "area"])
@pytest.mark.parametrize(("rows", "columns"), [(280, 2800), (300, 1200), (20, 1000), (1, 5000), (1080, 1920)])
def test_fine_stripes_become_grey_however_an_image_is_squeezed(method, rows, columns):
    stripes = np.zeros((rows, columns), np.uint8)
    stripes[:, ::2] = 255
    for found in (shrink(stripes, 28, 28, method), shrink(stripes.T, 28, 28, method)):
        assert np.abs(found.astype(float) - 127.5).max() < 40


@pytest.mark.parametrize("method", ["halved", "area", "linear", "staged"])
@pytest.mark.parametrize("shape", [(1, 1), (10, 10), (28, 28), (57, 61), (300, 2), (2, 3000), (1080, 1920)])
@pytest.mark.parametrize("channels", [(), (3,), (4,)])
def test_every_size_becomes_the_one_asked_for_and_white_stays_white(method, shape, channels):
    white = np.full((*shape, *channels), 255, np.uint8)
    found = shrink(white, 28, 30, method)
    assert found.shape == (30, 28, *channels)
    assert found.min() == 255


@pytest.mark.parametrize("side", [28, 32, 64, 96, 224])
def test_halves_are_the_quick_case_of_opencv(side):
    """Only an exact half is: every stage that averages takes two pixels for one, along both sides."""
    rows, columns = 481, 643
    for stage in stages(rows, columns, side, side, "halved")[:-1]:
        if stage.interpolation == 3:
            taken = len(range(*stage.rows.indices(rows))), len(range(*stage.columns.indices(columns)))
            assert taken == (2 * stage.height, 2 * stage.width)
        rows, columns = stage.height, stage.width


def test_the_middle_of_the_image_stays_in_the_middle():
    image = np.zeros((480, 480), np.uint8)
    image[120:360, 120:360] = 240
    for side in (28, 32, 64, 96, 224):
        found = shrink(image, side, side, "halved").astype(float)
        weights = np.arange(side) - (side - 1) / 2
        assert abs((found.sum(axis=0) * weights).sum() / found.sum()) < 0.02
        assert abs((found.sum(axis=1) * weights).sum() / found.sum()) < 0.02


def test_buffers_are_reused_and_an_image_of_the_right_size_passes():
    shrinker = Shrinker((480, 480, 3), 28, 28, "halved")
    image = np.dstack([textured(480)] * 3)
    first = shrinker(image)
    assert shrinker(image[::-1]) is first
    small = image[:28, :28]
    assert Shrinker(small.shape, 28, 28, "halved")(small) is small


@pytest.mark.parametrize(
    ("rows", "columns", "side", "kept"),
    [
        (480, 480, 224, (448, 448)),
        (480, 480, 112, (448, 448)),
        (240, 240, 224, (224, 224)),
        (224, 224, 224, (224, 224)),
        (240, 241, 225, (225, 225)),
        (240, 243, 225, (240, 243)),  # a pixel more than a fourteenth
        (480, 480, 96, (480, 480)),
        (480, 480, 28, (448, 448)),
        (60, 60, 28, (56, 56)),
        (480, 480, 32, (480, 480)),
        (200, 200, 224, (200, 200)),
    ],
)
def test_a_little_is_left_out_where_halves_alone_then_do(rows, columns, side, kept):
    assert trimmed(rows, columns, side, side, "halved") == kept
    assert trimmed(rows, columns, side, side, "area") == (rows, columns)
    if kept != (rows, columns) and kept[0] < 10 * side:
        assert all(stage.interpolation == 3 for stage in stages(*kept, side, side, "halved"))
