"""Recognizes that a model was chosen that does not fit, and proposes another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgecnn.classify.classifier import Classifier
    from edgecnn.frame import Result

# An image is in color if its strongest and weakest channels differ by more than so many levels on average.
_COLORED = 25


def is_strange(result: Result, classifier: Classifier) -> bool:
    """Whether a model of gray images does not know an image that is in color."""
    if not result.unknown or not is_gray(classifier):
        return False
    pixels = result.frame.region[::8, ::8].astype("int16")
    return pixels.ndim == 3 and float((pixels.max(axis=2) - pixels.min(axis=2)).mean()) > _COLORED


def is_gray(classifier: Classifier) -> bool:
    """Whether a bundle takes gray images."""
    return classifier.model.bundle is not None and classifier.model.input.color == "gray"


def other_models(classifier: Classifier) -> str:
    """Describe what a model knows, and how to choose another one."""
    model, size = classifier.model, classifier.model.input
    return (
        f"{model.name} knows {len(model.labels)} classes ({', '.join(model.labels[:3])}, …) in gray images "
        f"of {size.width}×{size.height} pixels, and what it was shown looks like none of them: choose "
        "another with --model, `edgecnn models list` shows them"
    )
