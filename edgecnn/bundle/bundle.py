"""A model bundle: a folder with a manifest, labels and the variants of one model.

`bundle.json` is the manifest, which `edgecnn.bundle.manifest` reads. A function that takes a model takes the
name or the folder of a bundle, or a bare `.tflite` file.
"""

from __future__ import annotations

import errno
import hashlib
from typing import TYPE_CHECKING, NamedTuple

from edgecnn.bundle.classifier_file import as_classifier, image_shape, is_open
from edgecnn.bundle.confidence import Confidence
from edgecnn.bundle.input_spec import Convention, Given, InputSpec
from edgecnn.bundle.manifest import (
    COMPILED,
    FORMAT,
    MANIFEST,
    MOST_BYTES,
    MOST_FILE_BYTES,
    Facts,
    Golden,
    Manifest,
    Variant,
    read_manifest,
)
from edgecnn.bundle.scores import Found, Scores, scores_notice
from edgecnn.bundle.search import bundle_folders, find, look_for_bundles, search_path
from edgecnn.bundle.usage import Usage, check_labels, must_say, scores_of
from edgecnn.errors import BundleError, ModelError
from edgecnn.io.printable import printable
from edgecnn.io.regular import read_regular
from edgecnn.tflite.file import TfliteFile, read_tflite

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from edgecnn.bundle.input_spec import Range
    from edgecnn.tflite.file import Tensor

__all__ = [
    "COMPILED",
    "FORMAT",
    "LABELS",
    "MANIFEST",
    "Bundle",
    "Model",
    "Variant",
    "bundle_folders",
    "bundle_in",
    "bundle_usage",
    "find",
    "list_bundles",
    "open_model",
    "read_bundle",
    "read_file",
    "search_path",
    "survey_bundles",
]  # fmt: skip
LABELS = "labels.txt"
# The default variant of a bundle with several.
USUAL = "int8"


