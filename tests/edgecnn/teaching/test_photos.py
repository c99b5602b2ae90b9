"""The folder of photos: nothing is lost, whatever is renamed, merged, removed or killed."""

import errno
import os
import shutil
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

from edgecnn.dataset import open_source
from edgecnn.errors import DataError, ImageNotFound, OutputError
from edgecnn.io import moving
from edgecnn.teaching.names import check_label
from edgecnn.teaching.photos import MOST_CLASSES, TaughtFolder
from edgecnn.teaching.trash import TRASH

JPEG = cv2.imencode(".jpg", np.full((24, 24, 3), 90, np.uint8))[1].tobytes()


@pytest.fixture
def folder(tmp_path):
    return TaughtFolder(tmp_path / "taught")


def everything(folder: TaughtFolder) -> int:
    """The photos below the folder, trash included."""
    return sum(name.endswith(".jpg") for _, _, names in os.walk(folder.folder) for name in names)


def test_photos_are_saved_by_class_and_listed_newest_first(folder):
    first = folder.save("cup", JPEG, "a.jpg")
    second = folder.save("cup", JPEG, "b.jpg")
    folder.add_class("ball")
    assert folder.counts == {"ball": 0, "cup": 2}
    assert folder.newest == {"ball": None, "cup": second}
    assert folder.photos("cup") == [second, first]
    assert folder.path(first).read_bytes() == JPEG
    assert folder.read(folder.items[0]).shape == (24, 24, 3)


def test_a_taken_name_gets_a_number_before_its_ending(folder):
    assert folder.save("cup", JPEG, "a.jpg") == "cup/a.jpg"
    assert folder.save("cup", JPEG, "a.jpg") == "cup/a-2.jpg"


@pytest.mark.parametrize(
    "name",
    ["../../a.jpg", "/etc/a.jpg", "..\\a.jpg", ".a.jpg", "", "a\n.jpg", "x" * 300, "\N{HOT BEVERAGE}" * 90],
)
def test_no_name_leaves_its_class(folder, name):
    photo = folder.save("cup", JPEG, name)
    assert folder.path(photo).parent == folder.folder / "cup"
    assert not folder.path(photo).name.startswith(".")


@pytest.mark.parametrize("label", ["", "  ", "a/b", "a\\b", ".hidden", "..", "x" * 101, "a\nb", "a\0b"])
def test_a_class_that_can_be_no_folder_is_refused(folder, label):
    with pytest.raises(DataError):
        folder.add_class(label)
    assert folder.labels == ()


def test_labels_are_trimmed_and_one_form_of_unicode():
    assert check_label("  Apfelmus u\u0308bel ") == "Apfelmus \u00fcbel"


def test_a_class_is_renamed_with_its_photos(folder):
    folder.save("cup", JPEG, "a.jpg")
    folder.rename("cup", "mug")
    assert folder.photos("mug") == ["mug/a.jpg"]
    assert not (folder.folder / "cup").exists()


def test_two_classes_are_merged_only_when_asked(folder):
    folder.save("cup", JPEG, "a.jpg")
    folder.save("mug", JPEG, "a.jpg")
    with pytest.raises(FileExistsError):
        folder.rename("cup", "mug")
    assert folder.rename("cup", "mug", merge=True) == ["mug/a-2.jpg"]
    assert folder.counts == {"mug": 2}
    assert everything(folder) == 2


def test_what_is_removed_lies_in_the_trash_and_comes_back(folder):
    photo = folder.save("cup", JPEG, "a.jpg")
    removed = folder.remove([photo])
    assert folder.counts == {"cup": 0}
    assert (folder.folder / TRASH / "cup" / "a.jpg").read_bytes() == JPEG
    assert folder.restore(removed) == [photo]
    assert folder.photos("cup") == [photo]


def test_a_removed_class_comes_back_with_its_photos(folder):
    folder.save("cup", JPEG, "a.jpg")
    removed = folder.remove_class("cup")
    assert len(removed) == 1
    assert folder.labels == ()
    assert folder.restore(removed) == ["cup/a.jpg"]


