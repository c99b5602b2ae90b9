"""The plot of several models."""

from itertools import combinations

import pytest

from edgecnn.bench.compare import KnownAccuracy, Row, _comparison, draw_comparison
from edgecnn.latency import Spread

pytest.importorskip("matplotlib")


def row(model: str, variant: str, top1: float | None = 0.9, data: str = "data") -> Row:
    return Row(
        model=model, variant=variant, accuracy=KnownAccuracy(top1, None, data, 100, here=True),
        file_bytes=10**6,
        macs=1, arena_bytes=1, engine="fake", threads=1, latency={"inference": Spread(1.0, 1.0, 1.0, 1.0)},
    )  # fmt: skip


def test_no_name_overprints_another_and_none_is_cut_off():
    """Twenty models at one point, with names as long as file names may be."""
    names = [f"{i} {'mobilenet-' * 20}$x^2$" for i in range(20)]
    figure = _comparison([row(name, variant) for name in names for variant in ("int8", "float32")])
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.legends[0].get_texts()]
    assert len(boxes) == 40
    assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]
    width, height = figure.bbox.size
    assert all(box.x0 > 0 and box.x1 < width and box.y0 > 0 and box.y1 < height for box in boxes)
    axes = figure.axes[0].get_window_extent()
    assert axes.width > width / 2
    assert all(box.x0 > axes.x1 for box in boxes)


def test_twenty_models_have_twenty_colours():
    figure = _comparison([row(str(i), "int8") for i in range(20)])
    lines = [line for line in figure.axes[0].get_lines() if line.get_marker() == "o"]
    assert len({tuple(line.get_color()) for line in lines}) == 20


def test_models_measured_on_different_images_are_said_to_be():
    same = _comparison([row("a", "int8"), row("b", "int8"), row("c", "int8", None, "other")])
    assert same.axes[0].get_title() == ""
    different = _comparison([row("a", "int8"), row("b", "int8", data="other")])
    assert different.axes[0].get_title().startswith("top-1 on different images")


def test_nothing_known_is_drawn_empty():
    assert draw_comparison([row("a", "int8", None)]).startswith(b"\x89PNG")
