"""Version 1 of the HTTP API: what is new in it, and that the old paths answer as its own do."""

import json
from itertools import pairwise

import pytest

from edgecnn.live.sink.web.site import API
from tests.conftest import until
from tests.edgecnn.live.sink.web.conftest import serve
from tests.edgecnn.live.sink.web.test_site import events


def get(served, path: str):
    status, headers, body = served.ask(f"{API}/{path}")
    assert (status, headers["content-type"]) == (200, "application/json"), body
    return json.loads(body)


def settings(served, body: str):
    status, _, answer = served.ask(f"{API}/settings", "POST", body)
    return status, json.loads(answer) if status == 200 else answer.decode()


@pytest.fixture
def running(served):
    until(lambda: served.sink._views[0].status, "a first result")
    return served


@pytest.mark.parametrize(
    ("path", "method", "body", "status"),
    [
        ("variant", "POST", "int8", 200),
        ("pause", "POST", "off", 200),
        ("classify", "POST", "no image", 422),
        ("snapshot.png", "GET", None, 200),
        ("variant", "GET", None, 405),
    ],
)
def test_the_old_paths_answer_as_the_new_ones(running, path, method, body, status):
    new, old = (running.ask(f"{prefix}/{path}", method, body) for prefix in (API, ""))
    assert (new[0], old[0]) == (status, status)
    assert new[1]["content-type"] == old[1]["content-type"]
    assert path.endswith(".png") or new[2] == old[2]


@pytest.mark.parametrize("path", ["/status", "/history", "/settings", "/openapi.json", f"{API}/healthz", API])
def test_what_is_new_has_one_path_only(served, path):
    assert served.ask(path)[0] == 404


def test_the_status_is_that_of_the_events(running):
    status = get(running, "status")
    with running.connection() as connection:
        told = next(events(connection, f"{API}/events"))
    assert told.keys() == status.keys()
    assert status["settings"] == {"threshold": status["settings"]["threshold"], "smooth": 0.4, "hold": 4}
    assert status["camera"].keys() == {"width", "height", "fps"}
    assert (status["camera"]["width"], status["camera"]["height"]) == (640, 480)
    until(lambda: 20 < get(running, "status")["camera"]["fps"] < 80, "the camera's 60 frames a second")


def test_before_the_first_result_there_is_no_status_and_no_history():
    with serve(source="synthetic:fps=0.2") as served:
        status, _, body = served.ask(f"{API}/status")
        assert (status, body) == (503, b"there is no result yet")
        assert get(served, "history") == []


def test_each_variant_keeps_its_latency(running):
    assert list(get(running, "status")["latency_by_variant"]) == ["int8"]
    running.ask(f"{API}/variant", "POST", "float32")
    until(lambda: len(get(running, "status")["latency_by_variant"]) == 2, "both")
    spreads = get(running, "status")["latency_by_variant"]
    assert list(spreads) == ["int8", "float32"]
    assert all(0 < spread["p50"] <= spread["p99"] for spread in spreads.values())


def test_settings_take_effect_and_are_told(running):
    own = get(running, "status")["settings"]
    assert settings(running, "{}") == (200, own)
    assert settings(running, '{"threshold": 1}') == (200, own | {"threshold": 1.0})
    until(lambda: get(running, "status")["shown"] == "unknown", "no score reaches 1")
    wanted = {"threshold": 0.0, "smooth": 0.0, "hold": 1}
    assert settings(running, json.dumps(wanted)) == (200, wanted)
    status = until(
        lambda: (s := get(running, "status"))["settings"] == wanted and s["shown"] != "unknown" and s,
        "answers again",
    )
    assert "steady" not in status


def test_settings_that_change_during_a_pause_are_told(running):
    running.ask(f"{API}/pause", "POST", "on")
    until(lambda: get(running, "status")["stats"]["paused"], "a pause")
    assert settings(running, '{"hold": 9}')[0] == 200
    until(lambda: get(running, "status")["settings"]["hold"] == 9, "that it is told")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("hold=3", "the body: it is no JSON: Expecting value: line 1 column 1 (char 0)"),
        ("null", "the body: it is null, expected a table of keys and values"),
        ('{"limit": 0.5}', "the body: it has the key 'limit', expected only threshold, smooth, hold"),
        ('{"threshold": "0.5"}', "the body: threshold is '0.5', expected a number from 0 to 1"),
        ('{"threshold": null}', "the body: threshold is null, expected a number from 0 to 1"),
        ('{"smooth": 1}', "the body: smooth is 1, expected a number from 0 to 0.99"),
        ('{"hold": 4.5}', "the body: hold is 4.5, expected a whole number from 1 to 1,000"),
        ('{"hold": 8, "smooth": -1}', "the body: smooth is -1, expected a number from 0 to 0.99"),
    ],
)
def test_wrong_settings_are_refused_in_one_line_and_nothing_changes(running, body, words):
    before = get(running, "status")["settings"]
    assert settings(running, body) == (422, words)
    assert settings(running, "{}") == (200, before)


def test_settings_are_guarded_like_all_that_changes_state(running):
    assert running.ask(f"{API}/settings", "POST", "{}", Origin="http://evil.example")[0] == 403
    assert running.ask(f"{API}/settings", "POST", "{}", Host="evil.example")[0] == 421
    status, _, body = running.ask(f"{API}/settings", "POST", " " * 1001)
    assert (status, body) == (413, b"the body is too long: at most 1,000 bytes")
    assert running.ask(f"{API}/settings", "PUT", "")[0] == 405


def test_answers_are_kept(running):
    entries = until(lambda: len(found := get(running, "history")) > 1 and found, "two answers")
    assert entries[0].keys() == {"t", "seconds", "label", "score"}
    assert all(earlier["t"] > later["t"] for earlier, later in pairwise(entries))
    assert {e["label"] for e in entries} <= {*"0123456789", "unknown"}
