"""Teaching by photos and frames: it answers immediately, measures itself, and keeps what was kept."""

import time
from pathlib import Path

import cv2
import numpy as np
import pytest

import edgecnn
from edgecnn.errors import BundleError, DataError, GateError, ImageError, OptionError, OutputError
from edgecnn.teaching.recorder import ALIKE
from tests.conftest import until
from tests.edgecnn.teaching.conftest import draw, see

KINDS = ("red", "green", "blue")


def teach(teacher, kinds=KINDS, count=6, start=0):
    for kind in kinds:
        for seed in range(start, start + count):
            teacher.add(kind, draw(kind, seed))


def right(teacher, kinds=KINDS, seeds=range(100, 120)) -> float:
    answers = [see(teacher, kind, seed) == kind for kind in kinds for seed in seeds]
    return sum(answers) / len(answers)


def test_before_anything_is_taught_everything_is_unknown(teacher):
    assert see(teacher, "red", 1) == "unknown"
    assert teacher.state()["knows"] == "nothing"
    assert teacher.report is None


def test_one_photo_of_each_of_two_classes_already_answers(teacher):
    teacher.add("red", draw("red", 0))
    teacher.add("blue", draw("blue", 0))
    teacher.settle()
    assert teacher.state()["knows"] == "prototypes"
    predictions = teacher.classifier.classify(draw("red", 7))
    assert predictions[0].label == "red"


def test_more_photos_make_a_head_that_is_measured(teacher):
    teach(teacher)
    teacher.settle()
    state = teacher.state()
    assert state["knows"] == "head"
    assert [entry["photos"] for entry in state["classes"]] == [6, 6, 6]
    assert state["judged"]["photos"] == 18
    assert state["judged"]["low"] <= state["judged"]["accuracy"] <= state["judged"]["high"]
    assert right(teacher) > 0.9
    report = teacher.report
    assert [sum(row) for row in report["confusion"]] == [6, 6, 6]
    assert report["labels"] == ["blue", "green", "red"]


def test_a_recording_makes_photos_of_frames_that_differ(teacher, monkeypatch):
    monkeypatch.setattr("edgecnn.teaching.recorder._APART_S", 0.0)
    token = teacher.record("red")
    for seed in range(8):
        see(teacher, "red", seed)
    for _ in range(5):
        see(teacher, "red", 7)
    alike = teacher.recording.alike
    kept = teacher.stop(token)
    assert alike >= 5
    assert kept + alike == 13
    assert teacher.photos.counts == {"red": kept}
    assert 0 < ALIKE < 1


def test_views_wait_until_a_recording_ends(teacher, monkeypatch):
    monkeypatch.setattr("edgecnn.teaching.recorder._APART_S", 0.0)
    monkeypatch.setattr("edgecnn.teaching.learner._LOOK_S", 60.0)
    teach(teacher, ("red", "green"), 3)
    teacher.settle()
    memory = teacher._learner._memory
    token = teacher.record("blue", 60)
    for seed in range(6):
        see(teacher, "blue", seed)
        time.sleep(0.05)
    until(lambda: "blue" in teacher._learner.knowledge.labels, "an answer while it records")
    assert all(rows.keys() == {"plain"} for photo, rows in memory._rows.items() if photo.startswith("blue"))
    teacher.stop(token)
    teacher.settle()
    assert all(len(rows) == 3 for rows in memory._rows.values())


def test_a_recording_that_no_one_renews_ends(teacher):
    token = teacher.record("red", seconds=0.05)
    time.sleep(0.1)
    assert teacher.recording is None
    assert teacher.stop(token) == 0
    with pytest.raises(DataError, match="ended"):
        teacher.renew("99")


def test_another_recording_ends_the_first_one(teacher):
    first = teacher.record("red")
    teacher.record("blue")
    with pytest.raises(DataError):
        teacher.renew(first)
    assert teacher.stop(first) == 0
    assert teacher.recording.label == "blue"


def test_a_correction_adds_the_frame_that_was_shown(teacher):
    teach(teacher, ("red", "green"))
    teacher.settle()
    see(teacher, "blue", 33)
    see(teacher, "red", 34)
    photo = teacher.correct("blue", frame=33)
    assert photo.startswith("blue/")
    teacher.settle()
    assert teacher.classifier.classify(draw("blue", 33))[0].label == "blue"


