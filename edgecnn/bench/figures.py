"""The plots of a run as SVG that takes the page's text color, with the extra `report`."""

from __future__ import annotations

import io
import re
from statistics import median
from typing import TYPE_CHECKING, Any

from edgecnn.evaluation.heatmap import require_matplotlib
from edgecnn.image.figure_text import figure_texts
from edgecnn.io.markup import Html
from edgecnn.latency import percentile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edgecnn.bench.report import BenchResult

# Placeholder for the page's text color, which depends on the color scheme.
_INK = "#010203"
# Neither too light for a white page nor too dark for a black one.
_COLORS = ("#3b82c4", "#e07b39", "#46a05f", "#b3589a", "#b8941f", "#6f78d8", "#d0506a", "#3f9f9f")
_STAGES = {"capture": "#8d93a1", "preprocess": "#46a05f", "inference": "#3b82c4", "decode": "#e07b39"}
# A phone's width, so that text keeps its size there.
_WIDTH = 4.6


def draw_figures(report: BenchResult) -> Iterator[tuple[str, Html]]:
    """Yield each plot's title and SVG. Raises MissingExtra."""
    require_matplotlib()
    plots: list[tuple[str, Callable[[Any, BenchResult], None], float]] = [
        ("The median by stage, from image to label", _stages, 1.2 + 0.42 * len(report.candidates)),
        ("Inference latency: the share of runs that took at most this long", _distribution, 3.2),
        ("Block by block: the median inference relative to the candidate's median", _over_time, 2.8),
    ]
    if report.comparisons:
        height = 1.0 + 0.32 * len(report.comparisons)
        plots.insert(1, ("Speed ratio of the inference, with the 95 % interval", _ratios, height))
    if report.candidates[0].camera_blocks:
        height = 1.2 + 0.42 * len(report.candidates)
        plots.append(("The median by stage, from a webcam's frame to label", _camera, height))
    if report.accuracies:
        plots.append(("Accuracy and speed: top-1 over the median inference", _accuracy, 3.2))
    for title, draw, height in plots:
        yield title, _svg(report, title, draw, height)


def _svg(report: BenchResult, title: str, draw: Callable[[Any, BenchResult], None], height: float) -> Html:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    ink = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "grid.color")
    style: Any = {
        **dict.fromkeys(ink, _INK),
        "svg.fonttype": "none",  # text stays text, and small
        "svg.hashsalt": title,
        "text.parse_math": False,
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "grid.alpha": 0.18,
        "axes.grid": True,
        "axes.axisbelow": True,
    }
    file = io.StringIO()
    # Text stays text, so the browser chooses its font.
    with rc_context(style), figure_texts(()):
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        draw(figure.subplots(), report)
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    text = text[text.index("<svg") :].replace(_INK, "currentColor")
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r'\1 role="img"', text, count=1)
    used = set(re.findall(r'(?:url\(|href=")#([^)"]+)', text))
    return Html(re.sub(r' id="([^"]+)"', lambda m: m[0] if m[1] in used else "", text))


def _stages(axes: Any, report: BenchResult) -> None:
    _bars(axes, report, ("preprocess", "inference", "decode"))


def _camera(axes: Any, report: BenchResult) -> None:
    _bars(axes, report, tuple(_STAGES))


def _bars(axes: Any, report: BenchResult, stages: tuple[str, ...]) -> None:
    names = list(report.names)
    left = [0.0] * len(names)
    for stage in stages:
        widths = [c.spread(stage).p50_ms for c in report.candidates]
        axes.barh(names, widths, left=left, color=_STAGES[stage], label=stage, height=0.62)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("ms")
    axes.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=len(stages), frameon=False, fontsize=8,
                handlelength=1, columnspacing=1)  # fmt: skip


def _ratios(axes: Any, report: BenchResult) -> None:
    from edgecnn.bench.summary import shared_settings

    for i, c in enumerate(report.comparisons):
        r = c.inference
        color = _COLORS[2] if c.is_faster else _COLORS[6] if c.is_slower else _STAGES["capture"]
        if r.interval:
            axes.plot([r.low, r.high], [i, i], color=color, linewidth=3, solid_capstyle="round")
        axes.plot(r.value, i, "o", color=color)
        axes.annotate(f"{r.value:.2f}×", (r.value, i), xytext=(0, 6), textcoords="offset points", ha="center",
                      fontsize=8)  # fmt: skip
    axes.axvline(1, color=_INK, linewidth=1, linestyle=":")
    labels = [f"{' : '.join(c.names)}\n{shared_settings(report, c)}" for c in report.comparisons]
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.7)
    axes.margins(x=0.12)
    axes.grid(visible=False, axis="y")


def _distribution(axes: Any, report: BenchResult) -> None:
    from matplotlib.ticker import StrMethodFormatter

    for (name, c), color in zip(report.names.items(), _cycle(len(report.names)), strict=True):
        values = sorted(v for block in c.values("inference") for v in block)
        axes.plot(values, [(i + 1) / len(values) for i in range(len(values))], color=color, label=name)
    everything = [v for c in report.candidates for block in c.values("inference") for v in block]
    axes.set_xlim(0.95 * min(everything), 1.1 * max(percentile(everything, 99.5), 1.05 * min(everything)))
    axes.set_xscale("log")
    for which in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
        which(StrMethodFormatter("{x:g}"))
    axes.tick_params(axis="x", which="both", labelsize=7, labelrotation=45)
    axes.set(xlabel="ms", ylim=(0, 1.02))
    axes.legend(frameon=False, fontsize=8, loc="lower right")


def _over_time(axes: Any, report: BenchResult) -> None:
    for (name, c), color in zip(report.names.items(), _cycle(len(report.names)), strict=True):
        medians = [median(block) for block in c.values("inference")]
        middle = median(medians) or 1.0
        axes.plot(
            range(1, len(medians) + 1), [m / middle for m in medians], color=color, label=name, linewidth=1
        )
    axes.set_xlabel("block")
    axes.legend(loc="lower center", bbox_to_anchor=(0.45, 1.0), ncols=2, frameon=False, fontsize=8)


def _accuracy(axes: Any, report: BenchResult) -> None:
    for (name, c), color in zip(report.names.items(), _cycle(len(report.names)), strict=True):
        known = report.accuracy(c)
        if known is None:
            continue
        spread = c.spread("inference")
        axes.plot([spread.p50_ms, spread.p99_ms], [100 * known.top1] * 2, color=color, alpha=0.4)
        axes.plot(spread.p50_ms, 100 * known.top1, "o", color=color, label=name)
    axes.margins(x=0.1)
    tops = [100 * a.top1 for c in report.candidates if (a := report.accuracy(c))]
    axes.set_ylim(min(tops) - 1, max(tops) + 1)
    axes.legend(loc="lower center", bbox_to_anchor=(0.45, 1.0), ncols=2, frameon=False, fontsize=8)
    axes.set(xlabel="inference, ms: p50, and the line to p99", ylabel="top-1, %")
    axes.ticklabel_format(useOffset=False)


def _cycle(count: int) -> list[str]:
    return [_COLORS[i % len(_COLORS)] for i in range(count)]
