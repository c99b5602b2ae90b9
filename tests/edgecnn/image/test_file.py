import io
import struct
import subprocess
import sys
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from edgecnn.errors import ImageError
from edgecnn.image.file import decode_image, read_image, reduction
from edgecnn.image.header.jpeg import jpeg_size

IMAGE = cv2.resize(np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8), (160, 120))


def encoded(extension: str) -> bytes:
    return cv2.imencode(extension, IMAGE)[1].tobytes()


@pytest.mark.parametrize(
    ("extension", "error"),
    [(".jpg", 6), (".png", 0), (".webp", 6), (".bmp", 0), (".gif", 25), (".tiff", 0), (".ppm", 0)],
)
def test_every_format_is_read(extension, error, tmp_path):
    path = tmp_path / f"größe 你好{extension}"
    path.write_bytes(encoded(extension))
    image = read_image(path)
    assert image.shape == (120, 160, 3)
    assert np.abs(image.astype(int) - IMAGE).mean() <= error


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp", ".bmp", ".tiff"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_truncated_images_are_refused(extension, share):
    data = encoded(extension)
    with pytest.raises(ImageError, match=r"truncated|decoded"):
        decode_image(data[: int(len(data) * share)], "cut")


@pytest.mark.parametrize("side", [1, 8, 40, 64])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_flat_jpeg_is_whole_however_short_its_last_scan(side, progressive, mode):
    """Of one colour, a scan may be a single byte."""
    stream = io.BytesIO()
    Image.new(mode, (side, side), 128 if mode == "L" else (128, 128, 128)).save(
        stream, "jpeg", progressive=progressive
    )
    data = stream.getvalue()
    assert decode_image(data, "flat").shape == (side, side, 3)
    for cut in range(1, 6):
        with pytest.raises(ImageError, match="truncated"):
            decode_image(data[:-cut], "flat")


