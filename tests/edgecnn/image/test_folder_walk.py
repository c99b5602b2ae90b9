import json
import os
import shutil

import pytest

from edgecnn.bundle.bundle import find
from edgecnn.dataset import left_out, open_source
from edgecnn.image.file import find_images, list_images
from edgecnn.image.folder_walk import walk


def ids(folder):
    return [item.id for item in open_source(folder).items]


def test_a_link_to_a_file_that_is_listed_counts_once(photo_folder):
    (photo_folder / "pears" / "again.jpg").symlink_to("pears-0.jpg")
    (photo_folder / "äpfel" / "again.jpg").symlink_to("../pears/pears-1.jpg")
    source = open_source(photo_folder)
    assert len(source.items) == 40
    [line] = left_out(source)
    assert "left out 2 links to what was read already: pears/again.jpg, äpfel/again.jpg" in line


def test_links_to_files_elsewhere_are_images_and_each_file_counts_once(photo_folder, tmp_path):
    data = tmp_path / "data"
    for label in ("pears", "äpfel"):
        (data / label).mkdir(parents=True)
        for path in (photo_folder / label).iterdir():
            (data / label / path.name).symlink_to(path)
    (data / "äpfel" / "twice.jpg").symlink_to(photo_folder / "pears" / "pears-0.jpg")
    assert len(ids(data)) == 40
    assert walk(data).again == ["äpfel/twice.jpg"]


def test_what_is_hidden_may_be_linked_to(photo_folder):
    """As git-annex does, and others that keep the files apart."""
    (photo_folder / "pears").rename(photo_folder / ".pears")
    (photo_folder / "pears").symlink_to(".pears")
    (photo_folder / ".store").mkdir()
    (photo_folder / "äpfel" / "äpfel-0.jpg").rename(photo_folder / ".store" / "x")
    (photo_folder / "äpfel" / "äpfel-0.jpg").symlink_to("../.store/x")
    assert len(ids(photo_folder)) == 40


def test_nothing_crosses_between_splits_by_a_link(photo_folder, tmp_path):
    data = tmp_path / "data"
    for label in ("pears", "äpfel"):
        shutil.copytree(photo_folder / label, data / "train" / label)
        (data / "test" / label).mkdir(parents=True)
        shutil.copy(photo_folder / label / f"{label}-0.jpg", data / "test" / label / "own.jpg")
        (data / "test" / label / "file.jpg").symlink_to(data / "train" / label / f"{label}-3.jpg")
    (data / "test" / "pears" / "all").symlink_to(data / "train" / "pears")
    source = open_source(data)
    assert [i.id for i in source.items if i.split == "test"] == ["test/pears/own.jpg", "test/äpfel/own.jpg"]
    assert "left out 3 links to what was read already" in left_out(source)[0]


@pytest.mark.parametrize(
    "listed", [lambda f: len(ids(f)), lambda f: len(list_images(f))], ids=["data", "images"]
)
def test_loops_end_and_links_are_followed_once(photo_folder, tmp_path, listed):
    (photo_folder / "pears" / "loop").symlink_to(photo_folder)
    (photo_folder / "pears" / "self").symlink_to("self")
    more = tmp_path / "more"
    shutil.copytree(photo_folder / "äpfel", more)
    (photo_folder / "äpfel" / "more").symlink_to(more)
    assert listed(photo_folder) == 60


def test_a_pattern_gives_each_file_once(photo_folder):
    from edgecnn.camera.files import FilesCamera

    (photo_folder / "loop").symlink_to(photo_folder)
    camera = FilesCamera(str(photo_folder / "**" / "*.jpg"))
    assert camera.description.startswith("40 images")


@pytest.mark.parametrize("name", ["@eaDir", ".AppleDouble", "__MACOSX", ".ipynb_checkpoints", "@EADIR"])
def test_what_systems_put_next_to_images_is_skipped(photo_folder, name):
    for place in (photo_folder, photo_folder / "pears"):
        shutil.copytree(photo_folder / "äpfel", place / name)
    for file in ("._pears-0.jpg", "Thumbs.db", ".DS_Store", "desktop.ini"):
        shutil.copy(photo_folder / "pears" / "pears-0.jpg", photo_folder / "pears" / file)
    source = open_source(photo_folder)
    assert source.labels == ("pears", "äpfel")
    assert len(source.items) == len(list_images(photo_folder)) == 40
    assert left_out(source) == ()


def test_what_edgecnn_writes_is_no_class(photo_folder):
    before = ids(photo_folder)
    bundle = shutil.copytree(find("digits"), photo_folder / "out" / "photos-model")
    shutil.copy(photo_folder / "pears" / "pears-0.jpg", bundle / "confusion.png")
    work = photo_folder / "photos-model.training"
    (work / "fold-1").mkdir(parents=True)
    (work / "written-by-edgecnn").touch()
    (work / "fold-1" / "last-3.npz").touch()
    for part in ("train", "validation"):
        (photo_folder / "logs" / part).mkdir(parents=True)
        (photo_folder / "logs" / part / "events.out.tfevents.17.host.1.v2").touch()
    (photo_folder / "photos-model.report.html").touch()
    source = open_source(photo_folder)
    assert source.labels == ("pears", "äpfel")
    assert [i.id for i in source.items] == before
    [line] = left_out(source)
    assert line == (
        f"{photo_folder}: left out edgecnn's own output: logs/train, logs/validation, out/photos-model …"
    )
    assert len(find_images(photo_folder).paths) == 40


@pytest.mark.parametrize("content", ["{}", "[]", "no json", json.dumps({"format": 1, "name": "x"})])
def test_another_programs_bundle_json_makes_no_folder_ours(photo_folder, content):
    (photo_folder / "pears" / "bundle.json").write_text(content)
    assert open_source(photo_folder).labels == ("pears", "äpfel")


def test_what_will_be_written_is_no_class(photo_folder, tmp_path):
    (photo_folder / "logs").mkdir()
    source = open_source(photo_folder, own=[photo_folder / "logs", tmp_path / "elsewhere"])
    assert source.labels == ("pears", "äpfel")


def test_a_relative_folder_is_listed_too(photo_folder, monkeypatch):
    monkeypatch.chdir(photo_folder)
    assert os.path.basename(os.getcwd()) == "photos"
    from pathlib import Path

    assert ids(Path()) == ids(photo_folder)
