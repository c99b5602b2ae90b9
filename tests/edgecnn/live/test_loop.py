import threading
import time
from concurrent.futures import Future
from dataclasses import replace

import cv2
import numpy as np
import pytest

import edgecnn
from edgecnn.camera.files import FilesCamera
from edgecnn.camera.synthetic import SyntheticCamera
from edgecnn.classify.variants import Variants
from edgecnn.errors import CameraError, EngineError, ImageError, OptionError
from edgecnn.frame import Box, Frame
from edgecnn.image.framing import Framing
from edgecnn.live import loop
from edgecnn.live.command import Classify, CommandSource, Pause, Quit, Save, Switch, Tune
from edgecnn.live.loop import run
from edgecnn.live.settings import Settings
from edgecnn.live.sink import Sink
from edgecnn.live.stats import WINDOW, Stats
from tests.conftest import draw_seven
from tests.models import nan_bundle


class Keep(Sink):
    """A sink that keeps what it is shown, and asks for the commands `after` so many results, each once."""

    def __init__(self, fail_after: int | None = None, after: dict | None = None) -> None:
        self.results, self.variants, self.settings = [], [], []
        self._fail, self._after = fail_after, after or {}

    def show(self, result, stats):
        self.results.append(result)
        self.variants.append(stats.variant)
        self.settings.append(stats.settings)
        if self._fail and len(self.results) >= self._fail:
            raise OSError("the sink broke")

    def poll(self, stats):
        return self._after.pop(len(self.results), [])


class Broken(SyntheticCamera):
    """A camera whose cable is pulled."""

    def read(self):
        frame = super().read()
        if frame.index == 5:
            raise CameraError("the cable was pulled")
        return frame


def frame(index: int) -> Frame:
    return Frame(np.zeros((2, 2, 3), np.uint8), time.monotonic_ns(), index, "test")


@pytest.fixture
def quick():
    with edgecnn.load("digits") as classifier:
        yield classifier


def test_it_classifies_and_counts(quick):
    sink = Keep()
    with SyntheticCamera("synthetic:seed=3,fps=0") as camera:
        summary = run(quick, camera, [sink], frames=60)
    assert summary.frames == len(sink.results) == 60
    assert summary.known == 60
    assert summary.accuracy >= 0.95
    assert set(summary.spreads["int8"]) == {"preprocess", "inference", "decode", "total", "age"}
    assert all(r.age_ms >= r.timings.total_ms for r in sink.results)


def test_seconds_count_from_the_first_frame(quick):
    with SyntheticCamera("synthetic:fps=50") as camera:
        summary = run(quick, camera, [], seconds=0.5)
    assert summary.seconds > 0.3
    assert summary.frames > 1


def test_the_newest_frame_wins_with_a_slow_model():
    sink = Keep()
    with (
        edgecnn.load("digits", engine="fake:delay_ms=60") as slow,
        SyntheticCamera("synthetic:fps=60") as camera,
    ):
        summary = run(slow, camera, [sink], frames=10)
    indices = [r.frame.index for r in sink.results]
    assert indices == sorted(set(indices))
    skipped = indices[-1] + 1 - len(indices)
    assert skipped > 0, "the model is slower than the camera"
    assert summary.dropped >= skipped, "every frame that was passed over is counted"


def test_a_file_source_never_drops(tmp_path, quick):
    for i in range(9):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.full((40, 40, 3), i, np.uint8))
    sink = Keep()
    with edgecnn.load("digits", engine="fake:delay_ms=10") as slow, FilesCamera(str(tmp_path)) as camera:
        summary = run(slow, camera, [sink])
    assert [r.frame.index for r in sink.results] == list(range(9))
    assert summary.dropped == 0
    assert summary.accuracy is None


def test_a_person_a_signal_or_a_limit_ends_it(quick):
    with SyntheticCamera("synthetic:fps=0") as camera:
        assert run(quick, camera, [Keep(after={4: [Quit()]})]).frames == 4
        stop = threading.Event()
        stop.set()
        assert run(quick, camera, [], stop=stop).frames == 0


def test_a_camera_that_fails_ends_it_with_its_reason(quick):
    sink = Keep()
    with Broken("synthetic:fps=100") as camera, pytest.raises(CameraError, match="cable was pulled"):
        run(quick, camera, [sink])
    assert sink.results[-1].frame.index == 4, "what was captured before is classified"


def test_a_camera_without_frames_is_reported(quick, monkeypatch):
    monkeypatch.setattr(loop, "FIRST_FRAME_S", 0.3)

    class Waiting(SyntheticCamera):
        def read(self):
            time.sleep(1)

    with Waiting() as camera, pytest.raises(CameraError, match="gave no frame"):
        run(quick, camera, [])


