"""The description of the API against the real server."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from starlette.routing import Route

from edgecnn.live.sink.web.openapi import describe
from tests.conftest import until
from tests.edgecnn.live.sink.web.conftest import serve
from tests.edgecnn.live.sink.web.test_pages import Notebook
from tests.edgecnn.live.sink.web.test_site import events

PATH = "/api/v1/openapi.json"
METHODS = {"get", "post"}
CONFIG = Path(__file__).with_name("schemathesis.toml")


def explore(served, folder: Path, config: Path = CONFIG) -> None:
    """Have schemathesis send right and wrong requests to all described paths, and check the answers.

    A program of its own, which writes into `folder`: its plugin for pytest would delay every other test.
    """
    pytest.importorskip("schemathesis", reason="needs schemathesis: pip install edgecnn[dev]")
    until(lambda: served.sink._views[0].status, "a first result")
    program = "from schemathesis.cli import schemathesis; schemathesis()"
    options = ["--max-examples", "20", "--seed", "1", "--generation-database", "none", "--no-color"]
    ran = subprocess.run(
        [sys.executable, "-c", program, "--config-file", config, "run", f"{served.url}{PATH[1:]}", *options],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=folder,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def declared(routes) -> set[tuple[str, str]]:
    """Return paths and methods, without HEAD."""
    return {
        (route.path, method.lower())
        for route in routes
        if isinstance(route, Route)
        for method in (route.methods or ())
        if method != "HEAD"
    }


@pytest.mark.slow
def test_the_server_answers_as_it_is_described(served, tmp_path):
    explore(served, tmp_path)


@pytest.mark.slow
def test_a_wrong_description_is_found(served, monkeypatch, tmp_path):
    """The limit of `hold` as nine less than it is, and then one more."""
    document = json.loads(served.sink._site._description)
    for wrong in (991, 1001):
        hold = document["components"]["schemas"]["SettingsChange"]["properties"]["hold"]
        monkeypatch.setitem(hold, "maximum", wrong)
        monkeypatch.setattr(served.sink._site, "_description", json.dumps(document))
        with pytest.raises(AssertionError, match="POST /api/v1/settings"):
            explore(served, tmp_path)


def test_every_path_of_the_api_is_described_and_no_other(served):
    site = served.sink._site
    described = {(path, m) for path, item in describe()["paths"].items() for m in item if m in METHODS}
    routes = declared(site._routes())
    assert described == {r for r in routes if r[0].startswith("/api/") or r[0] in ("/healthz", "/metrics")}
    old = {path for path, _ in routes - described}
    assert {f"/api/v1{path}" for path in old} < {path for path, _ in described}, "deprecated ones"


def test_every_post_has_its_own_limit(served):
    limits = served.sink._server.config.app._bodies
    posts = {path for path, method in declared(served.sink._site._routes()) if method == "post"}
    assert {path for path in posts if limits.get(path, 0) > 0} == posts


def test_events_and_answers_have_the_keys_that_are_described(served):
    schemas = describe()["components"]["schemas"]
    with served.connection() as connection:
        told = next(events(connection, "/api/v1/events"))
    result, more = schemas["Status"]["allOf"][0]["$ref"].rpartition("/")[2], schemas["Status"]["allOf"][1]
    assert told.keys() == {*more["properties"], *schemas[result]["properties"]} - {"nearness", "labels"}
    assert told["stats"].keys() == schemas["Stats"]["properties"].keys()
    for name, schema in (("settings", "Settings"), ("camera", "Camera")):
        assert told[name].keys() == schemas[schema]["properties"].keys()


def test_every_reference_leads_somewhere(served):
    status, headers, body = served.ask(PATH)
    assert (status, headers["content-type"]) == (200, "application/json")
    document = json.loads(body)

    def references(value):
        if isinstance(value, dict):
            yield from [value["$ref"]] if "$ref" in value else []
            value = list(value.values())
        for inner in value if isinstance(value, list) else ():
            yield from references(inner)

    found = set(references(document))
    assert len(found) > 10
    for reference in found:
        _, kind, group, name = reference.removeprefix("#").split("/")
        assert name in document[kind][group], reference


def test_further_pages_add_to_it():
    with serve(pages=Notebook()) as served:
        document = json.loads(served.ask(PATH)[2])
    assert "/api/v1/notes/add" in document["paths"]
    assert document["components"]["schemas"].keys() >= {"Note", "Status"}
    assert "/api/v1/notes/add" not in describe()["paths"]
