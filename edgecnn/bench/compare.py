"""Several models side by side: accuracy, size, work, memory, time and robustness of each variant."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgecnn.bench.interleaved import STAGES, Candidate, measure
from edgecnn.evaluation.heatmap import require_matplotlib
from edgecnn.image.figure_text import figure_texts
from edgecnn.tflite.arena import arena_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from matplotlib.figure import Figure

    from edgecnn.classify.classifier import Classifier
    from edgecnn.evaluation.result import Evaluation
    from edgecnn.latency import Spread

# The longest name in the plot: longer ones are cut in the middle.
_LONGEST_NAME = 40


@dataclass(frozen=True, slots=True)
class Entrant:
    """One model with its open variants, and its evaluation on labelled images where there is one."""

    name: str
    classifiers: Mapping[str, Classifier]
    evaluation: Evaluation | None = None


@dataclass(frozen=True, slots=True)
class KnownAccuracy:
    """Top-1 and the mean top-1 under the standard corruptions, 0 to 1, where they are known.

    Top-1 was measured on `pictures` images of `data`: with `here` in this run, else when the bundle was
    trained.
    """

    top1: float | None
    robustness: float | None
    data: str
    pictures: int
    here: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One variant of one model. `latency` has the percentiles of each stage of `edgecnn.bench.STAGES`."""

    model: str
    variant: str
    accuracy: KnownAccuracy
    file_bytes: int
    macs: int
    arena_bytes: int
    engine: str
    threads: int
    latency: dict[str, Spread]

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON; docs/evaluate.md describes the keys."""
        known = self.accuracy
        return {
            "model": self.model,
            "variant": self.variant,
            "top1": known.top1,
            "robustness": known.robustness,
            "data": known.data or None,
            "pictures": known.pictures,
            "measured_here": known.here,
            "file_bytes": self.file_bytes,
            "macs": self.macs,
            "arena_bytes": self.arena_bytes,
            "engine": self.engine,
            "threads": self.threads,
            "latency_ms": {stage: spread.as_dict() for stage, spread in self.latency.items()},
        }


def compare(entrants: Sequence[Entrant], *, blocks: int = 40) -> list[Row]:
    """Measure the latencies of all variants of all models, interleaved, and add their other properties.

    `blocks` is the number of blocks of each variant; see `edgecnn.bench.measure`.
    """
    candidates = {
        (entrant.name, variant): Candidate.of(classifier)
        for entrant in entrants
        for variant, classifier in entrant.classifiers.items()
    }
    measure(list(candidates.values()), blocks=blocks)
    rows = []
    for entrant in entrants:
        for variant, classifier in entrant.classifiers.items():
            candidate, file = candidates[entrant.name, variant], classifier.model.file
            rows.append(
                Row(
                    model=entrant.name,
                    variant=variant,
                    accuracy=accuracy(entrant, variant),
                    file_bytes=candidate.file_bytes,
                    macs=file.macs,
                    arena_bytes=arena_bytes(file),
                    engine=candidate.engine,
                    threads=candidate.threads,
                    latency={stage: candidate.spread(stage) for stage in STAGES},
                )
            )
    return rows


def accuracy(entrant: Entrant, variant: str) -> KnownAccuracy:
    """Return a variant's accuracy: measured in this run, else as its bundle states it, if it does."""
    stated = _stated(entrant.classifiers[variant], variant)
    if entrant.evaluation is None:
        return stated
    found = entrant.evaluation
    mean = found.mean_under(variant)
    # A bundle's robustness was measured on other images, so it is not mixed with results on these.
    return KnownAccuracy(found.variants[variant].top1, mean, found.data, found.pictures, here=True)


def differ_in_data(rows: Sequence[Row]) -> bool:
    """Whether the known accuracies were measured on different images, so that they can't be compared."""
    known = [row.accuracy for row in rows if row.accuracy.top1 is not None]
    return len({(accuracy.data, accuracy.pictures) for accuracy in known}) > 1


def draw_comparison(rows: Sequence[Row]) -> bytes:
    """Return a PNG: top-1 over the inference's p50, with a line to its p99; variants of a model are joined.

    The names stand next to the axes, because points may overlap. Rows without an accuracy are left
    out. Raises MissingExtra.
    """
    require_matplotlib()
    with figure_texts([*(row.model for row in rows), "…"]) as write:
        file = io.BytesIO()
        _comparison(rows, write).savefig(file, dpi=110, format="png", metadata={"Software": None})
        return file.getvalue()


def _comparison(rows: Sequence[Row], write: Callable[[str], str] = str) -> Figure:
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    markers = {"int8": "o", "uint8": "s", "float32": "^"}
    tab20 = [colormaps["tab20"](i) for i in range(20)]  # each dark color is followed by a light one
    colors = tab20[::2] + tab20[1::2]
    drawn = [row for row in rows if row.accuracy.top1 is not None]
    figure = Figure(figsize=(10, max(5.0, 0.2 * len(drawn) + 1)), layout="constrained")
    axes = figure.subplots()
    for k, name in enumerate(dict.fromkeys(row.model for row in drawn)):
        of_model = [row for row in drawn if row.model == name]
        places = [(r.latency["inference"].p50_ms, 100 * (r.accuracy.top1 or 0)) for r in of_model]
        color = colors[k % len(colors)]
        axes.plot(*zip(*places, strict=True), color=color, linewidth=1, linestyle=":")
        for row, (x, y) in zip(of_model, places, strict=True):
            axes.plot([x, row.latency["inference"].p99_ms], [y, y], color=color, linewidth=1, alpha=0.5)
            text = f"{write(_shortened(name))} {row.variant}, {row.file_bytes / 1024:.0f} KiB"
            marker = markers.get(row.variant, "D")
            axes.plot(x, y, marker=marker, color=color, linestyle="none", label=text)
    axes.set_xscale("log")
    axes.set(xlabel="inference on this machine, ms: p50, and the line to p99", ylabel="top-1, %")
    if differ_in_data(rows):
        axes.set_title("top-1 on different images: --data D measures all models on the same", fontsize=9)
    axes.margins(x=0.1, y=0.1)
    axes.grid(alpha=0.25, which="both")
    if drawn:
        figure.legend(loc="outside right upper", fontsize=7, frameon=False)
    return figure


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[:18]}…{name[-18:]}"


def _stated(classifier: Classifier, variant: str) -> KnownAccuracy:
    """Return the accuracy that a bundle's manifest states; none for a bare file."""
    bundle = classifier.model.bundle
    if bundle is None:
        return KnownAccuracy(None, None, "", 0, here=False)
    facts = bundle.facts
    return KnownAccuracy(
        bundle.variants[variant].accuracy,
        facts.robustness.get(variant),
        facts.data,
        facts.test_pictures,
        here=False,
    )
