"""Whether a compiled file is the twin of the model that it was compiled from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.bundle.classifier_file import as_classifier
from edgecnn.errors import CompileError, ModelError
from edgecnn.tflite.file import EDGE_TPU_OP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.bundle.bundle import Bundle
    from edgecnn.tflite.file import Tensor, TfliteFile

# The variant that is compiled.
BASE = "int8"


def require_twin(
    bundle: Bundle, before: TfliteFile, after: TfliteFile, source: str, *, unmapped: bool = False
) -> None:
    """Check that a file is compiled and has the inputs and outputs of its base, also by their names.

    Parameters
    ----------
    bundle
        The bundle of the base, whose manifest may choose outputs by their names.
    before, after
        The base, and the file.
    source
        The file's name in messages.
    unmapped
        Whether the compiler said that it mapped nothing: it then writes the model unchanged, and its log has
        the reason, so that is not an error here.

    Raises
    ------
    CompileError
        For a file that is not compiled, or from something else.
    """
    if not after.edge_tpu and not unmapped:
        raise CompileError(f"{source} is not compiled for the Edge TPU: it has no operator {EDGE_TPU_OP}")
    for what, old, new in (("input", before.inputs, after.inputs), ("output", before.outputs, after.outputs)):
        if not same_kinds(old, new):
            raise CompileError(
                f"{source} was not compiled from {bundle.name}'s {BASE} variant: its {what} is "
                f"{_kinds(new)}, expected {_kinds(old)}"
            )
    names = [name for name in (bundle.output, bundle.nearness) if name]
    if names and _chosen(bundle, after) != _chosen(bundle, before):
        raise CompileError(
            f"{source} has the outputs {', '.join(t.name for t in after.outputs)}, expected "
            f"{' and '.join(names)}, by which {bundle.name} chooses them: compile it again so that they keep "
            "their names"
        )


def same_kinds(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> bool:
    """Whether tensors have the same shapes, types and quantization, in the same order."""
    return list(map(_kind, ours)) == list(map(_kind, theirs))


def _kind(tensor: Tensor) -> tuple[object, ...]:
    return tensor.shape, tensor.dtype, tensor.scale, tensor.zero_point


def _kinds(tensors: Sequence[Tensor]) -> str:
    return " and ".join(
        f"{t.dtype} {list(t.shape)}, scale {t.scale:.6g}, zero point {t.zero_point}" for t in tensors
    )


def _chosen(bundle: Bundle, file: TfliteFile) -> tuple[int, ...]:
    """Return the places of the outputs that a bundle names; none if one is missing."""
    size = (bundle.input.width, bundle.input.height)
    try:
        return as_classifier(file, bundle.name, bundle.output, size, bundle.nearness).places
    except ModelError:
        return ()
