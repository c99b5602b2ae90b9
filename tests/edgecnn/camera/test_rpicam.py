import os
import sys
import textwrap
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgecnn.camera import Mode, open_camera, rpicam
from edgecnn.errors import CameraError


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Put a program called rpicam-vid on the path, made of this body; it finds JPEGs as `images`."""

    def make(body: str, name: str = "rpicam-vid") -> Path:
        for i in range(5):
            image = np.full((48, 64, 3), 40 * i, np.uint8)
            (tmp_path / f"{i}.jpg").write_bytes(cv2.imencode(".jpg", image)[1].tobytes())
        script = tmp_path / "bin" / name
        script.parent.mkdir(exist_ok=True)
        head = f"""\
            #!{sys.executable}
            import sys, time
            from pathlib import Path
            here = Path({str(tmp_path)!r})
            (here / "arguments").write_text(" ".join(sys.argv[1:]))
            images = [(here / f"{{i}}.jpg").read_bytes() for i in range(5)]
            def write(data):
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
            """
        script.write_text(textwrap.dedent(head) + textwrap.dedent(body))
        script.chmod(0o755)
        monkeypatch.setenv("PATH", str(script.parent))
        return tmp_path

    return make


# One after the other, as a camera gives them: of those that wait together only the newest is read.
ALL = "[(write(p), time.sleep(0.3)) for p in images]; time.sleep(60)"


def levels(camera, count: int) -> list[int]:
    return [round(camera.read().pixels.mean() / 40) for _ in range(count)]


def test_it_asks_for_the_mode_and_gives_every_frame(program):
    folder = program(ALL)
    with open_camera("rpicam:1", Mode(1280, 720, 15)) as camera:
        assert camera.live
        assert camera.description == "rpicam:1 64×48 MJPEG, by rpicam-vid"
        before = time.monotonic_ns()
        frames = [camera.read() for _ in range(5)]
    assert [round(f.pixels.mean() / 40) for f in frames] == [0, 1, 2, 3, 4]
    assert [f.index for f in frames] == [0, 1, 2, 3, 4]
    assert frames[0].captured_ns <= before
    asked = (folder / "arguments").read_text()
    for part in (
        "--camera 1",
        "--width 1280",
        "--height 720",
        "--framerate 15",
        "--codec mjpeg",
        "--output -",
    ):
        assert part in asked


def test_the_program_is_ended_with_it(program):
    program(ALL)
    camera = rpicam.RpicamCamera()
    child = camera._child.pid
    camera.close()
    camera.close()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_one_that_does_not_want_to_end_is_killed(program):
    program("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + ALL)
    with rpicam.RpicamCamera() as camera:
        child = camera._child.pid
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_images_that_come_in_pieces_are_put_together(program):
    program("""\
        for image in images:
            for at in range(0, len(image), 100):
                write(image[at:at + 100])
                time.sleep(0.002)
            time.sleep(0.2)
        time.sleep(60)
    """)
    with rpicam.RpicamCamera() as camera:
        assert levels(camera, 5) == [0, 1, 2, 3, 4]


def test_the_newest_of_the_waiting_images_is_read(program):
    program("write(images[0]); time.sleep(0.5); write(b''.join(images[1:])); time.sleep(60)")
    with rpicam.RpicamCamera() as camera:
        first = camera.read()
        time.sleep(1.5)
        second = camera.read()
    assert (first.index, second.index) == (0, 4)
    assert round(second.pixels.mean() / 40) == 4


def test_truncated_and_damaged_images_are_skipped(program):
    program("""\
        damaged = images[2][:2] + b"\\0" * 200 + images[2][-2:]
        write(images[0][300:] + images[0])
        time.sleep(0.3)
        write(damaged)
        time.sleep(0.3)
        write(images[1])
        time.sleep(60)
    """)
    with rpicam.RpicamCamera() as camera:
        assert levels(camera, 2) == [0, 1]


def test_a_stall_and_an_end_are_said(program):
    program("write(images[0]); time.sleep(60)")
    with rpicam.RpicamCamera(mode=Mode(stall_s=0.3)) as camera:
        camera.read()
        with pytest.raises(CameraError, match=r"rpicam gave no frame for 0\.3 s"):
            camera.read()
    program("write(images[0]); sys.exit('ERROR: *** the sensor went away ***')")
    with rpicam.RpicamCamera() as camera:
        camera.read()
        with pytest.raises(CameraError, match=r"rpicam ended: ERROR: \*\*\* the sensor went away"):
            camera.read()


def test_no_camera_no_program_and_no_jpeg_are_said(program, monkeypatch, tmp_path):
    program("sys.exit('ERROR: *** no cameras available ***')")
    with pytest.raises(CameraError, match="rpicam ended: .*no cameras available"):
        open_camera("rpicam")
    monkeypatch.setattr(rpicam, "_MOST_BYTES", 1000)
    program("write(b'\\xff\\xd8' + b'h264' * 1000)")
    with pytest.raises(CameraError, match="something else than JPEG"):
        open_camera("rpicam")
    with pytest.raises(CameraError, match="rpicam:x: expected rpicam or rpicam:N"):
        open_camera("rpicam:x")
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(CameraError, match="sudo apt install rpicam-apps-lite"):
        open_camera("rpicam")


def test_its_older_name_does_too(program):
    program(ALL, name="libcamera-vid")
    with rpicam.RpicamCamera() as camera:
        assert "by libcamera-vid" in camera.description
