"""A model bundle: a folder with a manifest, labels and the variants of one model.

`bundle.json` is the manifest; its fields are the dataclasses below. Whatever takes a model takes a bundle's
name, a bundle's folder, or a bare `.tflite` file.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import json
import os
from pathlib import Path
from typing import Any, NamedTuple, cast

from edgecnn.classifier_file import Layout, as_classifier, is_open, picture_of
from edgecnn.confidence import Confidence, read_confidence, read_thresholds
from edgecnn.convention import Color, Convention, Fit, Given, InputSpec, Resize, read_ranges, span
from edgecnn.errors import BundleError, ModelError, ModelNotFound
from edgecnn.scores import Found, Scores
from edgecnn.tflite_file import TfliteFile, read_tflite
from edgecnn.usage import Usage, check_labels, must_say, scores_notice, scores_of, usage_of_file

FORMAT = 1
MANIFEST = "bundle.json"
LABELS = "labels.txt"
# Which variant is meant where none is named, if there are others.
USUAL = "int8"
# How the name of a variant ends that was compiled for Coral's Edge TPU; what stands before it is its base.
COMPILED = "_edgetpu"


class Variant(NamedTuple):
    """One file of a bundle. `accuracy` is top-1 on the test split, 0 to 1, where it was measured."""

    name: str
    file: str
    sha256: str
    bytes: int
    macs: int
    accuracy: float | None

    @property
    def compiled(self) -> bool:
        """Whether it was compiled for Coral's Edge TPU, and so runs nowhere else."""
        return self.name.endswith(COMPILED)

    @property
    def base(self) -> str:
        """The variant that it was compiled from; its own name for all others."""
        return self.name.removesuffix(COMPILED)


class Bundle(NamedTuple):
    """A bundle's manifest, and the folder it was read from.

    `confidence` has an entry for each variant where the bundle was calibrated; `manifest` is the whole JSON
    object. `scores` is None where the graph tells what the output is, `thresholds` are those of a multi-label
    model's classes, `output` is the name of the output where the model has several.
    """

    name: str
    folder: Path
    title: str
    labels: tuple[str, ...]
    input: InputSpec
    variants: dict[str, Variant]
    confidence: dict[str, Confidence]
    manifest: dict[str, Any]
    scores: Scores | None = None
    thresholds: tuple[float, ...] = ()
    output: str | None = None

    def default_variant(self) -> str:
        """Return the variant that is meant where none is named: int8, or the only one that runs anywhere."""
        names = self.portable or tuple(self.variants)
        return names[0] if len(names) == 1 else USUAL

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
        try:
            data = (self.folder / entry.file).read_bytes()
        except OSError as error:
            raise BundleError(
                f"{self.folder / entry.file} can't be read: {error.strerror}; copy the bundle again"
            ) from error
        found = hashlib.sha256(data).hexdigest()
        if found != entry.sha256:
            raise BundleError(
                f"{self.folder / entry.file} is not the file that {MANIFEST} names: its SHA-256 is "
                f"{found[:12]}…, expected {entry.sha256[:12]}…; copy the bundle again"
            )
        return data


class Model(NamedTuple):
    """A model that is ready for an engine: its bytes, what they hold, and how to feed it.

    `bundle` is None for a bare file, `scores` until it has run where the graph does not tell what the output
    is. `thresholds` are those of a multi-label model's classes, none for the usual one. `notices` are lines
    for a person.
    """

    name: str
    variant: str
    data: bytes
    file: TfliteFile
    labels: tuple[str, ...]
    input: InputSpec
    bundle: Bundle | None
    confidence: Confidence = Confidence()
    scores: Scores | None = "probabilities"
    thresholds: tuple[float, ...] = ()
    notices: tuple[str, ...] = ()


def search_path() -> list[Path]:
    """Return the folders that hold bundles: $EDGECNN_MODELS, the installed ones, the repository's."""
    package = Path(__file__).parent
    folders = [package / "firmware_models", package.parent / "firmware_models"]
    if custom := os.environ.get("EDGECNN_MODELS"):
        folders.insert(0, Path(custom))
    return [f for f in folders if f.is_dir()]


def list_bundles() -> list[Bundle]:
    """Return every bundle on the search path that can be read, the first of each name, sorted by name."""
    found = []
    for folder in bundle_folders():
        with contextlib.suppress(BundleError):
            found.append(read_bundle(folder))
    return found