def test_a_photo_moves_to_another_disk(folder, monkeypatch):
    photo = folder.save("cup", JPEG, "a.jpg")
    rename = moving._renameat2

    def across(source, target, flags):
        if source.parent != target.parent:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        rename(source, target, flags)

    monkeypatch.setattr(moving, "_renameat2", across)
    folder.add_class("ball")
    assert folder.move([photo], "ball") == ["ball/a.jpg"]
    assert (folder.folder / "ball" / "a.jpg").read_bytes() == JPEG
    assert folder.counts == {"ball": 1, "cup": 0}


def test_files_of_the_user_in_a_removed_class_are_kept(folder):
    folder.save("cup", JPEG, "a.jpg")
    (folder.folder / "cup" / "notes.txt").write_text("mine")
    folder.remove_class("cup")
    kept = [name for _, _, names in os.walk(folder.folder / TRASH) for name in names]
    assert sorted(kept) == ["a.jpg", "notes.txt"]


@pytest.mark.parametrize(
    "photo",
    ["x" * 300 + "/a.jpg", "cup/" + "y" * 300, "..", "cup/../../a.jpg", "cup/b.jpg", "../a.jpg", "cup", ""],
)
def test_only_known_photos_have_a_path(folder, photo):
    folder.save("cup", JPEG, "a.jpg")
    with pytest.raises(ImageNotFound):
        folder.path(photo)
    with pytest.raises(ImageNotFound):
        folder.restore([photo])


def test_changes_of_other_programs_are_found(folder):
    folder.save("cup", JPEG, "a.jpg")
    before = folder.revision
    assert not folder.refresh()
    (folder.folder / "ball").mkdir()
    (folder.folder / "ball" / "new.jpg").write_bytes(JPEG)
    assert folder.refresh()
    assert folder.counts == {"ball": 1, "cup": 1}
    assert folder.revision > before
    (folder.folder / "cup" / "a.jpg").unlink()
    os.utime(folder.folder / "cup", (time.time() + 5, time.time() + 5))
    assert folder.refresh()
    assert folder.counts == {"ball": 1, "cup": 0}


def test_changes_of_other_programs_in_folders_of_a_class_are_found(folder, monkeypatch):
    monkeypatch.setattr("edgecnn.teaching.photos._COARSEST_NS", 0)
    deep = folder.folder / "cup" / "kitchen" / "sink"
    deep.mkdir(parents=True)
    (deep / "a.jpg").write_bytes(JPEG)
    assert folder.refresh()
    assert not folder.refresh()
    for number, place in enumerate((deep, deep.parent, deep.parent / "table")):
        place.mkdir(exist_ok=True)
        (place / "b.jpg").write_bytes(JPEG)
        assert folder.refresh()
        assert folder.counts == {"cup": number + 2}
    shutil.rmtree(deep)
    assert folder.refresh()
    assert folder.counts == {"cup": 2}


def test_frames_of_one_recording_are_a_group_for_learn_too(folder):
    for number in (1, 2):
        folder.save("cup", JPEG, f"20261128-130501_{number:03d}.jpg")
    folder.save("ball", JPEG, "photo.jpg")
    groups = {"cup/20261128-130501", None}
    assert {item.group for item in folder.items} == groups
    assert {item.group for item in open_source(folder.folder).items} == groups


def test_too_many_classes_are_refused(folder):
    for number in range(MOST_CLASSES):
        (folder.folder / f"{number}").mkdir()
    folder.refresh()
    with pytest.raises(DataError, match="200 classes"):
        folder.add_class("one more")


def test_a_folder_that_can_not_be_written_says_so(folder, monkeypatch):
    folder.add_class("cup")
    (folder.folder / "cup").rmdir()
    (folder.folder / "cup").write_text("a file now")
    with pytest.raises(OutputError, match="can't be written"):
        folder.save("cup", JPEG, "a.jpg")


def test_no_counted_photo_is_lost_by_a_kill(tmp_path):
    """A process that saves photos and says which are on the disk is killed at random moments."""
    code = (
        "import sys; from pathlib import Path; from edgecnn.teaching.photos import TaughtFolder\n"
        "folder = TaughtFolder(Path(sys.argv[1])); data = Path(sys.argv[2]).read_bytes()\n"
        "while True: print(folder.save('cup', data, 'a.jpg'), flush=True)"
    )
    (tmp_path / "a.jpg").write_bytes(JPEG)
    counted = []
    for pause in (0.02, 0.05, 0.09):
        with subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "taught"), str(tmp_path / "a.jpg")],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            counted.append(process.stdout.readline().strip())
            time.sleep(pause)
            process.kill()
            counted += process.stdout.read().split("\n")[:-1]
    folder = TaughtFolder(tmp_path / "taught")
    assert len(counted) > 3
    assert set(counted) <= set(folder.photos("cup"))
    assert all(folder.path(photo).read_bytes() == JPEG for photo in folder.photos("cup"))


