"""Recognizes unsupported files by their first bytes, for messages."""

from __future__ import annotations

import re

_SIGNATURES = {
    b"\0\0\0\x0cjP  ": "a JPEG 2000 image",
    b"\xff\x4f\xff\x51": "a JPEG 2000 image",
    b"\0\0\0\x0cJXL ": "a JPEG XL image",
    b"\xff\x0a": "a JPEG XL image",
    b"#?R": "a Radiance HDR image",
    b"\x76\x2f\x31\x01": "an OpenEXR image",
    b"\x59\xa6\x6a\x95": "a Sun raster image",
    b"8BPS": "a Photoshop file",
    b"qoif": "a QOI image",
    b"\0\0\1\0": "a Windows icon",
    b"FUJIFILMCCD-RAW": "a camera's raw image",
    b"IIU\0": "a camera's raw image",
    b"IIRO": "a camera's raw image",
    b"IIRS": "a camera's raw image",
    b"%PDF": "a PDF file",
    b"%!PS": "a PostScript file",
    b"\x1a\x45\xdf\xa3": "a Matroska or WebM video",
    b"FLV": "a Flash video",
    b"\0\0\1\xba": "an MPEG video",
    b"\0\0\1\xb3": "an MPEG video",
    b"OggS": "an Ogg file",
    b"PK\3\4": "a zip archive",
    b"\x1f\x8b": "a gzip file",
    b"\x7fELF": "a program",
}
# The brands of ISO media files (ISO/IEC 14496-12), in the box that comes first.
_BRANDS = {
    b"hei": "a HEIC image", b"hev": "a HEIC image", b"mif": "a HEIF image", b"msf": "a HEIF image",
    b"crx": "a camera's raw image", b"jxl": "a JPEG XL image",
}  # fmt: skip
_MARKUP = re.compile(rb"<!?(svg|html|doctype html)", re.IGNORECASE)


def is_convertible(name: str) -> bool:
    """Whether a program can convert a file of this kind to a supported image."""
    return name.endswith((" image", " icon", " drawing", "Photoshop file", "PDF file", "PostScript file"))


def name_of_foreign(start: bytes) -> str:
    """Return the kind of a file with these first bytes, with its article."""
    for signature, name in _SIGNATURES.items():
        if start.startswith(signature):
            return name
    if start[4:8] == b"ftyp":
        return _BRANDS.get(start[8:11], "an MP4 or QuickTime video")
    if start[:4] == b"RIFF":
        return "an AVI video" if start[8:11] == b"AVI" else "a RIFF file, but not WebP"
    return _name_of_text(start) or _name_of_rest(start)


def _name_of_text(start: bytes) -> str | None:
    if start[:2] == b"--" and b"content-disposition" in start.lower():
        return "a form with a file in it, as `curl -F` sends it (--data-binary @FILE sends the file itself)"
    if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"<":
        return None
    found = _MARKUP.search(start)
    return "XML" if not found else "an SVG drawing" if found[1].lower() == b"svg" else "a web page"


def _name_of_rest(start: bytes) -> str:
    if not start.strip(b"\0"):
        return "no image: it begins with zeros, like a file that was never written"
    return "a DICOM image" if start[128:132] == b"DICM" else "no known image format"
