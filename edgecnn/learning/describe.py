"""What a learned bundle's manifest says, apart from its files."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.dataset import data_name
from edgecnn.learning.append import NEARNESS
from edgecnn.learning.judge import REJECTED
from edgecnn.machine.board import describe_board
from edgecnn.machine.versions import installed_versions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from edgecnn.learning.curve import Point
    from edgecnn.learning.judge import Judgment, Rule
    from edgecnn.learning.lesson import Lesson
    from edgecnn.learning.material import Material
    from edgecnn.learning.request import Request

_LIBRARIES = ("edgecnn", "ai-edge-litert", "numpy", "opencv-python-headless")


def confidence(material: Material, rule: Rule, variants: Iterable[str]) -> dict[str, Any]:
    """Return the manifest's table `confidence`."""
    background = None if material.background is None else material.labels[material.background]
    entry = {"temperature": rule.temperature, "threshold": 0.0, "nearness": rule.nearness}
    return {
        "variants": dict.fromkeys(variants, entry),
        "unknown": {"background": background, "nearness": NEARNESS, "rejected": REJECTED},
    }


def accuracies(judged: Judgment, variants: Iterable[str]) -> dict[str, float]:
    """Return the top-1 of each variant that was measured."""
    found = dict.fromkeys(variants, judged.top1)
    if len(found) > 1:
        del found["float32"]  # what was measured is int8
    return found if judged.float_top1 is None else found | {"float32": judged.float_top1}


def sections(
    lesson: Lesson, judged: Judgment, curve: Sequence[Point], data: Path, request: Request, seconds: float
) -> dict[str, Any]:
    """Return the manifest's tables about accuracy, data and learning."""
    material, trunk = lesson.material, lesson.trunk
    counts = np.bincount(material.taught.labels, minlength=len(material.labels)).tolist()
    digest = hashlib.sha256("\n".join(material.labels).encode())
    for item in material.taught.items:
        digest.update(f"{item.label} {item.id}\n".encode())
    digest.update(material.taught.plain.tobytes())
    low, high = judged.interval
    return {
        "accuracy": {
            "test_pictures": judged.photos,
            "interval": [round(low, 4), round(high, 4)],
            "agreement": judged.agreement,
            "folds": {"count": judged.folds} if judged.folds else None,
            "rejected": judged.rejected,
            "accepted": judged.accepted,
            "calibration_error": judged.calibration_error,
        },
        "data": {
            "name": data_name(data),
            "licence": "not stated",
            "sha256": digest.hexdigest(),
            "skipped": len(material.skipped),
        },
        "learning": {
            "trunk": trunk.name,
            "trunk_sha256": hashlib.sha256(trunk.main.file.data).hexdigest(),
            "cut": trunk.main.embedding.name,
            "photos": dict(zip(material.labels, counts, strict=True)),
            "strength": lesson.choice.strength,
            "views": list(lesson.choice.views),
            "prototypes": len(lesson.taught.prototypes),
            "seed": request.seed,
            "curve": [
                {"photos": p.photos, "accuracy": p.accuracy, "interval": [p.low, p.high]} for p in curve
            ],
            "seconds": round(seconds, 1),
            "machine": describe_board().summary,
            "versions": installed_versions(_LIBRARIES),
        },
    }
