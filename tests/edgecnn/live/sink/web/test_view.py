"""Several cameras on one page: each has its own streams, status, history and counts."""

import json
import threading

import cv2
import numpy as np
import pytest

from edgecnn.camera.synthetic import SyntheticCamera
from edgecnn.live.sink.web.site import API
from tests.conftest import until
from tests.edgecnn.live.sink.web.conftest import serve
from tests.edgecnn.live.sink.web.test_openapi import explore
from tests.edgecnn.live.sink.web.test_site import events, images
from tests.edgecnn.live.test_stream import Silent

# Each shows one digit, always the same.
SOURCES = ("synthetic:seed=3,fps=40,hold=100000", "synthetic:seed=8,fps=40,hold=100000")


@pytest.fixture
def several():
    """Two cameras that see different digits, and one that gives no frame."""
    with serve(source=SOURCES[0], more=[SyntheticCamera(SOURCES[1]), Silent()]) as served:
        until(lambda: all(view.status for view in served.sink._views[:2]), "a first result of both")
        yield served


def get(served, path: str):
    status, _, body = served.ask(f"{API}/{path}")
    assert status == 200, body
    return json.loads(body)


def truth(seed: int) -> str:
    with SyntheticCamera(f"synthetic:seed={seed}") as camera:
        return camera.read().truth


def test_each_camera_has_its_own_status(several):
    assert truth(3) != truth(8)
    for number, seed in enumerate((3, 8)):
        status = until(
            lambda n=number, seed=seed: (
                (s := get(several, f"status?camera={n}"))["shown"] == truth(seed) and s
            ),
            "the digit",
        )
        assert status["source"] == SOURCES[number]
        assert status["stats"]["correct"] <= status["stats"]["known"] == status["stats"]["frames"]
    assert get(several, "status")["source"] == SOURCES[0], "the first one without a number"
    assert several.ask(f"{API}/status?camera=2")[0] == 503


def test_a_status_lists_all_cameras(several):
    until(lambda: get(several, "status")["cameras"][1]["shown"] == truth(8), "the other one's digit")
    cameras = get(several, "status?camera=0")["cameras"]
    assert [one["source"] for one in cameras] == [*SOURCES, "synthetic:seed=9"]
    assert [one["shown"] for one in cameras] == [truth(3), truth(8), None]
    assert cameras[2]["seconds_since_result"] is None
    assert all(0 <= one["seconds_since_result"] < 10 for one in cameras[:2])


def test_events_are_of_the_chosen_camera_and_of_the_list(several):
    with several.connection() as connection:
        told = events(connection, f"{API}/events?camera=1")
        found = [next(told) for _ in range(12)]
    statuses, lists = ([one for one in found if isinstance(one, kind)] for kind in (dict, list))
    assert {status["source"] for status in statuses} == {SOURCES[1]}
    assert len({status["frame"] for status in statuses}) > 5
    assert {len(cameras) for cameras in lists} == {3}


def test_the_list_comes_also_while_a_camera_is_silent(several):
    with several.connection() as connection:
        told = events(connection, f"{API}/events?camera=2")
        first, second = next(told), next(told)
    assert isinstance(first, list)
    assert isinstance(second, list)
    assert first != second, "the others continue"


def test_images_are_of_the_chosen_camera(several):
    papers = []
    for number in (0, 1):
        with several.connection() as connection:
            papers.append(images(connection, 1, f"{API}/stream.mjpg?camera={number}")[0])
        whole = several.ask(f"{API}/snapshot.png?camera={number}")[2]
        image = cv2.imdecode(np.frombuffer(whole, np.uint8), cv2.IMREAD_COLOR)
        assert abs(image.astype(int) - papers[number]).mean() < 12
    assert abs(papers[0].astype(int) - papers[1]).mean() > 12
    assert several.ask(f"{API}/snapshot.png?camera=2")[0] == 503


def test_only_the_camera_that_is_watched_is_encoded(several):
    with several.connection() as connection:
        images(connection, 2, f"{API}/stream.mjpg?camera=1")
    assert [view.images._value is not None for view in several.sink._views] == [False, True, False]


def test_each_camera_has_its_history(several):
    until(lambda: get(several, "history?camera=1") and get(several, "history"), "answers")
    until(lambda: get(several, "history?camera=1")[-1]["label"] == truth(8), "the digit")
    assert truth(8) not in {entry["label"] for entry in get(several, "history")}
    assert get(several, "history?camera=2") == []


@pytest.mark.parametrize("path", ["status", "events", "history", "snapshot.png", "stream.mjpg"])
@pytest.mark.parametrize(
    ("number", "status"),
    [
        ("3", 404),
        ("999999999", 404),
        ("-1", 422),
        ("", 422),
        ("x", 422),
        ("1.0", 422),
        ("9" * 5000, 422),
        ("²", 422),
    ],
)
def test_a_camera_that_the_run_lacks_is_refused(several, path, number, status):
    from urllib.parse import quote

    got, headers, body = several.ask(f"{API}/{path}?camera={quote(number)}")
    assert (got, headers["content-type"]) == (status, "text/plain; charset=utf-8")
    assert len(body) < 100
    assert (b"the last one is 2" in body) == (status == 404)


def test_settings_and_a_pause_are_of_all_cameras(several):
    assert several.ask(f"{API}/settings", "POST", '{"threshold": 1, "hold": 1}')[0] == 200
    until(lambda: {one["shown"] for one in get(several, "status")["cameras"][:2]} == {"unknown"}, "of both")
    several.ask(f"{API}/pause", "POST", "on")
    for number in (0, 1):
        until(lambda n=number: get(several, f"status?camera={n}")["stats"]["paused"], "a pause")
        assert get(several, f"status?camera={number}")["settings"]["threshold"] == 1


def test_metrics_have_the_number_of_the_camera(several):
    from prometheus_client.parser import text_string_to_metric_families

    text = several.ask("/metrics")[2].decode()
    families = {family.name: family.samples for family in text_string_to_metric_families(text)}
    for name in ("edgecnn_frames", "edgecnn_label", "edgecnn_latency_seconds", "edgecnn_paused"):
        assert {sample.labels["camera"] for sample in families[name]} == {"0", "1"}, name


def test_health_is_of_the_run(several, monkeypatch):
    status, _, body = several.ask("/healthz")
    assert status == 200
    frames = [get(several, f"status?camera={n}")["stats"]["frames"] for n in (0, 1)]
    assert json.loads(body)["frames"] <= sum(frames)
    several.sink._views[0].result_s -= 1000
    assert several.ask("/healthz")[0] == 200, "the other one gives results"


@pytest.mark.slow
def test_the_server_answers_as_it_is_described_with_several_cameras(several, tmp_path):
    explore(several, tmp_path)


def test_all_streams_end_with_the_run():
    ended = []
    with serve(source=SOURCES[0], more=[SyntheticCamera(SOURCES[1])]) as served:

        def look(number):
            with served.connection() as connection:
                connection.request("GET", f"{API}/events?camera={number}")
                ended.append(b"event: end" in connection.getresponse().read())

        viewers = [threading.Thread(target=look, args=(number,)) for number in (0, 1)]
        for viewer in viewers:
            viewer.start()
        until(lambda: all(v.events.readers and v.status for v in served.sink._views), "both watch")
    for viewer in viewers:
        viewer.join(10)
    assert ended == [True, True]
    assert [one.frames > 0 for one in served.summary[0].cameras] == [True, True]