def test_a_sink_that_fails_ends_it_and_the_thread(quick):
    with SyntheticCamera("synthetic:fps=0") as camera, pytest.raises(OSError, match="the sink broke"):
        run(quick, camera, [Keep(fail_after=3)])


def test_stats_do_not_grow_for_ever():
    stats = Stats()
    result = edgecnn.Result(frame(0), [edgecnn.Prediction("1", 1, 1.0)], edgecnn.Timings(1, 2, 3), 7)
    for _ in range(WINDOW + 100):
        stats.add(result, 0)
    assert stats.frames == WINDOW + 100
    assert all(len(values) == WINDOW for values in stats._latencies[""].values())
    assert stats.spreads()["total"].p50_ms == 6


def test_a_truth_that_is_no_label_of_the_model_does_not_count(digits_file, tmp_path):
    labels = tmp_path / "labels.txt"
    labels.write_text("abcdefghij".replace("", "\n").strip())
    with edgecnn.load(digits_file, labels=labels) as classifier, SyntheticCamera("synthetic:fps=0") as camera:
        assert run(classifier, camera, [], frames=3).accuracy is None


class Paused(Keep):
    """Asks for a pause after three results, and to resume after so many polls."""

    polls = 0

    def poll(self, stats):
        if not stats.paused:
            return [Pause()] if len(self.results) == 3 and not self.polls else []
        self.polls += 1
        return [Pause(on=False)] if self.polls == 5 else []


def test_a_pause_skips_frames_of_a_camera_and_none_of_files(quick, tmp_path):
    with SyntheticCamera("synthetic:fps=100") as camera:
        sink = Paused()
        run(quick, camera, [sink], frames=6)
    indices = [r.frame.index for r in sink.results]
    assert sink.polls == 5
    assert indices[3] > indices[2] + 1, "the camera went on"
    for i in range(6):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.full((40, 40, 3), i, np.uint8))
    with FilesCamera(str(tmp_path)) as camera:
        sink = Paused()
        run(quick, camera, [sink])
    assert [r.frame.index for r in sink.results] == list(range(6))
    assert sink.polls == 5


def test_an_image_is_saved_as_it_was_framed(quick, tmp_path, capsys):
    sink = Keep(after={2: [Save()]})
    with SyntheticCamera("synthetic:fps=0") as camera:
        run(quick, camera, [sink], frames=3, framing=Framing(90), save_to=str(tmp_path))
    (path,) = tmp_path.iterdir()
    assert path.suffix == ".png"
    assert np.array_equal(cv2.imread(str(path)), sink.results[1].frame.pixels)
    assert f"saved {path}" in capsys.readouterr().err


def test_an_image_that_cannot_be_saved_is_reported_and_the_loop_keeps_running(quick, tmp_path, capsys):
    with SyntheticCamera("synthetic:fps=0") as camera:
        sink = Keep(after={1: [Save()]})
        summary = run(quick, camera, [sink], frames=3, save_to=str(tmp_path / "nowhere"))
    assert "can't be written: No such file" in capsys.readouterr().err
    (failure,) = summary.failures
    assert failure.startswith("frames not saved: 1; ")


def test_where_all_was_written_nothing_failed(quick, tmp_path):
    with SyntheticCamera("synthetic:fps=0") as camera:
        summary = run(quick, camera, [Keep(after={1: [Save()]})], frames=3, save_to=str(tmp_path))
    assert summary.failures == ()


def test_variants_are_switched_and_measured_apart():
    asked = Switch("float32", Future())
    wrong = Switch("int4", Future())
    sink = Keep(after={3: [asked], 6: [Switch()], 8: [wrong]})
    with (
        edgecnn.load("digits") as first,
        Variants(first, lambda name: edgecnn.load("digits", name)) as variants,
        SyntheticCamera("synthetic:fps=0") as camera,
    ):
        summary = run(variants, camera, [sink], frames=10, smooth=0.4, hold=4)
    assert sink.variants == ["int8"] * 3 + ["float32"] * 3 + ["int8"] * 4
    assert asked.reply.result(0) == "float32"
    with pytest.raises(OptionError, match="no variant 'int4': choose int8, float32"):
        wrong.reply.result(0)
    assert list(summary.spreads) == ["int8", "float32"]
    assert summary.frames == 10


