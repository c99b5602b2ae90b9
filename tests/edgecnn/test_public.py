"""The names that `import edgecnn` gives, and the page that `help(edgecnn)` shows."""

import doctest
import importlib
import re

import cv2
import numpy as np
import pytest

import edgecnn
from tests.conftest import draw_seven
from tests.images import digit


def test_public_names_are_these():
    assert sorted(edgecnn.__all__) == [
        "Bundle",
        "Camera",
        "Classifier",
        "Command",
        "CommandSource",
        "EdgeCnnError",
        "Engine",
        "Frame",
        "Learned",
        "Mode",
        "ModelData",
        "Prediction",
        "Result",
        "Sink",
        "Stats",
        "Steady",
        "Summary",
        "Teacher",
        "Timings",
        "alive",
        "evaluate",
        "learn",
        "list_bundles",
        "load",
        "open_camera",
        "register_camera",
        "register_engine",
        "register_sink",
        "run",
        "train",
    ]
    for name in edgecnn.__all__:
        assert getattr(edgecnn, name).__doc__
    with pytest.raises(AttributeError):
        _ = edgecnn.nothing


def test_help_names_each_of_them():
    words = set(re.findall(r"\w+", edgecnn.__doc__))
    assert set(edgecnn.__all__) <= words
    assert all(len(line) <= 100 for line in edgecnn.__doc__.splitlines())


def test_what_help_shows_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("seven.png", draw_seven())
    for label in "17":
        (tmp_path / "photos" / label).mkdir(parents=True)
        for k in range(4):
            cv2.imwrite(f"photos/{label}/{k}.png", digit(label, np.random.default_rng(k)))
    ran = doctest.testmod(edgecnn, extraglobs={"edgecnn": edgecnn})
    assert (ran.failed, ran.attempted) == (0, 6)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("edgecnn.live", "run"),
        ("edgecnn.camera", "Camera"),
        ("edgecnn.camera", "open_camera"),
        ("edgecnn.frame", "Frame"),
        ("edgecnn.live.sink", "Sink"),
    ],
)
def test_a_path_that_was_documented_still_leads_there(module, name):
    assert getattr(importlib.import_module(module), name) is getattr(edgecnn, name)


def test_the_live_package_has_the_loop_and_nothing_else_by_accident():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = importlib.import_module("edgecnn.live").nothing
