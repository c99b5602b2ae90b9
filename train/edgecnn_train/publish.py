"""What stands in the manifest of a bundle that was trained, and where it may be written."""

from __future__ import annotations

import contextlib
import hashlib
import re
import tempfile
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.bundle import MANIFEST
from edgecnn.errors import OutputError
from edgecnn.tflite_writer import write_metadata
from edgecnn_train.accounting import spent

if TYPE_CHECKING:
    from edgecnn.convention import InputSpec
    from edgecnn_train.data import DataSet
    from edgecnn_train.fit import Fitted
    from edgecnn_train.recipe import Recipe
    from edgecnn_train.verify import Verified

CALIBRATION = "calibration.txt"
# The folder, in that of the checkpoints, of the network that learns from all images.
ALL = "all"
# What training keeps: checkpoints, notes, and folders of the same.
_WORK = re.compile(r"(last|best)-\d+\.npz|(state|width)\.json|state\.json\.new|fold-\d+|all|qat")
_LIBRARIES = (
    "edgecnn",
    "keras",
    "tensorflow",
    "tensorflow-cpu",
    "ai-edge-litert",
    "numpy",
    "opencv-python-headless",
)


def work_folder(folder: Path) -> Path:
    """Return where the checkpoints of a bundle lie until it is written."""
    return folder.with_name(f"{folder.name}.training")


def check_target(folder: Path) -> None:
    """Raise OutputError where `folder` is taken or can't be written: now, not after hours of training.

    So is a folder of checkpoints with anything else in it: it is emptied when the bundle is written.
    """
    work = work_folder(folder)
    foreign = [p.name for p in work.iterdir() if not _WORK.fullmatch(p.name)] if work.is_dir() else []
    if foreign or (work.exists() and not work.is_dir()):
        what = f"has {sorted(foreign)[0]!r} in it" if foreign else "is a file"
        raise OutputError(
            f"{work} is where checkpoints go, but it {what}: name another bundle with --out, or move it away"
        )
    if folder.exists() and not (folder / MANIFEST).is_file():
        raise OutputError(f"{folder} exists and is no bundle: name another folder with --out")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder.parent):
            pass
    except OSError as error:
        raise OutputError(
            f"nothing can be written to {folder.parent}: {error.strerror}; name another folder with --out"
        ) from error


def with_metadata(
    content: bytes, variant: str, recipe: Recipe, labels: tuple[str, ...], image: InputSpec
) -> bytes:
    """Return a converted file with its title, licence, labels and normalization inside."""
    return write_metadata(
        content,
        name=recipe.title or recipe.data.name or recipe.name,
        description=f"edgecnn recipe {recipe.name}, {variant}",
        license_text=recipe.data.licence,
        labels=labels,
        color=image.color,
        value_range=image.value_range,
    )


def describe(
    manifest: dict[str, Any],
    data: DataSet,
    recipe: Recipe,
    fitted: Fitted,
    result: Verified,
    golden: dict[str, Any],
    *,
    seconds: float,
    machine: str,
) -> dict[str, Any]:
    """Return the whole manifest: what was measured, and what it takes to make the model again."""
    manifest["variants"]["int8"]["accuracy"] = result.int8_top1
    manifest["variants"]["float32"]["accuracy"] = result.float_top1
    ids = "\n".join(item.id for item in data.calibration.items)
    private = asdict(spent(recipe, len(data.train))) if recipe.private.enabled else None
    return manifest | {
        "accuracy": {
            "test_pictures": result.pictures,
            "agreement": result.agreement,
            "drop_points": round(result.drop, 4),
            "float_tensors": len(result.float_tensors),
            "synthetic": result.synthetic,
            "synthetic_frames": recipe.verify.synthetic_frames,
        },
        "data": {
            "name": recipe.data.name,
            "licence": recipe.data.licence,
            # A fingerprint of pictures that are protected would prove that they were there.
            "sha256": None if private else data.digest,
            "skipped": len(data.skipped),
        },
        "training": {
            "seed": recipe.train.seed,
            "epochs": len(fitted.history),
            "best_epoch": fitted.best_epoch,
            "pictures": {
                "train": len(data.train),
                "validation": len(data.validation),
                "test": len(data.test),
            },
            "calibration": {
                "count": len(data.calibration),
                "ids": CALIBRATION,
                "ids_sha256": hashlib.sha256(ids.encode()).hexdigest(),
            },
            **({"private": private} if private else {}),
            "seconds": round(seconds, 1),
            "machine": machine,
            "versions": _versions(),
        },
        "recipe": _recipe(recipe),
        "golden": golden,
    }


def _recipe(recipe: Recipe) -> dict[str, Any]:
    """Return the recipe; of a teacher and a start the last name alone, since paths are the trainer's own."""
    table = recipe.as_dict()
    train = table["train"]
    train["teachers"] = [Path(teacher).name for teacher in train["teachers"]]
    train["start"] = Path(train["start"]).name if train["start"] else ""
    return table


def _versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        with contextlib.suppress(ModuleNotFoundError):
            found[name] = version(name)
    return found
