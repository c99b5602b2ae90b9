from itertools import pairwise

import numpy as np
import pytest

from edgecnn.camera.handwriting import GLYPHS, LABELS, draw_digit
from edgecnn.camera.synthetic import SyntheticCamera
from edgecnn.errors import OptionError


def test_a_seed_decides_every_frame_whatever_was_drawn_before():
    a, b = SyntheticCamera("synthetic:seed=4,fps=0"), SyntheticCamera("synthetic:seed=4,fps=0")
    for i in range(35):
        a.draw(i)
    first, again = a.draw(31), b.draw(31)
    assert np.array_equal(first[0], again[0])
    assert first[1] == again[1]
    assert not np.array_equal(first[0], SyntheticCamera("synthetic:seed=5,fps=0").draw(31)[0])


def test_frames_know_their_truth_and_move():
    with SyntheticCamera("synthetic:fps=0,hold=5") as camera:
        frames = [camera.read() for _ in range(100)]
    assert [f.index for f in frames] == list(range(100))
    assert all(f.pixels.shape == (480, 640, 3) and f.pixels.dtype == np.uint8 for f in frames)
    assert len({f.truth for f in frames}) >= 6
    assert {f.truth for f in frames[:5]} == {frames[0].truth}
    assert not np.array_equal(frames[0].pixels, frames[1].pixels)
    assert all(a.captured_ns <= b.captured_ns for a, b in pairwise(frames))


@pytest.mark.slow
def test_every_digit_comes_up_on_light_and_on_dark_paper():
    camera = SyntheticCamera("synthetic:seed=9,fps=0,hold=1")
    drawn = [camera.draw(i) for i in range(80)]
    assert {truth for _, truth in drawn} == set(LABELS)
    # The rim is paper, the middle has ink: both orders of brightness occur.
    darker = [p[200:280, 260:380].min() < p[:40, :40].mean() - 30 for p, _ in drawn]
    assert 0.5 < np.mean(darker) < 0.95


def test_the_pace_is_the_frame_rate_that_was_asked_for():
    with SyntheticCamera("synthetic:fps=100") as camera:
        stamps = [camera.read().captured_ns for _ in range(11)]
    assert (stamps[-1] - stamps[0]) / 1e9 >= 0.09


@pytest.mark.parametrize("label", LABELS)
def test_glyphs_are_strokes_inside_their_box(label):
    for glyph in GLYPHS[label]:
        points = np.array([p for stroke in glyph for p in stroke])
        assert points.min() >= 0
        assert points.max() <= 1
    ink = draw_digit(label, 120, np.random.default_rng(1))
    assert ink.shape == (120, 120)
    assert ink.dtype == np.float32
    assert 0.01 < (ink > 0.5).mean() < 0.4
    assert max(ink[0].max(), ink[-1].max(), ink[:, 0].max(), ink[:, -1].max()) < 0.1, "nothing is cut off"


def test_unknown_options_are_named():
    with pytest.raises(OptionError, match="speed"):
        SyntheticCamera("synthetic:speed=3")
