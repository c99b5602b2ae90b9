"""Draws how many times as fast int8 is as float32: `python -m benchmarks.gain OUT.png TITLE=FILE.csv …`.

The files are those of `benchmarks/reference.py`: one thread, medians of the inference.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.reference import MODELS


def ratios(path: Path) -> dict[str, float]:
    """Return float32's median by int8's for each model of a table."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["stage"] == "inference" and row["threads"] == "1"]
    ms = {(row["model"], row["variant"]): float(row["p50_ms"]) for row in rows}
    return {name: ms[name, "float32"] / ms[name, "int8"] for name in MODELS}


def draw(tables: dict[str, dict[str, float]]) -> Figure:
    """Draw a group of bars for each table, a bar for each model."""
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(MODELS)
    for place, name in enumerate(MODELS):
        heights = [table[name] for table in tables.values()]
        bars = axes.bar([k + (place - 2) * width for k in range(len(tables))], heights, width, label=name)
        axes.bar_label(bars, fmt="%.2f", fontsize=6)
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_xticks(range(len(tables)), [title.replace(", ", "\n") for title in tables])
    axes.set_ylabel("latency of float32 / int8")
    axes.legend(ncols=len(MODELS), frameon=False, loc="upper left", fontsize=8)
    axes.set_ylim(0, 1.2 * max(max(table.values()) for table in tables.values()))
    return figure


if __name__ == "__main__":
    named = [argument.partition("=")[::2] for argument in sys.argv[2:]]
    draw({title: ratios(Path(name)) for title, name in named}).savefig(sys.argv[1], dpi=110)
