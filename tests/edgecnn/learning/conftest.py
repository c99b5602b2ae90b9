"""A cache for each test, and the tiny trunk as a file."""

from __future__ import annotations

import pytest

from tests.trunks import tiny_float, tiny_int8


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    """Keep embeddings of one test out of the next one."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "edgecnn"


@pytest.fixture
def tiny(tmp_path):
    """The int8 trunk as a file."""
    path = tmp_path / "tiny.tflite"
    path.write_bytes(tiny_int8())
    return path


@pytest.fixture
def tiny_float_file(tmp_path):
    """The float trunk as a file."""
    path = tmp_path / "tiny-float.tflite"
    path.write_bytes(tiny_float())
    return path
