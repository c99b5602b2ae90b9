import os
import unicodedata

import pytest

from edgecnn.dataset import open_source
from edgecnn.errors import DataError, ImageError
from tests.attack.images import png


@pytest.fixture
def opened(photo_folder):
    def of(text, encoding="utf-8"):
        path = photo_folder / "m.csv"
        path.write_bytes(text.encode(encoding))
        return open_source(path)

    return of


HEAD = "path,label\npears/pears-0.jpg,pear\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,label\na\0b.jpg,x\n", r"line 2 has a path with a NUL character, 'a\\x00b.jpg'"),
        ("path,label\na.jpg,big,x\n", 'line 2 has 3 fields, expected 2: put "quotes"'),
        ('path,label\n"a.jpg,x\nb.jpg,y\n', "can't be read as CSV: unexpected end of data"),
        (f"path,label\n\n\n{'x' * 200_000},y\n", "line 4 can't be read as CSV: field larger than"),
        (f"path,label\n{'x' * 2_000_000},y\n", "line 2 has more than 1,048,576 characters"),
        ("path,label" + ",x" * 200, "has 202 columns"),
        ("path,label,label\n", "has two columns 'label'"),
        ("path,label\n", "found none"),
        ("path\nx.jpg\n", "has no column 'label'"),
        ("path,label\na.jpg\n", "line 2 has no label"),
        ("path,label,split\na.jpg,x,train\nb.jpg,y,dev\n", "line 3: the split 'dev' is unknown"),
        ("path,label\n" + "".join(f"{k}.jpg,{k}\n" for k in range(10_001)), "has 10,001 classes"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(opened, text, said):
    with pytest.raises(DataError, match=said):
        opened(text)


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-16", "is UTF-16, expected UTF-8"),
        ("latin-1", "is no UTF-8 text"),
        ("utf-32", "is UTF-16, expected UTF-8"),
    ],
)
def test_other_encodings_are_said(opened, encoding, said):
    with pytest.raises(DataError, match=said):
        opened("path,label\nä.jpg,x\n", encoding)


def test_paths_may_lead_out_and_empty_fields_behind_are_nothing(opened, photo_folder):
    other = photo_folder / "äpfel" / "äpfel-0.jpg"
    source = opened(f"{HEAD}../{photo_folder.name}/pears/pears-1.jpg,apple,,\n\n{other},apple\n")
    assert [source.read(item).shape for item in source.items] == [(60, 80, 3)] * 3


def test_special_files_are_no_images(opened, photo_folder):
    os.mkfifo(photo_folder / "pipe.jpg")
    (photo_folder / "zero.jpg").symlink_to("/dev/zero")
    source = opened(f"{HEAD}pipe.jpg,x\nzero.jpg,x\n")
    for item, what in zip(source.items[1:], ("a named pipe", "a device"), strict=True):
        with pytest.raises(ImageError, match=f"it is {what}"):
            source.read(item)


def test_too_many_rows_are_refused(opened, monkeypatch):
    monkeypatch.setattr("edgecnn.dataset.manifest.MOST_ITEMS", 2)
    with pytest.raises(DataError, match="more than 2 rows"):
        opened(f"{HEAD}a.jpg,x\nb.jpg,x\n")


def test_names_are_compared_in_one_unicode_form(tmp_path):
    composed, apart = (unicodedata.normalize(form, "äpfel") for form in ("NFC", "NFD"))
    for folder in (composed, apart):
        target = tmp_path / folder / "x.png"
        target.parent.mkdir()
        target.write_bytes(png(9, 9))
    (tmp_path / "z.png").write_bytes(png(9, 9))
    rows = [f"{composed}/x.png,{apart}", f"{apart}/x.png,{composed}", "z.png,b"]
    path = tmp_path / "m.csv"
    path.write_text("\n".join(["path,label", *rows]), "utf-8")
    source = open_source(path)
    assert source.labels == ("b", composed)
    assert [i.label for i in source.items] == [1, 1, 0]


@pytest.mark.parametrize(("on_disk", "in_table"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_file_is_found_in_the_other_unicode_form(tmp_path, on_disk, in_table):
    (tmp_path / unicodedata.normalize(on_disk, "ä.png")).write_bytes(png(9, 9))
    path = tmp_path / "m.csv"
    path.write_text(f"path,label\n{unicodedata.normalize(in_table, 'ä.png')},a\nnone/ä.png,b\n", "utf-8")
    source = open_source(path)
    assert source.read(source.items[0]).shape == (9, 9, 3)
    with pytest.raises(ImageError, match=r"none/ä\.png can't be read: No such file"):
        source.read(source.items[1])


def test_splits_have_many_names(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("path,label,split\na,x,Training\nb,y,testing\nc,x,valid\nd,y,\n", "utf-8")
    assert [i.split for i in open_source(path).items] == ["train", "test", "validation", None]