def test_a_jpeg_with_a_thumbnail_and_bytes_behind_its_end_is_whole():
    data = encoded(".jpg")
    thumbnail = b"\xff\xe1" + struct.pack(">H", 2 + len(data)) + data
    assert decode_image(data[:2] + thumbnail + data[2:] + b"trailing", "camera").shape == (120, 160, 3)
    with pytest.raises(ImageError, match="truncated"):
        decode_image(data[:2] + thumbnail + data[2:-200], "camera")


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [("L", "png"), ("RGBA", "png"), ("I;16", "png"), ("CMYK", "jpeg"), ("1", "png"), ("P", "gif")],
)
def test_other_kinds_of_pixels_become_bgr(mode, suffix):
    source = Image.fromarray(IMAGE[..., ::-1].copy())
    if mode == "I;16":
        source = Image.fromarray(np.full((120, 160), 40000, np.uint16))
    else:
        source = source.convert(mode)
    buffer = io.BytesIO()
    source.save(buffer, suffix)
    image = decode_image(buffer.getvalue(), mode)
    assert image.shape == (120, 160, 3)
    assert image.dtype == np.uint8
    if mode == "I;16":
        assert abs(int(image[0, 0, 0]) - 40000 // 257) <= 1


def test_exif_orientation_is_honoured():
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(IMAGE).save(buffer, "jpeg", exif=exif)
    assert decode_image(buffer.getvalue(), "turned").shape == (160, 120, 3)


def test_two_hundred_megapixels_are_the_limit_before_anything_is_decoded(tmp_path):
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", 20000, 20000, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(2501 * 20000), 1)
    path = tmp_path / "huge.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )
    code = f"""
import sys
from edgecnn.machine.board import peak_memory_mib
from edgecnn.cli import main
sys.argv = ["edgecnn", "classify", {str(path)!r}]
try:
    main()
finally:
    print(round(peak_memory_mib()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "more than 200 megapixels" in done.stderr
    assert int(done.stdout) < 600, "MiB; decoded, the image alone takes 1,200"


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"not an image", bytes(1000)])
def test_what_is_no_image_is_refused(data):
    with pytest.raises(ImageError, match="thing"):
        decode_image(data, "thing")


def test_failures_write_nothing_to_stderr_themselves(capfd):
    data = encoded(".png")
    with pytest.raises(ImageError):
        decode_image(data[: len(data) // 2], "cut")
    assert capfd.readouterr().err == ""


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(ImageError, match=r"nowhere\.png can't be read: No such file"):
        read_image(tmp_path / "nowhere.png")
    with pytest.raises(ImageError, match="No such file or directory; check the path"):
        read_image(tmp_path / "zzz" / "y.png")
    with pytest.raises(ImageError, match="a folder"):
        read_image(tmp_path)


def jpeg(width, height, *options):
    rng = np.random.default_rng(3)
    image = cv2.resize(
        rng.integers(0, 256, (6, 8, 3), np.uint8), (width, height), interpolation=cv2.INTER_CUBIC
    )
    return cv2.imencode(".jpg", image, list(options))[1].tobytes()


@pytest.mark.parametrize(("width", "height"), [(640, 480), (480, 640), (33, 57), (1, 1)])
@pytest.mark.parametrize(
    "options", [(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1), (cv2.IMWRITE_JPEG_RST_INTERVAL, 4)]
)
def test_a_jpegs_header_tells_its_size(width, height, options):
    assert jpeg_size(jpeg(width, height, *options)) == (width, height)


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8\xff\xda\x00\x02" * 9, b"\x89PNG" * 9]
)
def test_what_has_no_such_header_has_no_size(data):
    assert jpeg_size(data) is None
    assert reduction(data, 8) == 1


def test_no_more_is_left_out_than_is_allowed():
    data = jpeg(640, 480)
    asked = (None, 481, 480, 241, 240, 121, 120, 61, 60, 28)
    assert [reduction(data, least) for least in asked] == [1, 1, 1, 1, 2, 2, 4, 4, 8, 8]


@pytest.mark.parametrize("times", [2, 4, 8])
def test_a_smaller_image_is_the_mean_of_the_larger_one(times):
    data = jpeg(643, 481)
    whole, small = decode_image(data, "it"), decode_image(data, "it", reduce=times)
    assert small.shape == (-(-481 // times), -(-643 // times), 3)
    means = cv2.resize(
        whole[: 481 // times * times, : 643 // times * times],
        None,
        fx=1 / times,
        fy=1 / times,
        interpolation=cv2.INTER_AREA,
    )
    assert np.abs(small[: means.shape[0], : means.shape[1]].astype(int) - means).mean() < 1.5


def test_a_smaller_image_is_turned_as_the_whole_one():
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((480, 640, 3), np.uint8)).save(buffer, "jpeg", exif=exif)
    turned = buffer.getvalue()
    assert decode_image(turned, "it").shape == (640, 480, 3)
    assert decode_image(turned, "it", reduce=4).shape == (160, 120, 3)


def test_an_image_that_is_no_jpeg_keeps_its_size(tmp_path):
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.zeros((480, 640, 3), np.uint8))
    assert read_image(path, 28).shape == (480, 640, 3)


def test_a_missing_file_is_looked_for_once(tmp_path, monkeypatch):
    monkeypatch.setattr("edgecnn.image.file.read_regular", lambda *_: pytest.fail("it was opened too"))
    with pytest.raises(ImageError, match=r"x\.png can't be read: No such file or directory"):
        read_image(tmp_path / "x.png")


def test_a_grey_pfm_is_grey_in_three_channels():
    grey = np.tile(np.linspace(0, 1, 50, dtype=np.float32), (40, 1))
    data = cv2.imencode(".pfm", grey)[1].tobytes()
    assert data.startswith(b"Pf")
    image = decode_image(data, "grey.pfm")
    assert image.shape == (40, 50, 3)
    assert image.dtype == np.uint8
    assert np.array_equal(image[..., 0], image[..., 2])
