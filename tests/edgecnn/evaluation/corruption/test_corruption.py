"""Every corruption: what all of them owe, and what each one's formula says."""

import cv2
import numpy as np
import pytest

from edgecnn.camera.handwriting import LABELS
from edgecnn.camera.synthetic import SyntheticCamera
from edgecnn.evaluation.corruption import CAPTURE, NAMES, SCENES, STANDARD, STRENGTHS, digest, generator
from edgecnn.evaluation.corruption.blur import smear
from edgecnn.evaluation.corruption.weather import plasma
from tests.images import digit

SIMPLE = STANDARD | CAPTURE
# By the published constants a stronger one of these is not always farther away, and a subject that no longer
# lies on itself can't get any farther: each has a test of its own, the last one in test_scene.py.
NOT_BY_DISTANCE = {"glass_blur", "elastic_transform", "frost", "small_subject"}


def corrupt(name, image, strength, identity="image"):
    rng = generator(0, identity, name, strength)
    if name in SCENES:
        return SCENES[name](image, strength, rng, np.flip(image, axis=1).copy())
    return SIMPLE[name](image, strength, rng)


@pytest.fixture(scope="module")
def photos():
    """48 colour images of 32×32: parts of frames of the synthetic camera."""
    rng = np.random.default_rng(8)
    with SyntheticCamera("synthetic:seed=3,fps=0,hold=1") as camera:
        frames = [camera.draw(i)[0] for i in range(12)]
    places = [(f, rng.integers(240), rng.integers(400)) for f in frames for _ in range(4)]
    parts = [f[top : top + 240, left : left + 240] for f, top, left in places]
    return [cv2.resize(p, (32, 32), interpolation=cv2.INTER_AREA) for p in parts]


@pytest.fixture(scope="module")
def digits():
    """40 grey digits of 28×28."""
    rng = np.random.default_rng(5)
    return [digit(LABELS[i % 10], rng) for i in range(40)]


def distances(name, images):
    """The root mean square difference from the clean images, by strength, averaged over the images."""
    return [
        np.mean(
            [np.sqrt(np.mean((corrupt(name, p, s, i) - p.astype(float)) ** 2)) for i, p in enumerate(images)]
        )
        for s in STRENGTHS
    ]


def test_the_fifteen_standard_ones_are_these():
    assert list(STANDARD) == [
        "gaussian_noise", "shot_noise", "impulse_noise",
        "defocus_blur", "glass_blur", "motion_blur", "zoom_blur",
        "snow", "frost", "fog", "brightness",
        "contrast", "elastic_transform", "pixelate", "jpeg_compression",
    ]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(32, 32, 3), (28, 28), (96, 64, 3), (50, 70)])
def test_shape_and_type_stay_and_the_image_changes(name, shape):
    image = np.random.default_rng(1).integers(30, 200, (7, 7, *shape[2:])).astype(np.uint8)
    image = cv2.resize(image, shape[1::-1], interpolation=cv2.INTER_CUBIC)
    before = image.copy()
    for strength in STRENGTHS:
        changed = corrupt(name, image, strength)
        assert changed.shape == shape
        assert changed.dtype == np.uint8
        assert not np.array_equal(changed, before)
    assert np.array_equal(image, before), "the image that was given stays as it was"


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_image_and_strength_give_the_same_pixels(name, photos):
    again = [corrupt(name, photos[0], s).copy() for s in STRENGTHS]
    for strength, first in zip(STRENGTHS, again, strict=True):
        assert np.array_equal(corrupt(name, photos[0], strength), first)


@pytest.mark.parametrize("name", ["gaussian_noise", "snow", "frost", "fog", "elastic_transform", "occlusion"])
def test_another_image_of_the_same_pixels_has_another_seed(name, photos):
    assert not np.array_equal(corrupt(name, photos[0], 3, "a"), corrupt(name, photos[0], 3, "b"))


def test_the_seed_of_an_image_is_the_same_on_every_machine():
    assert digest(0, "test/cat/1.png", "fog", 3).hex() == "d6d97e447f70de1a275ddeb7b9f9b262"


