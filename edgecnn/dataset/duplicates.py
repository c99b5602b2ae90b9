"""Finds images that are the same: pixel for pixel, or the same photo saved, cropped or lit again.

Near duplicates in two splits make a test too optimistic: a CNN memorizes one and is tested on the other
(Barz & Denzler 2020, "Do we train on test data?", found it for 3.3 % of CIFAR-10's test images).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edgecnn.image.shrink import shrink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


# The side of a thumbnail: enough to distinguish two photos, and all of a CIFAR image. 3 KiB an image, 180 MiB
# for 60,000.
THUMBNAIL = 32
# Two images are near duplicates where each is within `NEARER` of the squared distance of the other one
# to its 20th nearest image, and within `LOOSEST`; from `CLOSEST` on the 20th nearest does not matter.
NEARER = 0.2
LOOSEST = 0.9
CLOSEST = 0.9995
# What confirms a pair: the correlation of the two thumbnails, all their pixels and colors, and that of their
# details, the difference from a Gaussian blur of 2 pixels. Smooth photos, such as two caps on one
# table, correlate by the light on the table alone.
CONFIRMED = 0.85
DETAILED = 0.3
_RANK = 20
_BLOCK = 512


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Which images are the same.

    `distinct` (int64 N) numbers the different contents: images with the same number have the same pixels.
    `near` (int64 M×2) are pairs of such numbers, `likeness` (float32 M) the correlation of their thumbnails.
    """

    distinct: NDArray[np.int64]
    near: NDArray[np.int64]
    likeness: NDArray[np.float32]

    def groups(self) -> list[NDArray[np.int64]]:
        """Return the places of images that belong together, exact and near, in groups of two or more."""
        parent = np.arange(self.distinct.max() + 1)

        def root(k: int) -> int:
            while parent[k] != k:
                parent[k] = parent[parent[k]]
                k = int(parent[k])
            return k

        for a, b in self.near.tolist():
            parent[root(a)] = root(b)
        roots = np.array([root(k) for k in range(len(parent))])[self.distinct]
        return _runs(roots)

    def exact(self) -> list[NDArray[np.int64]]:
        """Return the places of images with the same pixels, in groups of two or more."""
        return _runs(self.distinct)

    def tie(self, groups: Sequence[str]) -> list[str]:
        """Return each image's group, an empty text for none, with duplicates in one.

        Groups that duplicates tie together become one.
        """
        tied = list(groups)
        for number, members in enumerate(self.groups(), 1):
            joined = {tied[p] for p in members} - {""}
            name = min(joined, default=f"alike-{number}")
            tied = [name if group in joined else group for group in tied] if len(joined) > 1 else tied
            for p in members:
                tied[p] = name
        return tied

    def touched(self, marks: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Tell for each image whether another image like it is marked (bool N)."""
        count = np.bincount(self.distinct, marks, minlength=self.distinct.max() + 1)
        nearby = np.zeros(len(count))
        np.add.at(nearby, self.near[:, 0], count[self.near[:, 1]])
        np.add.at(nearby, self.near[:, 1], count[self.near[:, 0]])
        return np.asarray(count[self.distinct] - marks + nearby[self.distinct] > 0)

    def twin(self, image: int, among: NDArray[np.bool_]) -> tuple[int, float]:
        """Return the image among the marked ones that is most like this one, and how like it is."""
        here = self.distinct[image]
        same = np.flatnonzero((self.distinct == here) & among)
        if others := same[same != image].tolist():
            return int(others[0]), 1.0
        pairs = np.flatnonzero((self.near == here).any(1))
        for pair in pairs[np.argsort(-self.likeness[pairs], kind="stable")]:
            other = self.near[pair].sum() - here
            if found := np.flatnonzero((self.distinct == other) & among).tolist():
                return int(found[0]), float(self.likeness[pair])
        raise ValueError(f"image {image} has no twin among the marked ones")


def thumbnail(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an image, gray or BGR, as `find_duplicates` compares it: stretched to uint8 32×32×3 BGR."""
    small = shrink(image, THUMBNAIL, THUMBNAIL, "area")
    return small if small.ndim == 3 else cv2.cvtColor(small, cv2.COLOR_GRAY2BGR)  # type: ignore[return-value]


def digest_pixels(image: NDArray[np.uint8]) -> bytes:
    """Return a digest that images with the same pixels share."""
    digest = hashlib.blake2b(repr(image.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(image).data)
    return digest.digest()


def unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return vectors, (vectors, values), divided by their lengths; zeros stay zeros."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6), np.float32)


def find_duplicates(digests: Sequence[bytes], thumbnails: NDArray[np.uint8], seed: int) -> Duplicates:
    """Find exact and near duplicates among images.

    Each thumbnail becomes the 63 lowest frequencies of its cosine transform without the mean, scaled to
    length one, so that brightness and contrast do not count. All pairs are compared, in blocks: 60,000
    images take some ten seconds. What counts as near follows from the data: photos of bottles on one
    table are all alike, and only a far higher similarity means a copy. A pair that is near is
    confirmed by the correlation of the whole thumbnails in color, and of their details.

    Parameters
    ----------
    digests
        One for each image; see `digest_pixels`.
    thumbnails
        uint8 N×32×32×3; see `thumbnail`.
    seed
        Draws the images that estimate which distances are usual, where there are many.
    """
    _, first, distinct = np.unique(
        np.array([d.hex() for d in digests]), return_index=True, return_inverse=True
    )
    near, likeness = _near_pairs(thumbnails[first], np.random.default_rng([seed, 200]))
    return Duplicates(distinct.astype(np.int64).ravel(), near, likeness)


def _near_pairs(
    thumbnails: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    points = _low_frequencies(thumbnails)
    limits = _limits(points, rng)
    found = [np.empty((0, 2), np.int64)]
    for start in range(0, len(points), _BLOCK):
        block = points[start : start + _BLOCK]
        likeness = block @ points[start:].T
        i, j = np.nonzero(likeness > limits[start : start + len(block), None])
        keep = (j > i) & (likeness[i, j] > limits[start + j])
        found.append(np.stack([i[keep], j[keep]], axis=1) + start)
    pairs = np.concatenate(found)
    whole, detail = _correlations(thumbnails, pairs)
    keep = (whole >= CONFIRMED) & (detail >= DETAILED)
    # Rounding may reach 1, which means the same pixels.
    return pairs[keep], np.minimum(whole[keep], np.float32(0.9999))


def _low_frequencies(thumbnails: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return float32 N×63 of length one; zeros for images without any contrast."""
    points = np.empty((len(thumbnails), 63), np.float32)
    for k, image in enumerate(thumbnails):
        gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)
        points[k] = cv2.dct(gray)[:8, :8].ravel()[1:]
    # Less than one gray level in the root mean square: nothing to compare.
    points[np.linalg.norm(points, axis=1) < 32] = 0
    return unit(points)


def _limits(points: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return for each image the correlation above which another one is a near duplicate.

    The 20th nearest of all is estimated as the second nearest of a drawn tenth where there are many.
    """
    count = len(points)
    asked = count if count <= 4000 else max(4000, count // 10)
    sample = np.sort(rng.permutation(count)[:asked])
    rank = min(max(1, round(min(_RANK, count // 4) * asked / count)), asked - 1)
    unrelated = np.zeros(count, np.float32)
    for start in range(0, count if rank else 0, _BLOCK):
        likeness = points[start : start + _BLOCK] @ points[sample].T
        likeness[sample[None] == np.arange(start, start + len(likeness))[:, None]] = -1
        unrelated[start : start + _BLOCK] = np.partition(likeness, asked - rank, axis=1)[:, asked - rank]
    return np.asarray(np.clip(1 - NEARER * (1 - unrelated), LOOSEST, CLOSEST), np.float32)


def _correlations(
    thumbnails: NDArray[np.uint8], pairs: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return for each pair the correlation of the thumbnails, and of their details."""
    whole, detail = np.empty(len(pairs), np.float32), np.empty(len(pairs), np.float32)
    for start in range(0, len(pairs), _BLOCK):
        a, b = (thumbnails[side].astype(np.float32) for side in pairs[start : start + _BLOCK].T)
        whole[start : start + _BLOCK] = (_centred(a) * _centred(b)).sum(1)
        detail[start : start + _BLOCK] = (_centred(_details(a)) * _centred(_details(b))).sum(1)
    return whole, detail


def _details(images: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.stack([p - cv2.GaussianBlur(p, (0, 0), 2) for p in images]).astype(np.float32)


def _centred(images: NDArray[np.float32]) -> NDArray[np.float32]:
    flat = images.reshape(len(images), -1)
    return unit(flat - flat.mean(1, keepdims=True))


def _runs(numbers: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the places of equal numbers, in groups of two or more, by their first place."""
    order = np.argsort(numbers, kind="stable")
    starts = np.flatnonzero(np.diff(numbers[order])) + 1
    return sorted((g for g in np.split(order, starts) if len(g) > 1), key=lambda g: int(g[0]))
