import io
import json
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from edgecnn.errors import ImageError
from edgecnn.image.file import (
    MOST_FILE_BYTES,
    decode_image,
    list_images,
    most_file_bytes,
    most_memory,
    read_file,
)
from edgecnn.image.header import OVERHEAD, Alpha, check_claim, read_claim
from edgecnn.image.header.jpeg import MOST_SCANS
from edgecnn.image.transparency import flatten
from edgecnn.image.worker import ImageWorker
from edgecnn.machine.memory import memory_limit
from tests.attack.images import bombs, chunk, gif, ordinary, png, progressive, tiff

needs_linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")


def plain(data: bytes, alpha: Alpha | None) -> np.ndarray | None:
    """What OpenCV alone makes of an image, on white."""
    encoded = np.frombuffer(data, np.uint8)
    if alpha is None:
        return cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    found = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)
    if found is None or found.shape[2] == 3:
        return found
    return flatten(found, premultiplied=alpha.premultiplied)


def test_every_ordinary_image_is_accepted_and_decoded_bit_by_bit_as_before():
    with ImageWorker(25, 800_000_000) as worker:
        for name, data in ordinary().items():
            claim = read_claim(data, name)
            before = plain(data, claim.alpha)
            assert before is not None, name
            assert (claim.height, claim.width) == before.shape[:2], name
            assert np.array_equal(decode_image(data, name), before), name
            assert np.array_equal(worker.decode(data, name), before), name


def test_cut_images_are_refused_where_opencv_refuses_them():
    for name, data in ordinary().items():
        for share in (0.05, 0.5, 0.95):
            cut = data[: int(len(data) * share)]
            before = plain(cut, read_claim(data, name).alpha)
            try:
                found = decode_image(cut, name)
            except ImageError:
                # OpenCV fills up a JPEG that is cut off, and leaves later frames of an animation alone.
                assert before is None or name.endswith(".jpg") or name == "many.png", (name, share)
            else:
                assert np.array_equal(found, before), (name, share)