@pytest.mark.parametrize("name", [n for n in NAMES if n not in NOT_BY_DISTANCE])
def test_a_stronger_one_is_farther_from_the_clean_image(name, photos):
    found = distances(name, photos)
    assert found == sorted(found), found
    assert found[-1] > 1.05 * found[0]


@pytest.mark.parametrize("name", ["gaussian_noise", "shot_noise", "impulse_noise", "frost", "low_resolution"])
def test_a_stronger_one_is_farther_for_grey_images_too(name, digits):
    found = distances(name, digits)
    assert found == sorted(found), found


def test_twice_shuffled_glass_is_worse_than_once(photos, digits):
    for images in (photos, digits):
        found = distances("glass_blur", images)
        assert min(found[3:]) > max(found[:3])


def test_frost_hides_more_of_the_image_with_strength(photos):
    def kept(strength):
        pairs = [(p, corrupt("frost", p, strength, i)) for i, p in enumerate(photos)]
        return np.mean([np.corrcoef(p.ravel(), f.ravel())[0, 1] for p, f in pairs])

    assert kept(1) > kept(3) > kept(5)


def test_elastic_shifts_become_more_local_with_strength():
    ramp = np.tile(np.linspace(20, 235, 64).astype(np.uint8), (64, 1))
    y, x = np.mgrid[16:48, 16:48]
    plane = np.column_stack([x.ravel(), y.ravel(), np.ones(x.size)])

    def bent(strength):
        """How far the image of a plane is from any plane."""
        left = []
        for i in range(20):
            z = corrupt("elastic_transform", ramp, strength, i)[16:48, 16:48].ravel().astype(float)
            left.append(np.std(z - plane @ np.linalg.lstsq(plane, z, rcond=None)[0]))
        return np.mean(left)

    assert bent(1) < bent(3) < bent(4) < bent(5)


@pytest.mark.parametrize(("strength", "deviation"), [(1, 0.04), (3, 0.08), (5, 0.10)])
def test_gaussian_noise_has_its_deviation(strength, deviation):
    noisy = corrupt("gaussian_noise", np.full((200, 200, 3), 128, np.uint8), strength) / 255
    assert noisy.std() == pytest.approx(deviation, rel=0.02)
    assert noisy.mean() == pytest.approx(128 / 255, abs=0.002)


@pytest.mark.parametrize("level", [50, 128, 170])
@pytest.mark.parametrize(("strength", "photons"), [(1, 500), (5, 50)])
def test_shot_noise_has_the_variance_of_its_photons(strength, photons, level):
    noisy = corrupt("shot_noise", np.full((200, 200), level, np.uint8), strength) / 255
    assert noisy.var() == pytest.approx(level / 255 / photons, rel=0.05)


@pytest.mark.parametrize(("strength", "share"), [(1, 0.01), (5, 0.07)])
def test_impulse_noise_blackens_and_whitens_a_share_of_the_pixels(strength, share):
    noisy = corrupt("impulse_noise", np.full((200, 200, 3), 128, np.uint8), strength)
    assert np.mean(noisy == 0) == pytest.approx(share / 2, rel=0.1)
    assert np.mean(noisy == 255) == pytest.approx(share / 2, rel=0.1)
    assert np.mean(noisy == 128) == pytest.approx(1 - share, rel=0.01)


@pytest.mark.parametrize(
    "name",
    ["defocus_blur", "glass_blur", "motion_blur", "zoom_blur", "elastic_transform", "pixelate", "contrast"],
)
def test_what_only_moves_light_leaves_a_flat_image_as_it_is(name):
    flat = np.full((48, 40, 3), (10, 120, 240), np.uint8)
    for strength in STRENGTHS:
        assert np.abs(corrupt(name, flat, strength).astype(int) - flat).max() <= 1


