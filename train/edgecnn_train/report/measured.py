"""Figures that are taken from the finished bundle, as its users will run it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgecnn.bench import Candidate
from edgecnn.bench import measure as measure_latency
from edgecnn.classify.loader import load
from edgecnn.evaluation.corruption import NAMES
from edgecnn.evaluation.evaluate import choose, evaluate_variants
from edgecnn.machine.board import describe_board
from edgecnn.tflite.arena import arena_bytes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgecnn.bundle.bundle import Bundle
    from edgecnn.dataset import Item
    from edgecnn.evaluation.result import Evaluation
    from edgecnn_train.recipe import Recipe
    from edgecnn_train.splits import Dataset

_BLOCKS = 20


@dataclass(frozen=True, slots=True)
class Measured:
    """What the model costs on this machine, and how it holds under corruptions.

    `robustness` is None where the recipe asks for none (`verify.corruptions`), or no image is held back.
    """

    cost: dict[str, Any]
    robustness: Evaluation | None

    def as_dict(self) -> dict[str, Any]:
        """Return the manifest's tables `cost` and, where it was measured, `robustness`."""
        if self.robustness is None:
            return {"cost": self.cost}
        figures = self.robustness.as_dict()
        return {
            "cost": self.cost,
            "robustness": {"pictures": figures["pictures"], **figures["corruptions"]},
        }


class _TestSplit:
    """The data's test split as a source, so that second objects are test images too."""

    def __init__(self, data: Dataset) -> None:
        self.labels, self.items = data.labels, list(data.test.items)
        self.background = data.input.background
        self._source = data.source

    def read(self, item: Item, least: int | None = None) -> NDArray[np.uint8]:
        """Read one image."""
        return self._source.read(item, least)

    def digest(self, item: Item) -> bytes:
        """Return the SHA-256 of an image as it is stored."""
        return self._source.digest(item)


def measure(bundle: Bundle, data: Dataset, recipe: Recipe, network: Any) -> Measured:
    """Open a bundle that is whole but for its report, and measure what is still missing."""
    with load(bundle, "int8") as int8, load(bundle, "float32") as float32:
        variants = {"int8": int8, "float32": float32}
        candidates = {name: Candidate.of(c) for name, c in variants.items()}
        measure_latency(list(candidates.values()), blocks=_BLOCKS)
        cost = {
            "parameters": int(network.count_params()),
            "macs": int8.model.file.macs,
            "arena_bytes": {name: arena_bytes(c.model.file) for name, c in variants.items()},
            "latency_ms": {
                name: {stage: c.spread(stage).as_dict() for stage in ("inference", "total")}
                for name, c in candidates.items()
            },
            "machine": describe_board().summary,
        }
        robustness = None
        if recipe.verify.corruptions and len(data.test):
            chosen = choose(data.test.items, recipe.verify.corruptions)
            robustness = evaluate_variants(
                variants,
                _TestSplit(data),
                chosen,
                data=recipe.data.name or "the test split",
                corruptions=NAMES,
            )
        return Measured(cost, robustness)
