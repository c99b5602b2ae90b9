import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from edgecnn.dataset import data_name, find_data, locate, open_source
from edgecnn.errors import DataError
from tests.images import write_idx


def names(source):
    return {(source.labels[i.label], i.split) for i in source.items}


def test_idx_files_keep_their_official_split(idx_folder):
    source = open_source(idx_folder)
    assert source.labels == tuple("0123456789")
    assert [sum(i.split == s for i in source.items) for s in ("train", "test")] == [600, 200]
    image = source.read(source.items[7])
    assert image.shape == (28, 28)
    assert image.dtype == np.uint8
    assert len({i.id for i in source.items}) == 800


def test_a_folder_of_classes_and_a_zip_of_it_are_the_same(photo_folder, tmp_path):
    archive = tmp_path / "photos.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(photo_folder.rglob("*")):
            file.write(path, path.relative_to(photo_folder.parent))
    folder, packed = open_source(photo_folder), open_source(archive)
    assert folder.labels == packed.labels == ("pears", "äpfel")
    assert len(folder.items) == len(packed.items) == 40
    assert [i.id for i in packed.items] == [f"photos/{i.id}" for i in folder.items]
    assert np.array_equal(folder.read(folder.items[3]), packed.read(packed.items[3]))


def test_official_splits_of_a_folder_are_kept(photo_folder):
    for split in ("train", "val", "test"):
        for name in ("pears", "äpfel"):
            target = photo_folder / split / name
            target.mkdir(parents=True)
            for path in sorted((photo_folder / name).glob("*"))[:3]:
                (target / path.name).write_bytes(path.read_bytes())
    for name in ("pears", "äpfel"):
        for path in (photo_folder / name).glob("*"):
            path.unlink()
        (photo_folder / name).rmdir()
    source = open_source(photo_folder)
    assert names(source) == {(c, s) for c in ("pears", "äpfel") for s in ("train", "validation", "test")}


def test_hidden_files_and_foreign_files_are_left_out(photo_folder):
    (photo_folder / "pears" / ".DS_Store").write_text("x")
    (photo_folder / "pears" / "notes.txt").write_text("x")
    (photo_folder / ".git").mkdir()
    (photo_folder / ".git" / "x.png").write_text("x")
    (photo_folder / "README.md").write_text("x")
    assert len(open_source(photo_folder).items) == 40


def test_one_class_is_not_enough(photo_folder):
    for path in (photo_folder / "pears").glob("*"):
        path.unlink()
    (photo_folder / "pears").rmdir()
    with pytest.raises(DataError, match="found only 'äpfel'"):
        open_source(photo_folder)


def test_one_class_is_told_what_to_give_instead(photo_folder, tmp_path):
    with pytest.raises(DataError, match="found images that are in none: .* give the folder above"):
        open_source(photo_folder / "pears")
    for path in (photo_folder / "pears").iterdir():
        path.unlink()
    (photo_folder / "pears").rmdir()
    (photo_folder / "äpfel" / "x.heic").write_bytes(b"")
    with pytest.raises(DataError, match="only 'äpfel': add another class; left out 1 HEIC image .*magick"):
        open_source(photo_folder)
    with zipfile.ZipFile(tmp_path / "texts.zip", "w") as archive:
        archive.writestr("docs/a.txt", "x")
    with pytest.raises(DataError, match=r"found no images \(JPEG"):
        open_source(tmp_path / "texts.zip")


def test_an_empty_class_is_named(photo_folder):
    (photo_folder / "plums").mkdir()
    with pytest.raises(DataError, match="the class 'plums' has no image"):
        open_source(photo_folder)


def test_what_is_no_dataset_is_refused(tmp_path):
    with pytest.raises(DataError, match="no data at"):
        open_source(tmp_path / "nowhere")
    with pytest.raises(DataError, match="found no images"):
        open_source(tmp_path)
    (tmp_path / "x.zip").write_text("no zip")
    with pytest.raises(DataError, match="x.zip is not a zip archive"):
        open_source(tmp_path / "x.zip")


@pytest.mark.parametrize("damage", ["cut", "magic", "count", "gone", "gzip"])
def test_damaged_idx_files_are_refused(tmp_path, damage):
    folder = tmp_path / "idx"
    folder.mkdir()
    for prefix in ("train", "t10k"):
        write_idx(folder / f"{prefix}-images-idx3-ubyte", np.zeros((20, 28, 28)))
        write_idx(folder / f"{prefix}-labels-idx1-ubyte", np.arange(20) % 10)
    images, labels = folder / "train-images-idx3-ubyte", folder / "t10k-labels-idx1-ubyte"
    if damage == "cut":
        images.write_bytes(images.read_bytes()[:-5])
    elif damage == "magic":
        images.write_bytes(b"\1" + images.read_bytes()[1:])
    elif damage == "count":
        write_idx(labels, np.zeros(19))
    elif damage == "gone":
        labels.unlink()
    else:
        (folder / "train-images-idx3-ubyte.gz").write_bytes(b"\x1f\x8bnothing")
        images.unlink()
    with pytest.raises(DataError):
        open_source(folder)


