"""Makes a bundle of any `.tflite`: its labels, how images are prepared, its hash, golden vectors."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.bundle.bundle import Bundle, bundle_in, open_model, read_bundle
from edgecnn.bundle.classifier_file import is_open
from edgecnn.bundle.confidence import Confidence
from edgecnn.bundle.manifest.writing import with_confidence, with_golden, with_sections, with_variant
from edgecnn.bundle.output_folder import find_target, hold, recover
from edgecnn.bundle.writer import write_models
from edgecnn.classify import golden
from edgecnn.classify.loader import load
from edgecnn.engine.interpreter import refuse_compiled
from edgecnn.errors import ModelError, OptionError, OutputError
from edgecnn.tflite.file import read_tflite

if TYPE_CHECKING:
    from edgecnn.bundle.input_spec import Given

_HINT = "choose another --name"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def bundle_target(name: str) -> Path:
    """Return the folder of a new bundle: in `$EDGECNN_MODELS`, or here.

    Raises OptionError for an impossible name, OutputError if the folder exists.
    """
    if not _NAME.fullmatch(name):
        raise OptionError(f"--name is {name!r}, expected letters, digits, dots, - and _, such as my-model")
    target = Path(os.environ.get("EDGECNN_MODELS") or ".").absolute() / name
    real = find_target(target, _HINT)
    if os.path.lexists(target):
        recover(real)
        raise _taken(target)
    return target


def import_model(path: str | os.PathLike[str], name: str, given: Given) -> Bundle:
    """Make a bundle of a model file, which is copied unchanged.

    Its only variant is `float32` for a float network, otherwise `int8`, also for uint8 and for float inputs
    and outputs around an integer network. Its current answers become the golden vectors.

    Raises
    ------
    ModelError
        If it can't be a bundle, or does not run.
    OutputError
        If the bundle can't be written.
    """
    if Path(path).is_dir():
        raise ModelError(f"{path} is a folder: give a .tflite file")
    target = bundle_target(name)
    model = open_model(path, given=given)
    if model.file.ethos_u:
        refuse_compiled(model)
    variant = "float32" if model.variant == "float32" else "int8"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{target.parent} can't be made: {error.strerror}") from error
    with hold(find_target(target, _HINT), _HINT) as held, held.fill() as draft:
        folder = draft.folder
        manifest = write_models(folder, name, name, model.labels, model.input, {variant: model.data})
        manifest = with_sections(manifest, imported={"file": Path(path).name, "bytes": len(model.data)})
        if model.confidence != Confidence():
            manifest = with_confidence(manifest, {variant: model.confidence})
        if is_open(read_tflite(model.data, str(path)).inputs[0]):
            # The count in the file is for one pixel.
            manifest = with_variant(manifest, manifest.variants[variant]._replace(macs=0))
        if given.output is not None:
            manifest = with_sections(manifest, output=given.output)
        if model.scores is not None:
            manifest = with_sections(manifest, scores=model.scores)
        with load(bundle_in(folder, manifest), variant) as classifier:
            manifest = with_sections(manifest, scores=classifier.model.scores)
            draft.manifest = with_golden(manifest, golden.record({variant: classifier}))
        if draft.publish(replace=False):
            raise _taken(target)
    return read_bundle(target)


def _taken(target: Path) -> OutputError:
    return OutputError(f"{target} already exists: {_HINT}, or move it away")
