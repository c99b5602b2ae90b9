"""Recognizes image files by their names and, where these are wrong, by their first bytes.

Folders, archives, patterns and single files all use this one list of endings.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

EXTENSIONS = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".png", ".webp", ".avif", ".bmp", ".dib", ".gif",
    ".tif", ".tiff", ".pbm", ".pgm", ".ppm", ".pnm", ".pam", ".pfm",
})  # fmt: skip
VIDEO_EXTENSIONS = frozenset({
    ".mp4", ".m4v", ".mov", ".3gp", ".3g2", ".avi", ".mkv", ".webm", ".wmv", ".asf", ".flv", ".ogv",
    ".mpg", ".mpeg", ".vob", ".ts", ".mts", ".m2ts", ".mjpeg", ".mjpg", ".h264", ".264", ".h265", ".265",
    ".hevc",
})  # fmt: skip
USUAL = "JPEG, PNG, WebP, AVIF, BMP, GIF, TIFF or PNM"

HEIC, RAW, VIDEO = "HEIC image", "camera raw image", "video"
# Unsupported image formats, by their endings.
_FOREIGN: dict[str, str] = {
    **dict.fromkeys((".heic", ".heif", ".hif"), HEIC),
    **dict.fromkeys((
        ".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".sr2", ".raf", ".orf", ".rw2", ".pef",
        ".srw", ".raw",
    ), RAW),
    **dict.fromkeys(VIDEO_EXTENSIONS, VIDEO),
    ".jxl": "JPEG XL image", ".jp2": "JPEG 2000 image", ".j2k": "JPEG 2000 image", ".svg": "SVG drawing",
    ".psd": "Photoshop file", ".ico": "icon", ".hdr": "HDR image", ".exr": "HDR image",
}  # fmt: skip
# Files that often accompany images in large numbers: not worth opening.
_PLAIN = frozenset({
    ".txt", ".json", ".jsonl", ".xml", ".csv", ".tsv", ".md", ".html", ".yaml", ".yml", ".py", ".ipynb",
    ".npy", ".npz", ".mat", ".pkl", ".pt", ".log",
})  # fmt: skip
# Only signatures with which no text and no raw image begins.
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a")
_BRANDS = {b"hei": HEIC, b"hev": HEIC, b"mif": HEIC, b"msf": HEIC}
PEEK_BYTES = 16
_JUNK = frozenset({"@eadir", "__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin"})

_CURES = {
    HEIC: "convert them, such as with `magick mogrify -format jpg *.heic`",
    RAW: "develop them to JPEG",
    VIDEO: "take frames out, such as with `ffmpeg -i CLIP -vf fps=1 %04d.jpg`",
}


class Sorted(NamedTuple):
    """Sorted names: images, and files of unsupported image formats by kind."""

    images: list[str]
    foreign: dict[str, list[str]]


def is_image_name(name: str | os.PathLike[str]) -> bool:
    """Whether a file has the ending of a supported image format, in upper or lower case."""
    return ending(os.fspath(name)) in EXTENSIONS


def is_video_file(path: str) -> bool:
    """Whether a file is read frame by frame, judged by its name."""
    return ending(path) in VIDEO_EXTENSIONS and not os.path.isdir(path)  # noqa: PTH112 - as `ending`


def ending(name: str) -> str:
    """Return a name's ending in lower case with its dot, or ""."""
    return os.path.splitext(name)[1].lower()  # noqa: PTH122 - creating a path for each of millions of names is slow


def is_junk(part: str) -> bool:
    """Whether a file or folder is hidden, or a junk file of an operating system or tool."""
    return part.startswith(".") or part.lower() in _JUNK


def sort_names(names: Iterable[str], peek: Callable[[str], bytes]) -> Sorted:
    """Sort names or paths of files into images and others, in their order.

    Parameters
    ----------
    peek
        Returns a file's first bytes, `PEEK_BYTES` or more, or nothing. Called where the ending is not that of
        an image.
    """
    images: list[str] = []
    foreign: dict[str, list[str]] = {}
    for name in names:
        end = ending(name)
        if end in EXTENSIONS:
            images.append(name)
        elif end not in _PLAIN:
            start = peek(name)
            if _is_image(start):
                images.append(name)
            elif kind := _kind(end, start):
                foreign.setdefault(kind, []).append(name)
    return Sorted(images, foreign)


def _is_image(start: bytes) -> bool:
    return (
        start.startswith(_SIGNATURES)
        or (start[:4] == b"RIFF" and start[8:12] == b"WEBP")
        or start[4:12] in (b"ftypavif", b"ftypavis")
    )


def _kind(end: str, start: bytes) -> str | None:
    if start[4:8] == b"ftyp" and (kind := _BRANDS.get(start[8:11])):
        return kind
    return _FOREIGN.get(end)


def describe_left_out(foreign: Mapping[str, list[str]], where: str) -> str:
    """Return a note that counts unsupported files and says what to do; "" for none."""
    return f"{where}: {left_out_of(foreign)}" if foreign else ""


def left_out_of(foreign: Mapping[str, list[str]]) -> str:
    """Return the end of `describe_left_out`'s note, for one kind or more."""
    ordered = sorted(foreign.items(), key=lambda pair: -len(pair[1]))
    parts = [
        f"{len(names):,} {kind}{'s' if len(names) > 1 else ''} (such as {names[0]})"
        for kind, names in ordered
    ]
    return f"left out {', '.join(parts)}: {cures(foreign)}"


def cures(kinds: Iterable[str]) -> str:
    """Return what to do about files of these kinds, as the end of a sentence."""
    known = [_CURES[kind] for kind in kinds if kind in _CURES]
    return "; ".join(known) or "convert them to JPEG or PNG"