def bundle_folders() -> list[Path]:
    """Return the folder of every bundle on the search path, readable or not, the first of each name."""
    found: dict[str, Path] = {}
    for folder in search_path():
        for manifest in folder.glob(f"*/{MANIFEST}"):
            found.setdefault(manifest.parent.name, manifest.parent)
    return [found[name] for name in sorted(found)]


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
            if (folder / text / MANIFEST).is_file():
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
    path = folder / MANIFEST
    try:
        raw = json.loads(path.read_text("utf-8"))
        if raw["format"] != FORMAT:
            raise BundleError(
                f"{path} has format {raw['format']!r}, expected {FORMAT}: install the edgecnn that wrote it"
            )
        size = raw["input"]
        variants = {
            name: Variant(name, str(v["file"]), v["sha256"], v["bytes"], v["macs"], v.get("accuracy"))
            for name, v in raw["variants"].items()
        }
        ranges = read_ranges(size["range"])
        if not all(isinstance(label, str) for label in list(raw["labels"])):
            raise ValueError("its labels are of the wrong kind")
        bundle = Bundle(
            name=raw["name"],
            folder=folder,
            title=raw["title"],
            labels=tuple(raw["labels"]),
            input=InputSpec(
                width=int(size["width"]),
                height=int(size["height"]),
                color=_one_of(size["color"], Color, "color"),
                fit=_one_of(size["fit"], Fit, "fit"),
                resize=_one_of(size["resize"], Resize, "resize"),
                value_range=span(ranges),
                layout=_one_of(size.get("layout", "nhwc"), Layout, "layout"),
                channel_ranges=ranges if len(ranges) > 1 else (),
            ),
            variants=variants,
            confidence=_confidence(raw.get("confidence"), tuple(raw["labels"]), variants),
            manifest=raw,
            scores=_one_of(raw["scores"], Scores, "scores") if "scores" in raw else None,
            thresholds=read_thresholds(raw.get("thresholds"), len(raw["labels"])),
            output=None if raw.get("output") is None else str(raw["output"]),
        )
    except OSError as error:
        raise BundleError(f"{path} can't be read: {error.strerror}") from error
    except KeyError as error:
        raise BundleError(f"{path} lacks the key {error}") from error
    except BundleError:
        raise
    except (ValueError, TypeError, AttributeError, IndexError, OverflowError) as error:
        raise BundleError(f"{path} is no bundle manifest: {error}") from error
    if any(Path(v.file).name != v.file for v in variants.values()):
        raise BundleError(f"{path} names a file outside its folder")
    try:
        listed = (folder / LABELS).read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"{folder / LABELS} can't be read: copy the bundle again") from error
    if listed != "".join(f"{label}\n" for label in bundle.labels):
        raise BundleError(f"{folder / LABELS} and {MANIFEST} name different labels; copy the bundle again")
    return bundle


def open_model(
    name_or_path: str | os.PathLike[str], variant: str | None = None, given: Given | None = None
) -> Model:
    """Read a model and everything that is known of it.

    Parameters
    ----------
    name_or_path
        A bundle's name or folder, or a bare `.tflite`, which is its own only variant.
    variant
        Which of a bundle's variants; None for int8, or for the only one that there is.
    given
        What a bare file can't say itself. A bundle names everything but takes other labels and scores.

    Raises
    ------
    ModelError
        Or one of its children, with one clear line.
    """
    path, given = find(name_or_path), given or Given()
    if not path.is_dir():
        use = usage_of_file(read_tflite(data := read_file(path), str(path)), str(path), given, path.parent)
        use.require(str(path))
        if variant == "float32" != use.variant:
            raise ModelError(f"{path} is {use.variant} itself and has no float32 variant")
        return _model(path.stem, data, use, None)
    bundle = read_bundle(path)
    data, use = bundle_usage(bundle, variant or bundle.default_variant(), given)
    return _model(bundle.name, data, use, bundle)


def _model(name: str, data: bytes, use: Usage, bundle: Bundle | None) -> Model:
    return Model(
        name, use.variant, data, use.file, use.labels, use.convention.spec(name), bundle, use.confidence,
        use.found.scores, bundle.thresholds if bundle else (), use.notices,
    )  # fmt: skip


def bundle_usage(bundle: Bundle, variant: str, given: Given) -> tuple[bytes, Usage]:
    """Return a variant's bytes, and how it is used: as the manifest says. Raises ModelError."""
    if option := given.option():
        raise BundleError(f"{bundle.name} is a bundle, which says how its images are: leave {option} out")
    data, spec = bundle.read(variant), bundle.input
    source = str(bundle.folder / bundle.variants[variant].file)
    file, size = read_tflite(data, source), (spec.width, spec.height)
    fixed = len(file.inputs) == 1 and len(file.inputs[0].shape) == 4 and not is_open(file.inputs[0])
    file = as_classifier(file, source, bundle.output, None if fixed else size)
    there = picture_of(file.inputs[0].shape, size)
    wrong_color = there is not None and there.channels == 1 and spec.color != "gray"
    if (
        there is None
        or (there.height, there.width, there.layout) != (spec.height, spec.width, spec.layout)
        or wrong_color
    ):
        raise BundleError(
            f"{source} takes {list(file.inputs[0].shape)}, but {MANIFEST} says "
            f"{spec.height}×{spec.width} {spec.color}, {spec.layout}"
        )
    names = bundle.labels
    if given.labels:
        from edgecnn.labels import read_labels  # only a bare file needs it otherwise

        names = tuple(read_labels(given.labels))
    check_labels(names, file, str(given.labels or bundle.folder / LABELS))
    said = f"its {MANIFEST}"
    found = scores_of(file, source, given.scores or bundle.scores)
    notices: tuple[str, ...] = ()
    if bundle.scores and not given.scores:
        found = Found(bundle.scores, said)
    elif must_say(found, file):
        notices = (f"{bundle.name}: {scores_notice(found)}",)
    convention = Convention(
        spec.width, spec.height, spec.color, spec.fit, spec.layout, spec.value_range,
        dict.fromkeys(("range", "color", "fit", "layout"), said), spec.channel_ranges, spec.resize,
    )  # fmt: skip
    confidence = bundle.confidence.get(variant, Confidence())
    return data, Usage(file, variant, convention, names, confidence, found, notices=notices)


def read_file(path: Path) -> bytes:
    """Return a bare model file's bytes. Raises ModelError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} can't be read: {error.strerror}") from error


def _confidence(table: Any, labels: tuple[str, ...], variants: dict[str, Variant]) -> dict[str, Confidence]:
    told = read_confidence(table, labels, [v.name for v in variants.values() if not v.compiled])
    # What was compiled gives its base's scores, so that what was calibrated for these holds.
    return {v.name: told[v.base] for v in variants.values() if v.base in told}


def _one_of(value: str, literal: Any, key: str) -> Any:
    choices = cast("tuple[str, ...]", literal.__args__)
    if value not in choices:
        raise ValueError(f"{key} is {value!r}, expected one of {', '.join(choices)}")
    return value
