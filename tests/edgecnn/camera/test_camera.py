import http.server
import os
import stat
import subprocess
import sys
import threading
import time

import cv2
import numpy as np
import pytest

from edgecnn.camera import (
    Camera,
    Mode,
    describe_sources,
    open_camera,
    real_cameras,
    register_camera,
    split_sources,
)
from edgecnn.camera.devices import is_device, video_devices
from edgecnn.camera.opencv import OpenCvCamera
from edgecnn.errors import CameraError
from edgecnn.frame import Frame


@pytest.fixture
def clip(tmp_path):
    """Twelve frames, each brighter than the last one."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (160, 120))
    for i in range(12):
        writer.write(np.full((120, 160, 3), i * 20, np.uint8))
    writer.release()
    return path


@pytest.mark.parametrize(
    ("text", "sources"),
    [
        ("auto,synthetic", ["auto", "synthetic"]),
        ("pipe:src ! raw, width=640, max-rate=30,auto", ["pipe:src ! raw, width=640, max-rate=30", "auto"]),
        ("0,synthetic:seed=3,fps=0", ["0", "synthetic:seed=3,fps=0"]),
        ("synthetic:fps=0, clip.mp4", ["synthetic:fps=0", "clip.mp4"]),
        ("", []),
        ("http://cam/x?size=640,480&q=5,0,synthetic", ["http://cam/x?size=640,480&q=5,0", "synthetic"]),
        ("http://u:a,b@cam/x,0", ["http://u:a,b@cam/x", "0"]),
        ("rtsp://cam/x?a=1,2,rtsp://other/y,0", ["rtsp://cam/x?a=1,2", "rtsp://other/y", "0"]),
        (
            "http://cam/x?size=1,2, /dev/video0,./clip.mp4",
            ["http://cam/x?size=1,2", "/dev/video0", "./clip.mp4"],
        ),
    ],
)
def test_sources_are_split_outside_their_options(text, sources):
    assert split_sources(text) == sources


def test_the_first_source_that_opens_is_taken():
    with open_camera("97,/dev/video98,synthetic:fps=0") as camera:
        assert camera.read().source == "synthetic:fps=0"


@pytest.mark.parametrize("source", ["97", "/dev/video97"])
def test_a_missing_camera_is_named(source):
    with pytest.raises(CameraError, match="/dev/video97 does not exist"):
        open_camera(source)


def test_every_reason_is_kept():
    with pytest.raises(CameraError, match=r"video97.*video98.*nowhere.*--source synthetic"):
        open_camera("97,98,nowhere.mp4")
    with pytest.raises(CameraError, match="none was given"):
        open_camera("")


@pytest.mark.skipif(bool(video_devices()), reason="this machine has a camera")
def test_auto_means_real_cameras_only():
    with pytest.raises(CameraError, match="no camera device"):
        open_camera("auto")


def test_a_video_file_gives_every_frame_and_ends(clip):
    with open_camera(str(clip)) as camera:
        assert not camera.live
        assert "160×120" in camera.description
        assert camera.fps == 10
        levels = []
        while (frame := camera.read()) is not None:
            levels.append(frame.pixels.mean())
    assert len(levels) == 12
    assert levels == sorted(levels)


def test_a_file_that_is_no_video_is_refused(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(CameraError, match="no video that OpenCV can read"):
        OpenCvCamera(str(path))


def test_a_source_that_opens_and_gives_no_frame_is_skipped(clip):
    data = clip.read_bytes()
    empty = clip.with_name("empty.avi")
    empty.write_bytes(data[: data.index(b"movi") + 4])
    with open_camera(f"{empty},synthetic:fps=0") as camera:
        assert camera.read().source == "synthetic:fps=0"


def test_a_comma_in_a_name_is_part_of_it(clip):
    odd = clip.rename(clip.with_name("a,b.avi"))
    with open_camera(str(odd)) as camera:
        assert camera.read().index == 0


def test_a_bad_image_in_a_folder_is_reported_and_skipped(tmp_path, capsys):
    for i in range(3):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.full((20, 20, 3), i, np.uint8))
    (tmp_path / "1.png").write_bytes(b"broken")
    with open_camera(str(tmp_path)) as camera:
        frames = [camera.read() for _ in range(3)]
    assert [f.index for f in frames[:2]] == [0, 2]
    assert frames[2] is None
    assert "1.png" in capsys.readouterr().err


def test_a_video_file_behind_a_url_is_read_to_its_end(clip):
    handler = type(
        "Handler",
        (http.server.SimpleHTTPRequestHandler,),
        {
            "__init__": lambda self, *a: http.server.SimpleHTTPRequestHandler.__init__(
                self, *a, directory=str(clip.parent)
            ),
            "log_message": lambda *a: None,
        },
    )
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with open_camera(f"http://127.0.0.1:{server.server_port}/clip.avi") as camera:
                assert not camera.live
                assert sum(camera.read() is not None for _ in range(12)) == 12
                assert camera.read() is None
        finally:
            server.shutdown()
            thread.join()


def test_an_address_without_a_server_is_refused():
    with pytest.raises(CameraError, match="no server answers"):
        open_camera("http://127.0.0.1:9/nothing.mjpg")


def test_a_folder_of_images_is_a_source(tmp_path):
    for i in range(3):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.full((20, 20, 3), i, np.uint8))
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / ".hidden.png").write_bytes(b"")
    with open_camera(str(tmp_path)) as camera:
        frames = [camera.read() for _ in range(4)]
    assert [f.pixels[0, 0, 0] for f in frames[:3]] == [0, 1, 2]
    assert frames[3] is None


def test_a_pattern_of_names_is_a_source_and_a_rate_can_be_asked_for(tmp_path):
    for name in ("b.png", "a.png", "c.txt", "deep/d.png", "odd[1].png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(cv2.imencode(".png", np.zeros((20, 20, 3), np.uint8))[1].tobytes())
    with open_camera(f"{tmp_path}/?.*", Mode(fps=20)) as camera:
        assert not camera.live
        frames = [camera.read() for _ in range(3)]
    assert [f.source.rpartition("/")[2] for f in frames[:2]] == ["a.png", "b.png"]
    assert frames[2] is None
    assert frames[1].captured_ns - frames[0].captured_ns >= 0.025e9
    with open_camera(f"{tmp_path}/**/*.png") as camera:
        assert camera.description.startswith("4 images")
    with open_camera(f"{tmp_path}/odd[1].png") as camera:
        assert camera.description.startswith("1 images")
    with pytest.raises(CameraError, match=r"z\*\.png matches no images"):
        open_camera(f"{tmp_path}/z*.png")


def test_the_mode_sets_the_synthetic_cameras_pace():
    with open_camera("synthetic", Mode(fps=20)) as camera:
        frames = [camera.read() for _ in range(3)]
    assert frames[2].captured_ns - frames[0].captured_ns >= 0.07e9


@pytest.mark.parametrize("source", ["synthetic", "folder"])
def test_a_wait_for_the_next_frame_can_be_interrupted(tmp_path, source):
    for name in "ab":
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.zeros((20, 20, 3), np.uint8))
    with open_camera(source if source == "synthetic" else str(tmp_path), Mode(fps=0.01)) as camera:
        camera.read()
        threading.Timer(0.2, camera.interrupt).start()
        began = time.monotonic()
        camera.read()
        assert time.monotonic() - began < 30


def test_a_device_is_not_taken_away_from_under_a_read(clip):
    camera = OpenCvCamera(str(clip))
    with camera._reading:
        camera.close()
        assert camera._capture.isOpened()
    camera.close()
    assert not camera._capture.isOpened()


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(CameraError, match="no images in it"):
        open_camera(str(tmp_path))


@pytest.mark.parametrize("source", ["/dev/v4l/by-id/usb-Cam_0-video-index0", "/dev/front-door"])
def test_a_camera_by_another_name_stays_one_while_it_is_unplugged(source):
    assert is_device(source)
    with pytest.raises(CameraError, match=f"{source} does not exist: is the camera plugged in"):
        open_camera(source)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_a_link_to_a_cameras_device_is_a_camera(tmp_path, monkeypatch):
    device, link = tmp_path / "video9", tmp_path / "door [1]"
    try:
        os.mknod(device, stat.S_IFCHR | 0o600, os.makedev(81, 250))
    except OSError:
        pytest.skip("no devices can be made here")
    link.symlink_to(device)
    opened = []
    monkeypatch.setattr(cv2, "VideoCapture", lambda *a: opened.append(a) or cv2.CascadeClassifier)
    for source in (device, link):
        assert is_device(str(source))
        with pytest.raises(AttributeError):  # there is no such driver: what is asked for counts
            OpenCvCamera(str(source))
    assert [a[0] for a in opened] == [str(device)] * 2


@pytest.mark.parametrize("source", ["/dev/null", "/dev/shm", "clip.mp4", "nowhere/video0"])
def test_what_is_no_camera_is_no_device(source):
    assert not is_device(source)


def test_the_stall_decides_how_long_a_usb_camera_may_block(tmp_path):
    code = (
        "import os, edgecnn.camera as c; import cv2; name = 'OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT'\n"
        "assert name not in os.environ\n"
        "try: c.open_camera('/dev/video97', c.Mode(stall_s=7))\n"
        "except c.CameraError: print(os.environ[name])"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENCV_VIDEOIO")}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert ran.stdout == "7\n", ran.stderr


# What OpenCV's own FFmpeg can write; `clip` is MJPG in AVI.
WRITTEN = {
    "3gp": "mp4v",
    "wmv": "WMV2",
    "flv": "FLV1",
    "ts": "mpg2",
    "mts": "mpg2",
    "mpg": "mpg2",
    "asf": "WMV2",
}


@pytest.mark.parametrize("suffix", [*WRITTEN, "h264", "264", "MTS"])
def test_videos_of_phones_and_recorders_are_videos(tmp_path, run_cli, suffix):
    from tests.edgecnn.camera.h264 import grey

    path = tmp_path / f"clip.{suffix}"
    if suffix in WRITTEN or suffix == "MTS":
        code = cv2.VideoWriter.fourcc(*WRITTEN[suffix.lower()])
        writer = cv2.VideoWriter(
            str(path.with_suffix(path.suffix.lower())), cv2.CAP_FFMPEG, code, 25, (160, 128)
        )
        for _ in range(5):
            writer.write(np.full((128, 160, 3), 90, np.uint8))
        writer.release()
        path.with_suffix(path.suffix.lower()).rename(path)
    else:
        path.write_bytes(grey(160, 128, 5))
    with open_camera(str(path)) as camera:
        assert not camera.live
        assert camera.read().pixels.shape == (128, 160, 3)
    assert len(run_cli("classify", path).out.splitlines()) >= 4


class Still(Camera):
    """A camera that is registered by a test: one grey frame, again and again."""

    live = False

    def __init__(self, source, mode):
        self.name = source
        self._size = mode.width, mode.height

    def read(self):
        width, height = self._size
        return Frame(np.zeros((height, width, 3), np.uint8), time.monotonic_ns(), 0, self.name)


@pytest.fixture
def still(unregister):
    return lambda **options: register_camera("still", Still, **options)


def test_a_registered_camera_takes_its_name_and_what_it_matches(still):
    with pytest.raises(CameraError, match="still:7: no such file"):
        open_camera("still:7")
    still()
    with open_camera("98,still:7,a=1", Mode(64, 48)) as camera:
        assert (camera.name, camera.read().pixels.shape) == ("still:7,a=1", (48, 64, 3))
    with pytest.raises(CameraError, match="/dev/video98 does not exist"):
        open_camera("98")
    still(matches=lambda source: source == "98", found=lambda: ["98"])
    assert real_cameras()[-1] == "98", "auto tries it last"
    with open_camera("98") as camera:
        assert camera.name == "98"


def test_a_registered_camera_begins_a_source_behind_a_url(still):
    assert split_sources("http://cam/x?size=1,still:2") == ["http://cam/x?size=1,still:2"]
    still()
    assert split_sources("http://cam/x?size=1,still:2") == ["http://cam/x?size=1", "still:2"]


def test_a_camera_whose_code_is_missing_is_named(unregister):
    register_camera("still", "edgecnn_nowhere:Still")
    with pytest.raises(CameraError, match="still: its camera can't be imported: No module named"):
        open_camera("still")


def test_help_shows_every_camera(still):
    still(usage="still[:K]")
    shown = describe_sources()
    assert shown.startswith(
        "image, folder or pattern, camera number, device path, video or URL, picamera[:N]"
    )
    assert shown.endswith(", still[:K]")