def test_splits_are_known_whatever_their_case_and_not_mixed_with_classes(photo_folder, tmp_path):
    mixed = tmp_path / "mixed"
    for split in ("Train", "TEST"):
        (mixed / split).mkdir(parents=True)
        for name in ("pears", "äpfel"):
            shutil.copytree(photo_folder / name, tmp_path / "copies" / split / name)
            (mixed / split / name).symlink_to(tmp_path / "copies" / split / name)
    assert names(open_source(mixed)) == {(c, s) for c in ("pears", "äpfel") for s in ("train", "test")}
    (mixed / "extra" / "pears").mkdir(parents=True)
    (mixed / "extra" / "pears" / "x.png").write_bytes(b"x")
    with pytest.raises(DataError, match="'extra' is next to TEST, Train"):
        open_source(mixed)


def test_a_class_whose_name_cannot_be_printed_is_refused(photo_folder):
    (photo_folder / "pears").rename(photo_folder / "pe\nars")
    with pytest.raises(DataError, match="can't be printed"):
        open_source(photo_folder)


def manifest(folder, *rows):
    path = folder / "photos.csv"
    path.write_text("\n".join(rows) + "\n", "utf-8")
    return path


def test_a_name_in_another_encoding_is_refused(photo_folder, run_cli):
    path = photo_folder / "pears" / os.fsdecode(b"p\xe4r.png")
    path.write_bytes(next((photo_folder / "pears").iterdir()).read_bytes())
    with pytest.raises(DataError, match=r"'pears/p\\udce4r\.png' is not UTF-8: rename it"):
        open_source(photo_folder)
    run_cli("evaluate", "digits", "--data", photo_folder).fails("is not UTF-8")


def test_a_manifest_names_label_split_and_group(photo_folder):
    source = open_source(
        manifest(
            photo_folder,
            "\ufefflabel,path,group,split",
            "pear,pears/pears-0.jpg,walk 1,train",
            "apple,äpfel/äpfel-0.jpg,,TEST",
            "pear,pears/pears-1.jpg,walk 1,",
        )
    )
    assert source.labels == ("apple", "pear")
    assert [(i.label, i.split, i.group) for i in source.items] == [
        (1, "train", "walk 1"), (0, "test", None), (1, None, "walk 1"),
    ]  # fmt: skip
    assert source.read(source.items[1]).shape == (60, 80, 3)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["file,label", "a.jpg,x"], "no column 'path'"),
        (["path,label", "a.jpg,"], "line 2 has no label"),
        (["path,label", "a.jpg,x", "a.jpg,y"], "line 3 names a.jpg a second time"),
        (["path,label", "a.jpg,x"], "found only 'x'"),
        (["path,label,split", "a.jpg,x,dev", "b.jpg,y,train"], "the split 'dev' is unknown"),
        ([""], "no column 'path'"),
    ],
)
def test_a_manifest_that_is_wrong_is_refused(tmp_path, rows, message):
    with pytest.raises(DataError, match=message):
        open_source(manifest(tmp_path, *rows))


def test_data_are_looked_for_in_the_environment(tmp_path, monkeypatch):
    monkeypatch.delenv("EDGECNN_DATA", raising=False)
    with pytest.raises(DataError, match="EDGECNN_DATA, which is not set. Expected somewhere; give the path"):
        find_data("signs", None, "somewhere")
    monkeypatch.setenv("EDGECNN_DATA", str(tmp_path))
    manifest(tmp_path, "path,label").rename(tmp_path / "signs.csv")
    assert find_data("signs", None) == tmp_path / "signs.csv"


def test_a_name_goes_before_a_path(tmp_path, monkeypatch):
    shelf, here = tmp_path / "shelf", tmp_path / "here"
    for folder in (shelf / "signs", here / "signs", here / "mine"):
        folder.mkdir(parents=True)
    monkeypatch.setenv("EDGECNN_DATA", str(shelf))
    monkeypatch.chdir(here)
    assert locate("signs") == shelf / "signs"
    assert locate("mine") == Path("mine")
    assert locate("photos.zip") == Path("photos.zip"), "it is reported as missing when it is opened"
    with pytest.raises(DataError, match="no data called nowhere: no file or folder has that name"):
        locate("nowhere")


@pytest.mark.parametrize(
    ("path", "name"),
    [("a/signs", "signs"), ("a/signs.zip", "signs"), ("signs.v2", "signs.v2"), ("x.CSV", "x")],
)
def test_what_data_are_called(path, name):
    assert data_name(Path(path)) == name
