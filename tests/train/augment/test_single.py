from dataclasses import fields

import numpy as np
import pytest

from edgecnn_train.augment import active, augment
from edgecnn_train.augment.single import homographies
from edgecnn_train.recipe import AugmentSpec
from edgecnn_train.recipe_file import read_recipe
from tests.images import digit

STRONG = read_recipe("digits").augment


def digits(count=64):
    rng = np.random.default_rng(0)
    return np.stack([digit(str(i % 10), rng) for i in range(count)])[..., None]


def test_nothing_asked_is_nothing_changed():
    images = digits()
    assert augment(images, AugmentSpec(), np.random.default_rng(0)) is images
    assert not active(AugmentSpec())


def test_the_seed_decides():
    images = digits()
    a, b, c = (augment(images, STRONG, np.random.default_rng(s)) for s in (1, 1, 2))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


# What works on whole batches, or undoes the others.
MIXED = ("mixup", "cutmix", "clean")


@pytest.mark.parametrize("key", [f.name for f in fields(AugmentSpec) if f.name not in MIXED])
def test_each_change_changes_images_and_keeps_their_shape(key):
    value = True if key in ("flip", "paper") else 15.0 if key in ("rotate", "noise") else 0.3
    value = {"blur": 1.5, "randaugment": 6.0}.get(key, value)
    images = digits()
    changed = augment(images, AugmentSpec(**{key: value}), np.random.default_rng(3))
    assert changed.shape == images.shape
    assert changed.dtype == np.uint8
    assert (changed != images).any(axis=(1, 2, 3)).mean() > 0.3


def test_the_share_that_stays_clean_does():
    images = digits(400)
    changed = augment(images, AugmentSpec(paper=True, clean=0.4), np.random.default_rng(5))
    assert 0.3 < (changed == images).all(axis=(1, 2, 3)).mean() < 0.5


def test_clean_images_are_mirrored_and_cut_out_like_the_others():
    # Columns that count up from left to right, or down in a mirrored image.
    images = np.tile(np.arange(32, dtype=np.uint8)[None, None, :, None], (200, 32, 1, 3)) + np.uint8(40)
    spec = AugmentSpec(flip=True, crop=0.125, noise=30, clean=1.0)
    changed = augment(images, spec, np.random.default_rng(6)).astype(int)
    slopes = np.sign(np.diff(changed[:, 16, 8:24, 0]))
    assert (slopes == slopes[:, :1]).all()
    assert 0.4 < (slopes[:, 0] < 0).mean() < 0.6
    assert len(np.unique(changed[:, 16, 16, 0])) > 5


def test_geometry_keeps_the_digit_in_the_image():
    images = digits(200)
    spec = AugmentSpec(
        shift=STRONG.shift, scale=STRONG.scale, rotate=STRONG.rotate, perspective=STRONG.perspective
    )
    changed = augment(images, spec, np.random.default_rng(4))
    before, after = images.sum(axis=(1, 2, 3), dtype=float), changed.sum(axis=(1, 2, 3), dtype=float)
    assert 0.7 < np.median(after / before) < 1.3
    assert (after / before).min() > 0.3


def test_a_shift_moves_by_at_most_its_fraction_and_rotation_is_about_the_middle():
    rng = np.random.default_rng(0)
    for matrix in homographies(50, (28, 28), rng, shift=0.1):
        assert np.allclose(matrix[:2, :2], np.eye(2))
        assert np.abs(matrix[:2, 2]).max() <= 2.8
    for matrix in homographies(50, (28, 28), rng, rotate=90):
        middle = matrix @ [13.5, 13.5, 1]
        assert np.allclose(middle[:2] / middle[2], 13.5)


def test_paper_draws_both_orders_with_contrast_enough_to_see():
    images = digits(300)
    changed = augment(images, AugmentSpec(paper=True), np.random.default_rng(6)).astype(float)
    ink, ground = images[..., 0] > 200, images[..., 0] < 20
    contrast = np.array(
        [p[i].mean() - p[g].mean() for p, i, g in zip(changed[..., 0], ink, ground, strict=True)]
    )
    assert np.abs(contrast).min() > 30
    assert 0.5 < (contrast < 0).mean() < 0.8


