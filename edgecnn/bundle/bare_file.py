"""Finds how a bare `.tflite` is used: its image, its labels, and what its scores are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.bundle.classifier_file import as_classifier
from edgecnn.bundle.confidence import Confidence
from edgecnn.bundle.convention import find_convention, first_quantized
from edgecnn.bundle.edgecnn_metadata import confidence_inside
from edgecnn.bundle.scores import classes_of, scores_notice
from edgecnn.bundle.usage import Usage, check_labels, must_say, scores_of
from edgecnn.errors import LabelsError

if TYPE_CHECKING:
    import os

    from edgecnn.bundle.input_spec import Given
    from edgecnn.tflite.file import TfliteFile

BACKGROUND = "background"
IMAGENET_OUTPUTS = 1001
# The possible names of a file of labels next to a model.
LABEL_FILES = ("{stem}.labels.txt", "{stem}_labels.txt", "{stem}.txt", "labels.txt")


def usage_of_file(file: TfliteFile, source: str, given: Given, folder: Path | None = None) -> Usage:
    """Find how a bare file is used: from what was given, otherwise from the file.

    Parameters
    ----------
    source
        Its name in messages.
    folder
        Where to look for a file of labels; None for nowhere.

    Raises
    ------
    ModelError
        If it is no image classifier, or what was given does not fit it.
    """
    file = as_classifier(file, source, given.output, given.size)
    convention = find_convention(file, given)
    found = scores_of(file, source, given.scores)
    missing: list[tuple[str, str]] = []
    notices = list(convention.notices)
    labels: tuple[str, ...] = ()
    confidence = Confidence()
    try:
        labels, confidence, found_notices = find_labels(file, source, given.labels, folder)
        confidence = confidence_inside(file, labels, confidence)
        notices += found_notices
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


def variant_of(file: TfliteFile) -> str:
    """Return the type that a network computes with: its input's, or that of its first operator's output."""
    inner = first_quantized(file)
    return inner.dtype if inner is not None else file.inputs[0].dtype


class NoLabelsError(LabelsError):
    """A model without labels; `lack` is what is missing, `ask` what to add."""

    def __init__(self, source: str, lack: str, ask: str) -> None:
        self.lack, self.ask = lack, ask
        super().__init__(f"{source} {lack}: {ask}")


def find_labels(
    file: TfliteFile, source: str, labels: str | os.PathLike[str] | None, folder: Path | None = None
) -> tuple[tuple[str, ...], Confidence, list[str]]:
    """Return a bare file's labels, their background class, and notices on what was inferred.

    The labels are those of a given file, otherwise those inside, otherwise those of a file next to it. Models
    trained on ImageNet with 1001 outputs have the first label `background`; a list of 1000 labels gets it. A
    model of one output has two classes; a single label names the class that its output is the score of.
    Raises LabelsError.
    """
    from edgecnn.tflite.labels import read_labels  # a bundle does not need it

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
    elif found := _label_file(Path(source), folder):
        names, origin = tuple(read_labels(found)), str(found)
        if not _fits(names, outputs, file):
            raise NoLabelsError(
                source, f"has no labels inside, and {found} has {len(names)}, expected {outputs}",
                f"give --labels FILE with {outputs} lines",
            )  # fmt: skip
        notices.append(f"labels of {found}, which is next to it; --labels FILE names others")
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


def _label_file(path: Path, folder: Path | None) -> Path | None:
    """Return the file of labels next to a model."""
    if folder is None:
        return None
    candidates = (folder / name.format(stem=path.stem) for name in LABEL_FILES)
    return next((file for file in candidates if file.is_file()), None)
