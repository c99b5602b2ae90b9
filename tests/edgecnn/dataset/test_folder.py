import contextlib
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from edgecnn.dataset import foreign_files, left_out, open_source
from edgecnn.errors import DataError
from edgecnn.image.folder_walk import walk


def ids(folder):
    return [item.id for item in open_source(folder).items]


def test_the_order_is_that_of_names_level_by_level(tmp_path):
    for name in ("b/2.png", "b/1.png", "b.c/x.png", "b/a/z.png", "a/9.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    expected = ["a/9.png", "b/1.png", "b/2.png", "b/a/z.png", "b.c/x.png"]
    assert ids(tmp_path) == expected
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    shutil.move(tmp_path / "b", outside)
    (tmp_path / "b").symlink_to(outside)
    assert ids(tmp_path) == expected, "a class may be a link to another place"
    assert left_out(open_source(tmp_path)) == ()


def test_a_folder_wins_over_links_to_it_whatever_their_names(photo_folder):
    (photo_folder / "aaa").symlink_to("pears")
    source = open_source(photo_folder)
    assert source.labels == ("pears", "äpfel")
    assert len(source.items) == 40
    assert left_out(source) == (f"{photo_folder}: left out a link to what was read already: aaa",)


def test_of_two_links_to_one_folder_the_first_is_followed(photo_folder, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    for name, target in (("a", "pears"), ("b", "äpfel"), ("c", "pears")):
        (data / name).symlink_to(photo_folder / target)
    source = open_source(data)
    assert source.labels == ("a", "b")
    assert "read already: c" in left_out(source)[0]


def test_links_that_multiply_are_each_followed_once(photo_folder):
    """Ten levels of folders with two links each to the next would be a thousand ways."""
    deep = photo_folder.parent / "deep"
    for level in range(10):
        (deep / str(level)).mkdir(parents=True)
        for name in ("one", "two"):
            (deep / str(level) / name).symlink_to(deep / str(level + 1))
    (deep / "10").mkdir()
    (deep / "10" / "x.png").touch()
    (photo_folder / "pears" / "more").symlink_to(deep / "0")
    assert sum(i.endswith("x.png") for i in ids(photo_folder)) == 1
    assert len(walk(photo_folder).again) == 10


def test_a_class_with_nothing_but_a_link_left_out_is_an_empty_one(photo_folder):
    (photo_folder / "plums").mkdir()
    (photo_folder / "plums" / "again").symlink_to(photo_folder / "pears")
    with pytest.raises(DataError, match="the class 'plums' has no image"):
        open_source(photo_folder)


def test_other_files_are_counted_without_walking_in_circles(photo_folder):
    (photo_folder / "pears" / "x.heic").touch()
    (photo_folder / "pears" / "here").symlink_to(photo_folder)
    assert foreign_files(open_source(photo_folder)) == {"HEIC image": ["pears/x.heic"]}


@contextlib.contextmanager
def as_unprivileged():
    """Run without root's permissions for a while: root may read everything."""
    before = os.geteuid()
    if not before:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


def test_a_folder_that_cannot_be_read_is_reported_and_nothing_is_left_out():
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to others
        folder = Path(name)
        for label in ("a", "b"):
            (folder / label / "closed").mkdir(parents=True)
            (folder / label / "x.png").touch()
        folder.chmod(0o755)
        (folder / "b" / "closed").chmod(0o000)
        with as_unprivileged(), pytest.raises(DataError, match="b/closed can't be read: Permission denied"):
            open_source(folder)
        (folder / "b" / "closed").chmod(0o700)


def test_too_many_files_are_refused(photo_folder, monkeypatch):
    monkeypatch.setattr("edgecnn.image.folder_walk.MOST_ITEMS", 30)
    with pytest.raises(DataError, match="more than 30 files"):
        open_source(photo_folder)
