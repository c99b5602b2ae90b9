import hashlib

import numpy as np
import pytest

from edgecnn.learning.scenes import make_scenes
from edgecnn.learning.views import VIEWS, see

DIGEST = hashlib.sha256(b"one").digest()
IMAGE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)


def test_the_plain_view_is_the_image_and_the_mirror_turns_it():
    assert see(IMAGE, "plain", DIGEST) is IMAGE
    np.testing.assert_array_equal(see(IMAGE, "mirror", DIGEST), IMAGE[:, ::-1])
    np.testing.assert_array_equal(see(IMAGE[..., 0], "mirror", DIGEST), IMAGE[:, ::-1, 0])


def test_a_closer_view_is_a_square_of_the_middle_in_other_light():
    ramp = np.dstack([np.tile(np.arange(100, dtype=np.uint8), (60, 1))] * 3)
    for k in range(20):
        found = see(ramp, "closer", hashlib.sha256(bytes([k])).digest())
        height, width, _ = found.shape
        assert height == width
        assert 0.75 * 60 - 1 <= height <= 0.92 * 60 + 1
        light = (float(found[0, -1, 0]) - float(found[0, 0, 0])) / (width - 1)
        assert 0.74 < light < 1.32
        first = found[0, 0, 0] / light
        assert 19 <= first <= 36, "within the middle square, from 20 to 80"


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 3), (2, 300, 3), (300, 2)])
@pytest.mark.parametrize("view", VIEWS)
def test_images_of_any_shape_have_views(shape, view):
    found = see(np.full(shape, 7, np.uint8), view, DIGEST)
    assert found.dtype == np.uint8
    assert found.ndim == len(shape)
    assert found.size


def test_a_view_depends_on_the_image_alone():
    other = hashlib.sha256(b"two").digest()
    np.testing.assert_array_equal(see(IMAGE, "closer", DIGEST), see(IMAGE, "closer", DIGEST))
    assert see(IMAGE, "closer", DIGEST).tobytes() != see(IMAGE, "closer", other).tobytes()


def test_scenes_are_repeatable_and_varied():
    first, again, other = (list(make_scenes(3, 32, seed)) for seed in (0, 0, 1))
    assert all(scene.shape == (32, 32, 3) and scene.dtype == np.uint8 for scene in first)
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert any((a != b).any() for a, b in zip(first, other, strict=True))
    assert all(scene.std() > 10 for scene in first)