def test_a_better_answer_does_not_wait_for_the_measurement(teacher):
    teach(teacher)
    teacher.settle()
    teacher.add("red", draw("red", 50))
    before = teacher._learner.knowledge
    until(lambda: teacher._learner.knowledge is not before, "new knowledge")


def test_removed_and_renamed_classes_change_the_answers(teacher):
    teach(teacher)
    teacher.settle()
    teacher.photos.remove_class("green")
    teacher.photos.rename("red", "tomato")
    teacher.changed()
    teacher.settle()
    assert teacher.classifier.labels == ("blue", "tomato")
    assert see(teacher, "red", 8) in ("tomato", "unknown")


def test_a_damaged_photo_is_counted_and_nothing_else_fails(teacher):
    teach(teacher)
    teacher.photos.save("red", b"no image at all", "broken.jpg")
    teacher.changed()
    teacher.settle()
    assert teacher.state()["unreadable"] == 1
    assert teacher.state()["knows"] == "head"


def test_a_kept_version_is_an_ordinary_bundle_in_use(teacher):
    teach(teacher)
    teacher.settle()
    version = teacher.keep("first")
    assert version.current
    assert version.photos == 18
    assert version.accuracy is not None
    with edgecnn.load(teacher.versions.out) as kept:
        assert kept.labels == ("blue", "green", "red")
        answers = [kept.classify(draw(kind, 200), 1)[0].label for kind in KINDS]
    assert answers == list(KINDS)
    with pytest.raises(OptionError, match="already"):
        teacher.keep("first")


def test_older_versions_are_compared_and_gone_back_to(teacher):
    teach(teacher, ("red", "green"))
    teacher.settle()
    teacher.keep("two")
    teach(teacher, ("blue",))
    teacher.settle()
    teacher.keep("three", even_if_worse=True)
    teach(teacher, count=4, start=300)
    found = teacher.versions.compare("two", "three")
    assert found["photos"] == 12
    assert found["b"]["on_these"]["accuracy"] > found["a"]["on_these"]["accuracy"]
    assert [v["name"] for v in teacher.state()["kept"] if v["current"]] == ["three"]
    teacher.use("two", even_if_worse=True)
    assert [v["name"] for v in teacher.state()["kept"] if v["current"]] == ["two"]
    with edgecnn.load(teacher.versions.out) as kept:
        assert kept.labels == ("green", "red")


def test_frames_of_a_taught_recording_are_not_new_to_a_version(teacher):
    def record(kind, when, numbers):
        return [
            teacher.add(kind, cv2.imencode(".jpg", draw(kind, k))[1].tobytes(), f"{when}_{k:03d}.jpg")
            for k in numbers
        ]

    taught = [record(kind, "20261128-130501", range(6)) for kind in ("red", "green")]
    teacher.settle()
    teacher.keep("one")
    for kind in ("red", "green"):
        record(kind, "20261128-130501", range(10, 15))
        record(kind, "20261128-141000", range(20, 24))
    # It is the same recording when its class has another name, and when what was taught of it is gone.
    teacher.photos.remove(taught[0])
    teacher.photos.rename("red", "tomato")
    assert teacher.versions.compare("one", "one")["photos"] == 8


def test_a_comparison_names_the_classes_that_one_version_knows(teacher):
    teach(teacher, ("red", "green"), 3)
    teacher.keep("two")
    teach(teacher, ("blue",), 3)
    teacher.keep("three", even_if_worse=True)
    note = "Only three knows blue: two is wrong there."
    assert teacher.versions.compare("two", "three")["note"].startswith(note)
    assert teacher.versions.compare("three", "two")["note"].startswith(note)
    assert "Only" not in teacher.versions.compare("two", "two")["note"]


def test_a_worse_version_is_not_used_unless_asked(teacher):
    teach(teacher, count=12)
    teacher.settle()
    teacher.keep("good")
    for seed in range(400, 412):  # the labels are swapped
        teacher.add("red", draw("blue", seed))
        teacher.add("blue", draw("red", seed))
    teacher.settle()
    with pytest.raises(GateError, match="good"):
        teacher.keep("bad")
    assert {v["name"]: v["current"] for v in teacher.state()["kept"]} == {"good": True, "bad": False}
    assert teacher.use("bad", even_if_worse=True).current


