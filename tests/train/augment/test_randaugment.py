import cv2
import numpy as np
import pytest

from edgecnn_train.augment.randaugment import CHANGES, COUNT, randaugment

RNG = np.random.default_rng(3)
# Smooth, so that geometry can be compared, and with less than the whole range.
COLOR = cv2.GaussianBlur(RNG.integers(0, 256, (30, 30, 3)).astype(np.uint8), (0, 0), 2)
GREY = COLOR[..., :1].copy()


def rounded(values):
    return np.clip(np.rint(values), 0, 255)


def equalized(channel):
    """The textbook's histogram equalization of one channel."""
    counts = np.bincount(channel.ravel(), minlength=256)
    cumulated = counts.cumsum()
    first = cumulated[channel.min()]
    return rounded((cumulated[channel] - first) * 255 / (channel.size - first))


def shifted(image, pixels, axis):
    """The image moved along an axis; what comes in from outside is grey."""
    moved = np.full_like(image, 128)
    source, target = [slice(None)] * 3, [slice(None)] * 3
    source[axis] = slice(0, -pixels) if pixels > 0 else slice(-pixels, None)
    target[axis] = slice(pixels, None) if pixels > 0 else slice(0, pixels)
    moved[tuple(target)] = image[tuple(source)]
    return moved


def sharpened(p, a):
    kernel = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]]) / 13
    padded = np.pad(p.astype(float), ((1, 1), (1, 1), (0, 0)), mode="reflect")
    smooth = sum(
        kernel[y, x] * padded[y : y + p.shape[0], x : x + p.shape[1]] for y in range(3) for x in range(3)
    )
    return rounded(smooth + (1 + 0.9 * a) * (p - smooth))


def turned(p, a):
    matrix = cv2.getRotationMatrix2D((14.5, 14.5), 30 * a, 1)
    return cv2.warpAffine(p, matrix, (30, 30), borderValue=(128, 128, 128)).reshape(p.shape)


# What each change does by its definition; AMOUNT makes a translation of three whole pixels.
AMOUNT = 0.3
EXPECTED = {
    "identity": lambda p, a: p,
    "autocontrast": lambda p, a: rounded((p.astype(float) - p.min()) * 255 / (int(p.max()) - int(p.min()))),
    "equalize": lambda p, a: np.dstack([equalized(p[..., c]) for c in range(p.shape[2])]),
    "solarize": lambda p, a: np.where(p < 256 * (1 - abs(a)), p, 255 - p),
    "posterize": lambda p, a: p & np.uint8(0xFF << round(4 * abs(a)) & 0xFF),
    "brightness": lambda p, a: rounded(p * (1 + 0.9 * a)),
    "contrast": lambda p, a: rounded(p.mean() + (1 + 0.9 * a) * (p - p.mean())),
    "color": lambda p, a: rounded(
        p.mean(axis=2, keepdims=True) + (1 + 0.9 * a) * (p - p.mean(axis=2, keepdims=True))
    ),
    "sharpness": sharpened,
    "rotate": turned,
    "translate_x": lambda p, a: shifted(p, round(10 * a), 1),
    "translate_y": lambda p, a: shifted(p, round(10 * a), 0),
}


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("image", [COLOR, GREY], ids=["colour", "grey"])
@pytest.mark.parametrize("name", EXPECTED)
def test_each_change_is_its_definition(name, image, sign):
    changed = CHANGES[name](image, sign * AMOUNT).reshape(image.shape)
    expected = EXPECTED[name](image, sign * AMOUNT)
    assert changed.dtype == np.uint8
    assert np.abs(changed.astype(float) - expected).max() <= 1


@pytest.mark.parametrize("sign", [1, -1])
def test_a_shear_moves_each_row_by_its_distance_from_the_middle(sign):
    """At magnitude 10 the shear is 0.3: a row 10 above the middle row moves by 3 pixels."""
    image = np.zeros((31, 31, 1), np.uint8)
    image[:, 15] = 255
    sheared = CHANGES["shear_x"](image, float(sign)).reshape(31, 31)
    for distance in (-10, 0, 10):
        assert sheared[15 + distance].argmax() == 15 + sign * round(0.3 * distance)
    across = CHANGES["shear_y"](np.swapaxes(image, 0, 1), float(sign)).reshape(31, 31)
    assert np.abs(across.astype(int) - sheared.T).max() <= 1


def test_there_are_the_papers_fourteen_changes_and_each_image_gets_two():
    assert set(CHANGES) == set(EXPECTED) | {"shear_x", "shear_y"}
    assert len(CHANGES) == 14
    assert COUNT == 2


@pytest.mark.parametrize("name", CHANGES)
def test_no_magnitude_changes_nothing_but_contrast_and_histogram(name):
    if name not in ("autocontrast", "equalize"):
        assert np.array_equal(CHANGES[name](COLOR, 0.0), COLOR)


def test_the_seed_decides_and_each_image_gets_changes_of_its_own():
    images = np.repeat(COLOR[None], 40, axis=0)
    a, b, c = (randaugment(images, 8, np.random.default_rng(s)) for s in (1, 1, 2))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)
    assert a.shape == images.shape
    assert a.dtype == np.uint8
    assert len({p.tobytes() for p in a}) > 25
    assert (images == COLOR).all(), "the batch is left as it was"


def test_a_higher_magnitude_changes_more():
    images = np.repeat(COLOR[None], 200, axis=0).astype(np.uint8)
    away = [
        np.abs(randaugment(images, m, np.random.default_rng(0)).astype(float) - images).mean()
        for m in (2, 6, 10)
    ]
    assert away[0] < away[1] < away[2]
