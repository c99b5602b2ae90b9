"""A trunk: a network that was trained on many things, up to its pooled tensor, the embedding."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from edgecnn.bundle.bare_file import usage_of_file
from edgecnn.bundle.bundle import find, read_bundle, read_file
from edgecnn.bundle.input_spec import Given
from edgecnn.bundle.search import MADE, make
from edgecnn.errors import BundleError, ModelError, OptionError
from edgecnn.learning.cut import find_cut
from edgecnn.tflite.file import read_tflite

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.bundle.bundle import Bundle
    from edgecnn.bundle.input_spec import InputSpec
    from edgecnn.tflite.file import Tensor, TfliteFile

DEFAULT_TRUNK = "efficientnet_lite0"


class TrunkFile(NamedTuple):
    """One variant of a trunk: its file, and the place of the embedding among its tensors."""

    file: TfliteFile
    place: int

    @property
    def embedding(self) -> Tensor:
        """The tensor that it is cut at."""
        return self.file.tensors[self.place]


class Trunk(NamedTuple):
    """A trunk.

    Attributes
    ----------
    name
        What users call it.
    input
        How an image becomes its input.
    bare
        Whether it is a file of unknown origin, and not a bundle: it is tried in a child process first.
    files
        By variant, `int8`, `uint8` or `float32`; the first one computes the embeddings.
    """

    name: str
    input: InputSpec
    files: dict[str, TrunkFile]
    bare: bool = False

    @property
    def variant(self) -> str:
        """The variant that computes the embeddings."""
        return next(iter(self.files))

    @property
    def main(self) -> TrunkFile:
        """The file that computes the embeddings."""
        return self.files[self.variant]

    @property
    def key(self) -> str:
        """A fingerprint of everything that decides an embedding, except for the image."""
        digest = hashlib.sha256(self.main.file.data)
        digest.update(f"{self.main.place} {self.input}".encode())
        return digest.hexdigest()


def open_trunk(name_or_path: str, cut: str | None = None, given: Given | None = None) -> Trunk:
    """Open a trunk.

    Parameters
    ----------
    name_or_path
        The name or folder of a bundle, such as `efficientnet_lite0`, or a `.tflite` file.
    cut
        The name of the tensor that is the embedding; None for the last pooled one before the classes.
    given
        What a bare file does not say about its input.

    Raises
    ------
    ModelError
        Or a subclass: for a file that can't be a trunk, with the reason.
    """
    path = find(name_or_path)
    if path.is_dir():
        if given is not None and (option := given.option()):
            raise OptionError(
                f"{name_or_path} is a bundle, which says how its images are: leave {option} out"
            )
        try:
            return _of_bundle(read_bundle(path), cut)
        except BundleError:
            if name_or_path not in MADE:
                raise
        return _of_bundle(read_bundle(make(name_or_path)), cut)
    return _of_file(path, cut, given or Given())


def _of_bundle(bundle: Bundle, cut: str | None) -> Trunk:
    files: dict[str, TrunkFile] = {}
    for variant in bundle.portable:
        source = str(bundle.folder / bundle.variants[variant].file)
        file = read_tflite(bundle.read(variant), source)
        place = find_cut(file, source, cut)
        files.setdefault(file.tensors[place].dtype, TrunkFile(file, place))
    if not files:
        raise ModelError(f"{bundle.name} has no variant that runs on this machine: take another trunk")
    return Trunk(bundle.name, bundle.input, {d: files[d] for d in ("int8", "uint8", "float32") if d in files})


def _of_file(path: Path, cut: str | None, given: Given) -> Trunk:
    source = str(path)
    file = read_tflite(read_file(path), source)
    if file.edge_tpu or file.ethos_u:
        raise ModelError(f"{source} was compiled for an accelerator: give the file that it was compiled from")
    place = find_cut(file, source, cut)
    # Its labels do not matter here: the head brings its own.
    spec = usage_of_file(file, source, given, path.parent).convention.spec(source)
    return Trunk(path.stem, spec, {file.tensors[place].dtype: TrunkFile(file, place)}, bare=True)
