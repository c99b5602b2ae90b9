"""Where a training writes its bundle, and the metadata of its models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.bundle.edgecnn_metadata import embed_metadata
from edgecnn.report import publication
from edgecnn_train import work

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from edgecnn.bundle.input_spec import InputSpec
    from edgecnn.bundle.output_folder import Target
    from edgecnn_train.recipe import Recipe

CALIBRATION = "calibration.txt"
# The folder, in that of the checkpoints, of the network that learns from all images.
ALL = "all"
HINT = "name another folder with --out"


def check_target(folder: Path) -> None:
    """Raise OutputError where a bundle can't be written to `folder`: now, not after hours of training.

    So where it, its page or its checkpoints' folder holds anything that edgecnn did not write, or another
    process writes it.
    """
    publication.check_target(folder, HINT)
    work.check_work(work.work_folder(folder), HINT)


def claim(folder: Path) -> AbstractContextManager[Target]:
    """Lock a bundle's folder for a training. Raises as `check_target`."""
    check_target(folder)
    return publication.claim(folder, HINT)


def with_metadata(
    content: bytes, variant: str, recipe: Recipe, labels: tuple[str, ...], image: InputSpec
) -> bytes:
    """Return a converted file with its title, licence, labels and normalization inside."""
    return embed_metadata(
        content,
        image,
        labels,
        title=recipe.title or recipe.data.name or recipe.name,
        description=f"edgecnn recipe {recipe.name}, {variant}",
        licence=recipe.data.licence,
    )
