"""A model bundle: a folder with a manifest, labels and the variants of one model.

`bundle.json` is the manifest, which `edgecnn.manifest` reads. Whatever takes a model takes a bundle's
name, a bundle's folder, or a bare `.tflite` file.
"""

from __future__ import annotations

import difflib
import errno
import hashlib
import os
from pathlib import Path
from typing import Any, NamedTuple

from edgecnn.confidence import Confidence
from edgecnn.convention import Given, InputSpec, find_convention, image_size, layout_of
from edgecnn.errors import BundleError, LabelsError, ModelError, ModelNotFound
from edgecnn.labels import read_labels, strip_numbers
from edgecnn.manifest import (
    COMPILED,
    FORMAT,
    MANIFEST,
    MOST_BYTES,
    MOST_FILE_BYTES,
    Facts,
    Golden,
    Variant,
    read_manifest,
)
from edgecnn.regular_file import read_regular
from edgecnn.tflite_file import TfliteFile, read_tflite, require_classifier

__all__ = [
    "COMPILED", "FORMAT", "LABELS", "MANIFEST", "Bundle", "Model", "Variant", "bundle_folders", "find",
    "find_labels", "list_bundles", "open_model", "read_bundle", "read_file", "search_path", "survey_bundles",
]  # fmt: skip
LABELS = "labels.txt"
BACKGROUND = "background"
IMAGENET_OUTPUTS = 1001


class Bundle(NamedTuple):
    """A bundle's manifest, and the folder it was read from.

    `confidence` has an entry for each variant where the bundle was calibrated; `golden` is None where
    nothing was recorded; `manifest` is the whole JSON object, whose other keys nobody has checked.
    """

    name: str
    folder: Path
    title: str
    labels: tuple[str, ...]
    input: InputSpec
    variants: dict[str, Variant]
    confidence: dict[str, Confidence]
    golden: Golden | None
    facts: Facts
    manifest: dict[str, Any]

    @property
    def portable(self) -> tuple[str, ...]:
        """The names of the variants that run on any machine: all but the compiled ones."""
        return tuple(name for name, variant in self.variants.items() if not variant.compiled)

    def read(self, variant: str) -> bytes:
        """Return a variant's bytes, read once and checked against the manifest's hash."""
        if variant not in self.variants:
            there = ", ".join(self.variants)
            raise BundleError(f"{self.name} has no variant {variant!r}; it has {there}: choose by --variant")
        entry = self.variants[variant]
        other = f"{self.folder / entry.file} is not the file that {MANIFEST} names"
        try:
            data = read_regular(self.folder / entry.file, entry.bytes)
        except OSError as error:
            if error.errno == errno.EFBIG:
                raise BundleError(
                    f"{other}: {error.strerror}, so its SHA-256 is another one; copy the bundle again"
                ) from error
            raise BundleError(
                f"{self.folder / entry.file} can't be read: {error.strerror}; copy the bundle again"
            ) from error
        found = hashlib.sha256(data).hexdigest()
        if found != entry.sha256:
            raise BundleError(
                f"{other}: its SHA-256 is {found[:12]}…, expected {entry.sha256[:12]}…; copy the bundle again"
            )
        return data


class Model(NamedTuple):
    """A model that is ready for an engine: its bytes, what they hold, and how to feed it.

    `bundle` is None for a bare file.
    """

    name: str
    variant: str
    data: bytes
    file: TfliteFile
    labels: tuple[str, ...]
    input: InputSpec
    bundle: Bundle | None
    confidence: Confidence = Confidence()


def search_path() -> list[Path]:
    """Return the folders that hold bundles: $EDGECNN_MODELS, the installed ones, the repository's."""
    package = Path(__file__).parent
    folders = [package / "firmware_models", package.parent / "firmware_models"]
    if custom := os.environ.get("EDGECNN_MODELS"):
        folders.insert(0, Path(custom))
    return [f for f in folders if os.path.isdir(f)]  # noqa: PTH112 - pathlib's raises without permission


def list_bundles() -> list[Bundle]:
    """Return every bundle on the search path that can be read, the first of each name, sorted by name."""
    return survey_bundles()[0]


def survey_bundles() -> tuple[list[Bundle], list[str]]:
    """Return what `list_bundles` does, and why each other one is left out, a line each."""
    folders, reasons = _look_for_bundles()
    found = []
    for folder in folders:
        try:
            found.append(read_bundle(folder))
        except BundleError as error:
            reasons.append(str(error))
    return found, reasons


def bundle_folders() -> list[Path]:
    """Return the folder of every bundle on the search path, readable or not, the first of each name."""
    return _look_for_bundles()[0]


def _look_for_bundles() -> tuple[list[Path], list[str]]:
    """Return the folders of bundles, sorted by name, and which folders can't be looked into."""
    found: dict[str, Path] = {}
    reasons = []
    for folder in search_path():
        try:
            names = os.listdir(folder)  # noqa: PTH208
        except OSError as error:
            reasons.append(f"{folder} can't be read: {error.strerror}")
            continue
        for name in names:
            # What is hidden is a bundle that is being written, or was when that was cut off.
            if not name.startswith(".") and _holds_manifest(folder / name):
                found.setdefault(name, folder / name)
    return [found[name] for name in sorted(found)], reasons


