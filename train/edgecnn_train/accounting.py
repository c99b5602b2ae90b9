"""Differentially private training: what it forbids, and its privacy loss, by Google's accountant."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from edgecnn.errors import MissingExtra, RecipeError

if TYPE_CHECKING:
    from edgecnn_train.recipe import Recipe
    from edgecnn_train.record import PrivateRecord

# The families without batch normalization, whose statistics mix images and are kept without noise.
FAMILIES = ("classic",)


@dataclass(frozen=True, slots=True)
class Spent:
    """The guarantee of a run: (epsilon, delta) for one training image more or less, and its assumptions.

    `sampling` is the chance of each image to be in a batch, `updates` the number of batches.
    """

    epsilon: float
    delta: float
    noise_multiplier: float
    clip_norm: float
    sampling: float
    updates: int
    accountant: str

    def __str__(self) -> str:
        return (
            f"differentially private: epsilon {self.epsilon:.2f} at delta {self.delta:g}, noise "
            f"{self.noise_multiplier:g}, clip {self.clip_norm:g}, {self.updates:,} updates"
            + ("; above 10 that is weak: more noise, fewer epochs or more images" * (self.epsilon > 10))
        )


def refuse(recipe: Recipe) -> None:
    """Raise RecipeError for what breaks the guarantee of a private run, or is not covered by it.

    Raises MissingExtra where the accountant is not installed.
    """
    if importlib.util.find_spec("dp_accounting") is None:
        raise MissingExtra(
            "--private needs dp-accounting: pip install 'edgecnn[private]' "
            "(in a clone of the project: pip install '.[private]')"
        )
    train, augment, image = recipe.train, recipe.augment, recipe.input
    trunk = recipe.model.trunk != "none"
    rules = [
        (
            "model.family", recipe.model.family, trunk or recipe.model.family in FAMILIES,
            " or ".join(FAMILIES), "batch normalization mixes images",
        ),
        (
            "train.fixed", train.fixed, not trunk or train.fixed == 1, "1",
            "of a network with a trunk only the head can be trained privately",
        ),
        ("augment.mixup", augment.mixup, not augment.mixup, "0", "it puts an image into two gradients"),
        ("augment.cutmix", augment.cutmix, not augment.cutmix, "0", "it puts an image into two gradients"),
        ("train.teachers", train.teachers, not train.teachers, "none", "they may know the same images"),
        (
            "train.class_weights", train.class_weights, train.class_weights == "none", "none",
            "the counts of the classes would be used without noise",
        ),
        (
            "train.optimizer", train.optimizer, train.optimizer != "gradient_descent", "another",
            "batches are drawn at random",
        ),
        (
            "quantize.method", recipe.quantize.method, recipe.quantize.method == "ptq", "ptq",
            "the training for int8 adds no noise",
        ),
        (
            "unknown.background_class", recipe.unknown.background_class, not recipe.unknown.background_class,
            "false", "its images are made from others",
        ),
        (
            "input.width", image.width, trunk or image.width > 0, "a size",
            "it would be chosen from the images",
        ),
        (
            "input.color", image.color, trunk or image.color != "auto", "gray or rgb",
            "it would be chosen from the images",
        ),
    ]  # fmt: skip
    for key, value, holds, expected, reason in rules:
        if not holds:
            raise RecipeError(f"{key} is {value!r}, expected {expected} with --private: {reason}")


def spent(recipe: Recipe, images: int) -> Spent:
    """Return the privacy loss of a private run of the recipe on this many training images.

    The accountant is dp-accounting's, by privacy loss distributions (Doroshenko et al. 2022), for the
    Gaussian mechanism on Poisson samples, composed over all updates. Raises RecipeError.
    """
    import dp_accounting as dp
    from dp_accounting.pld import PLDAccountant

    private, train = recipe.private, recipe.train
    if train.batch_size > images:
        raise RecipeError(
            f"train.batch_size is {train.batch_size}, expected at most the {images} training images"
        )
    if private.delta > 1 / images:
        raise RecipeError(
            f"private.delta is {private.delta:g}, expected at most 1/{images}, one by the number of "
            "training images: above it, giving one of them away would count as private"
        )
    sampling = train.batch_size / images
    updates = train.epochs * -(-images // train.batch_size)
    accountant = PLDAccountant()
    accountant.compose(
        dp.PoissonSampledDpEvent(sampling, dp.GaussianDpEvent(private.noise_multiplier)), updates
    )
    return Spent(
        epsilon=float(accountant.get_epsilon(private.delta)),
        delta=private.delta,
        noise_multiplier=private.noise_multiplier,
        clip_norm=private.clip_norm,
        sampling=sampling,
        updates=updates,
        accountant=f"dp-accounting {version('dp-accounting')}, PLD, Poisson sampling, add or remove one",
    )


def privacy(private: PrivateRecord, start: str) -> tuple[str, tuple[str, ...]]:
    """Return the text of a card: the guarantee of a private run, and what it protects."""
    guarantee = (
        f"Trained with DP-SGD: epsilon {private.epsilon:.2f} at delta {private.delta:g} for one "
        f"training image more or less (noise {private.noise_multiplier:g}, gradients clipped at "
        f"{private.clip_norm:g}, each image in a batch with a chance of {private.sampling:.4g}, "
        f"{private.updates:,} updates; {private.accountant})."
    )
    lines = [
        "Protected: each single image of the training split. Several images of one person or thing are "
        "protected less, and all together not at all.",
        "Not protected: the images for validation (they choose the epoch, the int8 ranges, the "
        "temperature and the threshold, and `calibration.txt` names some) and for the test (they give the "
        "figures of this card); the names of the classes; how many images there are; what was tried before "
        "this run.",
    ]
    if start:
        lines.append(f"Not covered: what `{start}`, from whose weights it started, knows of these images.")
    return guarantee, tuple(lines)