@pytest.fixture
def linked(folder, tmp_path):
    """A class `cup` that is a relative link to a folder elsewhere, with a photo."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a.jpg").write_bytes(JPEG)
    (folder.folder / "cup").symlink_to("../elsewhere")
    folder.refresh()
    return elsewhere


def test_removing_a_class_that_is_a_link_leaves_what_is_behind_it(folder, linked):
    assert folder.remove_class("cup") == []
    assert folder.labels == ()
    assert not os.path.lexists(folder.folder / "cup")
    assert (linked / "a.jpg").read_bytes() == JPEG
    assert (folder.folder / TRASH / "cup").resolve() == linked
    # Later photos of that name go into a folder of their own, and none comes back from behind the link.
    with pytest.raises(ImageNotFound):
        folder.restore(["cup/a.jpg"])
    folder.remove([folder.save("cup", JPEG, "b.jpg")])
    assert [path.name for path in linked.iterdir()] == ["a.jpg"]
    assert (folder.folder / TRASH / "cup" / "b.jpg").is_file()


def test_merging_a_class_that_is_a_link_copies_its_photos(folder, linked):
    folder.save("mug", JPEG, "a.jpg")
    folder.rename("cup", "mug", merge=True)
    assert folder.counts == {"mug": 2}
    assert (linked / "a.jpg").read_bytes() == JPEG


@pytest.mark.parametrize("label", ["u\u0308bel", "a\\b", "x" * 255, " cup", "a\nb"])
def test_classes_that_other_programs_made_are_taught_as_any(folder, label):
    (folder.folder / label).mkdir()
    folder.refresh()
    first, second = folder.save(label, JPEG, "a.jpg"), folder.save(label, JPEG, "a.jpg")
    removed = folder.remove([first])
    assert folder.restore(removed) == [first]
    (folder.folder / label / "notes.txt").write_text("mine")
    assert sorted(folder.remove_class(label)) == sorted([first, second])
    assert folder.labels == ()
    assert folder.restore([first, second]) == [first, second]
    assert folder.rename(label, "plain") == []
    assert folder.counts == {"plain": 2}
    assert everything(folder) == 2


def test_a_class_is_found_in_any_form_of_unicode(folder):
    (folder.folder / "u\u0308bel").mkdir()
    folder.refresh()
    assert folder.save("\u00fcbel", JPEG, "a.jpg") == "u\u0308bel/a.jpg"
    with pytest.raises(DataError, match="already"):
        folder.add_class("\u00fcbel")
    assert folder.labels == ("u\u0308bel",)


def test_a_photo_that_is_a_relative_link_leads_to_its_file_wherever_it_goes(folder, tmp_path):
    (tmp_path / "elsewhere.jpg").write_bytes(JPEG)
    (folder.folder / "cup").mkdir()
    (folder.folder / "cup" / "a.jpg").symlink_to("../../elsewhere.jpg")
    folder.refresh()
    folder.add_class("ball")
    folder.restore(folder.remove(folder.move(["cup/a.jpg"], "ball")))
    assert (folder.folder / "ball" / "a.jpg").read_bytes() == JPEG
    folder.link_into(tmp_path / "snapshot")
    assert (tmp_path / "snapshot" / "ball" / "a.jpg").read_bytes() == JPEG
    assert not (tmp_path / "snapshot" / "ball" / "a.jpg").is_symlink()
    assert (tmp_path / "elsewhere.jpg").read_bytes() == JPEG


def test_a_link_that_leads_to_itself_is_no_class(folder):
    (folder.folder / "self").symlink_to("self")
    folder.save("cup", JPEG, "a.jpg")
    folder.refresh()
    assert folder.labels == ("cup",)


def test_a_thousand_photos_of_one_name_are_saved(folder, monkeypatch):
    monkeypatch.setattr(moving, "_MOST_IN_ORDER", 5)
    for _ in range(20):
        folder.save("cup", JPEG, "image.jpg")
    assert folder.counts == {"cup": 20}
