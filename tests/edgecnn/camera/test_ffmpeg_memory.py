"""A video may claim small frames and hold huge ones: they cost little memory, and are refused."""

import struct
import subprocess
import sys

import cv2
import numpy as np
import pytest

from edgecnn.camera import ffmpeg_memory
from edgecnn.camera.opencv import OpenCvCamera
from edgecnn.errors import CameraError
from tests.edgecnn.camera.h264 import grey

# Without a limit these take 700 to 2,000 MB; an ordinary run takes 75.
MOST_MB = 300
# Linux counts for a child what its parent held when it was started, so that has to be a small process.
MEASURED = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def jpeg(width: int, height: int) -> bytes:
    return cv2.imencode(".jpg", np.full((height, width), 128, np.uint8))[1].tobytes()


def avi(width: int, height: int, images: list[bytes]) -> bytes:
    """An AVI of MJPEG whose headers claim this size, whatever the images have."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)

    head = struct.pack("<14I", 100_000, 0, 0, 16, len(images), 0, 1, 0, width, height, 0, 0, 0, 0)
    stream = b"vidsMJPG" + struct.pack("<12I4H", 0, 0, 0, 1, 10, 0, len(images), 0, 0, 0, 0, 0, 0, 0, 0, 0)
    form = struct.pack("<IiiHH4s5I", 40, width, height, 1, 24, b"MJPG", 0, 0, 0, 0, 0)
    streams = chunk(b"LIST", b"strl" + chunk(b"strh", stream) + chunk(b"strf", form))
    headers = chunk(b"LIST", b"hdrl" + chunk(b"avih", head) + streams)
    movie = chunk(b"LIST", b"movi" + b"".join(chunk(b"00dc", p) for p in images))
    return chunk(b"RIFF", b"AVI " + headers + movie)


VIDEOS = {
    "huge.avi": lambda: avi(640, 480, [jpeg(12000, 9000)] * 2),
    "grows.avi": lambda: avi(640, 480, [jpeg(640, 480)] * 20 + [jpeg(12000, 9000)] * 2),
    "huge.mp4": lambda: grey(16000, 9008, 3),
    "grows.mp4": lambda: grey(640, 480, 30) + grey(16000, 9008, 3),
}


@pytest.mark.parametrize("command", ["classify", "live"])
@pytest.mark.parametrize("name", VIDEOS)
def test_huge_frames_cost_little_memory(tmp_path, name, command):
    path = tmp_path / name
    path.write_bytes(VIDEOS[name]())
    arguments = [path] if command == "classify" else ["--source", path, "--show", "none"]
    ran = subprocess.run(
        [sys.executable, "-c", MEASURED, sys.executable, "-m", "edgecnn", command, *arguments],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    code, peak = ran.stdout.splitlines()[-1].split()
    # No process of ours has children that read videos, so this is all of it.
    assert int(peak) / 1024 < MOST_MB
    if name.startswith("huge"):
        assert code == "1"
        assert "more than 50 megapixels: make it smaller first" in ran.stderr
        assert ran.stderr.count("\n") == 1
    else:
        assert code == "0"
        assert "megapixels" not in ran.stderr


def test_a_frame_that_does_not_fit_as_bgr_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "x.avi"
    path.write_bytes(avi(640, 480, [jpeg(640, 480)]))
    monkeypatch.setattr(ffmpeg_memory, "BGR_BYTES", 640 * 480 * 2)
    try:
        with pytest.raises(CameraError, match=r"x\.avi has a frame that is too large: make it smaller first"):
            OpenCvCamera(str(path))
    finally:
        ffmpeg_memory.limit_blocks()


def test_the_limit_fits_what_is_allowed(tmp_path):
    assert ffmpeg_memory._limiters(), "OpenCV's FFmpeg is a shared library here"
    path = tmp_path / "large.mp4"
    path.write_bytes(grey(8192, 6096, 1))
    with OpenCvCamera(str(path)) as camera:
        assert camera.read().pixels.shape == (6096, 8192, 3)


def test_without_a_library_to_limit_videos_are_read_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(ffmpeg_memory, "_limiters", tuple)
    path = tmp_path / "x.avi"
    path.write_bytes(avi(640, 480, [jpeg(640, 480)]))
    with OpenCvCamera(str(path)) as camera:
        assert camera.read() is not None