def test_a_smear_is_a_falling_gaussian_in_its_direction():
    point = np.zeros((21, 21), np.float32)
    point[10, 10] = 1
    streak = smear(point, 6, 2.0, 0)
    assert streak.sum() == pytest.approx(1, abs=1e-5)
    taps = streak[10][streak[10] > 0]
    assert np.count_nonzero(streak) == len(taps) == 9
    falling = taps if taps[0] > taps[-1] else taps[::-1]
    assert falling[2] / falling[0] == pytest.approx(np.exp(-4 / 8), rel=1e-4)
    assert np.count_nonzero(smear(point, 6, 2.0, 90)[:, 10]) == 9


def test_lengths_grow_with_the_image():
    def blurred_width(side):
        edge = np.zeros((side, side), np.uint8)
        edge[:, side // 2 :] = 255
        row = corrupt("defocus_blur", edge, 5)[side // 2]
        return np.count_nonzero((row > 0) & (row < 255))

    assert blurred_width(128) >= 3 * blurred_width(32)


def test_plasma_covers_its_range_at_every_size():
    for side in (1, 28, 32, 100):
        cloud = plasma(side, 2.0, np.random.default_rng(0))
        assert cloud.shape[0] >= side
        assert cloud.min() == 0
        assert cloud.max() <= 1
    fine, coarse = (plasma(64, d, np.random.default_rng(0)) for d in (1.75, 3.0))
    assert np.abs(np.diff(fine)).mean() > np.abs(np.diff(coarse)).mean(), "less decay is more detail"


def test_brightness_keeps_hue_and_saturation():
    image = np.full((8, 8, 3), (40, 80, 120), np.uint8)
    bright = corrupt("brightness", image, 5)[0, 0] / 255
    assert bright.max() == pytest.approx(120 / 255 + 0.3, abs=0.003)
    assert bright / bright.max() == pytest.approx(np.array([1, 2, 3]) / 3, abs=0.01)
    assert corrupt("brightness", np.zeros((8, 8, 3), np.uint8), 5) == pytest.approx(0.3 * 255, abs=0.51)


def test_contrast_scales_about_the_mean(photos):
    low = corrupt("contrast", photos[0], 4).astype(float)
    assert low.mean(axis=(0, 1)) == pytest.approx(photos[0].mean(axis=(0, 1)), abs=0.5)
    assert low.std() < photos[0].std()
    assert low[..., 0].std() == pytest.approx(0.3 * photos[0][..., 0].std(), rel=0.05)


@pytest.mark.parametrize("side", [32, 96])
def test_pixelate_leaves_as_many_blocks_as_published(side):
    image = np.random.default_rng(0).integers(0, 256, (side, side)).astype(np.uint8)
    for strength, few in zip(STRENGTHS, (30, 28, 27, 24, 20), strict=True):
        blocks = corrupt("pixelate", image, strength)
        assert 1 + np.count_nonzero(np.any(np.diff(blocks.astype(int), axis=0), axis=1)) == few
        assert 1 + np.count_nonzero(np.any(np.diff(blocks.astype(int), axis=1), axis=0)) == few


def test_over_exposure_doubles_the_light_of_each_stop():
    image = np.full((4, 4), 60, np.uint8)
    assert corrupt("over_exposure", image, 2)[0, 0] == round(60 * 2 ** (1 / 2.2))
    assert np.all(corrupt("over_exposure", np.full((4, 4), 200, np.uint8), 4) == 255)


def test_low_light_halves_the_light_of_each_stop():
    image = np.full((300, 300), 200, np.uint8)
    dark = corrupt("low_light", image, 2) / 255
    light = dark**2.2 * 2000
    electrons = (200 / 255) ** 2.2 * 2000 / 4
    assert light.mean() == pytest.approx(electrons, rel=0.01)
    assert light.var() == pytest.approx(electrons + 16, rel=0.05)


@pytest.mark.parametrize(("strength", "share"), [(1, 0.05), (3, 0.2), (5, 0.4)])
def test_occlusion_hides_a_share_of_the_image(strength, share):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (64, 64, 3)).astype(np.uint8)
    hidden = np.any(corrupt("occlusion", image, strength) != image, axis=2)
    assert hidden.mean() == pytest.approx(share, rel=0.15)
