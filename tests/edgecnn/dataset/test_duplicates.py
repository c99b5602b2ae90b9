import numpy as np

from edgecnn.dataset.duplicates import Duplicates, digest_pixels, find_duplicates, thumbnail


def test_copies_and_lighter_copies_are_in_one_group():
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 200, (24, 24, 3), np.uint8).repeat(4, 0).repeat(4, 1) for _ in range(12)]
    images += [images[3].copy(), np.clip(images[5] * 0.8 + 30, 0, 255).astype(np.uint8)]
    same = find_duplicates([digest_pixels(i) for i in images], np.stack([thumbnail(i) for i in images]), 0)
    assert [g.tolist() for g in same.exact()] == [[3, 12]]
    assert [g.tolist() for g in same.groups()] == [[3, 12], [5, 13]]
    assert same.twin(12, np.arange(14) < 12) == (3, 1.0)


def test_a_gray_image_has_a_thumbnail_of_three_equal_channels():
    small = thumbnail(np.arange(64 * 48, dtype=np.uint32).reshape(64, 48).astype(np.uint8))
    assert small.shape == (32, 32, 3)
    assert (small[..., 0] == small[..., 2]).all()
    assert digest_pixels(small) != digest_pixels(small[:, ::-1])


def test_duplicates_tie_groups_together():
    # 0 and 1 are the same, 2 is near 0, 3 and 4 are near one another.
    same = Duplicates(
        np.array([0, 0, 1, 2, 3, 4]), np.array([[0, 1], [2, 3]]), np.array([0.9, 0.9], np.float32)
    )
    assert same.tie([""] * 6) == ["alike-1"] * 3 + ["alike-2"] * 2 + [""]
    assert same.tie(["b", "", "a", "", "c", "b"]) == ["a", "a", "a", "c", "c", "a"]