_MEASURE = """
import resource, sys
import cv2, numpy as np
import edgecnn.image.transparency
from edgecnn.image.decode import decode_checked
from edgecnn.image.header import read_claim
cv2.imdecode(np.zeros(9, np.uint8), 1)
def peak():
    text = open("/proc/self/status").read()
    return int(text.partition("VmHWM:")[2].split()[0]) << 10
for path in sys.argv[1:]:
    import os
    child = os.fork()
    if not child:
        data = open(path, "rb").read()
        alpha = read_claim(data, path).alpha
        before = peak()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        decode_checked(data, path, alpha, quiet=False)
        print(peak() - before, flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""


def large() -> dict[str, bytes]:
    """Images of a megapixel of each kind whose decoder takes memory of its own."""
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (30, 40, 4), np.uint8)
    clear = cv2.resize(small, (1200, 1000), interpolation=cv2.INTER_LINEAR)
    color, deep = clear[..., :3].copy(), clear.astype(np.uint16) * 257
    frames = [Image.fromarray(np.roll(clear, k, 0)) for k in (0, 100, 200)]
    found = {}
    deep_avif = (cv2.IMWRITE_AVIF_DEPTH, 10, cv2.IMWRITE_AVIF_SPEED, 10)

    def opencv(name: str, pixels: np.ndarray, *options: int) -> None:
        found[name] = cv2.imencode(name[name.rindex(".") :], pixels, options)[1].tobytes()

    def pillow(name: str, images: list, kind: str, **options: object) -> None:
        stream = io.BytesIO()
        more = {"save_all": True, "append_images": images[1:]} if images[1:] else {}
        images[0].save(stream, kind, **more, **options)
        found[name] = stream.getvalue()

    full = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
    opencv("clear.png", clear)
    opencv("deep-clear.tiff", deep)
    opencv("deep.png", deep, cv2.IMWRITE_PNG_COMPRESSION, 1)
    opencv("plain.jpg", color)
    opencv("progressive.jpg", color, *full, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    opencv("lossy.webp", color, cv2.IMWRITE_WEBP_QUALITY, 70)
    opencv("color.bmp", color)
    opencv("color.ppm", color)
    opencv("deep.tiff", deep)
    opencv("color.pfm", color.astype(np.float32) / 255)
    pillow("one.gif", [frames[0].convert("P")], "gif")
    pillow("many.gif", [f.convert("P") for f in frames], "gif", disposal=3)
    pillow("lossless.webp", frames[:1], "webp", lossless=True, method=0)
    pillow("lossy-clear.webp", frames[:1], "webp", method=0, quality=50)
    pillow("many.webp", frames, "webp", method=0)
    pillow("many.png", frames, "png", compress_level=1)
    pillow("cmyk.jpg", [Image.fromarray(color).convert("CMYK")], "jpeg", progressive=True, subsampling=0)
    pillow("strip.tif", [Image.fromarray(clear)], "tiff")
    if cv2.haveImageWriter("x.avif"):
        opencv("plain.avif", color, cv2.IMWRITE_AVIF_SPEED, 10)
        opencv("clear.avif", clear, cv2.IMWRITE_AVIF_SPEED, 10)
        opencv("deep.avif", color.astype(np.uint16) * 4, *deep_avif)
    return found


@needs_linux
def test_no_decoder_takes_more_memory_than_was_worked_out(tmp_path):
    images = large()
    for name, data in images.items():
        (tmp_path / name).write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, *(str(tmp_path / name) for name in images)],
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    peaks = [int(line) for line in done.stdout.split()]
    for (name, data), peak in zip(images.items(), peaks, strict=True):
        claim = read_claim(data, name)
        assert peak > 2.9 * claim.pixels, (name, "was not decoded")
        assert peak <= claim.memory, name
        assert claim.memory <= 1.8 * peak + OVERHEAD, (name, "is refused too early")


@pytest.mark.parametrize("times", [2, 4, 8])
def test_a_jpeg_that_is_decoded_smaller_needs_less(times):
    whole = cv2.imencode(".jpg", np.zeros((1200, 1600, 3), np.uint8))[1].tobytes()
    full, small = read_claim(whole, "it"), read_claim(whole, "it", times)
    assert small.memory - OVERHEAD == pytest.approx((full.memory - OVERHEAD) / times**2, rel=0.01)
    assert (small.width, small.height, small.bounded) == (1600, 1200, True)


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"\0\0\0\x18ftypheic", "a HEIC image"),
        (b"\0\0\0\x20ftypisom", "an MP4 or QuickTime video"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 image"),
        (b"%PDF-1.7", "a PDF file"),
        (b'<?xml version="1.0"?>\n<svg xmlns="', "an SVG drawing"),
        (b"\xef\xbb\xbf <!DOCTYPE html><title>404", "a web page"),
        (b"<feed>", "XML"),
        (b"<!--" * 250, "XML"),
        (b"RIFF\x24\0\0\0AVI LIST", "an AVI video"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "a RIFF file, but not WebP"),
        (b"8BPS\0\1", "a Photoshop file"),
        (b"#?RADIANCE\n", "a Radiance HDR image"),
        (b"PK\3\4", "a zip archive"),
        (b"\0" * 500, "begins with zeros"),
        (b"\0" * 128 + b"DICM", "a DICOM image"),
        (b"hello", "no known image format"),
        (b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n', "a form with a file in it"),
    ],
)
def test_other_files_are_named(start, what):
    convertible = what.endswith(("image", "drawing", "Photoshop file", "PDF file"))
    cure = "convert it first" if convertible else "give an image"
    with pytest.raises(ImageError, match=f"^odd.jpg is .*{what}.* expected a JPEG, .*: {cure}$"):
        read_claim(start + bytes(100), "odd.jpg")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("length-IDAT.png", "truncated"),
        ("one-bit.png", r"needs 1,252 MB of memory .* \(19,900×10,000 pixels\), more than the \d+ MB"),
        ("nothing-inside.png", "claims 19,900×10,000 pixels and has 12 bytes for them"),
        ("chunks.png", "more than 100,000 chunks"),
        ("screen.gif", "memory"),
        ("scans.jpg", "more than 100 scans: save it again, as a baseline JPEG"),
        ("segments.jpg", "more than 10,000 segments"),
        ("fill.jpg", "truncated"),
        ("no-rows.bmp", "truncated: 19,900×2,147,483,648 pixels"),
        ("tile.tif", "memory"),
        ("pages.tif", "more than 10,000 pages"),
        ("canvas.webp", "more than 200 megapixels"),
        ("claims.ppm", "597,000,000 bytes or more, 119 exist"),
        ("comments.ppm", "without a size"),
        ("zeros.png", "begins with zeros"),
    ],
)
def test_bombs_are_refused_by_what_they_claim(name, words):
    with pytest.raises(ImageError, match=words):
        decode_image(bombs()[name], name)


def test_a_false_length_is_told():
    data = png(9, 9)
    at = data.index(b"IDAT") - 4
    with pytest.raises(
        ImageError, match=rf"its chunk IDAT at byte {at} claims 4,000,000,000 bytes, \d+ exist"
    ):
        read_claim(data[:at] + struct.pack(">I", 4_000_000_000) + data[at + 4 :], "a.png")


@pytest.mark.parametrize(
    ("data", "bounded"),
    [
        (progressive(2000, 1000, 60), True),
        (progressive(6000, 4000, 60), False),
        (png(9, 9, extra=chunk(b"zTXt", b"a\0\0" + bytes(1000))), True),
        (png(9, 9, extra=chunk(b"zTXt", b"a\0\0" + bytes(40_000)) * 2), False),
        (png(9, 9, extra=chunk(b"tEXt", b"a\0" + b"b" * 100_000)), True),
        (png(9, 9, extra=chunk(b"acTL", bytes([0, 0, 0, 2, 0, 0, 0, 0]))), False),
        (gif(9, 9, b"\x44\1"), True),
        (gif(9, 9, b"\x44\1" * 9000), False),
        (tiff({256: 9, 257: 9}), False),
    ],
)
def test_what_the_structure_does_not_bound_is_decoded_apart(data, bounded):
    assert read_claim(data, "it").bounded is bounded


def test_the_scans_of_every_encoder_are_allowed():
    assert read_claim(progressive(64, 64, MOST_SCANS - 10), "it").bounded
    with pytest.raises(ImageError, match="scans"):
        read_claim(progressive(64, 64, MOST_SCANS - 9), "it")


def test_limits_say_what_was_found_and_what_is_allowed():
    claim = read_claim(png(3000, 2000), "it")
    check_claim(claim, 1000, "it", 6, 46_000_000)
    with pytest.raises(ImageError, match=r"^it has more than 5 megapixels \(3,000×2,000\): make it smaller"):
        check_claim(claim, 1000, "it", 5, 10**9)
    with pytest.raises(ImageError, match=r"^it needs 48 MB of memory to be decoded .* than the 46 MB"):
        check_claim(claim, 2_000_000, "it", 6, 46_000_000)


def test_limits_follow_what_memory_there_is():
    code = """