def test_another_start_continues_where_it_ended(teacher, tmp_path, tiny):
    from edgecnn.teaching.teacher import Teacher
    from tests.trunks import RANGE

    teach(teacher)
    teacher.settle()
    teacher.keep("first")
    teacher.close()
    with Teacher(tmp_path / "taught", trunk=tiny, value_range=RANGE) as again:
        again.settle()
        assert again.state()["photos"] == 18
        assert [v["name"] for v in again.state()["kept"]] == ["first"]
        assert right(again) > 0.9


def test_unsure_frames_are_kept_for_review_and_labelled(teacher, monkeypatch):
    monkeypatch.setattr("edgecnn.teaching.review._APART_S", 0.0)
    teach(teacher, ("red", "green"))
    teacher.settle()
    for seed in range(12):
        see(teacher, "blue", seed)
    teacher._writer.drain()
    frames = teacher.review.frames
    assert frames
    photos = teacher.review.label([frames[0].id], "red")
    assert teacher.photos.photos("red")[0] == photos[0]
    assert teacher.review.drop([frame.id for frame in teacher.review.frames]) == len(frames) - 1


def test_an_unsure_frame_of_a_class_with_a_long_name_is_kept(teacher, monkeypatch):
    monkeypatch.setattr("edgecnn.teaching.review.UNSURE", 1.1)
    long = "ä" * 120
    for label, kind in ((long, "red"), ("green", "green")):
        (teacher.photos.folder / label).mkdir()
        teacher.photos.refresh()
        for seed in range(2):
            teacher.add(label, draw(kind, seed))
    teacher.settle()
    see(teacher, "red", 40)
    until(lambda: len(teacher.review) == 1, "the frame")
    assert teacher.review.problem is None
    assert long.startswith(teacher.review.frames[0].label) or teacher.review.frames[0].label == "unknown"


def test_the_review_is_bounded(tmp_path, tiny, monkeypatch):
    from edgecnn.teaching.teacher import Teacher
    from tests.trunks import RANGE

    monkeypatch.setattr("edgecnn.teaching.review._APART_S", 0.0)
    monkeypatch.setattr("edgecnn.teaching.review._DIFFERENT", 1.1)
    monkeypatch.setattr("edgecnn.teaching.review.UNSURE", 1.1)
    with Teacher(tmp_path / "taught", trunk=tiny, value_range=RANGE, review=4) as teacher:
        teach(teacher, ("red", "green"))
        teacher.settle()
        for seed in range(9):
            see(teacher, "blue", seed)
            teacher._writer.drain()
        assert len(teacher.review) == 4
        assert len(list((tmp_path / "taught" / ".review").iterdir())) == 4


def test_corrections_of_one_run_are_one_scene(teacher):
    teach(teacher)
    teacher.settle()
    for seed in range(60, 66):
        see(teacher, "red", seed)
        teacher.correct("red", frame=seed)
    corrected = [item for item in teacher.photos.items if item.group == f"red/{teacher._started}"]
    assert len(corrected) == 6


