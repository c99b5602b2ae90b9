"""Tests on other machines than this one, which take minutes: each kind has its own `make` target."""

import os

import pytest

KINDS = os.environ.get("EDGECNN_HW", "").split(",")


def pytest_collection_modifyitems(items):
    for item in items:
        if marker := item.get_closest_marker("hw"):
            (kind,) = marker.args
            if kind not in KINDS:
                item.add_marker(pytest.mark.skip(reason=f"another machine: make test-{kind}"))
