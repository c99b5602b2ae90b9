import json
import socket
import threading
import time

import cv2
import numpy as np
import pytest

import edgecnn
from edgecnn.live.sink.web import site, streams, view
from edgecnn.live.sink.web.encoder import LONGEST, encode
from edgecnn.live.sink.web.guard import static_paths
from tests.conftest import draw_seven, until
from tests.edgecnn.live.sink.web.conftest import serve
from tests.edgecnn.live.test_loop import frame
from tests.images import textured


def images(connection, count: int, path: str = "/stream.mjpg") -> list[np.ndarray]:
    """Read so many images of the stream."""
    connection.request("GET", path)
    answer = connection.getresponse()
    assert answer.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=edgecnn-frame"
    found = []
    assert answer.readline() == b"--edgecnn-frame\r\n"
    while len(found) < count:
        assert answer.readline() == b"Content-Type: image/jpeg\r\n"
        length = int(answer.readline().removeprefix(b"Content-Length: "))
        assert answer.readline() == b"\r\n"
        found.append(cv2.imdecode(np.frombuffer(answer.read(length), np.uint8), cv2.IMREAD_COLOR))
        assert answer.readline() == b"\r\n"
        assert answer.readline() == b"--edgecnn-frame\r\n"
    return found


def events(connection, path: str = "/events"):
    """Yield what the page is told."""
    connection.request("GET", path)
    answer = connection.getresponse()
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    while line := answer.readline():
        if line.startswith(b"data: "):
            yield json.loads(line.removeprefix(b"data: "))


def test_the_image_moves(served):
    with served.connection() as connection:
        found = images(connection, 5)
    assert {p.shape for p in found} == {(480, 640, 3)}
    assert not np.array_equal(found[0], found[-1])


def test_without_viewers_nothing_is_encoded(served):
    while not served.sink._views[0].status:
        time.sleep(0.05)
    time.sleep(0.3)
    assert served.sink._views[0].images._value is None


def test_results_are_told_as_they_come(served):
    with served.connection() as connection:
        first, second = (told for told, _ in zip(events(connection), range(2), strict=False))
    assert second["frame"] > first["frame"]
    assert second["shown"] == second["steady"]["label"]
    assert second["size"] == [640, 480]
    assert second["seen"] == [96, 16, 448, 448]
    assert second["stats"]["variants"] == ["int8", "float32"]
    assert set(second["stats"]["latency_ms"]) == {"preprocess", "inference", "decode", "total", "age"}
    assert second["stats"]["latency_ms"]["inference"]["p50"] > 0


def test_the_variant_is_switched(served):
    with served.connection() as connection:
        told = events(connection)
        assert next(told)["stats"]["variant"] == "int8"
        assert json.loads(served.ask("/variant", "POST", "float32")[2]) == {"variant": "float32"}
        assert any(t["stats"]["variant"] == "float32" for t, _ in zip(told, range(20), strict=False))
    assert json.loads(served.ask("/variant", "POST")[2]) == {"variant": "int8"}
    status, _, body = served.ask("/variant", "POST", "int4")
    assert (status, body) == (422, b"there is no variant 'int4': choose int8, float32")


def test_a_pause_is_told(served):
    with served.connection() as connection:
        told = events(connection)
        next(told)
        assert served.ask("/pause", "POST", "on")[0] == 200
        assert any(t["stats"]["paused"] for t, _ in zip(told, range(20), strict=False))
        assert served.ask("/pause", "POST")[0] == 200
        assert any(not t["stats"]["paused"] for t, _ in zip(told, range(20), strict=False))
    assert served.ask("/pause", "POST", "perhaps")[0] == 422


def test_classify_answers_as_the_command_does(served):
    data = cv2.imencode(".png", draw_seven())[1].tobytes()
    status, headers, body = served.ask("/classify", "POST", data)
    answer = json.loads(body)
    assert status == 200
    assert headers["content-type"] == "application/json"
    assert answer["predictions"][0]["label"] == "7"
    assert set(answer) - {"unknown"} == {"source", "frame", "predictions", "latency_ms"}
    assert len(answer["predictions"]) == 3


