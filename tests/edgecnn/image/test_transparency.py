"""Transparent images lie on a plain ground, the same for every command."""

import io
import json
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

import edgecnn
from edgecnn.dataset import open_source
from edgecnn.errors import ImageError
from edgecnn.image.file import decode_image, read_image
from edgecnn.image.header import read_claim
from edgecnn.image.transparency import flatten
from edgecnn.image.worker import ImageWorker
from tests.attack.images import ordinary


def drawing(side: int = 48) -> np.ndarray:
    """A black disc on nothing, with a soft rim, RGBA; black is also what lies under nothing."""
    rows, columns = np.mgrid[:side, :side] - side / 2 + 0.5
    alpha = np.clip((side / 3 - np.hypot(rows, columns)) * 64 + 128, 0, 255)
    return np.dstack([np.zeros((side, side, 3)), alpha]).astype(np.uint8)


def saved(pixels: np.ndarray, mode: str, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(stream, kind, **options)
    return stream.getvalue()


def opencv(suffix: str, pixels: np.ndarray, *options: int) -> bytes:
    return cv2.imencode(suffix, pixels, options)[1].tobytes()


def png(pixels: np.ndarray, depth: int, color: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of whole rows of bytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    height = len(pixels)
    width = pixels[0].nbytes * 8 // depth // {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    head = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in pixels))
    body = [chunk(b"IHDR", head), *(chunk(*c) for c in chunks), chunk(b"IDAT", rows), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


DISC = drawing()
BGRA = np.ascontiguousarray(DISC[..., [2, 1, 0, 3]])
# A disc of dark grey (1) in a sea of black (0), of which black is transparent.
LEVELS = np.where(DISC[..., 3] > 127, 1, 0).astype(np.uint8)
FILES = {
    "RGBA PNG": lambda: saved(DISC, "RGBA", "png"),
    "LA PNG": lambda: saved(DISC, "LA", "png"),
    "16-bit RGBA PNG": lambda: opencv(".png", BGRA.astype(np.uint16) * 257),
    "16-bit LA PNG": lambda: png(np.dstack([DISC[..., :1], DISC[..., 3:]]).astype(">u2") * 257, 16, 4),
    "palette PNG": lambda: png(LEVELS, 8, 3, (b"PLTE", bytes(6)), (b"tRNS", b"\0")),
    "colour-key PNG": lambda: png(
        np.repeat(LEVELS, 3, 1), 8, 2, (b"tRNS", struct.pack(">3H", 0, 0, 0))
    ),
    "grey-key PNG": lambda: png(LEVELS, 8, 0, (b"tRNS", struct.pack(">H", 0))),
    "4-bit grey-key PNG": lambda: png(
        LEVELS[:, ::2] << 4 | LEVELS[:, 1::2], 4, 0, (b"tRNS", struct.pack(">H", 0))
    ),
    "16-bit grey-key PNG": lambda: png(LEVELS.astype(">u2"), 16, 0, (b"tRNS", struct.pack(">H", 0))),
    "lossless WebP": lambda: saved(DISC, "RGBA", "webp", lossless=True),
    "lossy WebP": lambda: saved(DISC, "RGBA", "webp", quality=95),
    "TIFF": lambda: saved(DISC, "RGBA", "tiff"),
    "TIFF of LZW": lambda: saved(DISC, "RGBA", "tiff", compression="tiff_lzw"),
    "OpenCV's TIFF": lambda: opencv(".tiff", BGRA),
    "16-bit TIFF": lambda: opencv(".tiff", BGRA.astype(np.uint16) * 257),
    "GIF": lambda: saved(DISC, "RGBA", "gif"),
    **({"AVIF": lambda: opencv(".avif", BGRA)} if cv2.haveImageWriter("x.avif") else {}),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_black_drawing_on_nothing_is_no_black_square(name):
    data = FILES[name]()
    with ImageWorker(25, 800_000_000) as worker:
        for background, level in (("white", 255), ("gray", 128), ("black", 0)):
            image = decode_image(data, name, background=background)
            assert image.shape == (48, 48, 3)
            assert image.dtype == np.uint8
            assert abs(int(image[0, 0, 0]) - level) <= 1
            assert image[24, 24].max() <= 0x11
            assert np.array_equal(worker.decode(data, name, background=background), image)


def test_alpha_blends_exactly():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 4), np.uint8)
    color, alpha = pixels[..., :3] / 1, pixels[..., 3:] / 255
    for background, level in (("white", 255), ("black", 0), ("gray", 128)):
        expected = np.floor(color * alpha + level * (1 - alpha) + 0.5)
        assert np.abs(flatten(pixels, background) - expected).max() <= 1
        multiplied = np.dstack([np.round(color * alpha).astype(np.uint8), pixels[..., 3]])
        assert np.abs(flatten(multiplied, background, premultiplied=True) - expected).max() <= 1
    opaque = np.dstack([pixels[..., :3], np.full((40, 50), 255, np.uint8)])
    assert np.array_equal(flatten(opaque), pixels[..., :3])
    assert np.array_equal(flatten(opaque.astype(np.uint16) * 257), pixels[..., :3])


def test_colours_survive_in_every_format():
    pixels = np.zeros((48, 48, 4), np.uint8)
    pixels[:] = (200, 100, 50, 128)
    expected = np.array([50 + 127 * 2.05, 100 + 127 * 1.55, 200 + 127 * 0.55]) // 2
    for name in ("png", "tiff"):
        image = decode_image(saved(pixels, "RGBA", name), name)
        expected = flatten(pixels[..., [2, 1, 0, 3]])
        assert np.abs(image.astype(int) - expected).max() <= 1, name


def test_opaque_images_are_decoded_as_before():
    for name, data in ordinary().items():
        if read_claim(data, name).alpha is None:
            plain = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
            assert np.array_equal(decode_image(data, name), plain), name


@pytest.mark.skipif(not cv2.haveImageWriter("x.avif"), reason="this OpenCV has no AVIF")
@pytest.mark.parametrize("orientation", range(1, 9))
def test_avif_that_lies_on_its_side_is_turned(orientation):
    color = np.full((48, 64, 3), 40, np.uint8)
    color[:20, :30] = (200, 120, 60)
    exif = Image.Exif()
    exif[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(tagged(Image.fromarray(color), exif)))[..., ::-1]
    clear = np.dstack([color, np.full((48, 64), 255, np.uint8)])
    for mode, pixels in (("RGB", color), ("RGBA", clear)):
        # Pillow removes the orientation from the given EXIF.
        image = decode_image(saved(pixels, mode, "avif", exif=exif.tobytes(), quality=95), mode)
        assert image.shape == expected.shape, mode
        assert np.abs(image.astype(int) - expected).mean() < 6, mode


def tagged(image, exif):
    buffer = io.BytesIO()
    image.save(buffer, "png", exif=exif)
    return Image.open(buffer)


@pytest.mark.skipif(not cv2.haveImageWriter("x.avif"), reason="this OpenCV has no AVIF")
def test_transparent_avif_of_ten_bits():
    data = opencv(".avif", BGRA.astype(np.uint16) * 4, cv2.IMWRITE_AVIF_DEPTH, 10)
    image = decode_image(data, "deep")
    assert image[0, 0].min() >= 254
    assert image[24, 24].max() <= 0x11


@pytest.mark.parametrize("kind", ["png", "webp", "tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_transparent_image_is_turned_as_its_exif_says(kind, orientation):
    pixels = np.zeros((16, 24, 4), np.uint8)
    pixels[:4, :6] = (255, 0, 0, 255)
    pixels[12:, :6] = (0, 255, 0, 255)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "webp" else {}
    data = saved(pixels, "RGBA", kind, exif=exif, **options)
    upright = np.array(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGBA"))
    assert np.array_equal(decode_image(data, kind), flatten(upright[..., [2, 1, 0, 3]]))


def test_a_grey_tiff_with_alpha_is_refused_in_one_line():
    with pytest.raises(ImageError, match=r"x\.tif is a gray TIFF with transparency.*save it as PNG"):
        decode_image(saved(DISC, "LA", "tiff"), "x.tif")


def test_every_way_gives_the_same_pixels(tmp_path, run_cli):
    """`classify` of a file, of stdin's bytes, a dataset, a folder as a camera, and an array in Python."""
    from edgecnn.camera import open_camera

    for label in "01":
        (tmp_path / "set" / label).mkdir(parents=True)
        (tmp_path / "set" / label / "disc.png").write_bytes(FILES["RGBA PNG"]())
    path = tmp_path / "set" / "0" / "disc.png"
    plain = read_image(path)
    source = open_source(tmp_path / "set")
    assert np.array_equal(source.read(source.items[0]), plain)
    with open_camera(str(path)) as camera:
        assert np.array_equal(camera.read().pixels, plain)
    with edgecnn.load("digits") as classifier:
        wanted = classifier.classify(plain)
        assert classifier.classify(BGRA) == wanted
    ran = run_cli("classify", path, "--json")
    assert json.loads(ran.out)["predictions"][0] == wanted[0].as_dict()


@pytest.mark.parametrize("background", ["white", "black"])
def test_a_bundle_says_which_ground(tmp_path, run_cli, digits_folder, background):
    from edgecnn.evaluation.evaluate import evaluate_variants

    manifest = json.loads((digits_folder / "bundle.json").read_text())
    manifest["input"]["background"] = background
    (digits_folder / "bundle.json").write_text(json.dumps(manifest))
    for label in "01":
        (tmp_path / "set" / label).mkdir(parents=True)
        (tmp_path / "set" / label / "disc.png").write_bytes(FILES["RGBA PNG"]())
    path = tmp_path / "set" / "0" / "disc.png"
    with edgecnn.load(digits_folder) as classifier:
        assert classifier.model.input.background == background
        expected = classifier.classify(read_image(path, background=background))
        assert classifier.classify(BGRA) == expected
        source = open_source(tmp_path / "set")
        evaluate_variants({"int8": classifier}, source, source.items)
        assert np.array_equal(source.read(source.items[0]), read_image(path, background=background))
    for arguments in (
        ("classify", path, "--json"),
        ("live", "--source", path, "--jsonl", "-", "--show", "none"),
    ):
        ran = run_cli(*arguments, "--model", digits_folder)
        shown = json.loads(ran.out.splitlines()[0])["predictions"][0]
        assert shown == expected[0].as_dict()


def test_an_unknown_ground_in_a_bundle_is_one_line(run_cli, digits_folder, seven):
    manifest = json.loads((digits_folder / "bundle.json").read_text())
    manifest["input"]["background"] = "pink"
    (digits_folder / "bundle.json").write_text(json.dumps(manifest))
    run_cli("classify", seven, "--model", digits_folder).fails("input.background", "pink", "white")