import resource, json
resource.setrlimit(resource.RLIMIT_DATA, (512 << 20, 512 << 20))
from edgecnn.image.file import most_file_bytes, most_memory, most_upload_memory
print(json.dumps([most_memory(), most_upload_memory(), most_file_bytes()]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert json.loads(done.stdout) == [256 << 20, 128 << 20, 128 << 20]
    assert most_memory() <= memory_limit() // 2
    assert most_file_bytes() <= MOST_FILE_BYTES


@needs_linux
def test_special_files_are_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "endless.jpg").symlink_to("/dev/zero")
    (tmp_path / "broken.jpg").symlink_to("nowhere")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "socket.jpg"))
        reasons = {}
        for path in list_images(tmp_path):
            with pytest.raises(ImageError) as got:
                read_file(path)
            reasons[path.name] = str(got.value)
    assert set(reasons) == {"pipe.jpg", "endless.jpg", "broken.jpg", "socket.jpg"}
    assert "a named pipe, expected a regular file" in reasons["pipe.jpg"]
    assert "a device" in reasons["endless.jpg"]
    assert "No such file" in reasons["broken.jpg"]


def test_a_file_of_ten_gigabytes_is_not_read(tmp_path):
    path = tmp_path / "sparse.png"
    with path.open("wb") as file:
        file.truncate(10 << 30)
    with pytest.raises(ImageError, match=r"has 10,737,418,240 bytes, an image may have \d"):
        read_file(path)