def test_a_large_photo_gets_the_scores_that_its_file_gets(served, tmp_path):
    """Both are decoded at the size that the model needs."""
    image = cv2.cvtColor(textured(480), cv2.COLOR_GRAY2BGR)
    path = tmp_path / "photo.jpg"
    cv2.imwrite(str(path), image)
    with edgecnn.load("digits") as classifier:
        expected = [p.as_dict() for p in classifier.classify(path, 3)]
        in_full = [p.as_dict() for p in classifier.classify(cv2.imread(str(path)), 3)]
    until(lambda: json.loads(served.ask("/healthz")[2])["frames"], "a first result")
    assert json.loads(served.ask("/classify", "POST", path.read_bytes())[2])["predictions"] == expected
    assert expected != in_full


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (b"", 422, "is empty"),
        (b"no image", 422, "no known image format"),
        (b"\xff\xd8\xff\xe0 torn", 422, "truncated"),
    ],
)
def test_what_is_no_image_is_refused_in_a_line(served, data, status, words):
    got, _, body = served.ask("/classify", "POST", data)
    assert (got, words in body.decode()) == (status, True)


def test_a_body_that_is_too_long_is_refused(served):
    status, headers, body = served.ask("/variant", "POST", b"x" * 5000)
    assert (status, body) == (413, b"the body is too long: at most 1,000 bytes")
    assert headers["connection"] == "close"


def test_simultaneous_requests_get_the_same_image(served, monkeypatch):
    monkeypatch.setattr(view, "_SNAPSHOT_S", 60)
    while not served.sink._views[0].status:
        time.sleep(0.05)
    assert served.ask("/snapshot.png")[2] == served.ask("/snapshot.png")[2]


def test_a_snapshot_is_the_whole_image(served):
    while not served.sink._views[0].status:
        time.sleep(0.05)
    status, headers, body = served.ask("/snapshot.png")
    assert status == 200
    assert headers["content-disposition"].startswith('attachment; filename="edgecnn-2')
    assert cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR).shape == (480, 640, 3)


def test_health_and_metrics(served, monkeypatch):
    from prometheus_client.parser import text_string_to_metric_families

    while not served.sink._views[0].status:
        time.sleep(0.05)
    status, _, body = served.ask("/healthz")
    assert (status, json.loads(body)["status"]) == (200, "ok")
    _, headers, body = served.ask("/metrics")
    assert headers["content-type"].startswith("text/plain; version=")
    families = {f.name: f for f in text_string_to_metric_families(body.decode())}
    assert families["edgecnn_frames"].samples[0].value >= 1
    latency = {tuple(s.labels.values()): s.value for s in families["edgecnn_latency_seconds"].samples}
    assert any({"inference", "0.99", "int8"} == set(key) for key in latency)
    assert {"0", "0.5", "0.9", "0.99"} <= {value for key in latency for value in key}
    assert 0 < max(latency.values()) < 10
    monkeypatch.setattr(site, "STALE_S", 0.0)
    assert served.ask("/healthz")[0] == 503


def test_before_the_first_result_there_is_nothing_to_tell():
    with serve(source="synthetic:fps=0.2") as served:
        assert served.ask("/metrics")[2] == b""
        assert served.ask("/healthz")[0] == 200
        assert served.ask("/")[0] == 200


@pytest.mark.parametrize("path", static_paths())
def test_pages_load_nothing_from_elsewhere(served, path):
    status, headers, body = served.ask(path)
    assert status == 200
    assert "default-src 'none'" in headers["content-security-policy"]
    assert b"http://" not in body
    assert b"https://" not in body


@pytest.mark.parametrize(
    "path",
    [
        "/token.html",
        "/../site.py",
        "/%2e%2e/site.py",
        "/main.js/../../site.py",
        "//etc/passwd",
        "/static",
        "/types.d.ts",
        "/teach",
    ],
)
def test_no_other_file_is_served(served, path):
    assert served.ask(path)[0] == 404


