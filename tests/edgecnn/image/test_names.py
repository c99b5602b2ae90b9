import shutil
import zipfile

import cv2
import numpy as np
import pytest

from edgecnn.dataset import foreign_files, left_out, open_source
from edgecnn.errors import DataError, ImageError
from edgecnn.image.file import find_images, read_image
from edgecnn.image.names import EXTENSIONS, is_junk, sort_names

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
IMAGE = np.full((8, 8, 3), 90, np.uint8)
JPEG = cv2.imencode(".jpg", IMAGE)[1].tobytes()


def nothing(_):
    return b""


@pytest.mark.parametrize("end", sorted(EXTENSIONS))
def test_endings_count_in_any_case(end):
    names = [f"a/x{end}", f"a/x{end.upper()}", f"a/x.y{end.title()}"]
    assert sort_names(names, nothing).images == names


@pytest.mark.parametrize("end", [".jpe", ".jfif", ".JPG", ".avif", ".dib", ".pnm"])
def test_such_files_are_read(photo_folder, end):
    written = {".jfif": ".jpg", ".jpe": ".jpg", ".JPG": ".jpg", ".dib": ".bmp"}.get(end, end)
    path = photo_folder / "pears" / f"x{end}"
    path.write_bytes(cv2.imencode(written, IMAGE)[1].tobytes())
    assert read_image(path).shape == (8, 8, 3)
    assert len(open_source(photo_folder).items) == 41
    assert path in find_images(photo_folder).paths


@pytest.mark.parametrize("name", ["no-ending", "phone.HEIC", "x.jpg_large", "clip.mp4", "x.jpg.1"])
def test_content_counts_where_an_ending_lies(photo_folder, name):
    (photo_folder / "pears" / name).write_bytes(JPEG)
    source = open_source(photo_folder)
    assert len(source.items) == 41
    assert foreign_files(source) == {}


@pytest.mark.parametrize("name", ["notes.txt", "labels.json"])
def test_text_is_never_an_image(photo_folder, name):
    (photo_folder / "pears" / name).write_bytes(JPEG)
    assert len(open_source(photo_folder).items) == 40


def fill(folder):
    for k in range(3):
        (folder / "pears" / f"IMG_{k}.HEIC").write_bytes(HEIC)
    (folder / "pears" / "renamed").write_bytes(HEIC)
    (folder / "äpfel" / "x.mov").write_bytes(b"\0\0\0\x14ftypqt  ")
    (folder / "äpfel" / "x.cr2").write_bytes(b"II*\0\x10\0\0\0CR")
    (folder / "äpfel" / "notes.txt").write_text("x")


EXPECTED = (
    ": left out 4 HEIC images (such as pears/IMG_0.HEIC), 1 video (such as äpfel/x.mov)",
    "1 camera raw image (such as äpfel/x.cr2)",
    "`magick mogrify -format jpg *.heic`",
)


def test_what_is_not_read_is_counted_and_named_once(photo_folder, run_cli):
    fill(photo_folder)
    source = open_source(photo_folder)
    [line] = left_out(source)
    assert len(source.items) == 40
    assert {kind: len(names) for kind, names in foreign_files(source).items()} == {
        "HEIC image": 4, "video": 1, "camera raw image": 1,
    }  # fmt: skip
    ran = run_cli("classify", photo_folder)
    [said] = [line for line in ran.err.splitlines() if "left out" in line]
    for part in ("4 HEIC images", "1 video", "1 camera raw image", EXPECTED[2]):
        assert part in line
        assert part in said
    assert len(ran.out.splitlines()) == 40


def test_the_same_in_an_archive(photo_folder, tmp_path):
    fill(photo_folder)
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        path = tmp_path / f"{method}.zip"
        with zipfile.ZipFile(path, "w", method) as file:
            for image in sorted(photo_folder.rglob("*.*")):
                file.write(image, image.relative_to(photo_folder))
            file.writestr("pears/renamed", HEIC)
            file.writestr("pears/good.heic", JPEG)
        source = open_source(path)
        assert len(source.items) == 41
        assert {k: len(n) for k, n in foreign_files(source).items()} == {
            "HEIC image": 4, "video": 1, "camera raw image": 1,
        }  # fmt: skip
        assert source.read(next(i for i in source.items if i.id == "pears/good.heic")).shape == (8, 8, 3)


def test_a_class_of_heic_alone_says_so(photo_folder):
    shutil.rmtree(photo_folder / "pears")
    (photo_folder / "pears").mkdir()
    (photo_folder / "pears" / "x.heic").write_bytes(HEIC)
    with pytest.raises(DataError, match=r"'pears' has no image \(JPEG.* but 1 HEIC image: add some"):
        open_source(photo_folder)
    with pytest.raises(ImageError, match="left out 1 HEIC image"):
        find_images(photo_folder / "pears")


def test_an_image_ending_on_heic_is_named_when_it_is_read(tmp_path):
    path = tmp_path / "x.jpg"
    path.write_bytes(HEIC)
    with pytest.raises(ImageError, match="is a HEIC image, expected a JPEG, .*AVIF.*: convert it first"):
        read_image(path)


def test_only_the_exact_names_of_system_files_are_junk():
    assert all(map(is_junk, ("@eaDir", "Thumbs.db", "__MACOSX", ".DS_Store")))
    assert not any(map(is_junk, ("Thumbs", "thumbs", "eaDir")))
