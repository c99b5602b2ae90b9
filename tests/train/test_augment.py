from dataclasses import fields

import numpy as np
import pytest

from edgecnn_train.augment import active, augment, homographies
from edgecnn_train.recipe import AugmentSpec
from edgecnn_train.recipe_file import read_recipe
from tests.pictures import digit

STRONG = read_recipe("digits").augment


def digits(count=64):
    rng = np.random.default_rng(0)
    return np.stack([digit(str(i % 10), rng) for i in range(count)])[..., None]


def test_nothing_asked_is_nothing_changed():
    pictures = digits()
    assert augment(pictures, AugmentSpec(), np.random.default_rng(0)) is pictures
    assert not active(AugmentSpec())


def test_the_seed_decides():
    pictures = digits()
    a, b, c = (augment(pictures, STRONG, np.random.default_rng(s)) for s in (1, 1, 2))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


# What works on whole batches, or undoes the others.
MIXED = ("mixup", "cutmix", "clean")


@pytest.mark.parametrize("key", [f.name for f in fields(AugmentSpec) if f.name not in MIXED])
def test_each_change_changes_pictures_and_keeps_their_shape(key):
    value = True if key in ("flip", "paper") else 15.0 if key in ("rotate", "noise") else 0.3
    value = {"blur": 1.5, "randaugment": 6.0}.get(key, value)
    pictures = digits()
    changed = augment(pictures, AugmentSpec(**{key: value}), np.random.default_rng(3))
    assert changed.shape == pictures.shape
    assert changed.dtype == np.uint8
    assert (changed != pictures).any(axis=(1, 2, 3)).mean() > 0.3


def test_the_share_that_stays_clean_does():
    pictures = digits(400)
    changed = augment(pictures, AugmentSpec(paper=True, clean=0.4), np.random.default_rng(5))
    assert 0.3 < (changed == pictures).all(axis=(1, 2, 3)).mean() < 0.5


def test_geometry_keeps_the_digit_in_the_picture():
    pictures = digits(200)
    spec = AugmentSpec(
        shift=STRONG.shift, scale=STRONG.scale, rotate=STRONG.rotate, perspective=STRONG.perspective
    )
    changed = augment(pictures, spec, np.random.default_rng(4))
    before, after = pictures.sum(axis=(1, 2, 3), dtype=float), changed.sum(axis=(1, 2, 3), dtype=float)
    assert 0.7 < np.median(after / before) < 1.3
    assert (after / before).min() > 0.3


def test_a_shift_moves_by_at_most_its_share_and_rotation_about_the_middle():
    rng = np.random.default_rng(0)
    for matrix in homographies(50, 28, 28, AugmentSpec(shift=0.1), rng):
        assert np.allclose(matrix[:2, :2], np.eye(2))
        assert np.abs(matrix[:2, 2]).max() <= 2.8
    for matrix in homographies(50, 28, 28, AugmentSpec(rotate=90), rng):
        middle = matrix @ [13.5, 13.5, 1]
        assert np.allclose(middle[:2] / middle[2], 13.5)


def test_paper_draws_both_orders_with_contrast_enough_to_see():
    pictures = digits(300)
    changed = augment(pictures, AugmentSpec(paper=True), np.random.default_rng(6)).astype(float)
    ink, ground = pictures[..., 0] > 200, pictures[..., 0] < 20
    contrast = np.array(
        [p[i].mean() - p[g].mean() for p, i, g in zip(changed[..., 0], ink, ground, strict=True)]
    )
    assert np.abs(contrast).min() > 30
    assert 0.5 < (contrast < 0).mean() < 0.8


def test_colour_pictures_keep_their_channels():
    pictures = np.random.default_rng(0).integers(0, 256, (8, 48, 48, 3), np.uint8)
    changed = augment(pictures, read_recipe("photos").augment, np.random.default_rng(0))
    assert changed.shape == pictures.shape
