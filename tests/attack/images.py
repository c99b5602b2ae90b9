"""Images that harm a program that trusts them: bombs made by hand, and images whose structure was changed.

`cases` gives both, always the same for a seed. All are small files: what they cost is what they claim.
"""

from __future__ import annotations

import io
import random
import re
import struct
import time
import zlib
from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image

from edgecnn.errors import ImageError
from edgecnn.image.worker import ImageWorker
from tests.attack.forked import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.attack.forked import Commands

BATCH = 40
# These bombs take seconds until they are refused.
SLOW = {"text.png", "international-text.png", "animation.png", "clear.gif", "hundred-scans.jpg"}
_PNG = b"\x89PNG\r\n\x1a\n"


def chunk(name: bytes, body: bytes, length: int | None = None) -> bytes:
    """A PNG's chunk; `length` where it lies about it."""
    size = len(body) if length is None else length
    return struct.pack(">I", size) + name + body + struct.pack(">I", zlib.crc32(name + body))


def packed_zeros(count: int) -> bytes:
    """So many zero bytes, deflated."""
    packer = zlib.compressobj(9)
    parts = [packer.compress(bytes(min(1 << 20, count - at))) for at in range(0, count, 1 << 20)]
    return b"".join([*parts, packer.flush()])


def png(
    width: int, height: int, depth: int = 8, color: int = 0, *, interlace: int = 0,
    pixels: bytes | None = None, extra: bytes = b"", behind: bytes = b"",
) -> bytes:  # fmt: skip
    """A PNG of zeros."""
    row = 1 + (width * depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color] + 7) // 8
    if pixels is None:
        pixels = packed_zeros(row * height * (2 if interlace else 1))
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace)
    palette = chunk(b"PLTE", bytes(range(48)) * 16) if color == 3 else b""
    parts = chunk(b"IHDR", header) + palette + extra + chunk(b"IDAT", pixels) + behind
    return _PNG + parts + chunk(b"IEND", b"")


def gif(width: int, height: int, codes: bytes, *, least: int = 2, frame: tuple[int, int] = (1, 1)) -> bytes:
    """A GIF of one frame with these codes."""
    blocks = b"".join(
        bytes([len(codes[k : k + 255])]) + codes[k : k + 255] for k in range(0, len(codes), 255)
    )
    screen = struct.pack("<HHBBB", width, height, 0xF0, 0, 0) + bytes(6)
    return b"GIF89a" + screen + b"," + struct.pack("<HHHHBB", 0, 0, *frame, 0, least) + blocks + b"\0;"


def progressive(width: int, height: int, scans: int) -> bytes:
    """A progressive JPEG with so many empty scans more than it needs, and the data of a small one."""
    small = np.full((16, 16, 3), 90, np.uint8)
    data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    at = data.index(b"\xff\xc2") + 5
    return (
        data[:at]
        + struct.pack(">HH", height, width)
        + data[at + 4 : -2]
        + bytes.fromhex("ffda0008010100013f00") * scans
        + b"\xff\xd9"
    )


def tiff(entries: dict[int, int], *, following: int = 0, behind: bytes = bytes(64)) -> bytes:
    """A TIFF of one page with these whole numbers."""
    tags = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(entries.items()))
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + tags + struct.pack("<I", following) + behind


