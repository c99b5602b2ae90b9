"""Bundles that are made when they are named."""

import importlib
import shutil

import pytest

from edgecnn.bundle import search
from edgecnn.bundle.search import MADE, bundle_folders, find, made_folder, search_path
from edgecnn.errors import ModelNotFound


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "edgecnn" / "models"


@pytest.fixture
def maker(monkeypatch, cache):
    """A bundle `made` that is a copy of digits; returns the names that were made."""
    made = []

    def make(name):
        made.append(name)
        return shutil.copytree(find("digits"), cache / name)

    monkeypatch.setitem(MADE, "made", "tests.edgecnn.bundle.test_search:make")
    monkeypatch.setitem(globals(), "make", make)
    return made


def test_every_maker_exists_and_knows_its_names():
    from edgecnn.learning.pretrained import PRETRAINED

    assert set(MADE) == set(PRETRAINED)
    for place in MADE.values():
        module, _, name = place.partition(":")
        assert callable(getattr(importlib.import_module(module), name))


def test_a_bundle_is_made_the_first_time_that_it_is_named(maker, cache):
    assert made_folder() == cache
    assert cache not in search_path(), "nothing is made yet"
    assert find("made") == cache / "made"
    assert find("made") == cache / "made"
    assert maker == ["made"]
    assert cache / "made" in bundle_folders()


def test_one_of_the_user_by_the_same_name_has_priority(maker, tmp_path, monkeypatch):
    own = shutil.copytree(find("digits"), tmp_path / "own" / "made")
    monkeypatch.setenv("EDGECNN_MODELS", str(own.parent))
    assert find("made") == own
    assert maker == []


def test_a_path_is_never_made(maker, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelNotFound):
        find("./made")
    assert maker == []


def test_names_that_can_be_made_are_offered(maker):
    with pytest.raises(ModelNotFound, match="did you mean 'efficientnet_lite0_1"):
        find("efficientnet_lite0_12")
    with pytest.raises(ModelNotFound, match="one of .*digits.*efficientnet_lite0, .*made"):
        find("zzz")
    assert maker == []


def test_without_a_home_there_is_no_folder(monkeypatch):
    monkeypatch.setattr(search, "cache_folder", lambda: None)
    assert made_folder() is None
    assert find("digits")
