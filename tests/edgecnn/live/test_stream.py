"""Several cameras in one loop: their turns, their separate counts, and one that fails."""

import threading
import time
from collections import Counter
from concurrent.futures import Future
from itertools import pairwise

import cv2
import numpy as np
import pytest

import edgecnn
from edgecnn.camera import Camera, recovery
from edgecnn.camera.files import FilesCamera
from edgecnn.camera.recovery import RecoveringCamera
from edgecnn.camera.synthetic import SyntheticCamera
from edgecnn.classify.variants import Variants
from edgecnn.errors import CameraError, OptionError
from edgecnn.live import loop
from edgecnn.live.command import Pause, Quit, Save, Switch, Tune
from edgecnn.live.loop import run
from edgecnn.live.stream import CameraStreams
from tests.edgecnn.live.test_loop import Broken, Keep, frame


class Numbered(Keep):
    """A sink that also keeps which camera each result is of, and the counts of each."""

    def __init__(self, **asked):
        super().__init__(**asked)
        self.cameras, self.stats = [], {}

    def show(self, result, stats):
        super().show(result, stats)
        self.cameras.append(stats.camera)
        self.stats[stats.camera] = stats


class Still(Camera):
    """A camera that always gives the same image, as fast as it is read or every so many seconds."""

    name, live = "still", True

    def __init__(self, period_s: float = 0.0) -> None:
        self.index, self._ended, self._period_s = 0, threading.Event(), period_s

    def read(self):
        self._ended.wait(self._period_s)
        self.index += 1
        return frame(self.index)

    def interrupt(self):
        self._ended.set()


class Silent(SyntheticCamera):
    """A camera that opens and never gives a frame."""

    def __init__(self):
        super().__init__("synthetic:seed=9")
        self._ended = threading.Event()

    def read(self):
        self._ended.wait()

    def interrupt(self):
        self._ended.set()


@pytest.fixture
def quick():
    with edgecnn.load("digits") as classifier:
        yield classifier


def cameras(*seeds: int, fps: float = 0, hold: int = 30):
    return [SyntheticCamera(f"synthetic:seed={seed},fps={fps},hold={hold}") for seed in seeds]


def write_images(folder, count: int) -> str:
    folder.mkdir()
    for k in range(count):
        cv2.imwrite(str(folder / f"{k}.png"), np.full((40, 40, 3), k, np.uint8))
    return str(folder)


def test_each_camera_is_answered_as_it_is_alone(quick, tmp_path):
    """Files lose no frame, so all of their results are the same, smoothed ones too."""
    sources = [write_images(tmp_path / name, count) for name, count in (("a", 12), ("b", 5))]
    alone = []
    for source in sources:
        sink = Keep()
        with FilesCamera(source) as camera:
            run(quick, camera, [sink], smooth=0.6, hold=2)
        alone.append([(r.frame.source, r.frame.index, r.predictions, r.steady) for r in sink.results])
    sink = Numbered()
    with FilesCamera(sources[0]) as first, FilesCamera(sources[1]) as second:
        summary = run(quick, [first, second], [sink], smooth=0.6, hold=2)
    results = [(r.frame.source, r.frame.index, r.predictions, r.steady) for r in sink.results]
    for number in (0, 1):
        of_this = [r for r, camera in zip(results, sink.cameras, strict=True) if camera == number]
        assert of_this == alone[number]
    assert (summary.frames, [one.frames for one in summary.cameras]) == (17, [12, 5])


def test_none_waits_while_another_one_is_faster():
    """Of cameras that give more than the model can take each gets its turn, also a slower one."""
    sink, slower = Numbered(), Still(period_s=0.1)
    with edgecnn.load("digits", engine="fake:delay_ms=20") as slow:
        summary = run(slow, [Still(), Still(), slower], [sink], frames=60)
    counts = Counter(sink.cameras)
    assert min(counts[0], counts[1]) >= 0.6 * max(counts[0], counts[1]), counts
    assert counts[2] >= 0.6 * slower.index, "most of its frames"
    assert summary.cameras[0].dropped > 10


def test_each_has_its_own_counts(quick):
    sink = Numbered()
    summary = run(quick, cameras(3, 8, hold=10), [sink], frames=200, smooth=0.4, hold=4)
    first, second = summary.cameras
    assert summary.frames == first.frames + second.frames == len(sink.results) == 200
    assert min(first.frames, second.frames) > 10
    assert (first.source, second.source) == tuple(f"synthetic camera 640×480, seed {s}" for s in (3, 8))
    assert summary.source == f"{first.source}, {second.source}"
    for name in ("known", "correct", "dropped", "changes", "steady_changes"):
        assert getattr(summary, name) == getattr(first, name) + getattr(second, name), name
    assert summary.accuracy > 0.8, "of twenty digits or so"
    for name in ("true_changes", "reached", "settled"):
        assert getattr(summary.following, name) == sum(getattr(o.following, name) for o in summary.cameras)
    low, high = sorted(one.spreads["int8"]["total"].p50_ms for one in summary.cameras)
    assert low <= summary.spreads["int8"]["total"].p50_ms <= high
    assert summary.rate == pytest.approx(199 / summary.seconds)
    assert summary.seconds >= max(first.seconds, second.seconds)


def test_one_camera_in_a_sequence_is_one_camera(quick):
    summary = run(quick, cameras(3), frames=5)
    assert (summary.frames, summary.cameras) == (5, ())
    with pytest.raises(OptionError, match="no camera was given"):
        run(quick, [])


