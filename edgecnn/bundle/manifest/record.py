"""The types of a bundle's manifest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgecnn.bundle.confidence import Confidence
    from edgecnn.bundle.input_spec import InputSpec
    from edgecnn.bundle.scores import Scores

FORMAT = 1
MANIFEST = "bundle.json"
# Ends the name of a variant that was compiled for Coral's Edge TPU; the part before is the name of its base.
COMPILED = "_edgetpu"
# The name and number of golden inputs; see `edgecnn.classify.golden`.
PATTERN, COUNT = "blocks-1", 8


class Variant(NamedTuple):
    """One file of a bundle. `accuracy` is top-1 on the test split, 0 to 1, None if it was not measured."""

    name: str
    file: str
    sha256: str
    bytes: int
    macs: int
    accuracy: float | None

    def __str__(self) -> str:
        right = "" if self.accuracy is None else f", {self.accuracy:.1%} right"
        return f"{self.name} {self.bytes / 1024:,.0f} KiB{right}"

    @property
    def compiled(self) -> bool:
        """Whether it was compiled for Coral's Edge TPU and runs nowhere else."""
        return self.name.endswith(COMPILED)

    @property
    def base(self) -> str:
        """The name of the variant that it was compiled from; its own name if it was not compiled."""
        return self.name.removesuffix(COMPILED)


class Golden(NamedTuple):
    """The outputs of a bundle's variants for generated inputs, recorded when it was published.

    Attributes
    ----------
    inputs, inputs_sha256
        The name of the inputs, and the digest of their pixels.
    outputs
        By variant: for each input a row of probabilities, one for each class. Empty for inputs of a kind
        that this version does not know.
    """

    inputs: str
    inputs_sha256: str
    outputs: Mapping[str, tuple[tuple[float, ...], ...]]


class Facts(NamedTuple):
    """Facts for people, which running a model does not need; "", None or empty if the manifest lacks them.

    Attributes
    ----------
    data, licence
        The dataset that it was trained on, and that dataset's licence.
    trained
        Whether `edgecnn train` or `edgecnn learn` made it.
    seed
        The seed of its training, which drew the splits.
    test_pictures
        How many images its accuracies were measured on.
    interval
        The 95 % interval of the default variant's accuracy, where the manifest has it.
    robustness
        By variant: mean top-1 under the standard corruptions.
    by_folds
        Whether it was trained on all of its data, so that its accuracy was estimated by folds.
    """

    data: str = ""
    licence: str = ""
    trained: bool = False
    seed: int | None = None
    test_pictures: int = 0
    interval: tuple[float, float] | None = None
    robustness: Mapping[str, float] = {}
    by_folds: bool = False


@dataclass(frozen=True, slots=True)
class Manifest:
    """A checked manifest.

    Attributes
    ----------
    confidence
        By variant: temperature, thresholds and background class; empty without a `confidence` table.
    golden
        None if nothing was recorded.
    scores
        What the outputs are; None if the graph decides.
    thresholds
        The score that each class of a multi-label model needs; empty for the default.
    output
        The name of the output that has the scores, if the model has several.
    nearness
        The name of the output that has the nearness, if the model has one.
    document
        The whole JSON object. `edgecnn.bundle.manifest.writing` alone changes it, and keeps every key that
        this version does not know.
    """

    name: str
    title: str
    labels: tuple[str, ...]
    input: InputSpec
    variants: dict[str, Variant]
    confidence: dict[str, Confidence]
    golden: Golden | None
    facts: Facts
    scores: Scores | None
    thresholds: tuple[float, ...]
    output: str | None
    nearness: str | None
    document: Mapping[str, Any]
