"""Describe a trained network for its manifest: what was measured, and what it takes to make it again."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.machine.versions import installed_versions
from edgecnn_train.accounting import spent
from edgecnn_train.folds import as_dict
from edgecnn_train.publish import CALIBRATION
from edgecnn_train.record import TrainedRecord

if TYPE_CHECKING:
    from edgecnn.bundle.manifest import Golden
    from edgecnn_train.fit import Fitted
    from edgecnn_train.folds import FoldEstimate
    from edgecnn_train.judge import Judged
    from edgecnn_train.quantize import Converted
    from edgecnn_train.recipe import Recipe
    from edgecnn_train.splits import Dataset

_LIBRARIES = (
    "edgecnn",
    "keras",
    "tensorflow",
    "tensorflow-cpu",
    "ai-edge-litert",
    "numpy",
    "opencv-python-headless",
)


def describe(
    data: Dataset,
    recipe: Recipe,
    fitted: Fitted,
    judged: Judged,
    converted: Converted,
    golden: Golden,
    folds: FoldEstimate | None,
    *,
    seconds: float,
    machine: str,
) -> TrainedRecord:
    """Return what was measured so far, and what it takes to make the model again."""
    result = judged.result
    ids = "\n".join(item.id for item in data.calibration.items)
    private = asdict(spent(recipe, len(data.train))) if recipe.private.enabled else None
    return TrainedRecord.model_validate(
        {
            "accuracy": {
                **result.as_dict(),
                "synthetic_frames": recipe.verify.synthetic_frames,
                "folds": as_dict(folds) if folds else None,
            },
            "data": {
                "name": recipe.data.name,
                "licence": recipe.data.licence,
                # A fingerprint of images that are protected would prove that they were there.
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
                "private": private,
                "seconds": round(seconds, 1),
                "machine": machine,
                "versions": installed_versions(_LIBRARIES),
            },
            "recipe": _recipe(recipe),
            "golden": golden._asdict(),
            "confidence": judged.calibrated.as_dict(),
            "quantization": {
                "method": recipe.quantize.method,
                "second_calibration": converted.second.as_dict() if converted.second else None,
                "edge_tpu": list(converted.edge_tpu),
            },
        }
    )


def _recipe(recipe: Recipe) -> dict[str, Any]:
    """Return the recipe; of a teacher and a start the last name alone, since paths are the trainer's own."""
    table = recipe.as_dict()
    train = table["train"]
    train["teachers"] = [Path(teacher).name for teacher in train["teachers"]]
    train["start"] = Path(train["start"]).name if train["start"] else ""
    return table