def test_stuck_viewers_never_slow_the_loop(served):
    """Twenty viewers who read nothing, and one who does: the images keep coming, each encoded once."""
    stuck = []
    for _ in range(20):
        sock = socket.create_connection(("127.0.0.1", served.port))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        stuck.append(sock)
    encoded = []
    start = time.monotonic()
    put = served.sink._views[0].images.put
    served.sink._views[0].images.put = lambda jpeg: (encoded.append(jpeg), put(jpeg))
    with served.connection() as connection:
        assert len(images(connection, 20)) == 20
        assert served.sink._views[0].images.readers == 21
    # Twenty-five a second at most, however many viewers there are.
    assert len(encoded) <= 25 * (time.monotonic() - start) + 2
    for sock in stuck:
        sock.close()
    for _ in range(100):
        if not served.sink._views[0].images.readers:
            break
        time.sleep(0.1)
    assert served.sink._views[0].images.readers == 0


def test_a_viewer_who_takes_nothing_is_given_up(served, monkeypatch):
    monkeypatch.setattr(streams, "STUCK_S", 0.5)
    with socket.create_connection(("127.0.0.1", served.port)) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        for _ in range(50):
            if served.sink._views[0].images.readers:
                break
            time.sleep(0.1)
        for _ in range(200):
            if not served.sink._views[0].images.readers:
                break
            time.sleep(0.1)
        assert served.sink._views[0].images.readers == 0


def test_for_those_who_take_nothing_nothing_is_encoded(served):
    with socket.create_connection(("127.0.0.1", served.port)) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        connections = served.sink._server.server_state.connections
        until(lambda: any(c.flow and c.flow.write_paused for c in list(connections)), "it is stuck")
        time.sleep(0.5)
        before = served.sink._views[0].images._value
        time.sleep(0.5)
        assert served.sink._views[0].images._value is before
        with served.connection() as connection:
            assert len(images(connection, 3)) == 3


def test_a_large_image_is_shown_smaller():
    from dataclasses import replace

    large = replace(frame(0), pixels=np.zeros((1080, 1920, 3), np.uint8))
    shown = cv2.imdecode(np.frombuffer(encode(large), np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape == (720, LONGEST, 3)


def test_it_ends_while_a_viewer_is_connected():
    with serve() as served:
        ended = threading.Event()

        def look():
            with served.connection() as connection:
                connection.request("GET", "/events")
                answer = connection.getresponse()
                while answer.readline():
                    pass
                ended.set()

        viewer = threading.Thread(target=look)
        viewer.start()
        while not (served.sink._views[0].events.readers and served.sink._views[0].status):
            time.sleep(0.05)
    viewer.join(10)
    assert ended.is_set()
    assert served.summary[0].frames > 0


def test_an_answer_that_no_client_waits_for_does_not_end_the_loop(served, monkeypatch):
    monkeypatch.setattr(site, "PATIENCE_S", 0.0)
    while not served.sink._views[0].status:
        time.sleep(0.05)
    assert served.ask("/variant", "POST", "float32")[0] in (408, 503)
    data = cv2.imencode(".png", draw_seven())[1].tobytes()
    assert served.ask("/classify", "POST", data)[0] in (408, 503)
    monkeypatch.undo()
    assert json.loads(served.ask("/variant", "POST", "int8")[2]) == {"variant": "int8"}
    assert not served.summary, "the loop keeps running"


def test_a_plain_classifier_offers_no_other_variant():
    with serve(plain=True) as served:
        while not served.sink._views[0].status:
            time.sleep(0.05)
        assert served.sink._views[0].status["stats"]["variants"] == ["int8"]
        assert served.ask("/variant", "POST", "float32")[0] == 422


def test_the_loop_outlives_the_page():
    """Where the web thread fails, the loop keeps running without viewers."""
    with serve() as served:
        served.sink._server.should_exit = True
        served.sink._thread.join()
        before = served.sink._views[0].result_s
        time.sleep(0.5)
        assert served.sink._views[0].result_s > before
        assert not served.summary


def test_a_photo_that_comes_when_the_run_ends_is_no_bad_photo(served):
    served.sink._decoder.close()
    photo = cv2.imencode(".png", draw_seven())[1].tobytes()
    status, _, body = served.ask("/classify", "POST", photo)
    assert (status, body) == (503, b"the run has ended")