def test_settings_change_between_two_frames(quick):
    """The first tune changes all, the second one thing, the third nothing."""
    first = Tune(Future(), threshold=1.0, smooth=0.5, hold=3)
    second, third = Tune(Future(), hold=2), Tune(Future())
    sink = Keep(after={3: [first], 6: [second], 9: [third]})
    own = quick.threshold
    with SyntheticCamera("synthetic:seed=3,fps=0") as camera:
        run(quick, camera, [sink], frames=12)
    changed, again = Settings(1.0, 0.5, 3), Settings(1.0, 0.5, 2)
    assert sink.settings == [Settings(own, 0.0, 1)] * 3 + [changed] * 3 + [again] * 6
    assert [first.reply.result(0), second.reply.result(0), third.reply.result(0)] == [changed, again, again]
    assert [r.steady is not None for r in sink.results] == [False] * 3 + [True] * 9
    assert [r.unknown for r in sink.results[3:]] == [True] * 9, "no score reaches 1"
    assert not all(r.unknown for r in sink.results[:3])


def test_a_change_begins_smoothing_again_and_none_leaves_it(quick, tmp_path):
    """Smoothed scores are those of the frame itself only where smoothing has just begun."""
    same = Tune(Future(), smooth=0.9, hold=1)
    sink = Keep(after={5: [same], 8: [Tune(Future(), threshold=0.25)]})
    with FilesCamera(photos(tmp_path, 10)) as camera:
        run(quick, camera, [sink], smooth=0.9)
    assert same.reply.result(0).smooth == 0.9
    tops = [(r.predictions[0].score, r.steady.predictions[0].score) for r in sink.results]
    began = [k for k, (own, smoothed) in enumerate(tops) if smoothed == pytest.approx(own)]
    assert began == [0, 8]


@pytest.mark.parametrize(
    "wrong", [{"threshold": 1.5}, {"threshold": float("nan")}, {"smooth": 1.0}, {"hold": 0}]
)
def test_where_one_setting_is_out_of_range_none_changes(quick, wrong):
    asked = Tune(Future(), **({"threshold": 0.9, "smooth": 0.8, "hold": 7} | wrong))
    sink, own = Keep(after={2: [asked]}), quick.verdict
    with SyntheticCamera("synthetic:fps=0") as camera:
        run(quick, camera, [sink], frames=4, smooth=0.4, hold=4)
    assert len(set(sink.settings)) == 1
    assert quick.verdict == own
    with pytest.raises(OptionError, match="expected"):
        asked.reply.result(0)


def test_a_threshold_that_was_set_is_kept_by_other_variants(quick):
    sink = Keep(after={2: [Tune(Future(), threshold=0.75)], 4: [Switch("float32")], 6: [Switch("int8")]})
    with (
        Variants(quick, lambda name: edgecnn.load("digits", name)) as variants,
        SyntheticCamera("synthetic:fps=0") as camera,
    ):
        run(variants, camera, [sink], frames=8)
    assert [s.threshold for s in sink.settings] == [quick.model.confidence.threshold] * 2 + [0.75] * 6


def test_what_the_camera_delivers_is_measured(quick):
    seen = []

    class Look(Keep):
        def show(self, result, stats):
            seen.append(stats.delivery.as_dict())

    with SyntheticCamera("synthetic:fps=100") as camera:
        run(quick, camera, [Look()], frames=20, framing=Framing(rotate=90))
    assert {(s["width"], s["height"]) for s in seen} == {(640, 480)}, "before they are rotated"
    assert 50 < seen[-1]["fps"] <= 130


def test_a_variant_that_cannot_be_opened_is_reported_and_the_loop_keeps_running(quick, capsys):
    def load(name):
        raise EngineError("there is no such engine today")

    sink = Keep(after={2: [Switch()]})
    with Variants(quick, load) as variants, SyntheticCamera("synthetic:fps=0") as camera:
        assert run(variants, camera, [sink], frames=4).frames == 4
    assert sink.variants == ["int8"] * 4
    assert "no such engine today" in capsys.readouterr().err


def test_a_bare_file_has_no_other_variant(digits_file, capsys):
    with edgecnn.load(digits_file) as bare, SyntheticCamera("synthetic:fps=0") as camera:
        assert run(bare, camera, [Keep(after={2: [Switch()]})], frames=3).frames == 3
    assert "no other variant" in capsys.readouterr().err


def test_an_image_from_outside_is_classified_between_two_frames(quick):
    outside = Classify(replace(frame(0), pixels=draw_seven()), Future())
    broken = Classify(replace(frame(0), pixels=np.zeros(3)), Future())
    sink = Keep(after={2: [outside, broken]})
    with SyntheticCamera("synthetic:fps=0") as camera:
        summary = run(quick, camera, [sink], frames=4)
    assert summary.frames == len(sink.results) == 4
    assert outside.reply.result(0).label == "7"
    with pytest.raises(ImageError):
        broken.reply.result(0)


