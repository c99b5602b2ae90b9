import shutil
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgecnn.errors import OutputError
from edgecnn.frame import Frame, Prediction, Result, Timings
from edgecnn.live.sink import video_check
from edgecnn.live.sink.video import VideoSink
from edgecnn.live.stats import Stats


def result(level: int, size: tuple[int, int] = (120, 160)) -> Result:
    pixels = np.full((*size, 3), level, np.uint8)
    return Result(Frame(pixels, 1, level, "test"), [Prediction("7", 7, 0.9)], Timings(1, 1, 1), 3.0)


@pytest.fixture
def stats():
    counted = Stats()
    counted.add(result(0), 0)
    return counted


def levels(path: Path) -> list[int]:
    """The mean grey level in the middle of each frame of a video."""
    capture = cv2.VideoCapture(str(path))
    found = []
    while (read := capture.read())[0]:
        found.append(round(float(read[1][50:70, 70:90].mean())))
    capture.release()
    return found


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_every_image_of_a_folder_is_written_once(tmp_path, stats, suffix):
    path = tmp_path / f"clip{suffix}"
    with VideoSink(str(path), live=False, overlay=False) as sink:
        for level in range(0, 250, 25):
            sink.show(result(level), stats)
        assert not path.exists(), "it has its name when it is whole"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert np.allclose(levels(path), range(0, 250, 25), atol=8)


def test_a_live_video_runs_by_the_clock(tmp_path, stats):
    path = tmp_path / "clip.mp4"
    with VideoSink(str(path), live=True, fps=20, overlay=False) as sink:
        for level in (40, 200):
            sink.show(result(level), stats)
            time.sleep(0.5)
    found = levels(path)
    dark = sum(level < 120 for level in found)
    assert dark >= 5, "frames are repeated until the next one is there"
    assert len(found) - dark >= 5
    assert found == sorted(found)
    assert abs(found[0] - 40) < 10


def test_the_overlay_is_the_windows(tmp_path, stats):
    sizes = []
    for overlay in (False, True):
        path = tmp_path / f"{overlay}.avi"
        with VideoSink(str(path), live=False, overlay=overlay) as sink:
            sink.show(result(90, (480, 640)), stats)
        capture = cv2.VideoCapture(str(path))
        image = capture.read()[1]
        capture.release()
        sizes.append(int((np.abs(image.astype(int) - 90) > 40).sum()))
    assert sizes[0] == 0
    assert sizes[1] > 1000


def test_a_frame_of_another_size_is_fitted(tmp_path, stats):
    path = tmp_path / "clip.avi"
    with VideoSink(str(path), live=False, overlay=False) as sink:
        sink.show(result(50), stats)
        sink.show(result(200, (60, 80)), stats)
    assert np.allclose(levels(path), [50, 200], atol=8)


def test_the_time_stands_in_the_name_and_nothing_is_overwritten(tmp_path, stats):
    with VideoSink(str(tmp_path / "clip-%Y.avi"), live=False) as sink:
        sink.show(result(50), stats)
    made = tmp_path / f"clip-{time.strftime('%Y')}.avi"
    assert made.stat().st_size > 0
    with pytest.raises(OutputError, match="exists already"):
        VideoSink(str(made), live=False)
    with pytest.raises(OutputError, match=r"expected \.mp4, \.mkv, \.avi"):
        VideoSink(str(tmp_path / "clip.gif"), live=False)
    with pytest.raises(OutputError, match="can't be written: No such file"):
        VideoSink(str(tmp_path / "nowhere" / "clip.mp4"), live=False)


def test_a_recording_that_was_cut_off_is_kept(tmp_path, stats):
    cut = tmp_path / "clip.part.mkv"
    cut.write_bytes(b"what a power cut left")
    with pytest.raises(OutputError, match=r"clip\.part\.mkv exists: a recording that was interrupted"):
        VideoSink(str(tmp_path / "clip.mkv"), live=False)
    assert cut.read_bytes() == b"what a power cut left"


