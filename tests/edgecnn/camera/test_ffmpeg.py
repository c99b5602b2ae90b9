"""FFmpeg opens nothing in addition to the file that it is given."""

import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest

from edgecnn.camera import open_camera
from edgecnn.camera.opencv import OpenCvCamera
from edgecnn.errors import CameraError


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "other.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for shade in range(3):
        writer.write(np.full((48, 64, 3), 40 * shade, np.uint8))
    writer.release()
    return path


@pytest.fixture
def asked():
    """The paths that were asked for, of a server on loopback, and its address."""
    paths = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            paths.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield paths, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{}\n#EXT-X-ENDLIST\n"
SCRIPTS = {
    "concat": "ffconcat version 1.0\nfile other.avi\n",
    "concat of a URL": "ffconcat version 1.0\nfile '{url}/x.mp4'\n",
    "HLS": HLS.format("other.avi"),
    "HLS of a URL": HLS.format("{url}/x.ts"),
    "SDP": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    "ASX": '<asx version="3.0"><entry><ref href="{url}/a.mp4"/></entry></asx>',
    "RTSP": "RTSPtext\nrtsp://127.0.0.1:9/a\n",
}


@pytest.mark.parametrize("suffix", ["mp4", "avi", "ts", "mjpg"])
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_video_that_names_other_files_or_addresses_opens_nothing(tmp_path, clip, asked, script, suffix):
    paths, url = asked
    path = tmp_path / f"script.{suffix}"
    path.write_text(SCRIPTS[script].replace("{url}", url))
    with pytest.raises(CameraError, match="it is no video that OpenCV can read"):
        OpenCvCamera(str(path))
    assert paths == []


@pytest.mark.parametrize("name", ["http:x.avi", "concat:other.avi", "tcp:127.0.0.1:9.avi", "a%03d.avi"])
def test_a_name_is_no_protocol_and_no_pattern(tmp_path, clip, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    clip.rename(tmp_path / name)
    for source in (name, f"file://{tmp_path}/{name}"):
        with open_camera(source) as camera:
            assert camera.read().pixels.shape == (48, 64, 3)
            assert not camera.live


def test_options_of_the_environment_stay_as_they_are(clip, monkeypatch):
    monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;udp")
    with OpenCvCamera(str(clip)) as camera:
        assert camera.read().index == 0
    assert os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] == "rtsp_transport;udp"


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (os.mkfifo, "it is a named pipe"),
        (lambda p: p.symlink_to("/dev/zero"), "it is a device"),
        (lambda p: p.symlink_to(p.name), "Too many levels"),
    ],
)
def test_only_a_regular_file_is_a_video(tmp_path, make, what):
    path = tmp_path / "x.mp4"
    make(path)
    for source in (str(path), f"file://{path}"):
        with pytest.raises(CameraError, match=what):
            OpenCvCamera(source)


def test_frames_of_more_pixels_than_any_camera_has_are_refused(tmp_path, clip, monkeypatch):
    path = tmp_path / "large.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (7200, 7000))
    writer.write(np.zeros((7000, 7200, 3), np.uint8))
    writer.release()
    with pytest.raises(CameraError, match="frames of 7200×7000, more than 50 megapixels"):
        OpenCvCamera(str(path))
    monkeypatch.setattr("edgecnn.camera.ffmpeg.MOST_MEGAPIXELS", 0.001)
    with pytest.raises(CameraError, match="frames of 64×48"):
        OpenCvCamera(str(clip))


def test_a_name_that_is_not_utf8_is_refused(tmp_path, clip):
    """OpenCV would crash at it, in a folder's name too."""
    folder = tmp_path / "caf\udce9"
    folder.mkdir()
    path = clip.rename(folder / "clip.avi")
    for source in (str(path), f"file://{path}", "rtsp://127.0.0.1:1/\udce9", "/dev/video\udce9"):
        with pytest.raises(CameraError, match="UTF-8 only: rename it"):
            OpenCvCamera(source)