def test_one_that_fails_does_not_stop_the_others(quick, capsys):
    sink = Numbered()
    with Broken("synthetic:seed=1,fps=100") as broken:
        summary = run(quick, [broken, *cameras(2, fps=100)], [sink], frames=60)
    assert sink.stats[0].frames <= 5
    assert sink.stats[1].frames >= 55
    assert summary.failures == ("the cable was pulled",)
    assert capsys.readouterr().err == "edgecnn: the cable was pulled; the other cameras continue\n"


def test_the_last_one_that_fails_ends_it(quick):
    sink = Numbered()
    pair = [Broken(f"synthetic:seed={seed},fps=100") for seed in (1, 2)]
    with pytest.raises(CameraError, match="cable was pulled"):
        run(quick, pair, [sink])
    assert set(sink.cameras) == {0, 1}


def test_another_error_than_a_cameras_is_raised(quick):
    class Bug(SyntheticCamera):
        def read(self):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(quick, [Bug(), *cameras(2, fps=100)])


def test_one_that_is_unplugged_comes_back_meanwhile(quick, monkeypatch):
    monkeypatch.setattr(recovery, "WAITS_S", (0.2,))

    class UntilBack(Numbered):
        def poll(self, stats):
            return [Quit()] if self.cameras.count(0) > 10 else []

    said, ended, sink = [], threading.Event(), UntilBack()
    with RecoveringCamera(
        Broken("synthetic:seed=1,fps=100"), lambda: Broken("synthetic:seed=1,fps=100"), said.append, ended
    ) as unplugged:
        summary = run(quick, [unplugged, Still(period_s=0.01)], [sink], seconds=60, stop=ended)
    assert summary.cameras[0].frames == 11, "it was back, more than once: five frames each time"
    turns = [place for place, number in enumerate(sink.cameras) if number == 0]
    assert max(b - a for a, b in pairwise(turns)) > 4, "the other one continued meanwhile"
    assert summary.failures == ()
    assert "is back after" in "".join(said)


def test_a_silent_one_does_not_stop_the_others(quick, monkeypatch):
    monkeypatch.setattr(loop, "FIRST_FRAME_S", 0.5)
    summary = run(quick, [Silent(), Still(period_s=0.1)], frames=10)
    assert [one.frames for one in summary.cameras] == [0, 10]
    with pytest.raises(CameraError, match="gave no frame"):
        run(quick, [Silent(), Silent()])


def test_a_file_that_ends_leaves_the_others_running(quick, tmp_path):
    sink = Numbered(after={60: [Quit()]})
    with FilesCamera(write_images(tmp_path / "a", 3)) as file:
        run(quick, [file, *cameras(2, fps=100)], [sink])
    assert Counter(sink.cameras) == {0: 3, 1: 57}


def test_a_pause_is_of_all_and_a_file_waits(tmp_path):
    class Paused(Numbered):
        polls = 0

        def poll(self, stats):
            if not stats.paused:
                return [Pause()] if self.cameras.count(1) == 2 and not self.polls else []
            self.polls += 1
            return [Pause(on=False)] if self.polls == 5 else []

    sink = Paused()
    with (
        edgecnn.load("digits", engine="fake:delay_ms=20") as slow,
        FilesCamera(write_images(tmp_path / "a", 12)) as file,
    ):
        run(slow, [file, Still(period_s=0.02)], [sink], frames=40)
    assert sink.polls == 5
    indices = {
        n: [r.frame.index for r, c in zip(sink.results, sink.cameras, strict=True) if c == n] for n in (0, 1)
    }
    assert indices[0] == list(range(12))
    assert {stats.paused for stats in sink.stats.values()} == {False}
    assert indices[1][2] > indices[1][1] + 1, "the camera went on"


def test_settings_and_variants_are_of_all(quick):
    tuned = Tune(Future(), threshold=1.0, smooth=0.5, hold=3)
    sink = Numbered(after={10: [Switch("float32"), tuned]})
    with Variants(quick, lambda name: edgecnn.load("digits", name)) as variants:
        summary = run(variants, cameras(1, 2, fps=200), [sink], frames=40)
    assert {stats.settings for stats in sink.stats.values()} == {tuned.reply.result(0)}
    assert sink.variants == ["int8"] * 10 + ["float32"] * 30
    assert all(r.unknown and r.steady for r in sink.results[10:])
    assert list(summary.spreads) == ["int8", "float32"]


def test_the_newest_frame_of_each_is_saved(quick, tmp_path):
    sink = Numbered(after={30: [Save()]})
    run(quick, cameras(1, 2, fps=200), [sink], frames=30, save_to=str(tmp_path))
    assert set(sink.cameras) == {0, 1}
    saved = [cv2.imread(str(path)) for path in tmp_path.iterdir()]
    newest = {c: r.frame.pixels for c, r in zip(sink.cameras, sink.results, strict=True)}
    assert len(saved) == 2
    for pixels in newest.values():
        assert any(np.array_equal(pixels, image) for image in saved)


def test_a_turn_is_kept_while_others_have_no_frame():
    streams = CameraStreams(cameras(1, 2, 3))
    first, second, third = streams.all
    frames = [frame(k) for k in range(3)]
    assert streams.take(0.01) is None
    third.mailbox.put(frames[2])
    assert streams.take(0.01) == (third, frames[2])
    for stream, newest in zip(streams.all, frames, strict=True):
        stream.mailbox.put(newest)
    assert [streams.take(0)[0] for _ in range(3)] == [first, second, third]


def test_a_frame_of_any_camera_ends_the_wait():
    streams = CameraStreams(cameras(1, 2))
    last = streams.all[1]
    newest = frame(0)
    putting = threading.Timer(0.1, last.mailbox.put, (newest,))
    putting.start()
    begun = time.monotonic()
    assert streams.take(5) == (last, newest)
    assert time.monotonic() - begun < 2
    putting.join()