@pytest.mark.parametrize("live", [False, True])
def test_what_took_the_name_meanwhile_stays(tmp_path, stats, capfd, live):
    path = tmp_path / "clip.avi"
    sink = VideoSink(str(path), live=live)
    sink.show(result(50), stats)
    path.write_text("another's")
    with pytest.raises(
        OutputError, match=r"was made meanwhile; 1 of 1 frames can be played, in .*clip\.part\.avi"
    ):
        sink.close()
    assert path.read_text() == "another's"
    assert levels(tmp_path / "clip.part.avi")


def test_a_folder_that_goes_away_is_no_success(tmp_path, stats, capfd):
    folder = tmp_path / "stick"
    folder.mkdir()
    sink = VideoSink(str(folder / "clip.avi"), live=False)
    sink.show(result(50), stats)
    until = time.monotonic() + 10
    while not sink._written and time.monotonic() < until:
        time.sleep(0.01)
    shutil.rmtree(folder)
    with pytest.raises(
        OutputError, match=r"recording .*clip\.avi failed: .*clip\.part\.avi is gone: No such file"
    ):
        sink.close()
    assert "Traceback" not in capfd.readouterr().err


def test_without_a_frame_there_is_no_file(tmp_path):
    VideoSink(str(tmp_path / "clip.mp4"), live=True).close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("live", [False, True])
def test_a_full_disk_ends_the_recording_and_not_the_loop(tmp_path, stats, monkeypatch, capfd, live):
    path = tmp_path / "clip.avi"
    monkeypatch.setattr(video_check, "_CHECK_S", 0.0)
    sink = VideoSink(str(path), live=live, fps=50, overlay=False)
    sink.show(result(50), stats)
    until = time.monotonic() + 10
    while not sink._written and time.monotonic() < until:
        time.sleep(0.01)
    sink._watch._least_free = 1 << 60
    for _ in range(5):
        assert sink.show(replace(result(50)), stats) is None
        time.sleep(0.05)
    with pytest.raises(
        OutputError,
        match=r"MB free, and a recording keeps .* MB; (\d+) of \1 frames can be played, in .*clip\.avi",
    ):
        sink.close()
    sink.close()
    assert len(levels(path)) >= 1, "what was recorded before can be played"
    assert capfd.readouterr().err.count("and a recording keeps") == 1


def test_an_encoder_that_drops_all_silently_is_noticed_at_the_end(tmp_path, stats):
    path = tmp_path / "clip.avi"
    sink = VideoSink(str(path), live=False, overlay=False)
    sink.show(result(50), stats)
    while not sink._written:
        time.sleep(0.01)

    class Deaf:
        """A writer that takes frames and does nothing, as OpenCV's does when the disk fails."""

        def __init__(self, writer):
            self.release = writer.release

        def write(self, frame):
            pass

    sink._writer = Deaf(sink._writer)
    for _ in range(9):
        sink.show(result(50), stats)
    with pytest.raises(
        OutputError, match=r"not all of it can be read back; 1 of 10 frames .*clip\.part\.avi"
    ):
        sink.close()
    assert levels(tmp_path / "clip.part.avi"), "what there is stays, under a name that tells"
    assert not path.exists()


def test_a_name_that_no_recording_can_have(tmp_path):
    for name in ("\udcff.mkv", "x" * 300 + ".mkv"):
        with pytest.raises(OutputError, match="can't be"):
            VideoSink(str(tmp_path / name), live=False)


def test_a_folder_whose_name_is_not_utf8(tmp_path, monkeypatch):
    (folder := tmp_path / "caf\udce9").mkdir()
    monkeypatch.chdir(folder)
    with pytest.raises(OutputError, match="the name of its folder is not UTF-8"):
        VideoSink("a.mkv", live=False)
    assert not list(folder.iterdir())
