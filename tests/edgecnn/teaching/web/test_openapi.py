"""The description of the teach API against the real server."""

import json
from pathlib import Path

import pytest

from edgecnn.teaching.web.pages import BASE, TeachPages
from tests.edgecnn.live.sink.web.test_openapi import METHODS, PATH, declared, explore
from tests.edgecnn.teaching.web.test_pages import add


def test_every_path_of_teaching_is_described_and_no_other(teacher):
    pages = TeachPages(teacher)
    described = {(path, m) for path, item in pages.openapi["paths"].items() for m in item if m in METHODS}
    assert declared(pages.routes(None)) == described
    assert set(pages.bodies) == {path for path, method in described if method == "post"}


def test_answers_have_the_keys_that_are_described(taught):
    schemas = json.loads(taught.ask(PATH)[2])["components"]["schemas"]
    assert taught.get("state").keys() == schemas["TeachState"]["properties"].keys()
    add(taught, "red", "red", 1)
    assert taught.get("photos?label=red").keys() == schemas["PhotoList"]["properties"].keys()
    assert taught.get("review").keys() == schemas["ReviewList"]["properties"].keys()


@pytest.mark.slow
def test_the_server_answers_as_it_is_described(taught, tmp_path):
    for kind in ("red", "green"):
        add(taught, kind, kind, 4)
    assert taught.ask(f"{BASE}/state")[0] == 200
    explore(taught, tmp_path, Path(__file__).with_name("schemathesis.toml"))
