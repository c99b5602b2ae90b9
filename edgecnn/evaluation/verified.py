"""How an int8 model compares with its float twin, and the gate that a bundle has to pass."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.defaults import ALLOWED_DROP
from edgecnn.errors import GateError
from edgecnn.evaluation.result import score

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

# A network that is right at most this many times as often as chance has learned nothing.
GUESSING = 1.5
# Of fewer test images, each counts more than a point.
_FEW = 100


@dataclass(frozen=True, slots=True)
class Verified:
    """How int8 compares with float on the same test images.

    Shares are 0 to 1. `confusion` counts int8's answers: a row for each true class, a column for each
    predicted one. `synthetic` is int8's top-1 on frames of the synthetic camera, if that was measured;
    `wrong` are the places of the images that int8 misclassifies; `others` has the top-1 of further
    variants.
    """

    pictures: int
    float_top1: float
    int8_top1: float
    agreement: float
    float_tensors: tuple[str, ...]
    confusion: NDArray[np.int64]
    synthetic: float | None
    wrong: tuple[int, ...] = ()
    others: dict[str, float] = field(default_factory=dict)

    @property
    def drop(self) -> float:
        """How many points of top-1 int8 lost."""
        return (self.float_top1 - self.int8_top1) * 100

    def as_dict(self) -> dict[str, Any]:
        """Return the manifest's table `accuracy`."""
        return {
            "test_pictures": self.pictures,
            "agreement": self.agreement,
            "drop_points": round(self.drop, 4),
            "float_tensors": len(self.float_tensors),
            "synthetic": self.synthetic,
        }


@dataclass(frozen=True, slots=True)
class GateAdvice:
    """The advice in messages of `gate`, as clauses that name options of the command.

    Attributes
    ----------
    guessing
        For a float network that is hardly better than guessing.
    few
        For few test images.
    drop
        For an int8 model that loses too much, in addition to `--allow-drop`.
    agreement
        For an int8 model that differs too often from float.
    """

    guessing: str
    few: str
    drop: str
    agreement: str


def compare_answers(
    truth: NDArray[np.int64],
    named: Mapping[str, NDArray[np.int64]],
    labels: tuple[str, ...],
    float_tensors: tuple[str, ...],
    synthetic: float | None = None,
) -> Verified:
    """Compare the answers of all variants, int8 and float32 among them, with the true classes.

    Parameters
    ----------
    truth
        The true class indices, int64 (images,).
    named
        The predicted ones of each variant, in the same order.
    float_tensors
        The names of the int8 model's tensors that are float.
    synthetic
        int8's top-1 on frames of the synthetic camera, where that was measured.
    """
    scores = {name: score(truth, answer, labels) for name, answer in named.items()}
    return Verified(
        pictures=len(truth),
        float_top1=scores["float32"].top1,
        int8_top1=scores["int8"].top1,
        agreement=float(np.mean(named["int8"] == named["float32"])),
        float_tensors=float_tensors,
        confusion=scores["int8"].confusion,
        synthetic=synthetic,
        wrong=tuple(np.flatnonzero(named["int8"] != truth).tolist()),
        others={k: v.top1 for k, v in scores.items() if k not in ("int8", "float32")},
    )


def together(results: Sequence[Verified]) -> Verified:
    """Combine the results of several networks, each on test images of its own."""
    counts = [r.pictures for r in results]

    def mean(values: Iterable[float]) -> float:
        return float(np.average(list(values), weights=counts))

    return Verified(
        pictures=sum(counts),
        float_top1=mean(r.float_top1 for r in results),
        int8_top1=mean(r.int8_top1 for r in results),
        agreement=mean(r.agreement for r in results),
        float_tensors=tuple(sorted({name for r in results for name in r.float_tensors})),
        confusion=sum((r.confusion for r in results[1:]), results[0].confusion),
        synthetic=None,
        others={name: mean(r.others[name] for r in results) for name in results[0].others},
    )


def lost(result: Verified) -> str:
    """Return how int8's top-1 differs from float's, in words."""
    return f"{'loses' if result.drop >= 0 else 'gains'} {abs(result.drop):.2f} points"


def gate(
    result: Verified, advice: GateAdvice, allowed_drop: float = ALLOWED_DROP, agreement: float = 0.0
) -> None:
    """Raise GateError unless int8 is whole, at most `allowed_drop` points below float, and agrees with it.

    `agreement` is the least share of images to which both give the same answer. One image may always differ
    and be lost: of 40 test images it is 2.5 points. Where more differ, so may as many as chance explains: the
    square root of their number.
    """
    if result.float_tensors:
        raise GateError(
            f"the int8 model is not all integer: {len(result.float_tensors)} tensors are float, "
            f"such as {result.float_tensors[0]}"
        )
    # Two decimals, the precision in which the value is shown and typed.
    lost = round(result.drop * result.pictures / 100)
    differing = round((1 - result.agreement) * result.pictures)
    by_chance = 0 < lost <= max(1.0, math.sqrt(differing))
    if not by_chance and round(result.drop, 2) > allowed_drop:
        raise GateError(
            f"not published: {_own_faults(result, advice)}int8 is {result.drop:.2f} points below float "
            f"({lost} of {result.pictures:,} test images), "
            f"{allowed_drop:g} are allowed; {advice.drop}, or accept it with --allow-drop {result.drop:.2f}"
        )
    if differing > 1 and round(result.agreement, 4) < agreement:
        raise GateError(
            f"not published: {_own_faults(result, advice)}int8 and float give the same answer for "
            f"{result.agreement:.2%} of {result.pictures:,} test images, expected {agreement:.2%}; "
            f"{advice.agreement}"
        )


def _own_faults(result: Verified, advice: GateAdvice) -> str:
    """Return what is wrong apart from quantization: a network that learned nothing, or few test images."""
    classes = len(result.confusion)
    if result.float_top1 <= GUESSING / classes:
        return (
            f"the float network itself is hardly better than guessing ({result.float_top1:.1%} right, "
            f"{classes} classes): {advice.guessing}; in addition, "
        )
    if result.pictures < _FEW:
        return (
            f"{result.pictures:,} test images are few, each is {1 / result.pictures:.1%} of them: "
            f"{advice.few}; "
        )
    return ""