@cache
def bombs() -> dict[str, bytes]:
    """Small files that cost gigabytes, minutes, or both, by name."""
    found = {}
    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    for name in (b"IDAT", b"tEXt", b"PLTE", b"fdAT", b"abCd"):
        false = struct.pack(">I", 0xFFFFFFF0) + name
        found[f"length-{name.decode()}.png"] = _PNG + chunk(b"IHDR", header) + false
    found["one-bit.png"] = png(19900, 10000, 1)
    found["one-bit-allowed.png"] = png(12700, 9900, 1)
    found["one-bit-upload.png"] = png(4990, 4990, 1)
    found["nothing-inside.png"] = png(19900, 10000, 8, 2, pixels=packed_zeros(100))
    text = b"a\0\0" + packed_zeros(7_900_000)
    found["text.png"] = png(1, 1, extra=chunk(b"zTXt", text) * 200)
    found["international-text.png"] = png(1, 1, extra=chunk(b"iTXt", b"a\0\1\0\0" + text[2:]) * 200)
    frames = chunk(b"acTL", struct.pack(">II", 9, 0))
    frames += chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 4000, 3000, 0, 0, 1, 1, 0, 0))
    found["animation.png"] = png(4000, 3000, 16, 6, extra=frames)
    again = chunk(b"acTL", struct.pack(">II", 1, 0))
    found["two-counts.png"] = png(9000, 9000, 16, 6, extra=frames, behind=again)
    found["chunks.png"] = png(1, 1, extra=chunk(b"abCd", b"") * 150_000)
    found["screen.gif"] = gif(65535, 3051, b"\x44\x01")
    found["frame.gif"] = gif(20000, 9999, b"\x44\x01", frame=(20000, 9999))
    found["clear.gif"] = gif(100, 100, b"\x24\x49\x92" * 400_000, frame=(100, 100))
    found["scans.jpg"] = progressive(4000, 3000, 20_000)
    found["hundred-scans.jpg"] = progressive(10_000, 9000, 80)
    found["segments.jpg"] = b"\xff\xd8" + b"\xff\xfe\0\2" * 500_000
    found["fill.jpg"] = b"\xff" + b"\xd8" + b"\xff" * 2_000_000
    found["long-runs.bmp"] = struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 0, 0, 0, 1078, 40, 19900, 10000, 1, 8,
        1, 0, 0, 0, 0, 0) + bytes(1024) + b"\0\1"  # fmt: skip
    found["no-rows.bmp"] = struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 0, 0, 0, 54, 40, 19900, -(2**31), 1, 24,
        0, 0, 0, 0, 0, 0)  # fmt: skip
    for name, packing in {"strip": 1, "lzw": 5, "jpeg": 7, "deflate": 8, "packbits": 32773}.items():
        size = {256: 15000, 257: 13000, 258: 8, 259: packing, 262: 1, 273: 100, 277: 1, 278: 13000}
        found[f"{name}.tif"] = tiff({**size, 279: 0xFFFFFFF0})
    size |= {256: 5000, 257: 4900, 278: 10}
    found["strips.tif"] = tiff({**size, 259: 8, 279: 0xFFFFFFF0})
    tile = {256: 10, 257: 10, 258: 8, 259: 8, 262: 2, 277: 3, 322: 1 << 16, 323: 1 << 16, 324: 100, 325: 9}
    found["tile.tif"] = tiff(tile)
    found["circle.tif"] = tiff({256: 9, 257: 9, 258: 8, 259: 1, 262: 1, 273: 8, 279: 81}, following=8)
    pages = [b"II*\0" + struct.pack("<I", 8)]
    pages += [struct.pack("<HI", 0, 8 + 6 * (k + 1)) for k in range(300_000)]
    found["pages.tif"] = b"".join(pages) + bytes(6)
    found["canvas.webp"] = _riff(b"VP8X", bytes([2, 0, 0, 0]) + b"\xff\x3f\0" * 2, b"ANIM" + bytes(10))
    found["lossless.webp"] = _riff(
        b"VP8L", b"\x2f" + (0x3FFF | 0x3FFF << 14).to_bytes(4, "little") + bytes(40)
    )
    found["lossy.webp"] = _riff(b"VP8 ", b"\x10\0\0\x9d\x01\x2a\xff\x3f\xff\x3f" + bytes(40))
    found["claims.ppm"] = b"P6 19900 10000 255\n" + bytes(100)
    found["comments.ppm"] = b"P6\n" + b"#\n" * 500_000 + b"9 9 255\n" + bytes(243)
    found["spaces.pgm"] = b"P5" + b" " * 1_000_000 + b"9 9 255\n" + bytes(81)
    found["claims.pfm.ppm"] = b"PF\n16000 12000\n-1.0\n" + bytes(100)
    found["claims.pam.ppm"] = b"P7\nWIDTH 16000\nHEIGHT 12000\nDEPTH 1\nMAXVAL 255\nENDHDR\n" + bytes(100)
    found["zeros.png"] = bytes(1_000_000)
    return found