def test_colour_images_keep_their_channels():
    images = np.random.default_rng(0).integers(0, 256, (8, 48, 48, 3), np.uint8)
    changed = augment(images, read_recipe("photos").augment, np.random.default_rng(0))
    assert changed.shape == images.shape


def photos(count=100):
    """Colour images with structure on every side."""
    return np.random.default_rng(2).integers(0, 256, (count, 16, 20, 3)).astype(np.uint8)


def test_a_crop_is_part_of_the_mirrored_image_shifted_by_at_most_crop():
    images = photos()
    changed = augment(images, AugmentSpec(crop=0.25), np.random.default_rng(0))
    places = set()
    for before, after in zip(images, changed, strict=True):
        padded = np.pad(before, ((4, 4), (5, 5), (0, 0)), mode="reflect")
        found = [
            (y, x) for y in range(9) for x in range(11) if (padded[y : y + 16, x : x + 20] == after).all()
        ]
        assert len(found) >= 1
        places.add(found[0])
    assert len(places) > 40


def test_a_flip_mirrors_half_of_the_images_and_changes_nothing_else():
    images = photos(400)
    changed = augment(images, AugmentSpec(flip=True), np.random.default_rng(0))
    mirrored = (changed == images[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (mirrored | (changed == images).all(axis=(1, 2, 3))).all()
    assert 0.4 < mirrored.mean() < 0.6


def test_cutout_covers_a_grey_square_of_its_side():
    images = np.zeros((300, 16, 16, 3), np.uint8)
    changed = augment(images, AugmentSpec(cutout=0.5), np.random.default_rng(0))
    assert set(np.unique(changed)) == {0, 128}
    sides = {
        (int(hole.any(axis=1).sum()), int(hole.any(axis=0).sum()))
        for hole in (changed[..., 0] == 128)
        if not (hole[0].any() or hole[-1].any() or hole[:, 0].any() or hole[:, -1].any())
    }
    assert sides == {(8, 8)}, "where it does not reach over the edge"
    assert (changed == 128).mean(axis=(1, 2, 3)).max() == 0.25


def test_colour_keeps_grey_images_grey_and_turns_hue_by_its_amount():
    grey = np.repeat(photos()[..., :1], 3, axis=3)
    changed = augment(grey, AugmentSpec(color=0.5), np.random.default_rng(0)).astype(int)
    assert np.ptp(changed, axis=3).max() <= 1
    assert (changed != grey).any(axis=(1, 2, 3)).mean() > 0.95
    red = np.full((300, 2, 2, 3), (200, 60, 60), np.uint8)
    bright = augment(red, AugmentSpec(color=0.3), np.random.default_rng(0))[:, 0, 0].astype(float)
    hue = np.arctan2(np.sqrt(3) * (bright[:, 1] - bright[:, 2]), 2 * bright[:, 0] - bright[:, 1:].sum(axis=1))
    assert np.rad2deg(np.abs(hue)).max() == pytest.approx(27, abs=3), "0.3 of a quarter turn, either way"


def test_noise_grows_to_its_strength_and_blur_takes_detail_away():
    grey = np.full((400, 16, 16, 1), 128, np.uint8)
    noisy = augment(grey, AugmentSpec(noise=20), np.random.default_rng(0)).astype(float)
    deviation = (noisy - 128).std(axis=(1, 2, 3))
    assert deviation.mean() == pytest.approx(10, abs=1)
    assert deviation.max() < 24
    images = photos()
    blurred = augment(images, AugmentSpec(blur=2.0), np.random.default_rng(0))
    changed = (blurred != images).any(axis=(1, 2, 3))
    assert 0.3 < changed.mean() < 0.6
    assert (blurred[changed].std(axis=(1, 2, 3)) < images[changed].std(axis=(1, 2, 3))).all()


def test_rotation_and_scale_stay_within_their_bounds():
    rng = np.random.default_rng(0)
    for matrix in homographies(200, (32, 32), rng, rotate=15):
        assert abs(np.rad2deg(np.arctan2(matrix[1, 0], matrix[0, 0]))) <= 15
        assert np.linalg.det(matrix[:2, :2]) == pytest.approx(1)
    zooms = [np.sqrt(np.linalg.det(m[:2, :2])) for m in homographies(200, (32, 32), rng, scale=0.2)]
    assert np.exp(-0.2) <= min(zooms) < 0.9
    assert 1.1 < max(zooms) <= np.exp(0.2)
