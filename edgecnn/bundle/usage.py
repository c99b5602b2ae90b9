"""How a model is used: how images get in, and what its outputs and their numbers are called.

`classify`, `import` and `inspect` all go by what stands here, so that what one says is what another does.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from edgecnn.bundle.classifier_file import as_classifier
from edgecnn.bundle.confidence import Confidence
from edgecnn.bundle.convention import TOLD, Given, find_convention, first_quantized
from edgecnn.bundle.own_metadata import own_confidence
from edgecnn.bundle.scores import SCORES, Found, classes_of, scores_of_graph
from edgecnn.errors import LabelsError, ModelError
from edgecnn.io.cache import Cache

if TYPE_CHECKING:
    import os

    from edgecnn.bundle.convention import Convention
    from edgecnn.bundle.scores import Scores
    from edgecnn.tflite.file import TfliteFile

BACKGROUND = "background"
IMAGENET_OUTPUTS = 1001
ASK_FOR_SCORES = "say --scores probabilities, --scores logits or --scores multi-label"
# Files of labels beside a model, by what they may be called.
BESIDE = ("{stem}.labels.txt", "{stem}_labels.txt", "{stem}.txt", "labels.txt")


class Usage(NamedTuple):
    """How a model is used.

    Attributes
    ----------
    file
        The file with one output and with the shape that its input will have.
    variant
        `int8`, `uint8` or `float32`: what the network computes in.
    convention
        How images get in; its range is None where it has to be told.
    labels
        One for each class; none where they have to be told.
    confidence
        Which label stands for none of the others.
    found
        What the output's numbers are: None until the model has run where the graph does not tell.
    missing
        What has to be told before it can run: what is missing, and what to add, in pairs.
    notices
        What was inferred, and what a person should know, a line each.
    """

    file: TfliteFile
    variant: str
    convention: Convention
    labels: tuple[str, ...]
    confidence: Confidence
    found: Found
    missing: tuple[tuple[str, str], ...] = ()
    notices: tuple[str, ...] = ()

    def require(self, source: str) -> None:
        """Raise ModelError, or LabelsError, for what has to be told, all in one line."""
        if not self.missing:
            return
        lacks = " and ".join(lack for lack, _ in self.missing)
        asks = ", and ".join(ask for _, ask in self.missing)
        kind = ModelError if self.labels else LabelsError
        raise kind(f"{source} {lacks}: {asks}")


def usage_of_file(file: TfliteFile, source: str, given: Given, folder: Path | None = None) -> Usage:
    """Tell how a bare file is used, from what was given, else from what it says itself.

    Parameters
    ----------
    source
        What to call it.
    folder
        Where to look for labels beside it; None for nowhere.

    Raises
    ------
    ModelError
        Where it is no image classifier, or what was given does not fit it.
    """
    file = as_classifier(file, source, given.output, given.size)
    convention = find_convention(file, given)
    found = scores_of(file, source, given.scores)
    missing: list[tuple[str, str]] = []
    notices = list(convention.notices)
    labels: tuple[str, ...] = ()
    confidence = Confidence()
    try:
        labels, confidence, said = find_labels(file, source, given.labels, folder)
        confidence = own_confidence(file, labels, confidence)
        notices += said
    except NoLabelsError as error:
        missing.append((error.lack, error.ask))
    if convention.value_range is None:
        missing.append((convention.reasons["range"], convention.ask))
    if must_say(found, file):
        notices.append(scores_notice(found))
    return Usage(
        file, variant_of(file), convention, labels, confidence, found, tuple(missing),
        tuple(f"{Path(source).name}: {notice}" for notice in notices),
    )  # fmt: skip


def remembered_scores(file: TfliteFile) -> Found | None:
    """Return what running the model on this machine told of its scores; None where it has not run."""
    kept = Cache("scores").get(_key(file)) or {}
    scores, reason = kept.get("scores"), kept.get("reason")
    if not isinstance(reason, str) or scores not in (None, *SCORES):
        return None
    return Found(scores, reason, sure=False)


def remember_scores(file: TfliteFile, found: Found) -> None:
    """Keep what running the model told of its scores."""
    Cache("scores").put(_key(file), {"scores": found.scores, "reason": found.reason})


def _key(file: TfliteFile) -> str:
    return f"{hashlib.sha256(file.data).hexdigest()} {file.output}"


def must_say(found: Found, file: TfliteFile) -> bool:
    """Whether what was inferred of the scores could surprise: anything but plain softmax or logits."""
    if found.scores is None or found.reason == TOLD:
        return False
    return found.scores == "multi-label" or not found.sure or file.outputs[0].size == 1


def scores_notice(found: Found) -> str:
    """Return what was inferred of the scores, and what says otherwise."""
    others = {
        "probabilities": "--scores logits or multi-label",
        "logits": "--scores probabilities",
        "multi-label": "--scores probabilities for one class an image",
    }
    means = {
        "probabilities": "they are taken for probabilities",
        "logits": "softmax is applied to them",
        "multi-label": "a class is found where its score reaches 0.5",
    }
    scores = found.scores or "logits"
    return f"{found.reason}; {means[scores]}; {others[scores]} says otherwise"


def scores_of(file: TfliteFile, source: str, told: Scores | None) -> Found:
    """Return what a classifier's output is, from what was told, else from its graph. Raises ModelError."""
    if told == "multi-label" and file.outputs[0].size == 1:
        raise ModelError(
            f"{source} has one output, which stands for two classes: leave --scores multi-label out"
        )
    if told:
        return Found(told, TOLD)
    try:
        return scores_of_graph(file)
    except ModelError as error:
        raise ModelError(f"{source} {error}") from None


