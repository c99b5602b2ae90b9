"""How a model is used: how images become its input, and what its outputs and their numbers mean.

`classify`, `import` and `inspect` all use this module, so that one does what another reports.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from edgecnn.bundle.input_spec import GIVEN
from edgecnn.bundle.scores import SCORES, Found, classes_of, scores_of_graph
from edgecnn.errors import LabelsError, ModelError
from edgecnn.io.cache import Cache

if TYPE_CHECKING:
    from edgecnn.bundle.confidence import Confidence
    from edgecnn.bundle.input_spec import Convention
    from edgecnn.bundle.scores import Scores
    from edgecnn.tflite.file import Tensor, TfliteFile


class Usage(NamedTuple):
    """How a model is used.

    Attributes
    ----------
    file
        The file with the outputs that are used, and with its input's final shape.
    variant
        `int8`, `uint8` or `float32`: the type that the network computes with.
    convention
        How images become the input; its range is None if it must be given.
    labels
        One for each class; empty if they must be given.
    confidence
        Temperature, thresholds, and the background class.
    found
        What the output's numbers are; None until the model has run, if the graph does not show it.
    missing
        What must be given before it can run, in pairs: the lack, and the remedy.
    notices
        What was inferred, and what a user should know, one line each.
    """

    file: TfliteFile
    variant: str
    convention: Convention
    labels: tuple[str, ...]
    confidence: Confidence
    found: Found
    missing: tuple[tuple[str, str], ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def nearness(self) -> Tensor | None:
        """The output with the nearness; None without one."""
        return self.file.outputs[1] if len(self.file.outputs) > 1 else None

    def require(self, source: str) -> None:
        """Raise ModelError, or LabelsError, for everything that must be given, in one line."""
        if not self.missing:
            return
        lacks = " and ".join(lack for lack, _ in self.missing)
        asks = ", and ".join(ask for _, ask in self.missing)
        kind = ModelError if self.labels else LabelsError
        raise kind(f"{source} {lacks}: {asks}")


def remembered_scores(file: TfliteFile) -> Found | None:
    """Return what running the model on this machine showed about its scores; None if it has not run."""
    kept = Cache("scores").get(_key(file)) or {}
    scores, reason = kept.get("scores"), kept.get("reason")
    if not isinstance(reason, str) or scores not in (None, *SCORES):
        return None
    return Found(scores, reason, sure=False)


def remember_scores(file: TfliteFile, found: Found) -> None:
    """Keep what running the model showed about its scores."""
    Cache("scores").put(_key(file), {"scores": found.scores, "reason": found.reason})


def _key(file: TfliteFile) -> str:
    return f"{hashlib.sha256(file.data).hexdigest()} {file.output}"


def must_say(found: Found, file: TfliteFile) -> bool:
    """Whether what was inferred about the scores needs a notice: all but plain softmax and logits."""
    if found.scores is None or found.reason == GIVEN:
        return False
    return found.scores == "multi-label" or not found.sure or file.outputs[0].size == 1


def scores_of(file: TfliteFile, source: str, given: Scores | None) -> Found:
    """Return what a classifier's output is: as given, otherwise by its graph. Raises ModelError."""
    if given == "multi-label" and file.outputs[0].size == 1:
        raise ModelError(
            f"{source} has one output, which stands for two classes: leave --scores multi-label out"
        )
    if given:
        return Found(given, GIVEN)
    try:
        return scores_of_graph(file)
    except ModelError as error:
        raise ModelError(f"{source} {error}") from None


def check_labels(labels: tuple[str, ...], file: TfliteFile, origin: str) -> None:
    """Raise LabelsError unless each class has a label."""
    expected = classes_of(file.outputs[0])
    if len(labels) != expected:
        one = " (one output, which stands for two classes)" if file.outputs[0].size == 1 else ""
        raise LabelsError(
            f"{origin} has {len(labels)} label{'s' * (len(labels) != 1)}, but the model has {expected} "
            + (f"classes{one}" if one else "outputs")
        )