def _holds_manifest(folder: Path) -> bool:
    """Whether a folder has a manifest of any kind, or may have one that can't be seen."""
    try:
        os.lstat(folder / MANIFEST)
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def find(name_or_path: str | os.PathLike[str]) -> Path:
    """Return the folder of a bundle, or the path of a bare `.tflite`.

    Raises
    ------
    ModelNotFound
        Where there is neither; the message names the bundles that there are.
    """
    text = os.fspath(name_or_path)
    path = Path(text)
    # A name means the installed bundle, also where a folder here happens to be called the same.
    if text and "/" not in text and os.sep not in text and text not in (".", ".."):
        for folder in search_path():
            if os.path.isfile(folder / text / MANIFEST):  # noqa: PTH113 - pathlib's raise
                return folder / text
    if os.path.isfile(path / MANIFEST) or os.path.isfile(path):  # noqa: PTH113 - pathlib's raise
        return path
    if os.path.isdir(path):  # noqa: PTH112
        raise ModelNotFound(f"{text} is a folder without {MANIFEST}, so it is no bundle")
    if path.suffix == ".tflite":
        raise ModelNotFound(f"no model file {text!r} here: check the path")
    known = [folder.name for folder in bundle_folders()]
    near = difflib.get_close_matches(text, known, 1, 0.7)
    did = f"did you mean {near[0]!r}? Else " if near else ""
    raise ModelNotFound(
        f"no model {text!r}: {did}give a .tflite file, a bundle's folder, or one of {', '.join(known)}"
    )


def read_bundle(folder: Path) -> Bundle:
    """Read a bundle's manifest and labels. Raises BundleError where they do not fit together."""
    path = folder / LABELS
    found = read_manifest(folder / MANIFEST)
    try:
        listed = read_regular(path, MOST_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise BundleError(f"{path} can't be read: {error.strerror}; copy the bundle again") from error
    except UnicodeDecodeError as error:
        raise BundleError(f"{path} is no UTF-8 text: copy the bundle again") from error
    if listed != "".join(f"{label}\n" for label in found.labels):
        raise BundleError(f"{path} and {MANIFEST} name different labels; copy the bundle again")
    return Bundle(
        found.name,
        folder,
        found.title,
        found.labels,
        found.input,
        found.variants,
        found.confidence,
        found.golden,
        found.facts,
        found.raw,
    )


def open_model(
    name_or_path: str | os.PathLike[str], variant: str = "int8", given: Given | None = None
) -> Model:
    """Read a model and everything that is known of it.

    Parameters
    ----------
    name_or_path
        A bundle's name or folder, or a bare `.tflite`, which is its own only variant.
    given
        What a bare file can't say itself. A bundle names everything but takes other labels.

    Raises
    ------
    ModelError
        Or one of its children, with one clear line.
    """
    path, given = find(name_or_path), given or Given()
    if not path.is_dir():
        model = _open_file(path, given)
        if variant == "float32" != model.variant:
            raise ModelError(f"{path} is {model.variant} itself and has no float32 variant")
        return model
    bundle = read_bundle(path)
    if option := given.option():
        raise BundleError(f"{bundle.name} is a bundle, which says how its pictures are: leave {option} out")
    data = bundle.read(variant)
    source = str(path / bundle.variants[variant].file)
    file = read_tflite(data, source)
    require_classifier(file, source)
    image, spec = file.inputs[0], bundle.input
    height, width, channels = image_size(image)
    wrong_color = channels == 1 and spec.color != "gray"
    if (height, width, layout_of(image.shape)) != (spec.height, spec.width, spec.layout) or wrong_color:
        raise BundleError(
            f"{source} takes {list(image.shape)}, but {MANIFEST} says "
            f"{spec.height}×{spec.width} {spec.color}, {spec.layout}"
        )
    names = tuple(read_labels(given.labels)) if given.labels else bundle.labels
    _check_labels(names, file, str(given.labels or path / LABELS))
    return Model(
        bundle.name, variant, data, file, names, spec, bundle, bundle.confidence.get(variant, Confidence())
    )


def _open_file(path: Path, given: Given) -> Model:
    data = read_file(path)
    file = read_tflite(data, str(path))
    require_classifier(file, str(path))
    names, confidence = find_labels(file, str(path), given.labels)
    spec = find_convention(file, given).spec(str(path))
    return Model(path.stem, file.inputs[0].dtype, data, file, names, spec, None, confidence)


def read_file(path: Path) -> bytes:
    """Return a bare model file's bytes. Raises ModelError."""
    try:
        return read_regular(path, MOST_FILE_BYTES)
    except OSError as error:
        raise ModelError(f"{path} can't be read: {error.strerror}") from error


def find_labels(
    file: TfliteFile, source: str, labels: str | os.PathLike[str] | None
) -> tuple[tuple[str, ...], Confidence]:
    """Return a bare file's labels, and which of them stands for none of the others.

    A first label `background` is that of the models trained on ImageNet with 1001 outputs; a list without
    it, of one label less than there are outputs, gets it. Raises LabelsError.
    """
    outputs = file.outputs[0].shape[-1]
    if labels:
        names, origin = tuple(read_labels(labels)), str(labels)
    elif packed := file.metadata.labels:
        names, origin = tuple(strip_numbers(list(packed))), f"the metadata of {source}"
    else:
        raise LabelsError(f"{source} has no labels inside: give --labels FILE with {outputs} lines")
    if len(names) + 1 == outputs == IMAGENET_OUTPUTS:
        names = (BACKGROUND, *names)
    _check_labels(names, file, origin)
    background = 0 if names[0].lower() == BACKGROUND else None
    return names, Confidence(background=background)


def _check_labels(labels: tuple[str, ...], file: TfliteFile, origin: str) -> None:
    expected = file.outputs[0].shape[-1]
    if len(labels) != expected:
        raise LabelsError(f"{origin} has {len(labels)} labels, but the model has {expected} outputs")