def _riff(kind: bytes, body: bytes, rest: bytes = b"") -> bytes:
    inner = b"WEBP" + kind + struct.pack("<I", len(body)) + body + rest
    return b"RIFF" + struct.pack("<I", len(inner)) + inner


@cache
def ordinary() -> dict[str, bytes]:
    """Images of every kind that is read, 48×40, by name."""
    rng = np.random.default_rng(7)
    color = cv2.resize(rng.integers(0, 256, (5, 6, 3), np.uint8), (48, 40), interpolation=cv2.INTER_CUBIC)
    gray, deep = color[..., 0], color.astype(np.uint16) * 257
    clear = np.dstack([color, np.full((40, 48), 200, np.uint8)])
    kinds = {"gray": gray, "color": color, "clear": clear}
    found = {}

    def add(name: str, pixels: np.ndarray, *options: int) -> None:
        found[name] = cv2.imencode(name[name.rindex(".") :], pixels, options)[1].tobytes()

    for name, pixels in kinds.items():
        for extension in (".png", ".webp", ".bmp", ".tiff"):
            add(name + extension, pixels)
        add(f"lossy-{name}.webp", pixels, cv2.IMWRITE_WEBP_QUALITY, 80)
    for name, pixels in {"deep-gray": deep[..., 0], "deep": deep}.items():
        for extension in (".png", ".tiff", ".ppm" if name == "deep" else ".pgm"):
            add(name + extension, pixels)
    for name, number in {"raw": 1, "lzw": 5, "deflate": 8, "packbits": 32773}.items():
        add(f"{name}.tiff", color, cv2.IMWRITE_TIFF_COMPRESSION, number, cv2.IMWRITE_TIFF_ROWSPERSTRIP, 7)
    for name, options in {
        "plain": (), "progressive": (cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        "restarts": (cv2.IMWRITE_JPEG_RST_INTERVAL, 2),
        "full-color": (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
    }.items():  # fmt: skip
        add(f"{name}.jpg", color, *options)
    add("gray.jpg", gray)
    add("color.gif", color)
    add("color.ppm", color)
    add("gray.pgm", gray)
    add("text.ppm", color, cv2.IMWRITE_PXM_BINARY, 0)
    add("text.pgm", gray, cv2.IMWRITE_PXM_BINARY, 0)
    add("bits.pbm", gray // 128 * 255)
    add("color.pam", color)
    add("color.pfm", color.astype(np.float32) / 255)
    for color_kind, depths in {0: (1, 2, 4), 3: (1, 2, 4, 8), 4: (8, 16), 6: (16,)}.items():
        for depth in depths:
            found[f"kind{color_kind}-{depth}.png"] = png(48, 40, depth, color_kind)
            found[f"kind{color_kind}-{depth}-interlaced.png"] = png(48, 40, depth, color_kind, interlace=1)
    found |= _by_pillow(color)
    return found


def _by_pillow(color: np.ndarray) -> dict[str, bytes]:
    """Kinds that OpenCV reads and can't write."""
    image = Image.fromarray(color[..., ::-1].copy())
    others = [Image.fromarray(np.roll(color, k, 0)) for k in (5, 9)]
    found = {}
    for name, source, options in (
        ("cmyk.jpg", image.convert("CMYK"), {}), ("cmyk-p.jpg", image.convert("CMYK"), {"progressive": True}),
        ("palette.gif", image.convert("P"), {"interlace": 1}),
        ("bits.tif", image.convert("1"), {"compression": "group4"}),
        ("fax.tif", image.convert("1"), {"compression": "group3"}), ("palette.tif", image.convert("P"), {}),
        ("cmyk.tif", image.convert("CMYK"), {}), ("jpeg.tif", image, {"compression": "jpeg"}),
        ("palette.bmp", image.convert("P"), {}), ("bits.bmp", image.convert("1"), {}),
        ("many.gif", image, {"save_all": True, "append_images": others}),
        ("many.webp", image, {"save_all": True, "append_images": others}),
        ("many.png", image, {"save_all": True, "append_images": others}),
        ("many.tif", image, {"save_all": True, "append_images": others}),
    ):  # fmt: skip
        stream = io.BytesIO()
        source.save(stream, {"jpg": "jpeg", "tif": "tiff"}.get(name[-3:], name.rpartition(".")[2]), **options)
        found[name] = stream.getvalue()
    return found


def _parts(name: str, data: bytes) -> list[bytes]:
    """Take a file apart where its structure has joints."""
    kind = name.rpartition(".")[2]
    cuts = [0]
    if kind == "png":
        at = 8
        while at + 8 <= len(data):
            cuts.append(at)
            at += 12 + int.from_bytes(data[at : at + 4], "big")
    elif kind == "jpg":
        cuts += [m.start() for m in re.finditer(rb"\xff[\xc0-\xcf\xd8-\xfe]", data)]
    elif kind == "webp":
        at = 12
        while at + 8 <= len(data):
            cuts.append(at)
            at += 8 + (int.from_bytes(data[at + 4 : at + 8], "little") + 1 & ~1)
    elif kind == "gif":
        cuts += [6, 13, *(m.start() for m in re.finditer(rb"!\xf9\x04|,....\x30\0\x28\0", data, re.DOTALL))]
    elif kind in ("tif", "tiff"):
        (first,) = struct.unpack_from("<I", data, 4)
        (count,) = struct.unpack_from("<H", data, first)
        cuts += [4, 8, *range(first, first + 2, 2), *range(first + 2, first + 2 + 12 * count + 1, 12)]
    elif kind == "bmp":
        cuts += [2, 10, 14, 18, 22, 26, 28, 30, 34, 46, 54]
    else:
        cuts += [m.start() for m in re.finditer(rb"\s", data[:80])]
    cuts = sorted({c for c in cuts if c < len(data)})
    return [data[a:b] for a, b in zip(cuts, [*cuts[1:], len(data)], strict=True)]


_NUMBERS = (0, 1, 2, 3, 7, 100, 255, 256, 0x3FFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def _number(rng: random.Random, parts: list[bytearray], at: int) -> None:
    part = parts[at]
    size = rng.choice((1, 2, 4))
    place = rng.randrange(max(1, min(len(part), 24)))
    value = rng.choice(_NUMBERS) if rng.random() < 0.7 else rng.getrandbits(32)
    order = rng.choice(("big", "little"))
    part[place : place + size] = (value & (1 << 8 * size) - 1).to_bytes(size, order)


def _repeat(rng: random.Random, parts: list[bytearray], at: int) -> None:
    most = max(1, 200_000 // max(1, len(parts[at])))
    parts[at:at] = [parts[at][:] for _ in range(min(most, rng.choice((1, 2, 20, 99, 300, 5000))))]


def _drop(rng: random.Random, parts: list[bytearray], at: int) -> None:
    if len(parts) > 1:
        del parts[at]


def _swap(rng: random.Random, parts: list[bytearray], at: int) -> None:
    other = rng.randrange(len(parts))
    parts[at], parts[other] = parts[other], parts[at]


def _cut(rng: random.Random, parts: list[bytearray], at: int) -> None:
    del parts[at + 1 :]
    del parts[at][rng.randrange(len(parts[at]) + 1) :]


def _flip(rng: random.Random, parts: list[bytearray], at: int) -> None:
    part = parts[at]
    for _ in range(rng.choice((1, 4, 50)) if part else 0):
        part[rng.randrange(len(part))] ^= 1 << rng.randrange(8)


def _noise(rng: random.Random, parts: list[bytearray], at: int) -> None:
    parts.insert(at + 1, bytearray(rng.randbytes(rng.choice((1, 4, 300)))))


_CHANGES = (_number, _number, _number, _repeat, _drop, _swap, _cut, _flip, _noise)


def _mutate(rng: random.Random, name: str, data: bytes) -> bytes:
    """Change one to three things, mostly one."""
    parts = [bytearray(p) for p in _parts(name, data)]
    for _ in range(rng.choice((1, 1, 2, 3))):
        rng.choice(_CHANGES)(rng, parts, rng.randrange(len(parts)))
    whole = b"".join(parts)
    if name.endswith(".png") and rng.random() < 0.7:
        whole = _right_sums(whole)
    return whole[: 1 << 20]


def _right_sums(data: bytes) -> bytes:
    """Correct the checksums of a PNG's chunks, as an attacker would."""
    whole, at = bytearray(data), 8
    while at + 12 <= len(whole):
        length = int.from_bytes(whole[at : at + 4], "big")
        if at + 12 + length > len(whole):
            break
        whole[at + 8 + length : at + 12 + length] = zlib.crc32(whole[at + 4 : at + 8 + length]).to_bytes(
            4, "big"
        )
        at += 12 + length
    return bytes(whole)


def cases(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield so many files, each with a name of its own: the bombs first, then mutants."""
    made = 0
    for name, data in bombs().items():
        if made == count:
            return
        made += 1
        yield f"bomb-{name}", data
    rng, originals = random.Random(seed), sorted(ordinary().items())
    for k in range(made, count):
        name, data = rng.choice(originals)
        yield f"{k}-{name}", _mutate(rng, name, data)


def run(commands: Commands, count: int, seed: int, folder: Path) -> list[Outcome]:
    """Give so many cases to `edgecnn classify` and to a decoder that is kept, and judge each twice."""
    return give(commands, cases(count, seed), folder)


def give(commands: Commands, files: Iterable[tuple[str, bytes]], folder: Path) -> list[Outcome]:
    """Give files to both, several at a time to the command."""
    found: list[Outcome] = []
    batch: list[Path] = []
    with ImageWorker(25, 800_000_000) as worker:
        for name, data in files:
            found.append(_decode(worker, name, data))
            batch.append(folder / name)
            batch[-1].write_bytes(data)
            if len(batch) == BATCH or name.removeprefix("bomb-") in SLOW:
                found += _classify(commands, batch)
                batch = []
    return found + (_classify(commands, batch) if batch else [])


def _decode(worker: ImageWorker, name: str, data: bytes) -> Outcome:
    start = time.monotonic()
    try:
        worker.decode(data, name)
        verdict, words = "answer", ""
    except ImageError as error:
        verdict, words = "refused", str(error)
    seconds = time.monotonic() - start
    return Outcome("HANG" if seconds > 10 else verdict, 0, "", words, 0, seconds)


def _classify(commands: Commands, paths: list[Path]) -> list[Outcome]:
    """Classify several at a time; one by one where something is wrong, to see with which."""
    whole = commands.run("classify", *paths, limit_s=60 if len(paths) > 1 else 10)
    if len(paths) > 1 and (not whole.good or whole.seconds > 10):
        return [o for path in paths for o in _classify(commands, [path])]
    for path in paths:
        path.unlink()
    if len(paths) == 1:
        return [whole]
    found = []
    for path in paths:
        answered, refused = f"{path}  " in whole.out, f"{path} " in whole.err
        verdict = "answer" if answered else "refused" if refused else "SILENT"
        found.append(Outcome(verdict, 0, "", "", whole.peak, whole.seconds / len(paths)))
    return found
