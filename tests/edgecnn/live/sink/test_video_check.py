"""A video that stops growing, or can't be read back, is noticed."""

import errno
import resource

import cv2
import numpy as np
import pytest

from edgecnn.live.sink import video_check
from edgecnn.live.sink.video_check import VideoFileWatch, count_readable

SIZE = 160, 120


def write_video(path, count: int = 60) -> None:
    codec = cv2.VideoWriter.fourcc(*("MJPG" if path.suffix == ".avi" else "mp4v"))
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, codec, 15, SIZE)
    random = np.random.default_rng(0)
    for _ in range(count):
        writer.write(random.integers(0, 255, (SIZE[1], SIZE[0], 3), np.uint8))
    writer.release()


@pytest.fixture
def watched(tmp_path, monkeypatch):
    """A file that is checked at each call, and its watch."""
    monkeypatch.setattr(video_check, "_CHECK_S", 0.0)
    path = tmp_path / "a.avi"
    path.touch()
    watch = VideoFileWatch(path, 0)
    yield path, watch
    watch.close()


@pytest.mark.parametrize("suffix", [".avi", ".mkv", ".mp4"])
def test_a_whole_video_is_read_back(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    write_video(path)
    assert count_readable(path, 60) == 60
    assert count_readable(path, 90) == 60, "more was written than is there"


@pytest.mark.parametrize(("suffix", "least"), [(".avi", 10), (".mkv", 10), (".mp4", 0)])
def test_what_can_be_read_of_half_a_video(tmp_path, suffix, least):
    path = tmp_path / f"a{suffix}"
    write_video(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert least <= count_readable(path, 60) < 40


@pytest.mark.parametrize("data", [b"", b"no video at all"])
def test_nothing_can_be_read_from_what_is_no_video(tmp_path, data, capfd):
    path = tmp_path / "a.mkv"
    path.write_bytes(data)
    assert count_readable(path, 60) == 0
    assert capfd.readouterr().err == ""


def test_a_name_with_a_colon_is_no_protocol(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "a.avi")
    path = (tmp_path / "a.avi").rename("concat:a.avi")
    assert count_readable(path, 60) == 60


def test_a_file_that_stops_growing(watched):
    path, watch = watched
    for written in range(400):
        path.write_bytes(b"x" * 100 * written)
        watch.check(written, 15, 640 * 480)
    for written in range(400, 500):
        watch.check(written, 15, 640 * 480)
    with pytest.raises(OSError, match=r"has not grown for [\d,]+ frames"):
        watch.check(2000, 15, 640 * 480)


def test_small_frames_may_take_long_to_fill_a_block(watched):
    _, watch = watched
    for written in range(5000):
        watch.check(written, 15, 28 * 28)


def test_the_watch_leaves_the_file_as_it_is(watched):
    path, watch = watched
    path.write_bytes(b"what FFmpeg wrote")
    watch.check(1, 15, 640 * 480)
    watch.settle()
    assert path.read_bytes() == b"what FFmpeg wrote"


def test_a_limit_is_noticed_while_there_is_room_for_the_end(watched):
    path, watch = watched
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    path.write_bytes(b"x" * 3_000_000)
    watch.check(1, 15, 640 * 480)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, before[1]))
        watch._fits_bytes = 0
        with pytest.raises(OSError, match="reaches the limit of its size here") as failure:
            watch.check(2, 15, 640 * 480)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert failure.value.errno == errno.EFBIG
    assert path.stat().st_size == 3_000_000
