"""Addresses that answer with one image are polled, streams are not."""

import json
import time

import cv2
import numpy as np
import pytest

from edgecnn.camera import Mode, open_camera
from edgecnn.camera.opencv import OpenCvCamera
from edgecnn.camera.polled import PolledCamera
from edgecnn.errors import CameraError
from tests.conftest import draw_seven
from tests.edgecnn.camera.httpcam import HttpCamera
from tests.edgecnn.image.test_transparency import DISC, saved

QUICK = Mode(fps=50, stall_s=2)


@pytest.mark.parametrize("path", ["/snap.jpg", "/cgi-bin/snapshot.cgi?size=640,480&token=s3cret", "/"])
def test_an_address_with_one_jpeg_is_asked_again_and_again(path):
    with HttpCamera(draw_seven(), "admin:hun/ter2") as server:
        with open_camera(server.url(path, "admin:hun%2Fter2@"), QUICK) as camera:
            assert isinstance(camera, PolledCamera)
            assert camera.live
            assert "50 times a second" in camera.description
            frames = [camera.read() for _ in range(4)]
        assert [f.index for f in frames] == [0, 1, 2, 3]
        assert all(f.pixels.shape == (480, 640, 3) for f in frames)
        assert all(other == path for other in server.paths)
        assert len(server.paths) >= 4
        for text in (camera.name, camera.description, frames[0].source):
            assert "ter2" not in text
            assert "s3cret" not in text


def test_a_password_goes_by_digest_where_the_camera_wants_that():
    with HttpCamera(draw_seven(), "admin:hunter2", digest=True) as server:
        with open_camera(server.url("/snap.jpg", "admin:hunter2@"), QUICK) as camera:
            assert isinstance(camera, PolledCamera)
            assert [camera.read().index for _ in range(2)] == [0, 1]
        with pytest.raises(CameraError, match="answers 401"):
            PolledCamera(server.url("/snap.jpg", "admin:hunter3@"), QUICK)


def test_a_stream_stays_a_stream():
    with HttpCamera(draw_seven()) as server:
        with open_camera(server.url("/live.mjpg")) as camera:
            assert isinstance(camera, OpenCvCamera)
            assert [camera.read().index for _ in range(4)] == [0, 1, 2, 3]
        assert len(server.paths) == 1


def test_transparent_images_lie_on_the_ground():
    with HttpCamera(draw_seven()) as server:
        server.answer = lambda path: ("image/png", saved(DISC, "RGBA", "png"))
        with open_camera(server.url("/x.png"), QUICK) as camera:
            assert camera.read().pixels[0, 0].tolist() == [255, 255, 255]
            assert camera.read().pixels[24, 24].tolist() == [0, 0, 0]


def test_a_jpeg_is_decoded_no_larger_than_needed():
    with HttpCamera(draw_seven()) as server, PolledCamera(server.url("/"), QUICK) as camera:
        camera.read()
        camera.need(100)
        frame = camera.read()
    assert frame.pixels.shape == (120, 160, 3)
    assert frame.encoded == server.jpeg


def test_a_damaged_image_is_left_out():
    with HttpCamera(draw_seven()) as server, PolledCamera(server.url("/"), QUICK) as camera:
        answers = iter([("image/jpeg", server.jpeg[:999]), ("text/html", b"<html>busy</html>")])
        server.answer = lambda path: next(answers, None)
        assert camera.read().index == 0
        assert camera.read().index == 1
        assert len(server.paths) == 4


FAULTS = {
    "a page": (("text/html", b"<html>log in</html>"), "expected a JPEG"),
    "too many bytes": (("image/jpeg", b"\xff\xd8" + bytes(20 << 20)), "more than 16,777,216 bytes"),
    "too many pixels": (
        ("image/jpeg", cv2.imencode(".jpg", np.zeros((7000, 7200), np.uint8))[1].tobytes()),
        "7200×7000, more than 50 megapixels",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_no_image_is_one_line(name):
    answer, words = FAULTS[name]
    with HttpCamera(draw_seven()) as server:
        server.answer = lambda path: answer
        with pytest.raises(CameraError, match=words) as caught:
            PolledCamera(server.url("/?key=s3cret"), Mode(fps=100, stall_s=0.2))
    assert "s3cret" not in str(caught.value)


def test_a_wrong_password_is_named_and_not_shown():
    with HttpCamera(draw_seven(), "admin:right") as server, pytest.raises(CameraError) as caught:
        PolledCamera(server.url("/", "admin:hunter2@"), QUICK)
    assert "answers 401" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_what_an_address_answers_in_place_of_a_video_is_said():
    with HttpCamera(draw_seven(), "admin:right") as server:
        with pytest.raises(
            CameraError, match=r"answers 401 \(Unauthorized\): check the user name and password"
        ):
            open_camera(server.url("/", "admin:hunter2@"), QUICK)
        with open_camera(server.url("/live.mjpg", "admin:right@").replace("http", "HTTP"), QUICK) as camera:
            assert camera.read() is not None
    with HttpCamera(draw_seven()) as server:
        server.answer = lambda _: ("text/html; charset=utf-8", b"<form>")
        with pytest.raises(CameraError, match=r"answers with a page \(text/html\), expected a video"):
            open_camera(server.url("/login"), QUICK)


def test_a_password_is_shown_to_no_other_server():
    with HttpCamera(draw_seven(), "admin:hunter2") as other, HttpCamera(draw_seven()) as server:
        opener = PolledCamera(server.url("/", "admin:hunter2@"), QUICK)._opener
        with pytest.raises(OSError, match="401"):
            opener.open(other.url("/"), timeout=5)
    assert other.refused == 1


def test_a_wait_for_the_next_image_can_be_interrupted():
    with HttpCamera(draw_seven()) as server, PolledCamera(server.url("/"), Mode(fps=0.01)) as camera:
        camera.read()
        camera.interrupt()
        began = time.monotonic()
        camera.read()
        assert time.monotonic() - began < 30


def test_live_classifies_what_is_polled(run_cli):
    with HttpCamera(draw_seven()) as server:
        ran = run_cli(
            "live", "--source", server.url("/snap?size=640,480"), "--fps", 50, "--frames", 3,
            "--jsonl", "-", "--show", "none",
        )  # fmt: skip
    assert ran.code == 0
    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert [line["predictions"][0]["label"] for line in lines] == ["7"] * 3