class Bundle(NamedTuple):
    """A bundle's manifest, and the folder that it was read from.

    `confidence` has an entry for each variant, or none; `golden` is None if nothing was recorded; `scores` is
    None if the graph shows what the output is; `thresholds` are those of a multi-label model's classes;
    `output` is the name of the output with the scores if the model has several, `nearness` of the one with
    the nearness if it has one. `manifest` has the whole JSON object, whose other keys are unchecked.
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
    manifest: Manifest
    scores: Scores | None = None
    thresholds: tuple[float, ...] = ()
    output: str | None = None
    nearness: str | None = None

    def __repr__(self) -> str:
        size = f"{len(self.labels):,} classes, {self.input.width}×{self.input.height} {self.input.color}"
        return printable(f"Bundle({self.name}: {'; '.join([size, *map(str, self.variants.values())])})")

    def default_variant(self) -> str:
        """Return the default variant: int8, or the only one that runs on any machine."""
        names = self.portable or tuple(self.variants)
        return names[0] if len(names) == 1 else USUAL

    @property
    def portable(self) -> tuple[str, ...]:
        """The names of the variants that run on any machine: all except compiled ones."""
        return tuple(name for name, variant in self.variants.items() if not variant.compiled)

    def read(self, variant: str) -> bytes:
        """Return a variant's bytes, read once and checked against the manifest's hash."""
        if variant not in self.variants:
            names = ", ".join(self.variants)
            raise BundleError(
                f"{self.name} has no variant {variant!r}; it has {names}: choose by --variant, in Python by "
                "`variant=`"
            )
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
    """A model that is ready for an engine: its bytes, their content, and how to feed it.

    `bundle` is None for a bare file; `scores` is None until it has run, if the graph does not show what the
    output is. `thresholds` are those of a multi-label model's classes, empty for the default. `notices` are
    lines for the user.
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

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The tensors that it takes."""
        return self.file.inputs

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """The tensors that it gives: the first one has the scores, the second one the nearness if any."""
        return self.file.outputs

    @property
    def output(self) -> int:
        """The place of the first of `outputs` among all outputs of the file."""
        return self.file.output

    @property
    def places(self) -> tuple[int, ...]:
        """The places of `outputs` among all outputs of the file."""
        return self.file.places

    @property
    def nearness(self) -> Tensor | None:
        """The output with the nearness; None without one."""
        return self.outputs[1] if len(self.outputs) > 1 else None

    def without_nearness(self) -> Model:
        """Return the model with the scores alone, by which answers are judged then."""
        return self._replace(
            file=self.file.with_outputs([0]), confidence=self.confidence._replace(nearness=None)
        )

    @property
    def value_range(self) -> Range:
        """The values of pixels 0 and 255 in a float input."""
        return self.input.value_range

    @property
    def compiled_for(self) -> str:
        """The accelerator that alone can run it; "" for none."""
        return "Edge TPU" if self.file.edge_tpu else "Ethos-U" if self.file.ethos_u else ""


def list_bundles() -> list[Bundle]:
    """Return every bundle on the search path that can be read, the first of each name, sorted by name."""
    return survey_bundles()[0]


def survey_bundles() -> tuple[list[Bundle], list[str]]:
    """Return what `list_bundles` does, and why each other bundle is left out, one line each."""
    folders, reasons = look_for_bundles()
    found = []
    for folder in folders:
        try:
            found.append(read_bundle(folder))
        except BundleError as error:
            reasons.append(str(error))
    return found, reasons


def read_bundle(folder: Path) -> Bundle:
    """Read a bundle's manifest and labels. Raises BundleError if one is damaged or they do not match."""
    path = folder / LABELS
    found = read_manifest(folder / MANIFEST)
    try:
        listed = read_regular(path, MOST_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise BundleError(f"{path} can't be read: {error.strerror}; copy the bundle again") from error
    except UnicodeDecodeError as error:
        raise BundleError(f"{path} is no UTF-8 text: copy the bundle again") from error
    # An editor may have removed the last line break.
    if listed.removesuffix("\n") != "\n".join(found.labels):
        raise BundleError(
            f"{path} and {MANIFEST} name different labels: write the same in both, or copy the bundle again"
        )
    return bundle_in(folder, found)


def bundle_in(folder: Path, manifest: Manifest) -> Bundle:
    """Return the bundle whose other files are in `folder`; its manifest need not be written yet."""
    m = manifest
    return Bundle(
        m.name, folder, m.title, m.labels, m.input, m.variants, m.confidence, m.golden, m.facts, m,
        m.scores, m.thresholds, m.output, m.nearness,
    )  # fmt: skip


def open_model(
    name_or_path: str | os.PathLike[str] | Bundle, variant: str | None = None, given: Given | None = None
) -> Model:
    """Read a model and everything that is known about it.

    Parameters
    ----------
    name_or_path
        A bundle's name or folder, or a bare `.tflite`, which is its own only variant; or a bundle.
    variant
        Which of a bundle's variants; None for int8, or for the only one.
    given
        What a bare file does not say. A bundle takes only other labels and scores.

    Raises
    ------
    ModelError
        Or a subclass, with one clear line.
    """
    given = given or Given()
    if isinstance(name_or_path, Bundle):
        return _open_variant(name_or_path, variant, given)
    path = find(name_or_path)
    if not path.is_dir():
        from edgecnn.bundle.bare_file import usage_of_file  # a bundle does not need it

        file = read_tflite(data := read_file(path), str(path))
        use = usage_of_file(file, str(path), given, path.parent)
        # Without an Edge TPU there is no need to look for labels first.
        use.require(
            f"{path} was compiled for the Edge TPU, runs only with one, and" if file.edge_tpu else str(path)
        )
        if variant == "float32" != use.variant:
            raise ModelError(f"{path} is {use.variant} itself and has no float32 variant")
        return _model(path.stem, data, use, None)
    return _open_variant(read_bundle(path), variant, given)


def _open_variant(bundle: Bundle, variant: str | None, given: Given) -> Model:
    data, use = bundle_usage(bundle, variant or bundle.default_variant(), given)
    return _model(bundle.name, data, use, bundle)


def _model(name: str, data: bytes, use: Usage, bundle: Bundle | None) -> Model:
    return Model(
        name, use.variant, data, use.file, use.labels, use.convention.spec(name), bundle, use.confidence,
        use.found.scores, bundle.thresholds if bundle else (), use.notices,
    )  # fmt: skip


def bundle_usage(bundle: Bundle, variant: str, given: Given) -> tuple[bytes, Usage]:
    """Return a variant's bytes, and how it is used by its manifest. Raises ModelError."""
    if option := given.option():
        raise BundleError(f"{bundle.name} is a bundle, which says how its images are: leave {option} out")
    data, spec = bundle.read(variant), bundle.input
    source = str(bundle.folder / bundle.variants[variant].file)
    file, size = read_tflite(data, source), (spec.width, spec.height)
    fixed = len(file.inputs) == 1 and len(file.inputs[0].shape) == 4 and not is_open(file.inputs[0])
    file = as_classifier(file, source, bundle.output, None if fixed else size, bundle.nearness)
    shape = image_shape(file.inputs[0].shape, size)
    wrong_color = shape is not None and shape.channels == 1 and spec.color != "gray"
    if (
        shape is None
        or (shape.height, shape.width, shape.layout) != (spec.height, spec.width, spec.layout)
        or wrong_color
    ):
        raise BundleError(
            f"{source} takes {list(file.inputs[0].shape)}, but {MANIFEST} says "
            f"{spec.height}×{spec.width} {spec.color}, {spec.layout}"
        )
    names = bundle.labels
    if given.labels:
        from edgecnn.tflite.labels import read_labels  # a bundle does not need it otherwise

        names = tuple(read_labels(given.labels))
    check_labels(names, file, str(given.labels or bundle.folder / LABELS))
    reason = f"its {MANIFEST}"
    found = scores_of(file, source, given.scores or bundle.scores)
    notices: tuple[str, ...] = ()
    if bundle.scores and not given.scores:
        found = Found(bundle.scores, reason)
    elif must_say(found, file):
        notices = (f"{bundle.name}: {scores_notice(found)}",)
    convention = Convention(
        spec.width, spec.height, spec.color, spec.fit, spec.layout, spec.value_range,
        dict.fromkeys(("range", "color", "fit", "layout"), reason), spec.channel_ranges, spec.resize,
        background=spec.background,
    )  # fmt: skip
    confidence = bundle.confidence.get(variant, Confidence())
    return data, Usage(file, variant, convention, names, confidence, found, notices=notices)


def read_file(path: Path) -> bytes:
    """Return a bare model file's bytes. Raises ModelError."""
    try:
        return read_regular(path, MOST_FILE_BYTES)
    except OSError as error:
        raise ModelError(f"{path} can't be read: {error.strerror}") from error