def test_a_name_that_no_file_can_have_is_refused():
    with pytest.raises(ImageError, match="no file can have this name"):
        read_file("a\0.png")


def test_a_folder_that_cant_be_read_is_not_left_out(tmp_path):
    (tmp_path / "one.png").write_bytes(png(9, 9))
    inner = tmp_path / "inner"
    inner.mkdir()
    inner.chmod(0)
    if os.access(inner, os.R_OK):
        pytest.skip("root may read everything")
    try:
        with pytest.raises(ImageError, match=r"inner can't be read: Permission denied"):
            list_images(tmp_path)
    finally:
        inner.chmod(0o700)


@needs_linux
def test_stdin_is_read_to_a_limit():
    with open("/dev/zero", "rb") as endless:
        done = subprocess.run(
            [sys.executable, "-m", "edgecnn", "classify", "-"],
            stdin=endless, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    assert done.returncode == 1
    assert "stdin has more than" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def box(kind: bytes, *inside: bytes) -> bytes:
    body = b"".join(inside)
    return (8 + len(body)).to_bytes(4, "big") + kind + body


def avif(width: int, height: int, *more: bytes, brand: bytes = b"avif") -> bytes:
    """The boxes of an AVIF of that size, without an image in it."""
    size = box(b"ispe", bytes(4), width.to_bytes(4, "big"), height.to_bytes(4, "big"))
    properties = box(b"iprp", box(b"ipco", size, *more))
    return box(b"ftyp", brand, bytes(4), b"mif1avif") + box(b"meta", bytes(4), properties)


def test_what_an_avif_claims():
    claim = read_claim(avif(4000, 3000), "it")
    assert (claim.width, claim.height, claim.bounded) == (4000, 3000, False)
    assert claim.memory == int(20.5 * 12e6) + OVERHEAD
    assert read_claim(avif(4000, 3000, box(b"auxC", bytes(4), b"alpha")), "it").memory > 1.9 * claim.memory
    assert read_claim(avif(40, 30, brand=b"mif1"), "it").width == 40


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (avif(4000, 3000)[:-5], "it is an AVIF image that is truncated"),
        (avif(0, 0), "0×0 pixels"),
        (box(b"ftyp", b"avif", bytes(4)) + box(b"mdat", bytes(9)), "does not state its size"),
        (box(b"ftyp", b"avif", bytes(4)) + box(b"free") * 10_001, "more than 10,000 boxes"),
        (avif(30_000, 30_000), "more than 200 megapixels"),
        (avif(12_000, 12_000), "MB of memory to be decoded"),
        (avif(40, 30), "can't be decoded"),
        (box(b"ftyp", b"heic", bytes(4), b"mif1heic") + bytes(9), "it is a HEIC image, expected"),
    ],
    ids=["cut", "empty", "no size", "boxes", "megapixels", "memory", "no pixels", "heic"],
)
def test_hostile_and_damaged_avif_is_refused(data, said):
    with pytest.raises(ImageError, match=said):
        decode_image(data, "it")


def test_avif_where_opencv_cannot_decode_it_says_what_to_do(monkeypatch):
    from edgecnn.image.decode import decode_checked

    monkeypatch.setattr(cv2, "haveImageWriter", lambda _: False)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: None)
    with pytest.raises(ImageError, match="is an AVIF image, which OpenCV .* can't decode here: convert it"):
        decode_checked(avif(40, 30), "it", None, quiet=True)


@pytest.mark.skipif(not cv2.haveImageWriter("x.avif"), reason="this OpenCV has no AVIF")
def test_an_avif_is_decoded_in_another_process():
    pixels = cv2.resize(np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8), (160, 120))
    data = cv2.imencode(".avif", pixels)[1].tobytes()
    found = decode_image(data, "it")
    assert np.abs(found.astype(int) - pixels).mean() < 4
    for share in (0.05, 0.5, 0.95):
        with pytest.raises(ImageError):
            decode_image(data[: int(len(data) * share)], "it")
