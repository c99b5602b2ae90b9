import re
from itertools import pairwise

import numpy as np
import pytest

from edgecnn.camera import open_camera
from edgecnn.camera.handwriting import GLYPHS, LABELS, draw_digit
from edgecnn.camera.scene import THINGS
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


def test_things_are_all_shown_and_known():
    with SyntheticCamera("synthetic:scene=things,fps=0,hold=1,seed=3") as camera:
        assert camera.description == "synthetic camera 640×480, things, seed 3"
        frames = [camera.read() for _ in range(60)]
    assert {f.truth for f in frames} == set(THINGS)
    assert all(f.pixels.shape == (480, 640, 3) and f.pixels.dtype == np.uint8 for f in frames)


def test_a_seed_decides_every_frame_of_things():
    spec = "synthetic:scene=things,seed=4,hold=10,flicker=3,thing=cup"
    a, b = SyntheticCamera(spec), SyntheticCamera(spec)
    for i in range(15):
        a.draw(i)
    assert np.array_equal(a.draw(12)[0], b.draw(12)[0])
    other = SyntheticCamera(spec.replace("seed=4", "seed=5")).draw(12)
    assert other[1] == "cup"
    assert not np.array_equal(a.draw(12)[0], other[0])


def test_a_file_names_the_thing_while_the_camera_runs(tmp_path):
    path = tmp_path / "shown"
    with open_camera(f"97,synthetic:scene=things,fps=0,show={path}") as camera:
        seen = [camera.read().truth]
        for name in ("cup", "leaf", "nothing"):
            path.write_text(name)
            seen += [camera.read().truth, camera.read().truth]
    assert seen == ["nothing", "cup", "cup", "leaf", "leaf", "nothing", "nothing"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("scene=thing", "scene must be one of digits, things, got 'thing'"),
        ("thing=cup", "need scene=things"),
        ("table=stone", "need scene=things"),
        ("scene=things,thing=cups", "did you mean cup?"),
        ("scene=things,thing=cup,show=shown", "not both"),
        ("scene=things,table=steel", "table must be one of wood, cloth, stone, laminate"),
        ("scene=things,show=", "show must be a text"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, reason):
    with pytest.raises(OptionError, match=re.escape(reason)):
        SyntheticCamera(f"synthetic:{options}")
