"""How good the taught model is, measured while it is taught, and which photos would help most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from edgecnn.learning.crossval import make_folds
from edgecnn.learning.curve import enough, forecast
from edgecnn.learning.judge import judge_by_folds
from edgecnn.learning.lesson import learn_lesson
from edgecnn.learning.material import LEAST, Material, background_of
from edgecnn.learning.request import Request
from edgecnn.learning.session import curve_of
from edgecnn.learning.suspects import find_suspects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.learning.crossval import Choice
    from edgecnn.learning.curve import Point
    from edgecnn.learning.judge import Judgment, Rule
    from edgecnn.learning.trunk import Trunk
    from edgecnn.teaching.memory import Seen
    from edgecnn.teaching.photos import TaughtFolder

# How many photos are asked for at a time.
_ASKED = 10
# A class with fewer photos is the one that costs most, whatever else was measured.
_FEW = 20
# From this width of the interval on, other scenes tell more than other photos.
_VAGUE = 0.2


class Useful(NamedTuple):
    """The class of which photos would help most, and why."""

    label: str
    why: str

    @property
    def text(self) -> str:
        """The whole sentence."""
        return f"Most useful next: {_ASKED} photos of {self.label}, {self.why}."


class Appraisal(NamedTuple):
    """What cross-validation found.

    Attributes
    ----------
    revision
        The revision of the folder that was measured.
    choice, rule
        For the head from now on.
    """

    revision: int
    labels: tuple[str, ...]
    seen: Seen
    choice: Choice
    rule: Rule
    judged: Judgment
    curve: tuple[Point, ...]
    advice: str
    useful: Useful | None
    mislabelled: tuple[tuple[str, str, float], ...]
    doubled: tuple[tuple[str, str], ...]

    def brief(self) -> dict[str, Any]:
        """Return the accuracy for the state of the page."""
        low, high = self.judged.interval
        return {
            "accuracy": round(self.judged.top1, 4),
            "low": round(low, 4),
            "high": round(high, 4),
            "photos": self.judged.photos,
            "scenes": self.judged.photos if self.judged.units is None else self.judged.units,
        }

    def as_dict(self) -> dict[str, Any]:
        """Return everything for the page."""
        confusion, photos = self.judged.confusion, self.seen.photos
        return {
            **self.brief(),
            "labels": list(self.labels),
            "by_class": [
                {
                    "label": label,
                    "photos": int((photos.labels == k).sum()),
                    "recall": _share(confusion[k, k], confusion[k].sum()),
                    "precision": _share(confusion[k, k], confusion[:, k].sum()),
                }
                for k, label in enumerate(self.labels)
            ],
            "confusion": confusion.tolist(),
            "curve": [
                {
                    "photos": p.photos,
                    "accuracy": round(p.accuracy, 4),
                    "low": round(p.low, 4),
                    "high": round(p.high, 4),
                }
                for p in self.curve
            ],
            "advice": self.advice,
            "useful": self.useful and {**self.useful._asdict(), "text": self.useful.text},
            "mislabelled": [
                {"id": photo, "label": photo.partition("/")[0], "looks_like": like, "score": round(score, 4)}
                for photo, like, score in self.mislabelled
            ],
            "doubled": [{"id": photo, "twin": twin} for photo, twin in self.doubled],
        }


def can_be_judged(seen: Seen) -> bool:
    """Whether there are two classes with enough photos of each for cross-validation."""
    counts = np.bincount(seen.photos.labels, minlength=len(seen.labels))
    return len(seen.labels) > 1 and int(counts.min()) >= LEAST and len(make_folds(seen.photos, 0)) > 1


def appraise(trunk: Trunk, folder: TaughtFolder, seen: Seen, revision: int, seed: int) -> Appraisal:
    """Measure by cross-validation, as `edgecnn learn` does."""
    request = Request(trunk.name, seed=seed)
    material = Material(folder, seen.labels, background_of(seen.labels), seen.photos, None, (), 0)
    lesson = learn_lesson(trunk, material, request)
    judged = judge_by_folds(material, lesson.answers, lesson.folds, None)
    curve = tuple(curve_of(lesson, judged, seed))
    suspects = find_suspects(seen.photos, lesson.answers, lesson.rule.temperature)
    ids = [item.id for item in seen.photos.items]
    return Appraisal(
        revision,
        seen.labels,
        seen,
        lesson.choice,
        lesson.rule,
        judged,
        curve,
        enough(curve),
        _most_useful(seen, judged, curve),
        tuple((ids[s.place], seen.labels[s.looks_like], s.score) for s in suspects.mislabelled),
        tuple((ids[pair.second], ids[pair.first]) for pair in suspects.doubled),
    )


def _most_useful(seen: Seen, judged: Judgment, curve: Sequence[Point]) -> Useful | None:
    """Return the class, or the confusion of two, that costs most; None where nothing is known to help."""
    counts = np.bincount(seen.photos.labels, minlength=len(seen.labels))
    fewest = int(counts.argmin())
    if counts[fewest] < _FEW and counts[fewest] < 0.5 * counts.max():
        return Useful(seen.labels[fewest], f"which has {counts[fewest]} and others up to {counts.max()}")
    wrong = judged.confusion.copy()
    np.fill_diagonal(wrong, 0)
    if wrong.sum():
        true, named = (int(k) for k in np.unravel_index(wrong.argmax(), wrong.shape))
        taken = f"{wrong[true, named]} of {judged.confusion[true].sum()}"
        return Useful(
            seen.labels[true],
            f"from other sides, distances and in other light: {taken} were taken for {seen.labels[named]}",
        )
    low, high = judged.interval
    if judged.units is not None and high - low > _VAGUE:
        scenes = [
            len({i.group or i.id for i in seen.photos.items if i.label == k}) for k in range(len(counts))
        ]
        poorest = int(np.argmin(scenes))
        return Useful(seen.labels[poorest], f"in another place: all photos are of {judged.units} scenes only")
    if counts[fewest] < _FEW or forecast(curve):
        return Useful(seen.labels[fewest], "from other sides, distances and in other light")
    return None


def _share(part: float, whole: float) -> float | None:
    return round(float(part) / float(whole), 4) if whole else None