def test_a_photo_that_was_half_copied_is_read_when_it_is_whole(teacher):
    teach(teacher, ("red", "green"))
    whole = cv2.imencode(".jpg", draw("red", 70))[1].tobytes()
    path = teacher.photos.folder / "red" / "copied.jpg"
    path.write_bytes(whole[: len(whole) // 3])
    teacher.photos.refresh()
    teacher.settle()
    assert teacher.state()["unreadable"] == 1
    path.write_bytes(whole)
    until(lambda: teacher.state()["unreadable"] == 0, "the whole photo")
    teacher.settle()
    assert teacher.state()["photos"] == 13


def test_a_class_that_was_away_while_it_was_read_is_read_when_it_is_back(teacher, tmp_path, monkeypatch):
    teach(teacher, ("red", "green"))
    teacher.settle()
    folder, digest = teacher.photos.folder, teacher.photos.digest
    away = tmp_path / "away"
    moved = []

    def meanwhile(item):
        if not item.id.endswith("late.jpg") or moved:
            return digest(item)
        (folder / "red").rename(away)
        moved.append(item)
        try:
            return digest(item)
        finally:
            away.rename(folder / "red")

    monkeypatch.setattr(teacher.photos, "digest", meanwhile)
    (folder / "red" / "late.jpg").write_bytes(cv2.imencode(".jpg", draw("red", 70))[1].tobytes())
    teacher.photos.refresh()
    until(lambda: "red/late.jpg" in teacher._learner._memory._rows, "the photo that is back")
    assert moved
    assert teacher.state()["unreadable"] == 0


def test_versions_that_another_process_keeps_are_listed(teacher, tmp_path, tiny, monkeypatch):
    from edgecnn.teaching import versions
    from edgecnn.teaching.teacher import Teacher
    from tests.trunks import RANGE

    def kept() -> list[tuple[str, bool]]:
        return [(entry["name"], entry["current"]) for entry in teacher.state()["kept"]]

    teach(teacher, ("red", "green"), 3)
    teacher.keep("first")
    assert kept() == [("first", True)]
    with Teacher(tmp_path / "taught", trunk=tiny, value_range=RANGE) as other:
        other.keep("second")
        assert kept() == [("second", True), ("first", False)]
        other.use("first")
        assert kept() == [("second", False), ("first", True)]
    (tmp_path / "taught" / versions.FOLDER / "second").rename(tmp_path / "away")
    assert kept() == [("first", True)]
    # Nothing is read while nothing changes: the page asks many times a second.
    monkeypatch.setattr(versions, "read_bundle", lambda _: pytest.fail("a bundle was read"))
    assert kept() == [("first", True)]


@pytest.mark.parametrize("out", ["taught", "taught/model", "taught/../link/deep/model"])
def test_a_model_inside_the_folder_of_photos_is_refused(tmp_path, tiny, monkeypatch, out):
    from edgecnn.teaching.teacher import Teacher

    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to("taught")
    with pytest.raises(OptionError, match=rf"--out is {out}, inside taught, .* expected .*taught-model"):
        Teacher("taught", out, trunk=tiny)
    assert not (tmp_path / "taught").exists()


def test_the_model_is_next_to_the_folder_of_photos(tmp_path, monkeypatch):
    from edgecnn.teaching.versions import find_out

    (tmp_path / "taught" / "cup").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "taught" / "cup")
    for folder in ("..", str(tmp_path / "taught"), "../../taught"):
        assert find_out(Path(folder), None) == tmp_path / "taught-model"
    assert find_out(Path("../../taught"), "../../taught-2") == Path("../../taught-2")


@pytest.mark.parametrize(
    "image",
    [b"", b"no image", np.zeros((9, 9, 3), np.float32), np.zeros((0, 0, 3), np.uint8),
     np.zeros((2, 2, 2), np.uint8), np.zeros((70_000, 8, 3), np.uint8)],
)  # fmt: skip
def test_what_is_no_image_is_not_added(teacher, image):
    with pytest.raises(ImageError):
        teacher.add("red", image)
    assert teacher.photos.counts.get("red", 0) == 0


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -1, 0])
def test_a_recording_takes_some_seconds(teacher, seconds):
    with pytest.raises(OptionError, match="seconds"):
        teacher.record("red", seconds)


def test_a_recording_that_has_lapsed_is_not_renewed(teacher):
    token = teacher.record("red", seconds=0.05)
    time.sleep(0.1)
    with pytest.raises(DataError, match="ended"):
        teacher.renew(token)


def test_a_frame_of_long_ago_is_not_corrected_by_another_one(teacher):
    for seed in range(5, 8):
        see(teacher, "red", seed)
    with pytest.raises(DataError, match="too long ago"):
        teacher.correct("red", frame=0)


def test_a_damaged_version_does_not_replace_the_one_in_use(teacher):
    teach(teacher, ("red", "green"), 3)
    teacher.keep("good")
    teacher.versions.keep("damaged")
    (teacher.photos.folder / ".versions" / "damaged" / "int8.tflite").write_bytes(b"no model")
    with pytest.raises(BundleError):
        teacher.use("damaged", even_if_worse=True)
    assert teacher.versions.current == "good"


def test_one_process_keeps_at_a_time(teacher):
    teach(teacher, ("red", "green"), 3)
    teacher.settle()
    with teacher.versions._alone(), pytest.raises(OutputError, match="is being written by"):
        teacher.versions.keep("second")
    assert teacher.versions.keep("second").photos == 6


def test_a_name_can_not_be_that_of_a_list(teacher):
    for name in ("x.photos.json", "\U00010400" * 60):
        with pytest.raises(OptionError, match="can't be called"):
            teacher.versions.keep(name)