class Figures(Keep):
    """A sink that does not look at images."""

    needs_picture = False


def photos(folder, count: int = 3):
    """JPEG files with large noise on them, 640×480."""
    for k in range(count):
        small = np.random.default_rng(k).integers(0, 256, (12, 16, 3), np.uint8)
        image = cv2.resize(small, (640, 480), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f"{k}.jpg"), image)
    return str(folder)


def test_images_come_smaller_where_no_sink_shows_them(quick, tmp_path):
    seen = {}
    for sinks in ((Figures(),), (Figures(), Keep())):
        with FilesCamera(photos(tmp_path)) as camera:
            run(quick, camera, sinks)
        seen[len(sinks)] = sinks[0].results
    assert {r.frame.pixels.shape for r in seen[2]} == {(480, 640, 3)}
    assert {r.frame.pixels.shape for r in seen[1]} == {(60, 80, 3)}
    assert [r.predictions for r in seen[1]] == [r.predictions for r in seen[2]]


def test_with_a_region_in_pixels_images_keep_their_size(quick, tmp_path):
    sink = Figures()
    with FilesCamera(photos(tmp_path)) as camera:
        run(quick, camera, [sink], framing=Framing(roi=Box(600, 400, 40, 80)))
    assert {r.frame.pixels.shape for r in sink.results} == {(480, 640, 3)}


def test_a_saved_image_is_whole_whatever_was_classified(quick, tmp_path):
    source = photos(tmp_path, 1)
    sink = Figures(after={1: [Save()]})
    with FilesCamera(source) as camera:
        run(quick, camera, [sink], save_to=str(tmp_path))
    saved = cv2.imread(str(next(tmp_path.glob("edgecnn-*.png"))))
    assert np.array_equal(saved, cv2.imread(str(tmp_path / "0.jpg")))


def test_another_variant_is_asked_for_by_its_own_size(tmp_path):
    """What stands in for a camera keeps what it was asked for."""

    class Asked(SyntheticCamera):
        sides = ()

        def need(self, side, *, whole=False):
            assert not whole
            self.sides = (*self.sides, side)

    def load(variant):
        return edgecnn.load("digits", variant)

    with Asked("synthetic:fps=0") as camera, load("int8") as first, Variants(first, load) as variants:
        run(variants, camera, [Figures(after={2: [Switch()]})], frames=5)
    assert camera.sides == (56, 56)


def test_frames_that_are_answered_with_nan_are_said_once_and_counted(tmp_path, capsys):
    """They count for a limit of frames too: with a model that knows nothing else, it would never end."""
    sink = Keep()
    camera = SyntheticCamera("synthetic:seed=3,fps=0")
    with camera, edgecnn.load(nan_bundle(tmp_path), "float32") as broken:
        summary = run(broken, camera, [sink], frames=20, smooth=0.4, hold=4)
    assert (summary.frames, summary.unanswered, sink.results) == (0, 20, [])
    assert capsys.readouterr().err.count("digits float32 answered NaN or infinity") == 1


def test_after_nan_the_other_variant_keeps_running(tmp_path, capsys):
    folder = nan_bundle(tmp_path)

    def load(name):
        return edgecnn.load(folder, name)

    sink = Keep(after={5: [Switch("float32")]})
    sink.poll = lambda stats, poll=sink.poll: [Switch("int8")] if stats.unanswered == 3 else poll(stats)
    camera = SyntheticCamera("synthetic:seed=3,fps=0")
    with camera, load("int8") as first, Variants(first, load) as variants:
        summary = run(variants, camera, [sink], frames=30, smooth=0.4, hold=4)
    assert summary.unanswered == 3
    assert summary.frames == 27
    assert all(0 <= p.score <= 1 for r in sink.results for p in r.steady.predictions)


class Buttons(CommandSource):
    """A source of commands that takes no results."""

    def __init__(self, after: int) -> None:
        self._after, self.asked = after, 0

    def poll(self, stats):
        self.asked += 1
        return [Quit()] if stats.frames >= self._after else []


def test_commands_come_from_more_than_sinks(quick):
    keep, buttons = Keep(), Buttons(4)
    with SyntheticCamera("synthetic:fps=0") as camera:
        summary = run(quick, camera, [keep], commands=[buttons], frames=100)
    assert summary.frames == len(keep.results) == 4
    assert buttons.asked >= 4


def test_sinks_are_needed_by_nothing(quick):
    with SyntheticCamera("synthetic:fps=0") as camera:
        assert run(quick, camera, frames=3).frames == 3