def variant_of(file: TfliteFile) -> str:
    """Return what a network computes in: the type of its input, or of what its first operator makes of it."""
    inner = first_quantized(file)
    return inner.dtype if inner is not None else file.inputs[0].dtype


class NoLabelsError(LabelsError):
    """A model without labels: what it lacks, and what to add."""

    def __init__(self, source: str, lack: str, ask: str) -> None:
        self.lack, self.ask = lack, ask
        super().__init__(f"{source} {lack}: {ask}")


def find_labels(
    file: TfliteFile, source: str, labels: str | os.PathLike[str] | None, folder: Path | None = None
) -> tuple[tuple[str, ...], Confidence, list[str]]:
    """Return a bare file's labels, which of them stands for none of the others, and what was inferred.

    They are those of a file that was given, else those inside, else those of a file beside it. A first label
    `background` is that of the models trained on ImageNet with 1001 outputs; a list without it, of one label
    less than there are outputs, gets it. A model of one output has two classes; one label names the one that
    its output is the score of. Raises LabelsError.
    """
    from edgecnn.tflite.labels import read_labels  # a bundle needs none of it

    outputs = classes_of(file.outputs[0])
    metadata = file.metadata if labels is None else None
    notices = []
    if labels is not None:
        names, origin = tuple(read_labels(labels)), str(labels)
    elif metadata and metadata.labels:
        names, origin = metadata.labels, f"the metadata of {source}"
    elif metadata and metadata.no_labels:
        raise NoLabelsError(
            source,
            f"has labels inside that can't be used ({metadata.no_labels})",
            f"give --labels FILE with {outputs} lines",
        )
    elif beside := _beside(Path(source), folder):
        names, origin = tuple(read_labels(beside)), str(beside)
        if not _fits(names, outputs, file):
            raise NoLabelsError(
                source, f"has no labels inside, and {beside} has {len(names)}, expected {outputs}",
                f"give --labels FILE with {outputs} lines",
            )  # fmt: skip
        notices.append(f"labels of {beside}, which lies beside it; --labels FILE names others")
    else:
        ask = f"give --labels FILE with {outputs} lines"
        raise NoLabelsError(source, "has no labels inside", ask)
    if len(names) + 1 == outputs == IMAGENET_OUTPUTS and names[0].lower() != BACKGROUND:
        names = (BACKGROUND, *names)
    if file.outputs[0].size == 1 and len(names) == 1:
        names = (f"not {names[0]}", *names)
    check_labels(names, file, origin)
    return names, Confidence(background=0 if names[0].lower() == BACKGROUND else None), notices


def _fits(names: tuple[str, ...], outputs: int, file: TfliteFile) -> bool:
    extra = len(names) + 1 == outputs and (outputs == IMAGENET_OUTPUTS or file.outputs[0].size == 1)
    return len(names) == outputs or extra


def _beside(path: Path, folder: Path | None) -> Path | None:
    """Return the file of labels that lies beside a model."""
    if folder is None:
        return None
    candidates = (folder / name.format(stem=path.stem) for name in BESIDE)
    return next((file for file in candidates if file.is_file()), None)


def check_labels(labels: tuple[str, ...], file: TfliteFile, origin: str) -> None:
    """Raise LabelsError unless there is a label for each class."""
    expected = classes_of(file.outputs[0])
    if len(labels) != expected:
        one = " (one output, which stands for two classes)" if file.outputs[0].size == 1 else ""
        raise LabelsError(
            f"{origin} has {len(labels)} label{'s' * (len(labels) != 1)}, but the model has {expected} "
            + (f"classes{one}" if one else "outputs")
        )
