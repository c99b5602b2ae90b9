"""What a network costs before it is trained, and the widest one that a budget allows."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.bench import Candidate, measure
from edgecnn.bundle.bundle import Model
from edgecnn.bundle.input_spec import InputSpec
from edgecnn.classify.classifier import Classifier
from edgecnn.engine import open_engine
from edgecnn.errors import RecipeError
from edgecnn.tflite.arena import arena_bytes
from edgecnn.tflite.file import read_tflite
from edgecnn_train.models import build
from edgecnn_train.notes import remember
from edgecnn_train.publish import with_metadata
from edgecnn_train.quantize import compact, to_int8
from edgecnn_train.registry import TRUNKS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from edgecnn_train.recipe import Recipe

# Widths that a budget chooses from.
WIDTHS = tuple(round(0.1 + 0.05 * i, 2) for i in range(39))
_BLOCKS = 8
_PICTURES = 4


@dataclass(frozen=True, slots=True)
class NetworkCost:
    """What a network costs as int8: bytes with labels inside, and milliseconds in the median, one thread."""

    parameters: int
    macs: int
    int8_bytes: int
    arena_bytes: int
    latency_ms: float

    def __str__(self) -> str:
        return (
            f"{self.parameters:,} parameters, {self.macs / 1e6:.2f} million multiplications, "
            f"{self.int8_bytes / 1024:.1f} KB in int8, {self.arena_bytes / 1024:.1f} KB of activations, "
            f"{self.latency_ms:.3f} ms an image on this machine"
        )


@dataclass(frozen=True, slots=True)
class Budget:
    """What a network may cost; 0 for no limit. A KB is 1,024 bytes."""

    kb: float = 0.0
    mmacs: float = 0.0
    ms: float = 0.0

    def __bool__(self) -> bool:
        return bool(self.kb or self.mmacs or self.ms)

    def allows(self, cost: NetworkCost) -> bool:
        """Whether a network keeps to every limit."""
        return (
            (not self.kb or cost.int8_bytes <= self.kb * 1024)
            and (not self.mmacs or cost.macs <= self.mmacs * 1e6)
            and (not self.ms or cost.latency_ms <= self.ms)
        )

    def __str__(self) -> str:
        limits = ((self.kb, "KB"), (self.mmacs, "million multiplications"), (self.ms, "ms"))
        return " and ".join(f"{limit:g} {unit}" for limit, unit in limits if limit)


def cost(recipe: Recipe, image: InputSpec, labels: Sequence[str]) -> NetworkCost:
    """Quantize the untrained network and run it: cost depends on its shape, not on its weights."""
    network = build(recipe.model, image, len(labels))
    shape = (_PICTURES, *network.input_shape[1:])
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    _disturb(network)
    content = with_metadata(
        compact(to_int8(network, images, image.value_range)), "int8", recipe, tuple(labels), image
    )
    file = read_tflite(content, recipe.model.family)
    model = Model(recipe.name, "int8", content, file, tuple(labels), image, None)
    return NetworkCost(network.count_params(), file.macs, len(content), arena_bytes(file), _latency(model))


def _disturb(network: Any) -> None:
    """Give biases and batch normalization values: while they are all alike, files store them once."""
    rng = np.random.default_rng(0)
    for weight in network.weights:
        if weight.name in ("bias", "beta"):
            weight.assign(rng.normal(0, 0.1, weight.shape))


def _latency(model: Model) -> float:
    """Measure as `edgecnn bench` does, so that the results are comparable with it and with the card."""
    with Classifier(model, open_engine("auto", model)) as classifier:
        candidate = Candidate.of(classifier)
        measure([candidate], blocks=_BLOCKS)
    return candidate.spread("inference").p50_ms


def widest(
    recipe: Recipe,
    image: InputSpec,
    labels: Sequence[str],
    budget: Budget,
    work: Path,
    say: Callable[[str], None],
) -> Recipe:
    """Return the recipe with the largest of `WIDTHS` that keeps to the budget.

    The choice is kept next to the checkpoints, so that a continued run has the same network even if the
    machine measures another latency. Raises RecipeError where even the narrowest costs too much.
    """
    plain = _with(recipe, 1.0).as_dict()
    key = {"budget": asdict(budget), "recipe": plain}
    search = partial(_search, recipe, image, labels, budget)
    width = remember(work / "width.json", key, search, WIDTHS.__contains__)
    say(f"width {width:g} is the widest within {budget}")
    return _with(recipe, width)


def largest(
    recipe: Recipe, labels: Sequence[str], budget: Budget, work: Path, say: Callable[[str], None]
) -> Recipe:
    """Return the recipe with the deepest cut of its trunk that keeps to the budget, at the largest input.

    The choice is kept as `widest` keeps its own. A size that the recipe has stays. Raises RecipeError where
    even the shortest trunk at the smallest input costs too much.
    """
    trunk = TRUNKS[recipe.model.trunk]
    assert trunk  # noqa: S101 - only recipes that have one come here
    sides = (recipe.input.width,) if recipe.input.width else trunk.sides
    cuts = (recipe.model.cut,) if recipe.model.cut else (0, *trunk.cuts)
    # From the best: a trunk loses more by its last blocks than by small images.
    shapes = [(cut, side) for cut in cuts for side in reversed(sides)]

    def search() -> float:
        found = None
        for cut in cuts:
            found = _cost_of_trunk(recipe, cut, sides[0], labels)
            if budget.allows(found):
                fits = (
                    side
                    for side in reversed(sides)
                    if budget.allows(_cost_of_trunk(recipe, cut, side, labels))
                )
                return shapes.index((cut, next(fits, sides[0])))
        raise RecipeError(
            f"no {recipe.model.trunk} is within {budget}: the smallest has {found}; "
            "train a smaller network from nothing (--trunk none)"
        )

    key = {"budget": asdict(budget), "recipe": recipe.as_dict()}
    place = remember(work / "width.json", key, search, range(len(shapes)).__contains__)
    cut, side = shapes[int(place)]
    where = f"cut after block {cut}" if cut else "whole"
    shaped = _shaped(recipe, cut, side)
    size = f"{shaped.input.width}×{shaped.input.height}"
    say(f"{recipe.model.trunk} at {size} pixels, {where}, is the largest within {budget}")
    return shaped


def _cost_of_trunk(recipe: Recipe, cut: int, side: int, labels: Sequence[str]) -> NetworkCost:
    shaped, trunk = _shaped(recipe, cut, side), TRUNKS[recipe.model.trunk]
    assert trunk  # noqa: S101 - as above
    look = shaped.input
    image = InputSpec(look.width, look.height, "rgb", look.fit, look.resize, trunk.value_range)
    return cost(shaped, image, labels)


def _shaped(recipe: Recipe, cut: int, side: int) -> Recipe:
    image = recipe.input if recipe.input.width else replace(recipe.input, width=side, height=side)
    return replace(recipe, input=image, model=replace(recipe.model, cut=cut))


def _search(recipe: Recipe, image: InputSpec, labels: Sequence[str], budget: Budget) -> float:
    low, high = 0, len(WIDTHS)
    narrowest = cost(_with(recipe, WIDTHS[0]), image, labels)
    if not budget.allows(narrowest):
        raise RecipeError(
            f"no {recipe.model.family} is within {budget}: the narrowest has {narrowest}; "
            "choose another model.family or a smaller input"
        )
    while high - low > 1:
        middle = (low + high) // 2
        if budget.allows(cost(_with(recipe, WIDTHS[middle]), image, labels)):
            low = middle
        else:
            high = middle
    return WIDTHS[low]


def _with(recipe: Recipe, width: float) -> Recipe:
    return replace(recipe, model=replace(recipe.model, width=width))
