import numpy as np
import pytest

from edgecnn_train.augment import mix
from edgecnn_train.augment.mix import cutmix, mixup
from edgecnn_train.recipe import AugmentSpec

COUNT, SIDE = 200, 12


def batch():
    """Images of one shade each, told apart by it, and a class for each image."""
    shades = np.linspace(0.1, 1, COUNT, dtype=np.float32)
    return np.broadcast_to(shades[:, None, None, None], (COUNT, SIDE, SIDE, 1)).copy(), np.eye(
        COUNT, dtype=np.float32
    )


def test_mixup_blends_images_and_targets_by_the_same_share():
    images, targets = batch()
    mixed, shares = mixup(images, targets, 0.4, np.random.default_rng(0))
    assert np.allclose(shares.sum(axis=1), 1)
    assert np.allclose(mixed[:, 0, 0, 0], shares @ images[:, 0, 0, 0], atol=1e-5)
    assert (mixed == mixed[:, :1, :1]).all()
    assert (np.count_nonzero(shares, axis=1) <= 2).all()


@pytest.mark.parametrize("alpha", [0.2, 1.0, 8.0])
def test_mixups_share_is_drawn_from_a_beta_distribution(alpha):
    images, targets = np.zeros((4000, 1, 1, 1), np.float32), np.eye(2, dtype=np.float32)[[0, 1] * 2000]
    rng = np.random.default_rng(1)
    share = np.concatenate([mixup(images, targets, alpha, rng)[1][::2, 0] for _ in range(5)])
    # Half of the partners are of the same class; the others show λ itself.
    different = share[share < 1]
    assert different.mean() == pytest.approx(0.5, abs=0.03)
    assert different.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.1)


def test_cutmix_pastes_a_box_and_shares_targets_by_the_area_that_was_pasted():
    images, targets = batch()
    mixed, shares = cutmix(images, targets, 1.0, np.random.default_rng(0))
    assert np.allclose(shares.sum(axis=1), 1)
    areas = []
    for i in range(COUNT):
        own = np.isclose(mixed[i, :, :, 0], images[i, 0, 0, 0])
        partner = np.flatnonzero(shares[i] * (np.arange(COUNT) != i))
        if len(partner) == 0:
            assert own.all()
            continue
        pasted = np.isclose(mixed[i, :, :, 0], images[partner[0], 0, 0, 0])
        assert (own ^ pasted).all()
        assert pasted.mean() == pytest.approx(shares[i, partner[0]], abs=1e-6)
        rows, columns = np.flatnonzero(pasted.any(axis=1)), np.flatnonzero(pasted.any(axis=0))
        box = pasted[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert box.all(), "what is pasted is one box"
        areas.append(pasted.mean())
    assert len(areas) > COUNT * 0.8
    assert min(areas) < 0.2
    assert max(areas) > 0.6


def test_nothing_is_mixed_unless_it_is_asked_for_and_both_kinds_take_turns():
    images, targets = batch()
    assert mix(images, targets, AugmentSpec(), np.random.default_rng(0))[0] is images
    kinds = set()
    for seed in range(20):
        mixed, _ = mix(images, targets, AugmentSpec(mixup=0.3, cutmix=1.0), np.random.default_rng(seed))
        kinds.add(bool((mixed == mixed[:, :1, :1]).all()))
    assert kinds == {True, False}


def test_the_seed_decides_and_the_batch_is_left_as_it_was():
    images, targets = batch()
    before = images.copy()
    for kind in (mixup, cutmix):
        a, b, c = (kind(images, targets, 1.0, np.random.default_rng(s)) for s in (1, 1, 2))
        assert np.array_equal(a[0], b[0])
        assert np.array_equal(a[1], b[1])
        assert not np.array_equal(a[0], c[0])
    assert np.array_equal(images, before)
